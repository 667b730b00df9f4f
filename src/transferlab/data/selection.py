"""A random part of a split, for learning curves and quick runs."""

from __future__ import annotations

import random
from collections.abc import Sequence

from transferlab.data.readers.base import DataError
from transferlab.documents import Document


def select(documents: Sequence[Document], n: int | None, seed: int = 0) -> list[Document]:
    """Return ``n`` documents drawn at random, in their original order.

    Not the first ones: corpora are sorted by genre. With one seed, a smaller selection is part of every
    larger one, so the points of a learning curve are comparable. None, or more than there are, selects all.

    Raises:
        DataError: ``n`` is not positive.
    """
    if n is None:
        return list(documents)
    if n < 1:
        raise DataError(f"a selection of {n} documents is empty; choose at least 1, or null for all")
    order = list(range(len(documents)))
    random.Random(seed).shuffle(order)
    return [documents[i] for i in sorted(order[:n])]
