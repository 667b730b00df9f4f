"""Agreement of predicted orders of sources with measured transfer: over sources and targets, and what noise permits.

A measure of agreement (Spearman, regret ...) has a value for each target, and the jackknife over sources gives each
source its part of it, so that sources x targets are crossed as items x seeds are. An interval then speaks of other
sources and other targets, with transfer measured by as many seeds: the noise of the seeds is in the scatter of both.
Bootstrapping the seeds alone, for fixed sources and targets, leaves out the larger part, and what it resamples is noise
on top of noise: measured agreement is below the agreement with the transfer that endless seeds would show.

What simulations (``benchmarks/rankings.py``) find of intervals of 95 %: those of Spearman hold 91 to 97 %, with two
targets or more, least where sources are much alike at all of eight targets; NDCG 91 to 95 %; regret and the rank of the
best, which hang on single sources, 92 to 96 % with five targets or more, and as little as 88 % with two. Those of
bootstrapping the seeds hold 34 to 63 %. With one target only Spearman has an interval (:func:`spearman_interval`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from transferlab.statistics.scores import pseudo_values
from transferlab.statistics.verdicts import FEWEST_SEEDS, Comparison, compare_values
from transferlab.utils.errors import UserError

Array = NDArray[np.float64]
# predicted [sources] and truth [r, sources] to [r], as those of transferability/agreement.py
Measure = Callable[[Array, Array], Array]
Tables = Mapping[Hashable, Array]  # target -> [sources]

DRAWS = 2000


def agreement_values(measure: Measure, predicted: Tables, truth: Tables) -> dict[Hashable, Array]:
    """For each target a value of each source, whose mean is the measure.

    Args:
        measure: of agreement.
        predicted: of each target the scores of all sources, in one order; larger is better.
        truth: of each target what was measured, mean over seeds; NaN for a source that was not, which then has no part
            in the order of this target, and moves its value by nothing.

    Returns:
        target -> ``[sources]``: ``crossed_mean`` of them, stacked to ``[sources, targets]``, has the interval.

    Raises:
        UserError: targets without measurements, other numbers of sources, or fewer than three measured ones; names the
            target.
    """
    found: dict[Hashable, Array] = {}
    for target, scores in predicted.items():
        if target not in truth or truth[target].shape != scores.shape:
            raise UserError(
                f"{target}: there are no measurements of the {len(scores)} sources that were ranked; add them"
            )
        known = np.flatnonzero(~np.isnan(truth[target]))
        if len(known) < 3:
            raise UserError(f"{target}: {len(known)} sources were measured; their order needs three or more")
        value = _value(measure, scores[known], truth[target][known])
        left_out = [
            _value(measure, scores[rest], truth[target][rest]) for rest in (known[known != one] for one in known)
        ]
        values = np.full(len(scores), value)
        # a source counts as one of all, also where some are missing, so that each target weighs the same
        values[known] += (pseudo_values(np.array(value), np.array(left_out)) - value) * len(scores) / len(known)
        found[target] = values
    return found


def compare_methods(
    measure: Measure,
    methods: Mapping[str, Tables],
    truth: Tables,
    baseline: str,
    *,
    higher_is_better: bool = True,
    fewest_targets: int = FEWEST_SEEDS,
    level: float = 0.95,
) -> list[Comparison]:
    """Compare methods of ranking with one of them, such as a static baseline, over sources x targets.

    All variants of a method belong into one table: the verdicts are corrected for their number (Holm).

    Args:
        measure: of agreement.
        methods: {name: {target: predicted scores ``[sources]``}}; each is compared on the targets that the baseline
            has, too.
        truth: as in :func:`agreement_values`.
        baseline: one of the methods.
        higher_is_better: of the measure; False for regret and the rank of the best.
        fewest_targets: that a verdict needs.
        level: of intervals; 1 - level is the error of the verdicts.

    Returns:
        a comparison for each; ``seeds`` are its targets, ``items`` the sources. With fewer targets than
        ``fewest_targets`` there is no verdict.
    """
    values = {name: agreement_values(measure, predicted, truth) for name, predicted in methods.items()}
    return compare_values(
        values, baseline, higher_is_better=higher_is_better, paired=True, fewest=fewest_targets, level=level
    )


def spearman_interval(value: float, sources: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of Spearman's correlation for one target, over sources (Fisher's z; Bonett and Wright 2000).

    NaN with fewer than four sources, where there is none.
    """
    if sources < 4:
        return np.nan, np.nan
    half = stats.norm.ppf((1 + level) / 2) * np.sqrt((1 + value**2 / 2) / (sources - 3))
    middle = np.arctanh(np.clip(value, -1 + 1e-12, 1 - 1e-12))
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


@dataclass(frozen=True)
class Reliability:
    """How much of what was measured of sources is theirs, and not of the seeds.

    Attributes:
        of_mean: share of the variance of the sources' means that is not noise: the intraclass correlation of the mean
            over the seeds, ICC(C, k) of McGraw and Wong (1996), Cronbach's alpha. May be negative, which is none. NaN
            where all sources are equal for every seed.
        low, high: its 95 % interval, or of another level (F distribution).
        of_one_seed: the same of a single seed, ICC(C, 1).
        between_seeds: mean Spearman correlation of two single seeds; NaN where a seed has all sources equal.
        sources, seeds: of the table.
    """

    of_mean: float
    low: float
    high: float
    of_one_seed: float
    between_seeds: float
    sources: int
    seeds: int


def reliability(measured: Array, level: float = 0.95) -> Reliability:
    """The reliability of measured transfer to one target.

    Args:
        measured: scores ``[seeds, sources]``, complete.
        level: of the interval.

    Raises:
        UserError: fewer than two seeds or three sources.
    """
    between, noise = _mean_squares(measured)
    seeds, sources = measured.shape
    quotient = between / noise if noise > 0 else np.inf if between > 0 else np.nan
    freedom = (sources - 1, (sources - 1) * (seeds - 1))
    ends = [quotient / stats.f.ppf((1 + side * level) / 2, *freedom) for side in (1, -1)]
    defined = np.ptp(measured, axis=1).all()  # a seed for which all sources are equal has no order
    pairs = [stats.spearmanr(*pair).statistic for pair in combinations(measured, 2)] if defined else [np.nan]
    return Reliability(
        of_mean=-np.inf if quotient == 0 else 1 - 1 / quotient,
        low=-np.inf if quotient == 0 else 1 - 1 / ends[0],
        high=-np.inf if quotient == 0 else 1 - 1 / ends[1],
        of_one_seed=1.0 if quotient == np.inf else (quotient - 1) / (quotient + seeds - 1),
        between_seeds=float(np.mean(pairs)),
        sources=sources,
        seeds=seeds,
    )


def ceiling(measure: Measure, measured: Array, *, seed: int = 0, draws: int = DRAWS) -> float:
    """What a predictor that knows the true transfer would reach on average, under the noise of the measurements.

    True scores are drawn as normal, with the variance between sources that the measurements show beyond their noise,
    and then measured by as many seeds. Without any such variance the predictor has nothing to know, and reaches what
    random order does. The share of noise is estimated without bias, noise / between * (n - 3) / (n - 1) for n sources,
    where one less the reliability is too large on average.

    Args:
        measure: of agreement.
        measured: scores ``[seeds, sources]``, complete.
        seed: of the draws.
        draws: how many.

    Raises:
        UserError: as :func:`reliability`.
    """
    between, noise = _mean_squares(measured)
    seeds, sources = measured.shape
    random = np.random.default_rng(seed)
    share = min(noise / between * (sources - 3) / (sources - 1), 1) if between > 0 else 1.0  # of noise
    true = measured.mean() + np.sqrt(between * (1 - share) / seeds) * random.standard_normal((draws, sources))
    seen = true + np.sqrt(between * share / seeds) * random.standard_normal((draws, sources))
    reached = [_value(measure, one, here) for one, here in zip(true, seen, strict=True)]
    return float(np.mean(reached))


def _mean_squares(measured: Array) -> tuple[float, float]:
    """Of sources, and of what sources and seeds do not explain."""
    seeds, sources = measured.shape
    if seeds < 2 or sources < 3:
        raise UserError(f"{seeds} seeds of {sources} sources show no reliability; two seeds of three sources do")
    of_sources = measured.mean(axis=0)
    residual = measured - of_sources - measured.mean(axis=1, keepdims=True) + measured.mean()
    squares = seeds * of_sources.var(ddof=1), (residual**2).sum() / ((sources - 1) * (seeds - 1))
    rounding = (1e-12 * np.abs(measured).max()) ** 2  # what equal numbers leave
    between, noise = (float(square) if square > rounding else 0.0 for square in squares)
    return between, noise


def _value(measure: Measure, predicted: Array, truth: Array) -> float:
    return float(measure(predicted, truth[None])[0])
