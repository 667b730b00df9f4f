"""Counts by class, from which all scores of labels come, and the classes that a macro average runs over.

Every class has three counts: how often it is right, predicted and in gold. They are summed over a split and divided
once, 0/0 is 0.

Which classes a macro average runs over:

- ``classification`` and ``multi_label``: those in the gold that is scored, as scikit-learn's with ``labels`` set to
  them. A prediction of another class is one that its gold class misses, and costs no more than that;
- tagging (spans, and words of a layer): those in gold or predicted, as seqeval;
- SemEval-2010 Task 8: the relations in gold (the key), without Other, as the official program.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torchmetrics import Metric

from transferlab.metrics.item_counts import class_columns
from transferlab.utils.errors import UserError

PARTS = ("precision", "recall", "f1")


class Counts(NamedTuple):
    """Of a class: how often it is right, predicted, and in gold."""

    correct: int
    predicted: int
    gold: int


ByClass = dict[str, Counts]


def in_gold(counts: Counts) -> bool:
    """Whether the gold that is scored has a class."""
    return counts.gold > 0


def occurring(counts: Counts) -> bool:
    """Whether gold or predictions have a class."""
    return any(counts)


def counts_by_class(correct: Iterable[str], predicted: Iterable[str], gold: Iterable[str]) -> ByClass:
    """Count the classes of items: of those that are right, of all predicted ones, of all gold ones.

    The classes come in alphabetical order.
    """
    correct_of, predicted_of, gold_of = Counter(correct), Counter(predicted), Counter(gold)
    classes = sorted(gold_of.keys() | predicted_of)
    return {name: Counts(correct_of[name], predicted_of[name], gold_of[name]) for name in classes}


def total(by_class: Iterable[Counts]) -> Counts:
    """The counts of several classes together."""
    sums = [sum(column) for column in zip(*by_class, strict=True)]
    return Counts(*sums) if sums else Counts(0, 0, 0)


def precision_recall_f1(correct: int, predicted: int, gold: int) -> dict[str, float]:
    """``{"precision", "recall", "f1"}`` of counts, as fractions; 0/0 is 0."""
    precision, recall = ratio(correct, predicted), ratio(correct, gold)
    f1 = ratio(2 * precision * recall, precision + recall)
    return dict(zip(PARTS, (precision, recall, f1), strict=True))


def macro_average(by_class: Mapping[str, Counts], over: Callable[[Counts], bool]) -> dict[str, float]:
    """The means ``{"precision", "recall", "f1"}`` over classes; 0 if there is none.

    Args:
        by_class: the counts.
        over: ``in_gold`` or ``occurring``, see the head of this file.
    """
    scores = [precision_recall_f1(*counts) for counts in by_class.values() if over(counts)]
    return {part: ratio(sum(of_class[part] for of_class in scores), len(scores)) for part in PARTS}


def ratio(numerator: float, denominator: float) -> float:
    """The quotient; 0 where the denominator is 0."""
    return numerator / denominator if denominator else 0.0


class ClassCounts(Metric):
    """The state of the scores of labels: counts ``[classes, 3]``, a plain sum over updates and processes.

    There is a row for each class that a model can predict. :meth:`expect` adds one for each class in the gold of the
    split that is to be scored, whether or not training saw it, before evaluation starts and on every process alike.

    Args:
        classes: that can be predicted.
        charged_to: classes that gold never has, such as the reverses of relations, and those that a prediction of them
            is charged to, as a wrong one.
        options: those of ``torchmetrics.Metric``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    counts: torch.Tensor

    def __init__(self, classes: Iterable[Any], charged_to: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.charged_to = dict(charged_to or {})
        self.predictable = list(dict.fromkeys(map(str, classes)))
        self.expect(())

    def expect(self, gold: Iterable[Any]) -> None:
        """Forget what was added, and list the classes of the gold that is to be scored."""
        self.classes = list(dict.fromkeys((*self.predictable, *sorted(map(str, gold)))))
        zeros = torch.zeros(len(self.classes), 3, dtype=torch.int64, device=self.device)  # [classes, 3]
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")
        self.reset()

    def add(self, by_class: Mapping[str, Counts]) -> None:
        """Add the counts of a batch.

        Raises:
            UserError: a class that is not listed; nothing has been added then.
        """
        rows = {name: row for row, name in enumerate(self.classes)}
        for name, counts in by_class.items():
            if name not in rows:
                side, remedy = ("gold", " and expect() was not told of it") if counts.gold else ("predicted", "")
                raise UserError(f"{side} label {name!r} is none of the labels {self.predictable}{remedy}")
        added = torch.zeros(len(self.classes), 3, dtype=torch.int64)  # [classes, 3]
        for name, counts in by_class.items():
            added[rows[self.charged_to.get(name, name)]] += torch.tensor(counts)
        self.counts += added.to(self.counts.device)

    def item_columns(self) -> list[str]:
        """See :class:`~transferlab.metrics.item_counts.CountsItems`."""
        return class_columns(self.classes)

    def columns_of(self, by_class: Mapping[str, Counts]) -> dict[str, float]:
        """Counts of classes as those of the columns of an item, charged as :meth:`add` charges them."""
        columns: dict[str, float] = {}
        for name, counts in by_class.items():
            for column, count in zip(class_columns([self.charged_to.get(name, name)]), counts, strict=True):
                columns[column] = columns.get(column, 0) + count
        return columns

    def by_class(self) -> ByClass:
        """The counts of every class listed; inside ``compute`` those of all processes."""
        rows = (Counts(*row) for row in self.counts.tolist())
        return dict(zip(self.classes, rows, strict=True))

    def beside_gold(self) -> list[str]:
        """Classes that were predicted, on all processes, though the gold that was scored has none of them."""
        with self.sync_context():
            by_class = self.by_class()
        return [name for name, counts in by_class.items() if counts.predicted and not counts.gold]
