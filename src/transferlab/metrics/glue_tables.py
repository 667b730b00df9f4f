"""The arithmetic of classification and regression scores.

Scores of classes come from the counts of each class and from how many items are right as a whole; those of values from
the values themselves. 0/0 is 0.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from transferlab.metrics.class_counts import (
    ByClass,
    Counts,
    counts_by_class,
    in_gold,
    macro_average,
    precision_recall_f1,
    ratio,
    total,
)

log = logging.getLogger(__name__)

Table = NDArray[np.float64]
Labels = Collection[str]


def class_counts(gold: Sequence[Labels], predicted: Sequence[Labels]) -> tuple[ByClass, int]:
    """Counts by class of items with any number of classes, and how many items have exactly the gold ones.

    A class repeated within an item counts once.
    """
    pairs = [(set(key), set(answer)) for key, answer in zip(gold, predicted, strict=True)]
    by_class = counts_by_class(
        (name for key, answer in pairs for name in key & answer),
        (name for _, answer in pairs for name in answer),
        (name for key, _ in pairs for name in key),
    )
    return by_class, sum(key == answer for key, answer in pairs)


def class_scores(by_class: Mapping[str, Counts], right: int, items: int, positive: str) -> dict[str, float]:
    """Every score of classes, by name; ``class_counts.py`` says which classes the macro average runs over.

    Args:
        by_class: the counts.
        right: items with exactly the gold classes.
        items: all of them.
        positive: the class whose F1 is ``f1``.

    Returns:
        ``accuracy`` and ``exact_match`` are both the share of items that are right. ``matthews_correlation`` is that
        of Gorodkin 2004 for any number of classes, of which every item has one; it is 0 where it is undefined (one side
        has a single class), as in scikit-learn.
    """
    accuracy = ratio(right, items)
    f1 = precision_recall_f1(*by_class.get(positive, Counts(0, 0, 0)))["f1"]
    # Python's integers do not overflow
    covariance = items * right - sum(counts.gold * counts.predicted for counts in by_class.values())
    gold_variance = items**2 - sum(counts.gold**2 for counts in by_class.values())
    predicted_variance = items**2 - sum(counts.predicted**2 for counts in by_class.values())
    return {
        "accuracy": accuracy,
        "exact_match": accuracy,
        "f1": f1,
        "accuracy_f1": (accuracy + f1) / 2,
        "micro_f1": precision_recall_f1(*total(by_class.values()))["f1"],
        "macro_f1": macro_average(by_class, over=in_gold)["f1"],
        "matthews_correlation": ratio(covariance, float(gold_variance) ** 0.5 * float(predicted_variance) ** 0.5),
    }


def value_table(gold: Sequence[Any], predicted: Sequence[Any]) -> Table:
    """The pairs themselves, float64 ``[items, 2]``: ranks depend on all of them."""
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
