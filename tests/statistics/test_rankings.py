"""Agreement of predicted orders with measured transfer: its parts, intervals, reliability and ceiling."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from transferlab.statistics.crossed import crossed_mean
from transferlab.statistics.rankings import (
    agreement_values,
    ceiling,
    compare_methods,
    reliability,
    spearman_interval,
)
from transferlab.statistics.verdicts import Verdict
from transferlab.transferability.agreement import best_rank, ndcg, regret, spearman
from transferlab.utils.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.mark.parametrize("measure", [spearman, ndcg, partial(regret, k=1), best_rank])
def test_values_of_sources_are_the_jackknife_of_the_measure(measure):
    random = np.random.default_rng(0)
    predicted, truth = random.random(7), random.random(7)
    value = measure(predicted, truth[None])[0]
    without = np.array([measure(np.delete(predicted, i), np.delete(truth, i)[None])[0] for i in range(7)])
    values = agreement_values(measure, {"t": predicted}, {"t": truth})["t"]
    np.testing.assert_allclose(values, value + 6 * (without.mean() - without))


def test_a_source_that_was_not_measured_has_no_part():
    random = np.random.default_rng(1)
    predicted, truth = random.random(8), random.random(8)
    truth[3] = np.nan
    found = agreement_values(spearman, {"t": predicted}, {"t": truth})["t"]
    rest = agreement_values(spearman, {"t": np.delete(predicted, 3)}, {"t": np.delete(truth, 3)})["t"]
    assert found.mean() == pytest.approx(rest.mean()) == pytest.approx(found[3])
    # over eight sources it has the variance that the seven have
    assert crossed_mean(found[:, None]).item_variance == pytest.approx(
        crossed_mean(rest[:, None]).item_variance, rel=0.03
    )


def test_methods_are_compared_over_sources_and_targets():
    random = np.random.default_rng(2)
    truth = {t: random.random(10) for t in range(6)}
    methods = {
        "data size": {t: random.random(10) for t in range(6)},
        "good": {t: truth[t] + 0.05 * random.random(10) for t in range(6)},
        "random": {t: np.zeros(10) for t in range(6)},
    }
    found = {one.setting: one for one in compare_methods(spearman, methods, truth, "data size")}
    assert (found["good"].seeds, found["good"].items) == (6, 10)
    assert found["good"].verdict is Verdict.BETTER and found["random"].verdict is Verdict.NOT_SEEN
    assert found["good"].mean.value == pytest.approx(
        np.mean([stats.spearmanr(methods["good"][t], truth[t]).statistic for t in range(6)])
    )
    lost = compare_methods(lambda p, t: 1 - spearman(p, t), methods, truth, "data size", higher_is_better=False)
    assert {one.setting: one.verdict for one in lost}["good"] is Verdict.BETTER
    two = {name: {t: tables[t] for t in range(2)} for name, tables in methods.items()}
    assert compare_methods(spearman, two, truth, "data size")[1].verdict is Verdict.FEW_SEEDS


def test_what_cannot_be_ranked_is_named():
    three = np.arange(3.0)
    with pytest.raises(UserError, match=r"^t: .*3 sources"):
        agreement_values(spearman, {"t": three}, {"u": three})
    with pytest.raises(UserError, match=r"^t: 2 sources"):
        agreement_values(spearman, {"t": three}, {"t": np.array([0.1, np.nan, 0.2])})
    with pytest.raises(UserError, match="1 seeds of 3 sources"):
        reliability(three[None])


def test_the_interval_of_spearman_for_one_target():
    low, high = spearman_interval(0.5, 20)
    z, half = np.arctanh(0.5), stats.norm.ppf(0.975) * np.sqrt(1.125 / 17)
    assert (low, high) == (pytest.approx(np.tanh(z - half)), pytest.approx(np.tanh(z + half)))
    assert spearman_interval(1.0, 8)[1] <= 1
    assert np.isnan(spearman_interval(0.5, 3)).all()


def test_reliability_is_cronbachs_alpha():
    random = np.random.default_rng(3)
    measured = random.random(6) + 0.3 * random.random((4, 6))
    found = reliability(measured)
    alpha = 4 / 3 * (1 - measured.var(axis=1, ddof=1).sum() / measured.sum(axis=0).var(ddof=1))
    assert found.of_mean == pytest.approx(alpha)
    # Spearman-Brown: from one seed to the mean of four
    assert 4 * found.of_one_seed / (1 + 3 * found.of_one_seed) == pytest.approx(alpha)
    assert found.low < found.of_mean < found.high
    assert (found.sources, found.seeds) == (6, 4)


@pytest.mark.filterwarnings("error")
def test_equal_sources_have_no_reliability():
    for equal in (np.full((2, 4), 0.1), np.repeat([[0.1], [0.3], [0.7]], 4, axis=1)):
        found = reliability(equal)
        assert np.isnan([found.of_mean, found.low, found.high, found.of_one_seed, found.between_seeds]).all()
    half = reliability(np.array([[0.1, 0.1, 0.1], [0.1, 0.2, 0.3]]))
    assert half.of_mean == pytest.approx(0) and np.isnan(half.between_seeds)
    sure = reliability(np.array([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]))
    assert sure.of_mean == sure.low == sure.of_one_seed == sure.between_seeds == 1


def test_the_interval_of_reliability_covers():
    random = np.random.default_rng(4)
    tables = random.normal(size=(1500, 1, 8)) + random.normal(size=(1500, 3, 8))
    held = np.mean([found.low <= 0.75 <= found.high for found in map(reliability, tables)])
    assert 0.935 < held < 0.965


def test_the_ceiling_is_what_the_truth_itself_reaches():
    random = np.random.default_rng(5)
    truth = random.normal(size=(60, 8))
    measured = truth[:, None] + random.normal(size=(60, 3, 8))
    reached = np.mean([spearman(t, m.mean(axis=0)[None])[0] for t, m in zip(truth, measured, strict=True)])
    estimated = np.mean([ceiling(spearman, m, draws=100) for m in measured])
    assert estimated == pytest.approx(reached, abs=0.07)
    assert ceiling(spearman, np.repeat(truth[:1], 3, axis=0), draws=50) == pytest.approx(1)
    noise = random.normal(size=(2, 400))
    assert abs(ceiling(spearman, noise, draws=50)) < 0.5


def test_promises_in_a_small_simulation(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from rankings import Design, draw

    random = np.random.default_rng(6)
    ends, means = [], []
    for _ in range(300):
        methods, _, measured = draw(Design("sources alike at targets", 3, 8, 2), random)
        values = agreement_values(spearman, dict(enumerate(methods[0])), dict(enumerate(measured.mean(axis=0))))
        mean = crossed_mean(np.stack(list(values.values()), axis=1))
        means.append(mean.value)
        ends.append(mean.interval())
    low, high = np.array(ends).T
    assert 0.90 < ((low <= np.mean(means)) & (np.mean(means) <= high)).mean() < 0.99
