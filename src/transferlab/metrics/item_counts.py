"""Counts of single items (a document, a sentence, a question ...), whose sums give the scores of a split.

What is kept of them tells how much a score would differ on other items, and how a model does on each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Place = tuple[int, int]  # of an item: its example in the split, and which item of that example it is, from 0


@runtime_checkable
class CountsItems(Protocol):
    """A score that can say what one item adds to it."""

    def item_columns(self) -> list[str]:
        """The names of all counts, in the order of a table; the same on every process."""
        ...

    def item_counts(self, *item: Any) -> Mapping[str, float]:
        """The counts of one item by column, those that are 0 may be left out.

        Args:
            item: what ``update`` takes of it, without the lists around.
        """
        ...

    def description(self) -> dict[str, Any]:
        """What ``transferlab.statistics.logged_scores`` needs to know to make the scores of the counts; for JSON."""
        ...


@dataclass
class ItemTable:
    """The counts of the items of a split.

    Attributes:
        columns: names of the counts.
        description: of the score that they are of.
        counts: of each item, those that are not 0, by name.
    """

    columns: list[str]
    description: dict[str, Any]
    counts: dict[Place, Mapping[str, float]] = field(default_factory=dict)


def class_columns(names: list[str]) -> list[str]:
    """The columns of classes: how often each is right, predicted and in gold."""
    return [f"{name} {kind}" for name in names for kind in ("correct", "predicted", "gold")]
