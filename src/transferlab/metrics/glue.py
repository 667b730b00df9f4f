"""The scores of GLUE and of other tasks that give a text, or a pair of texts, classes or a value.

Source: Wang et al. 2019 (GLUE). ``glue_tables`` holds the formulas, ``class_counts`` says which classes a macro average
runs over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from transferlab.metrics.class_counts import ClassCounts
from transferlab.metrics.glue_tables import class_counts, class_scores, value_scores, value_table
from transferlab.metrics.rows_metric import RowsMetric
from transferlab.utils.errors import UserError, near


@dataclass(frozen=True)
class _Task:
    """What a task is scored by.

    ``names`` are its scores, the one to monitor first. An item has one class, ``several`` classes or a value
    (``values``); ``binary`` tasks need to know the positive class.
    """

    names: tuple[str, ...]
    several: bool = False
    values: bool = False
    binary: bool = False

    def classes(self, item: Any) -> list[str]:
        """Those of an item, as strings."""
        return [str(label) for label in (item if self.several else [item])]


_ACCURACY = _Task(("accuracy",))
_ACCURACY_AND_F1 = _Task(("accuracy_f1", "accuracy", "f1"), binary=True)
_CORRELATIONS = ("pearson_spearman", "pearson", "spearman")
_TASKS = {
    "cola": _Task(("matthews_correlation",)),
    "sst2": _ACCURACY,
    "mrpc": _ACCURACY_AND_F1,
    "qqp": _ACCURACY_AND_F1,
    "stsb": _Task(_CORRELATIONS, values=True),
    "mnli": _ACCURACY,
    "qnli": _ACCURACY,
    "rte": _ACCURACY,
    "wnli": _ACCURACY,
    "snli": _ACCURACY,
    "scitail": _ACCURACY,
    "paws": _Task(("accuracy", "f1"), binary=True),
    "classification": _Task(("macro_f1", "accuracy")),
    "multi_label": _Task(("micro_f1", "macro_f1", "exact_match"), several=True),
    "regression": _Task((*_CORRELATIONS, "mse", "mae"), values=True),
}

# Columns of an item: whether it is right as a whole, and that it is one; of one with a value, its values and errors.
ITEM = ("right", "items")
VALUE = ("gold", "predicted", "squared error", "absolute error", "items")

# For each task the score that training should monitor, as ``val/<score>``. Higher is better for all of them.
# GLUE's own where it has one number per task (the mean where there are two); where classes may be
# unbalanced, one that a majority class alone cannot raise.
TASKS = {name: task.names[0] for name, task in _TASKS.items()}


def scores(task: str, gold: Sequence[Any], predicted: Sequence[Any], positive: str | int = "1") -> dict[str, float]:
    """Score the predictions of a whole split.

    Args:
        task: one of ``TASKS``.
        gold: for each item its class (str or int; 1 and "1" are the same); for ``multi_label`` the list of
            its classes, for ``stsb`` and ``regression`` its value.
        predicted: the same from the model.
        positive: the class whose F1 is ``f1``, in ``mrpc``, ``qqp`` and ``paws``; no other task asks.

    Returns:
        ``cola``: ``matthews_correlation``; ``mrpc`` and ``qqp``: ``accuracy``, ``f1`` and their mean
        ``accuracy_f1``; ``paws``: ``accuracy``, ``f1``; ``stsb``: ``pearson``, ``spearman`` and their mean
        ``pearson_spearman``; ``regression``: these, ``mse`` and ``mae``; ``classification``: ``accuracy``,
        ``macro_f1``; ``multi_label``: ``micro_f1``, ``macro_f1``, ``exact_match``; others: ``accuracy``.
        All are fractions but the errors. The correlations of constant values are nan, with a warning that
        says which side is constant; that of ``cola`` is 0 then, as in scikit-learn.

    Raises:
        UserError: an unknown task; two classes or more, none of which is the positive one.
        ValueError: not as many predictions as gold items.
    """
    kind = _task(task)
    _check_lengths(gold, predicted)
    if kind.values:
        return _named(kind, value_scores(value_table(gold, predicted)))
    by_class, right = class_counts(list(map(kind.classes, gold)), list(map(kind.classes, predicted)))
    if kind.binary and len(by_class) > 1:
        _check_positive(task, list(by_class), positive)
    return _named(kind, class_scores(by_class, right, len(gold), str(positive)))


class GlueScore(ClassCounts, RowsMetric):
    """The scores of :func:`scores` over all items since the last reset, on all processes.

    The state is a plain sum: the counts of every class, and how many items are right and how many there are. For
    ``stsb`` and ``regression``, whose ranks depend on all values, it is the values themselves as rows ``[items, 2]``.
    """

    items: torch.Tensor

    def __init__(self, task: str, labels: Sequence[Any] = (), positive: str | int = "1", **options: Any) -> None:
        """Prepare for a task.

        Args:
            task: one of ``TASKS``.
            labels: the classes that a model can predict; none for ``stsb`` and ``regression``. Of other classes in gold
                :meth:`expect` must be told.
            positive: as in :func:`scores`.
            options: those of ``torchmetrics.Metric``.

        Raises:
            UserError: an unknown task; the positive class is none of the labels.
        """
        super().__init__(labels, columns=2, **options)
        self.task = task
        self._kind = _task(task)
        self.positive = str(positive)
        if self._kind.binary:
            _check_positive(task, self.predictable, positive)
        self.add_state("items", default=torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")  # right, all

    def update(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Add a batch, with gold and predicted as in :func:`scores`.

        Raises:
            UserError: a class that is not listed.
            ValueError: not as many predictions as gold items. Nothing has been added in either case.
        """
        _check_lengths(gold, predicted)
        if self._kind.values:
            self.add_rows(value_table(gold, predicted))
            return
        by_class, right = class_counts(list(map(self._kind.classes, gold)), list(map(self._kind.classes, predicted)))
        self.add(by_class)
        self.items += self.items.new_tensor([right, len(gold)])

    def item_columns(self) -> list[str]:
        """Those of the classes, and ``ITEM``; of values ``VALUE``."""
        return list(VALUE) if self._kind.values else [*super().item_columns(), *ITEM]

    def item_counts(self, gold: Any, predicted: Any) -> dict[str, float]:
        """The counts of one item; see :class:`~transferlab.metrics.item_counts.CountsItems`."""
        if self._kind.values:
            error = float(predicted) - float(gold)
            return dict(zip(VALUE, (float(gold), float(predicted), error**2, abs(error), 1.0), strict=True))
        by_class, right = class_counts([self._kind.classes(gold)], [self._kind.classes(predicted)])
        return {**self.columns_of(by_class), **dict(zip(ITEM, (right, 1.0), strict=True))}

    def description(self) -> dict[str, Any]:
        """Of the kind ``glue``: the names of its scores, and the positive class."""
        return {"kind": "glue", "names": list(self._kind.names), "positive": self.positive}

    def compute(self) -> dict[str, float]:
        """What :func:`scores` returns."""
        if self._kind.values:
            return _named(self._kind, value_scores(self.all_rows()))
        right, items = self.items.tolist()
        return _named(self._kind, class_scores(self.by_class(), right, items, self.positive))


def _task(name: str) -> _Task:
    if name not in _TASKS:
        raise UserError(f"unknown task {name!r}: choose one of {', '.join(_TASKS)} {near(name, _TASKS)}".rstrip())
    return _TASKS[name]


def _named(kind: _Task, values: dict[str, float]) -> dict[str, float]:
    return {name: values[name] for name in kind.names}


def _check_lengths(gold: Sequence[Any], predicted: Sequence[Any]) -> None:
    if len(gold) != len(predicted):
        raise ValueError(f"{len(gold)} gold items but {len(predicted)} predictions: each item needs one of each")


def _check_positive(task: str, labels: Sequence[str], positive: str | int) -> None:
    if str(positive) not in labels:
        raise UserError(
            f"{task}: the positive class {str(positive)!r} is none of the labels {list(labels)}: set positive to "
            "the one whose F1 is asked for"
        )
