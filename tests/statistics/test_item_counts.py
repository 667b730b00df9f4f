"""Counts of items keep their names, pool over folds and refuse to be compared with others."""

from __future__ import annotations

import numpy as np
import pytest

from transferlab.statistics.items import ItemCounts, pool
from transferlab.utils.errors import UserError


def items(units: str = "abc", split: str = "test", groups: tuple[str, ...] | None = None, start: int = 0) -> ItemCounts:
    counts = start + np.arange(2.0 * len(units)).reshape(-1, 2)
    return ItemCounts(split, tuple(units), ("right", "items"), counts, groups)


def test_columns_come_in_the_order_asked_for():
    np.testing.assert_array_equal(items().of_columns(("items", "right")), [[1, 0], [3, 2], [5, 4]])
    with pytest.raises(UserError, match=r"'item'.*did you mean items\?"):
        items().of_columns(("item",))


def test_items_in_another_order_are_paired_by_name():
    other = ItemCounts(
        "test", ("c", "a", "b"), ("right", "items"), np.array([[4.0, 5], [0, 1], [2, 3]]), ("y", "x", "x")
    )
    found = other.in_order_of(items(groups=("x", "x", "y")))
    assert found.units == ("a", "b", "c") and found.groups == ("x", "x", "y")
    np.testing.assert_array_equal(found.counts, items().counts)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (items("abd"), "'c'.*'d'"),
        (items("ab"), "'c'"),
        (items(split="val"), "'val'.*'test'"),
        (items(groups=("x", "x", "y")), "documents"),
    ],
)
def test_other_items_are_refused(other: ItemCounts, named: str):
    with pytest.raises(UserError, match=named):
        other.in_order_of(items())


def test_folds_pool():
    together = pool([items("ab"), items("cd", start=4)])
    assert together.units == ("a", "b", "c", "d")
    np.testing.assert_array_equal(together.counts, np.arange(8.0).reshape(4, 2))
    grouped = pool([items("ab", groups=("x", "x")), items("c", groups=("y",))])
    assert grouped.groups == ("x", "x", "y")
    numbers, documents = grouped.units_that_vary()
    assert numbers.tolist() == [0, 0, 1] and documents == 2


@pytest.mark.parametrize(
    ("folds", "named"),
    [
        ([], "no fold"),
        ([items("ab"), items("bc")], "'b'"),
        ([items("ab"), items("cd", split="val")], "fold 1"),
        ([items("ab"), items("cd", groups=("x", "y"))], "fold 1"),
    ],
)
def test_folds_that_do_not_pool_are_refused(folds: list[ItemCounts], named: str):
    with pytest.raises(UserError, match=named):
        pool(folds)


@pytest.mark.parametrize(
    ("units", "columns", "counts", "groups", "named"),
    [
        (("a", "a"), ("x",), np.zeros((2, 1)), None, "'a'"),
        (("a", "b"), ("x", "x"), np.zeros((2, 2)), None, "'x'"),
        (("a", "b"), ("x",), np.zeros((2, 2)), None, r"\[2, 2\]"),
        (("a", "b"), ("x",), np.zeros((2, 1)), ("d",), "1 groups"),
        (("a", "b"), ("x",), np.array([[0.0], [np.nan]]), None, "'x'.*'b'.*nan"),
    ],
)
def test_counts_that_do_not_fit_are_refused(units, columns, counts, groups, named: str):
    with pytest.raises(UserError, match=named):
        ItemCounts("test", units, columns, counts, groups)
