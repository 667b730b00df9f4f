"""A part of a split, for learning curves, limited data and quick runs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, TypeVar

from transferlab.data.readers.base import DataError

Item = TypeVar("Item")
Draw = Literal["random", "first"]


def select(items: Sequence[Item], n: int | None, seed: int = 0, draw: Draw = "random") -> list[Item]:
    """Return ``n`` documents or examples in their original order.

    They are drawn at random, for corpora are sorted by genre. With one seed, a smaller selection is part of every
    larger one, so the points of a learning curve are comparable. None, or more than there are, selects all.

    Args:
        items: to choose from.
        n: how many.
        seed: of the draw.
        draw: ``first`` takes the first ones, for parity with results of limited data that were made so.

    Raises:
        DataError: ``n`` is not positive.
    """
    if n is None:
        return list(items)
    if n < 1:
        raise DataError(f"a selection of {n} is empty; choose at least 1, or null for all")
    if draw == "first":
        return list(items[:n])
    order = list(range(len(items)))
    random.Random(seed).shuffle(order)
    return [items[i] for i in sorted(order[:n])]
