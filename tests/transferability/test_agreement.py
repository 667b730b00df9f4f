"""Every measure against a public implementation, and against the mean over all orders of ties."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from transferlab.transferability.agreement import best_rank, ndcg, regret, spearman


def orders_of(predicted: np.ndarray) -> list[list[int]]:
    """Every order that a ranking with ties (and NaN last) may stand for."""
    known = np.nan_to_num(predicted, nan=-1.0)
    return [list(o) for o in permutations(range(len(known))) if (np.diff(known[list(o)]) <= 0).all()]


CASES = [
    np.array([0.3, 0.9, 0.1, 0.5, 0.2]),
    np.array([0.3, 0.3, 0.1, 0.3, 0.9]),
    np.array([0.3, np.nan, 0.1, np.nan, np.nan]),
    np.zeros(5),
]
TRUTH = np.array([[0.6, 0.5, 0.7, 0.2, 0.1], [0.6, 0.7, 0.7, 0.2, 0.7], [0.4, 0.4, 0.4, 0.4, 0.4]])


@pytest.mark.parametrize("predicted", CASES)
def test_ties_are_the_mean_over_all_their_orders(predicted: np.ndarray) -> None:
    for row in TRUTH:
        orders = orders_of(predicted)
        discount = 1 / np.log2(np.arange(5) + 2)
        ideal = np.sort(row)[::-1] @ discount
        plain = {
            "rank": np.mean([1 + min(o.index(i) for i in np.flatnonzero(row == row.max())) for o in orders]),
            "ndcg": np.mean([row[o] @ discount / ideal for o in orders]),
            **{k: np.mean([100 * (row.max() - row[o[:k]].max()) / row.max() for o in orders]) for k in (1, 2, 3, 4, 9)},
        }
        truth = row[None]
        assert best_rank(predicted, truth)[0] == pytest.approx(plain.pop("rank"))
        assert ndcg(predicted, truth)[0] == pytest.approx(plain.pop("ndcg"))
        for k, value in plain.items():
            assert regret(predicted, truth, k)[0] == pytest.approx(value, abs=1e-12)


def test_ndcg_and_spearman_equal_the_public_ones() -> None:
    ndcg_score = pytest.importorskip("sklearn.metrics").ndcg_score
    random = np.random.default_rng(0)
    for _ in range(20):
        predicted = random.integers(0, 4, size=8).astype(float)  # ties
        truth = random.random((3, 8))
        truth[:, 0] = truth[:, 1]
        for gain in (truth, 2**truth - 1):
            expected = [ndcg_score(row[None], predicted[None]) for row in gain]
            assert ndcg(predicted, gain) == pytest.approx(expected, abs=1e-12)
        correlations = [spearmanr(predicted, row).statistic for row in truth]
        assert spearman(predicted, truth) == pytest.approx(correlations, abs=1e-12)


def test_what_has_no_order_is_defined() -> None:
    constant, rising = np.ones(3), np.array([1.0, 2.0, 3.0])
    assert spearman(constant, rising[None])[0] == 0
    assert np.isnan(spearman(rising, constant[None])[0])
    assert np.isnan(spearman(constant, constant[None])[0])
    assert ndcg(rising, np.zeros((1, 3)))[0] == 0
    assert np.isnan(regret(rising, np.zeros((1, 3)), 1)[0])
    assert spearman(np.array([np.nan, 1.0, 2.0]), rising[None])[0] == pytest.approx(1)  # without a score: last
