"""Measures of how well a predicted order of sources agrees with measured transfer.

All take ``predicted`` [n], scores of which larger is better and NaN comes last, and ``truth`` [r, n], r measurements of
the same n sources, and give [r] values. Sources of equal score are in no order: each measure is its exact expectation
over all orders of such ties, so that one score for all sources measures random ranking.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
from scipy.stats import rankdata

Array = np.ndarray[Any, np.dtype[np.float64]]


def tied_groups(predicted: Array) -> list[np.ndarray[Any, np.dtype[np.intp]]]:
    """Positions of the sources that share a score, the best group first."""
    known = np.where(np.isnan(predicted), -np.inf, predicted)
    return [np.flatnonzero(known == value) for value in np.unique(known)[::-1]]


def best_rank(predicted: Array, truth: Array) -> Array:
    """Predicted rank, from 1, of the truly best source; of several that are best, of the first."""
    best = truth == truth.max(axis=1, keepdims=True)
    found = np.full(len(truth), np.nan)
    before = 0
    for group in tied_groups(predicted):
        among = best[:, group].sum(axis=1)
        here = np.isnan(found) & (among > 0)
        found[here] = before + (len(group) + 1) / (among[here] + 1)  # expected place of the first of them
        before += len(group)
    return found


def ndcg(predicted: Array, gain: Array) -> Array:
    """Normalised discounted cumulative gain (Järvelin and Kekäläinen, 2002), discount 1 / log2(rank + 1).

    Args:
        predicted: [n].
        gain: [r, n], not negative: the relevance, or 2^relevance - 1. Without any gain the value is 0.
    """
    discount = 1 / np.log2(np.arange(gain.shape[1]) + 2)
    expected = np.empty_like(discount)
    before = 0
    for group in tied_groups(predicted):
        expected[group] = discount[before : before + len(group)].mean()
        before += len(group)
    ideal = np.sort(gain, axis=1)[:, ::-1] @ discount
    return np.divide(gain @ expected, ideal, out=np.zeros(len(gain)), where=ideal > 0)


def regret(predicted: Array, truth: Array, k: int) -> Array:
    """What is lost by trying the first ``k`` sources only: 100 (best - best of these) / best, in percent.

    NaN where the best is not above 0.
    """
    k = min(k, truth.shape[1])
    reached = np.full(len(truth), -np.inf)
    left = k
    for group in tied_groups(predicted):
        values = np.sort(truth[:, group], axis=1)[:, ::-1]  # [r, group]
        size = len(group)
        drawn = min(left, size)
        # the i-th best is the best of those drawn when it is drawn and none before it is
        chance = np.array([comb(size - i - 1, drawn - 1) / comb(size, drawn) for i in range(size)])
        reached = np.maximum(reached[:, None], values) @ chance
        left -= drawn
        if not left:
            break
    best = truth.max(axis=1)
    return np.divide(100 * (best - reached), best, out=np.full(len(truth), np.nan), where=best > 0)


def spearman(predicted: Array, truth: Array) -> Array:
    """Spearman's rank correlation, ties at their mean rank; 0 for constant predictions, NaN for constant truth."""
    first = rankdata(np.where(np.isnan(predicted), -np.inf, predicted))
    second = rankdata(truth, axis=1)
    first = first - first.mean()
    second = second - second.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(second, axis=1)
    if not first.any():
        return np.where(spread > 0, 0.0, np.nan)
    norm = np.linalg.norm(first) * spread
    return np.divide(second @ first, norm, out=np.full(len(truth), np.nan), where=norm > 0)
