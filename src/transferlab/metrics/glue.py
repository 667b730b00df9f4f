"""The scores of GLUE and of other tasks that give a text, or a pair of texts, classes or a value.

Source: Wang et al. 2019 (GLUE). ``glue_tables`` holds the formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from transferlab.metrics.glue_tables import (
    Table,
    class_scores,
    class_table,
    label_set_scores,
    label_set_table,
    value_scores,
    value_table,
)
from transferlab.metrics.rows_metric import RowsMetric
from transferlab.utils.errors import UserError, near


@dataclass(frozen=True)
class _Task:
    """What a task is scored by.

    ``names`` are its scores, the one to monitor first; ``binary`` ones need to know the positive class.
    """

    names: tuple[str, ...]
    table: Callable[[Sequence[Any], Sequence[Any], Sequence[str]], Table] = class_table
    scores: Callable[[Table], dict[str, float]] = class_scores
    binary: bool = False


_ACCURACY = _Task(("accuracy",))
_ACCURACY_AND_F1 = _Task(("accuracy_f1", "accuracy", "f1"), binary=True)
_CORRELATIONS = ("pearson_spearman", "pearson", "spearman")
_TASKS = {
    "cola": _Task(("matthews_correlation",)),
    "sst2": _ACCURACY,
    "mrpc": _ACCURACY_AND_F1,
    "qqp": _ACCURACY_AND_F1,
    "stsb": _Task(_CORRELATIONS, value_table, value_scores),
    "mnli": _ACCURACY,
    "qnli": _ACCURACY,
    "rte": _ACCURACY,
    "wnli": _ACCURACY,
    "snli": _ACCURACY,
    "scitail": _ACCURACY,
    "paws": _Task(("accuracy", "f1"), binary=True),
    "classification": _Task(("macro_f1", "accuracy")),
    "multi_label": _Task(("micro_f1", "macro_f1", "exact_match"), label_set_table, label_set_scores),
    "regression": _Task((*_CORRELATIONS, "mse", "mae"), value_table, value_scores),
}

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
    labels: list[str] = []
    if kind.table is class_table:
        labels = sorted({str(label) for label in (*gold, *predicted)})
    elif kind.table is label_set_table:
        labels = sorted({str(label) for item in (*gold, *predicted) for label in item})
    if kind.binary:
        if len(labels) > 1:
            _check_positive(task, labels, positive)
        labels = _first(str(positive), labels)
    return _named(kind, kind.table(gold, predicted, labels))


class GlueScore(RowsMetric):
    """The scores of :func:`scores` over all items since the last reset, on all processes.

    The state is the sum of the tables of counts; for ``stsb`` and ``regression``, whose ranks depend on all
    values, the values themselves as rows ``[items, 2]``. Gold classes that training has not seen count as one
    class of their own, always missed; with at most one such class the scores equal those of :func:`scores`.
    """

    is_differentiable = False
    higher_is_better = True
    counts: torch.Tensor

    def __init__(self, task: str, labels: Sequence[Any] = (), positive: str | int = "1", **options: Any) -> None:
        """Prepare for a task.

        Args:
            task: one of ``TASKS``.
            labels: the classes that a model can predict; none for ``stsb`` and ``regression``.
            positive: as in :func:`scores`.
            options: those of ``torchmetrics.Metric``.

        Raises:
            UserError: an unknown task; the positive class is none of the labels.
        """
        super().__init__(columns=2, **options)
        self.task = task
        self._kind = _task(task)
        self.labels = [str(label) for label in labels]
        if self._kind.binary:
            _check_positive(task, self.labels, positive)
            self.labels = _first(str(positive), self.labels)
        if self._kind.table is not value_table:
            no_counts = torch.from_numpy(self._kind.table([], [], self.labels))
            self.add_state("counts", default=no_counts, dist_reduce_fx="sum")

    def update(self, gold: Sequence[Any], predicted: Sequence[Any]) -> None:
        """Add a batch, with gold and predicted as in :func:`scores`.

        Raises:
            UserError: a predicted class is none of the labels.
            ValueError: not as many predictions as gold items. Nothing has been added in either case.
        """
        _check_lengths(gold, predicted)
        table = self._kind.table(gold, predicted, self.labels)
        if self._kind.table is value_table:
            self.add_rows(table)
        else:
            self.counts += torch.from_numpy(table).to(self.counts.device)

    def compute(self) -> dict[str, float]:
        """What :func:`scores` returns."""
        is_values = self._kind.table is value_table
        return _named(self._kind, self.all_rows() if is_values else self.counts.cpu().numpy())


def _task(name: str) -> _Task:
    if name not in _TASKS:
        raise UserError(f"unknown task {name!r}: choose one of {', '.join(_TASKS)} {near(name, _TASKS)}".rstrip())
    return _TASKS[name]


def _named(kind: _Task, table: Table) -> dict[str, float]:
    values = kind.scores(table)
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


def _first(label: str, labels: Sequence[str]) -> list[str]:
    """The labels with the given one at their head, where ``class_scores`` takes F1 from."""
    return [label, *(other for other in labels if other != label)]
