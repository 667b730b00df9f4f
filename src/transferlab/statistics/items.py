"""Counts of test items: what one evaluation leaves behind, from which every score of sums can be had again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlab.utils.errors import UserError, near

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ItemCounts:
    """The counts of every item of a split, as one run scored them.

    Attributes:
        split: ``val``, ``test`` ...
        units: name of each item (document, sentence, question), each once.
        columns: name of each count.
        counts: float64 ``[items, columns]``.
        groups: for each item the document that it belongs to. Items of one document are correlated, so that documents
            are what varies then. None where items are independent.

    Raises:
        UserError: shapes that do not fit together, an item or a column twice, or a count that is not finite; names it.
    """

    split: str
    units: tuple[str, ...]
    columns: tuple[str, ...]
    counts: Array
    groups: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        expected = (len(self.units), len(self.columns))
        if self.counts.shape != expected:
            raise UserError(
                f"{self.split}: counts of shape {list(self.counts.shape)} for {expected[0]} items and {expected[1]} "
                "columns; every item needs one count for each column"
            )
        if self.groups is not None and len(self.groups) != len(self.units):
            raise UserError(f"{self.split}: {len(self.groups)} groups for {len(self.units)} items; give one for each")
        for what, names in (("item", self.units), ("column", self.columns)):
            if repeated := _repeated(names):
                raise UserError(f"{self.split}: the {what} {repeated!r} is there twice; names must differ")
        if len(bad := np.argwhere(~np.isfinite(self.counts))):
            row, column = bad[0]
            raise UserError(
                f"{self.split}: {self.columns[column]!r} of the item {self.units[row]!r} is "
                f"{self.counts[row, column]}, which is no count; score this run again"
            )

    def of_columns(self, columns: Sequence[str]) -> Array:
        """The counts ``[items, columns]`` of some columns, in their order.

        Raises:
            UserError: a column that is not there.
        """
        place = {name: index for index, name in enumerate(self.columns)}
        for name in columns:
            if name not in place:
                hint = near(name, self.columns)
                raise UserError(
                    f"{self.split}: there is no column {name!r}; there are {', '.join(self.columns)} {hint}".rstrip()
                )
        return self.counts[:, [place[name] for name in columns]]

    def in_order_of(self, other: ItemCounts) -> ItemCounts:
        """The same counts with the items in the order of another run.

        Raises:
            UserError: another split, other items, or other documents of the items.
        """
        if self.split != other.split:
            raise UserError(f"{self.split!r} cannot be compared with {other.split!r}; compare runs on one split")
        mine = self
        if self.units != other.units:
            place = {name: index for index, name in enumerate(self.units)}
            lacking = [name for name in other.units if name not in place]
            added = sorted(place.keys() - set(other.units))
            if lacking or added:
                said = [f"{len(lacking)} items are missing, the first is {lacking[0]!r}"] if lacking else []
                said += [f"{len(added)} are there in addition, the first is {added[0]!r}"] if added else []
                raise UserError(f"{self.split}: {' and '.join(said)}; only runs on the same items can be compared")
            order = [place[name] for name in other.units]
            groups = None if self.groups is None else tuple(self.groups[index] for index in order)
            mine = ItemCounts(self.split, other.units, self.columns, self.counts[order], groups)
        if mine.groups != other.groups:
            raise UserError(f"{self.split}: the items belong to other documents than in the run to compare with")
        return mine

    def units_that_vary(self) -> tuple[NDArray[np.intp], int]:
        """For each item the number of its document, from 0, and how many there are; items themselves without groups."""
        if self.groups is None:
            return np.arange(len(self.units)), len(self.units)
        numbers = {name: number for number, name in enumerate(dict.fromkeys(self.groups))}
        return np.array([numbers[name] for name in self.groups], dtype=np.intp), len(numbers)


def counts_by_name(
    split: str,
    columns: Sequence[str],
    counts: Mapping[tuple[int, int], Mapping[str, float]],
    documents: Sequence[str],
) -> ItemCounts:
    """The counts of items that are known by their places, under their names.

    An item is called as its document; where that has several, ``#`` and its number in the document follow, from 0.

    Args:
        split: ``val``, ``test`` ...
        columns: name of each count.
        counts: by example of the split, and number of the item in the example; those that are 0 may be missing.
        documents: that of each example, by its name.

    Raises:
        UserError: as :class:`ItemCounts`.
    """
    places = sorted(counts)
    groups = [documents[position] for position, _ in places]
    sizes, seen, taken = Counter(groups), Counter[str](), set(groups)
    units = []
    for name in groups:
        unit = name
        while sizes[name] > 1 and unit in taken:  # a document may be called as an item of another one
            unit = f"{name} #{seen[name]}"
            seen[name] += 1
        taken.add(unit)
        units.append(unit)
    column_of = {name: number for number, name in enumerate(columns)}
    table = np.zeros((len(places), len(column_of)))
    for row, place in zip(table, places, strict=True):
        for name, count in counts[place].items():
            row[column_of[name]] = count
    several = len(sizes) < len(groups)
    return ItemCounts(split, tuple(units), tuple(columns), table, tuple(groups) if several else None)


def pool(folds: Sequence[ItemCounts]) -> ItemCounts:
    """The items of all folds of a cross validation together, as if one run had scored them.

    What the training sets of the folds have in common is not seen by any variance over items: Bengio and Grandvalet
    (2004) show that no estimate from one cross validation sees it.

    Raises:
        UserError: no fold, folds with other columns, an item in two folds, or documents in some folds only.
    """
    if not folds:
        raise UserError("there is no fold to pool; give the items of one or more")
    first = folds[0]
    for number, fold in enumerate(folds):
        if (fold.split, fold.columns, fold.groups is None) != (first.split, first.columns, first.groups is None):
            raise UserError(f"fold {number} has another split, other columns or other groups than fold 0")
    return ItemCounts(
        first.split,
        tuple(chain.from_iterable(fold.units for fold in folds)),
        first.columns,
        np.concatenate([fold.counts for fold in folds]),
        None if first.groups is None else tuple(chain.from_iterable(fold.groups or () for fold in folds)),
    )


def _repeated(names: Sequence[Any]) -> Any:
    """The first name that is there twice, or None."""
    seen: set[Any] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
