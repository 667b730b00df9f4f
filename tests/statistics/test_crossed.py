"""Means over items and seeds: their parts against slow formulas and simulations, their quantiles against t."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from transferlab.statistics.crossed import CrossedMean, crossed_mean


def simulated(random, shape: tuple[int, ...], sd_items: float, sd_seeds: float, sd_noise: float):
    items = random.normal(size=(*shape[:-1], 1)) * sd_items
    seeds = random.normal(size=(*shape[:-2], 1, shape[-1])) * sd_seeds
    return items + seeds + sd_noise * random.normal(size=shape)


def test_components_are_those_of_the_analysis_of_variance():
    values = simulated(np.random.default_rng(1), (7, 4), 2, 1, 0.5)
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    of_items = 4 * sum((row - values.mean()) ** 2 for row in rows) / 6
    of_seeds = 7 * sum((column - values.mean()) ** 2 for column in columns) / 3
    of_noise = sum((values[i, s] - rows[i] - columns[s] + values.mean()) ** 2 for i in range(7) for s in range(4)) / 18
    mean = crossed_mean(values)
    assert mean.value == pytest.approx(values.mean())
    assert mean.item_variance == pytest.approx((of_items - of_noise) / 4 / 7)
    assert mean.seed_variance == pytest.approx(of_seeds / 28)
    assert (mean.item_freedom, mean.seed_freedom) == (6, pytest.approx(3))


def test_the_variance_is_unbiased():
    values = simulated(np.random.default_rng(2), (20_000, 12, 4), 1, 0.5, 1)
    mean = crossed_mean(values)
    truth = 1 / 12 + 0.25 / 4 + 1 / 48
    assert (mean.standard_error**2).mean() == pytest.approx(truth, rel=0.02)
    assert mean.value.var() == pytest.approx(truth, rel=0.03)


def test_the_variance_of_an_unpaired_difference_is_unbiased():
    random = np.random.default_rng(3)
    shared = random.normal(size=(20_000, 12, 1))  # difficulty of items, which cancels
    first = shared + simulated(random, (20_000, 12, 3), 0.6, 0.5, 1)
    second = shared + simulated(random, (20_000, 12, 5), 0.3, 0.2, 1)
    difference = crossed_mean(first, second)
    truth = 0.36 / 12 + 0.25 / 3 + 1 / 36 + 0.09 / 12 + 0.04 / 5 + 1 / 60
    assert (difference.standard_error**2).mean() == pytest.approx(truth, rel=0.02)
    assert difference.value.var() == pytest.approx(truth, rel=0.03)
    assert ((difference.seed_freedom >= 2) & (difference.seed_freedom <= 6)).all()  # Welch


@pytest.mark.parametrize(("item_variance", "seed_variance", "freedom"), [(1.0, 0.0, 49), (0.0, 1.0, 2)])
def test_with_one_source_of_error_it_is_students_t(item_variance: float, seed_variance: float, freedom: int):
    mean = CrossedMean(*(np.array(v) for v in (3.0, item_variance, seed_variance)), 49, np.array(2.0))
    low, high = mean.interval(0.95)
    quantile = stats.t.ppf(0.975, freedom)
    assert (low, high) == (pytest.approx(3 - quantile), pytest.approx(3 + quantile))
    assert mean.p_value() == pytest.approx(2 * stats.t.sf(3, freedom))
    assert mean.detectable() == pytest.approx(quantile + stats.t.ppf(0.8, freedom))


def test_between_them_the_tail_is_the_weighted_mean_of_both_and_agrees_with_the_interval():
    mean = CrossedMean(*(np.array(v) for v in (0.0, 3.0, 1.0)), 49, np.array(2.0))
    quantile = mean.quantile(0.025)
    assert 0.75 * stats.t.sf(quantile, 49) + 0.25 * stats.t.sf(quantile, 2) == pytest.approx(0.025)
    at_the_end = CrossedMean(quantile * mean.standard_error, mean.item_variance, mean.seed_variance, 49, np.array(2.0))
    assert at_the_end.p_value() == pytest.approx(0.05)
    assert at_the_end.interval()[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_detectable_difference_is_found_with_its_power(seeds: int):
    random = np.random.default_rng(seeds)
    values = simulated(random, (8000, 50, seeds), 1, 0.3, 0.5)
    truth = 1 / 50 + 0.09 / seeds + 0.25 / 50 / seeds
    exact = np.array(1 / 50), np.array(truth - 1 / 50)
    effect = CrossedMean(np.array(0.0), *exact, 49, np.array(seeds - 1.0)).detectable()
    assert 0.77 < (crossed_mean(values + effect).p_value() <= 0.05).mean() < 0.88


def test_one_seed_speaks_of_items_only():
    values = np.random.default_rng(4).normal(size=(30, 1))
    mean = crossed_mean(values)
    test = stats.ttest_1samp(values[:, 0], 0)
    assert mean.p_value() == pytest.approx(test.pvalue)
    assert mean.interval() == pytest.approx(tuple(test.confidence_interval()))


def test_nothing_varies_nothing_is_known():
    mean = crossed_mean(np.ones((5, 3)))
    assert mean.standard_error == 0 and np.isnan(mean.p_value())
    seeds_alike = crossed_mean(np.repeat(np.arange(5.0)[:, None], 3, axis=1))
    assert seeds_alike.seed_variance == 0
    assert seeds_alike.p_value() == pytest.approx(stats.ttest_1samp(np.arange(5.0), 0).pvalue)


@pytest.mark.parametrize("sides", [(), (np.ones((1, 3)),), (np.ones((4, 3)),) * 3])
def test_other_shapes_are_refused(sides):
    with pytest.raises(ValueError, match="two items"):
        crossed_mean(*sides)
