"""The arithmetic of classification and regression scores: a table that batches add to, and its scores.

Three kinds of table, each with two functions: ``<kind>_table(gold, predicted, labels)`` makes the table of a
batch, ``<kind>_scores(table)`` the scores of the sum (regression: of the concatenation) of all tables. 0/0 is
0, and classes that neither side has do not enter a macro average, as in scikit-learn.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

Table = NDArray[Any]
Labels = Sequence[Any]
TRUE_POSITIVE, IN_GOLD, IN_PREDICTED = range(3)  # the columns of a table of counts per class


def class_table(gold: Labels, predicted: Labels, labels: Sequence[str]) -> Table:
    """Confusion matrix int64 ``[labels + 1, labels + 1]``, gold by predicted; last are labels not in ``labels``.

    Raises:
        UserError: a predicted label is none of ``labels``.
    """
    rows = _positions(gold, labels)
    columns = _positions(_known(predicted, labels), labels)
    table = np.zeros((len(labels) + 1, len(labels) + 1), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table


def class_scores(table: Table) -> dict[str, float]:
    """Accuracy, F1 (of the first label, and the mean over classes), Matthews correlation.

    Matthews correlation is that of Gorodkin 2004 for any number of classes; it is 0 where it is undefined
    (one side has a single class), as in scikit-learn.
    """
    right, in_gold, in_predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)  # [labels + 1]
    total = int(table.sum())
    f1 = [float(value) for value in _f1(right, in_gold, in_predicted)]
    accuracy = _ratio(float(right.sum()), total)
    # Python's integers do not overflow
    gold, guessed = [int(n) for n in in_gold], [int(n) for n in in_predicted]
    covariance = total * int(right.sum()) - sum(g * p for g, p in zip(gold, guessed, strict=True))
    variances = (total**2 - sum(g * g for g in gold), total**2 - sum(p * p for p in guessed))
    return {
        "accuracy": accuracy,
        "f1": f1[0],
        "accuracy_f1": (accuracy + f1[0]) / 2,
        "macro_f1": _macro(f1, in_gold + in_predicted),
        "matthews_correlation": _ratio(covariance, float(variances[0]) ** 0.5 * float(variances[1]) ** 0.5),
    }


def label_set_table(gold: Sequence[Labels], predicted: Sequence[Labels], labels: Sequence[str]) -> Table:
    """Counts int64 ``[labels + 2, 3]``: of each label how often it is right, in gold, predicted.

    The last row but one is that of labels not in ``labels``; the last holds the items with exactly the gold
    labels, and all items twice. A label repeated within an item counts once.

    Raises:
        UserError: a predicted label is none of ``labels``.
    """
    table = np.zeros((len(labels) + 2, 3), dtype=np.int64)
    for gold_item, predicted_item in zip(gold, predicted, strict=True):
        expected = {str(label) for label in gold_item}
        found = {str(label) for label in _known(predicted_item, labels)}
        for column, members in ((TRUE_POSITIVE, expected & found), (IN_GOLD, expected), (IN_PREDICTED, found)):
            np.add.at(table, (_positions(members, labels), column), 1)
        table[-1] += (expected == found, 1, 1)
    return table


def label_set_scores(table: Table) -> dict[str, float]:
    """F1 over all labels of all items, its mean over labels, and the share of items with exactly the gold labels."""
    right, in_gold, in_predicted = table[:-1].T  # [labels + 1]
    return {
        "micro_f1": _ratio(2 * float(right.sum()), float(in_gold.sum() + in_predicted.sum())),
        "macro_f1": _macro(_f1(right, in_gold, in_predicted), in_gold + in_predicted),
        "exact_match": _ratio(float(table[-1, TRUE_POSITIVE]), float(table[-1, IN_GOLD])),
    }


def value_table(gold: Sequence[Any], predicted: Sequence[Any], labels: Sequence[str]) -> Table:
    """The pairs themselves, float64 ``[items, 2]``: ranks depend on all of them. ``labels`` mean nothing here."""
    return np.array([gold, predicted], dtype=np.float64).T.copy()


def value_scores(table: Table) -> dict[str, float]:
    """Pearson's and Spearman's correlation and their mean; mean squared and mean absolute error.

    The correlations are undefined, and nan, when one side is constant; a warning says which. Without items
    every score is 0.
    """
    names = ("pearson", "spearman", "pearson_spearman", "mse", "mae")
    if not len(table):
        return dict.fromkeys(names, 0.0)
    gold, predicted = table.T
    constant = [
        f"{side} value is {values[0]:g}"
        for side, values in (("gold", gold), ("predicted", predicted))
        if (values == values[0]).all()
    ]
    pearson = spearman = float("nan")
    if constant:
        log.warning("every %s: the correlations are undefined (nan)", " and every ".join(constant))
    else:
        pearson = float(stats.pearsonr(gold, predicted).statistic)
        spearman = float(stats.spearmanr(gold, predicted).statistic)
    errors = predicted - gold
    values = (pearson, spearman, (pearson + spearman) / 2, (errors**2).mean(), np.abs(errors).mean())
    return dict(zip(names, map(float, values), strict=True))


def _positions(items: Collection[Any], labels: Sequence[str]) -> list[int]:
    """Where in ``labels`` the items are; one past the end for those that are not."""
    place = {label: position for position, label in enumerate(labels)}
    return [place.get(str(item), len(labels)) for item in items]


def _known(predicted: Labels, labels: Sequence[str]) -> Labels:
    for label in predicted:
        if str(label) not in labels:
            raise UserError(f"predicted label {str(label)!r} is none of the labels {list(labels)}")
    return predicted


def _f1(right: Table, in_gold: Table, in_predicted: Table) -> Table:
    return 2 * right / np.maximum(in_gold + in_predicted, 1)


def _macro(f1: Any, occurrences: Table) -> float:
    """The mean over the classes that occur on either side."""
    occurring = np.asarray(f1)[occurrences > 0]
    return float(occurring.mean()) if len(occurring) else 0.0


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
