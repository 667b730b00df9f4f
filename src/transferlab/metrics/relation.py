"""Relation extraction: micro F1 as in TACRED, macro F1 as in SemEval-2010 Task 8.

Both come from a confusion matrix ``[labels + 1, labels + 1]`` of gold labels (rows) by predicted labels
(columns), whose last row and column are shared by all labels that are not listed. No label (None) is predicted
where a model abstains; it counts as the label for "none of the relations".

Sources: the scorers of Zhang et al. 2017 (TACRED) and of Hendrickx et al. 2010 (version 1.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics import Metric

from transferlab.metrics.span_f1 import PARTS, precision_recall_f1
from transferlab.utils.errors import UserError

Matrix = NDArray[np.int64]

OTHER = "Other"  # none of the relations of SemEval-2010 Task 8
_DIRECTED = re.compile(r"(?P<relation>.+)\((?P<first>e[12]),(?P<second>e[12])\)")


class NoRelationError(UserError):
    """A key without any relation, over which no average exists."""


def tacred_scores(
    gold: Sequence[str], predicted: Sequence[str | None], no_relation: str = "no_relation"
) -> dict[str, Any]:
    """Score as the official program of TACRED does.

    A relation predicted for an instance without one costs precision. As there, precision is 1 where nothing was
    predicted, of all relations together and of each.

    Args:
        gold: one label per instance.
        predicted: one per instance; None for no answer, which is ``no_relation``.
        no_relation: the label that stands for none.

    Returns:
        as fractions the micro average over all other labels ``precision``, ``recall``, ``f1``; under
        ``relations`` for each label in ``gold`` or ``predicted`` the same and ``support``, its gold instances.

    Raises:
        UserError: not as many gold as predicted labels.
    """
    labels = _labels(gold, predicted, no_relation)
    return _tacred(_confusion(gold, predicted, labels, no_relation), labels, no_relation)


def semeval_scores(gold: Sequence[str], predicted: Sequence[str | None]) -> dict[str, Any]:
    """Score SemEval-2010 Task 8: (9+1)-way with directionality taken into account, the official measure.

    Both directions make one relation, ``Cause-Effect``; an instance of it is correct when its direction is too,
    and one in the wrong direction is a false positive and a false negative of that relation. The macro averages
    are over the relations in ``gold``, ``Other`` left out.

    Args:
        gold: one label per instance, like ``Cause-Effect(e1,e2)`` or ``Other``.
        predicted: one per instance; None for no answer, which is ``Other``. Relations that ``gold`` has not
            are neither right nor charged to any relation.

    Returns:
        as fractions ``macro_precision``, ``macro_recall``, ``macro_f1``, ``accuracy`` (of the directed labels and
        Other); under ``relations`` for each relation in ``gold`` ``precision``, ``recall``, ``f1`` and
        ``support``, its gold instances.

    Raises:
        UserError: not as many gold as predicted labels, or no gold relation.
    """
    labels = _labels(gold, predicted, OTHER)
    return _semeval(_confusion(gold, predicted, labels, OTHER), labels)


class _ConfusionMetric(Metric):
    """Sums the confusion matrix of the labels; what else the two metrics share."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    confusion: torch.Tensor

    def __init__(self, labels: Iterable[str], negative: str, **options: Any) -> None:
        super().__init__(**options)
        self.labels = list(dict.fromkeys((*labels, negative)))
        self.negative = negative
        size = len(self.labels) + 1
        zeros = torch.zeros(size, size, dtype=torch.int64)  # [labels + 1, labels + 1]
        self.add_state("confusion", default=zeros, dist_reduce_fx="sum")

    def update(self, gold: Sequence[str], predicted: Sequence[str | None]) -> None:
        """Add instances.

        Raises:
            UserError: not as many gold as predicted labels; nothing has been added then.
        """
        added = torch.from_numpy(_confusion(gold, predicted, self.labels, self.negative))
        self.confusion += added.to(self.confusion.device)


class TacredScore(_ConfusionMetric):
    """The micro scores of :func:`tacred_scores` over all instances since the last reset, on all processes.

    The state is one ``[labels + 1, labels + 1]`` sum. A gold label that is not listed cannot be predicted and
    costs recall; a predicted one that is not listed costs precision.

    Args:
        labels: those of the training documents; ``no_relation`` is added where it lacks.
        no_relation: the label that stands for none.
        options: those of ``torchmetrics.Metric``.
    """

    def __init__(self, labels: Iterable[str], no_relation: str = "no_relation", **options: Any) -> None:
        super().__init__(labels, no_relation, **options)

    def compute(self) -> dict[str, float]:
        """Fractions ``precision``, ``recall``, ``f1``."""
        scores = _tacred(self.confusion.cpu().numpy(), self.labels, self.negative)
        return {part: scores[part] for part in PARTS}


class SemevalScore(_ConfusionMetric):
    """The scores of :func:`semeval_scores` over all instances since the last reset, on all processes.

    The state is one ``[labels + 1, labels + 1]`` sum. Gold relations that are not listed cannot be predicted;
    together they count as one relation that was never found.

    Args:
        labels: those of the training documents; the other direction of each and ``Other`` are added where
            they lack (the official training set has one instance of ``Entity-Destination(e2,e1)``).
        options: those of ``torchmetrics.Metric``.
    """

    def __init__(self, labels: Iterable[str], **options: Any) -> None:
        listed = list(labels)
        super().__init__((*listed, *map(_other_direction, listed)), OTHER, **options)

    def compute(self) -> dict[str, float]:
        """Fractions ``macro_precision``, ``macro_recall``, ``macro_f1``, ``accuracy``.

        A part of a corpus, such as the batches tried before training, may hold no relation: its macro scores are 0.
        """
        try:
            scores = _semeval(self.confusion.cpu().numpy(), self.labels)
        except NoRelationError:
            scores = {f"macro_{part}": 0.0 for part in PARTS} | {"accuracy": 0.0}
        return {name: value for name, value in scores.items() if name != "relations"}


def _labels(gold: Sequence[str], predicted: Sequence[str | None], negative: str) -> list[str]:
    return sorted({negative, *gold, *(label for label in predicted if label is not None)})


def _confusion(gold: Sequence[str], predicted: Sequence[str | None], labels: Sequence[str], negative: str) -> Matrix:
    """Count instances by gold and predicted label, ``[labels + 1, labels + 1]``."""
    if len(gold) != len(predicted):
        raise UserError(f"{len(gold)} gold but {len(predicted)} predicted labels; every instance needs one of each")
    index = {label: place for place, label in enumerate(labels)}
    matrix = np.zeros((len(labels) + 1, len(labels) + 1), dtype=np.int64)
    for label, answer in zip(gold, predicted, strict=True):
        matrix[index.get(label, -1), index.get(negative if answer is None else answer, -1)] += 1
    return matrix


def _tacred(matrix: Matrix, labels: Sequence[str], no_relation: str) -> dict[str, Any]:
    correct = _correct(matrix)  # [labels + 1]
    predicted, gold = matrix.sum(axis=0), matrix.sum(axis=1)  # [labels + 1] each
    relations = np.arange(len(matrix)) != labels.index(no_relation)  # [labels + 1]
    return _tacred_parts(correct[relations].sum(), predicted[relations].sum(), gold[relations].sum()) | {
        "relations": {
            label: _tacred_parts(correct[i], predicted[i], gold[i]) | {"support": int(gold[i])}
            for i, label in enumerate(labels)
            if label != no_relation
        }
    }


def _tacred_parts(correct: np.int64, predicted: np.int64, gold: np.int64) -> dict[str, float]:
    """Scores with precision 1 where nothing was predicted; recall and with it F1 are 0 then."""
    scores = precision_recall_f1(int(correct), int(predicted), int(gold))
    return scores if predicted else scores | {"precision": 1.0}


def _semeval(matrix: Matrix, labels: Sequence[str]) -> dict[str, Any]:
    correct = _correct(matrix)  # [labels + 1]
    relation_of = np.array([_relation(label) for label in labels] + [""])  # [labels + 1]; "" not listed
    relations = {}
    for relation in dict.fromkeys(relation_of.tolist()):
        members = relation_of == relation  # [labels + 1], both directions
        gold = int(matrix[members].sum())
        if relation != OTHER and gold:
            predicted = int(matrix[:, members].sum())
            relations[relation] = precision_recall_f1(int(correct[members].sum()), predicted, gold) | {"support": gold}
    if not relations:
        raise NoRelationError(
            f"none of the {matrix.sum()} gold labels is a relation, all are {OTHER}: the macro average over "
            "relations does not exist; score more instances at once or check the labels"
        )
    macro = {f"macro_{part}": sum(scores[part] for scores in relations.values()) / len(relations) for part in PARTS}
    return macro | {"accuracy": float(correct.sum() / matrix.sum()), "relations": relations}


def _correct(matrix: Matrix) -> Matrix:
    """Correct instances of each label, ``[labels + 1]``; two labels that are not listed need not be equal."""
    correct = matrix.diagonal().copy()
    correct[-1] = 0
    return correct


def _relation(label: str) -> str:
    """``Cause-Effect`` of ``Cause-Effect(e1,e2)``; labels without a direction stay as they are."""
    match = _DIRECTED.fullmatch(label)
    return match["relation"] if match else label


def _other_direction(label: str) -> str:
    """``Cause-Effect(e2,e1)`` of ``Cause-Effect(e1,e2)``; labels without a direction stay as they are."""
    match = _DIRECTED.fullmatch(label)
    return f"{match['relation']}({match['second']},{match['first']})" if match else label
