"""Settings compared with a baseline over the same test items: means, differences, intervals and verdicts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from transferlab.statistics.crossed import CrossedMean, crossed_mean
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.scores import Score, linearised
from transferlab.utils.errors import UserError, near

Array = NDArray[np.float64]
Runs = Mapping[Hashable, ItemCounts]  # seed -> what its run scored

FEWEST_SEEDS = 3  # that a verdict needs: with 2 the scatter of seeds has one degree of freedom


class Verdict(StrEnum):
    """What may be said of a setting."""

    BASELINE = "reference"  # what the others are compared with
    BETTER = "better"
    WORSE = "worse"
    NOT_SEEN = "no difference seen"
    SAME = "the same"  # item by item and seed by seed
    FEW_SEEDS = "too few seeds"
    NO_SCATTER = "no scatter"  # all items and seeds differ by the same, so that nothing tells how sure that is
    UNDEFINED = "undefined"  # a run has no such score, as the correlation of a constant has none


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval (or of another level), as fractions; NaN where there is none."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A setting beside the baseline.

    Attributes:
        setting: its name.
        mean: of its score over the seeds.
        difference: to the mean of the baseline; NaN for the baseline itself.
        p: two-sided, that there is no difference; NaN where there is no verdict to give.
        adjusted_p: of Holm, over all settings of the table that have one.
        verdict: better or worse where ``adjusted_p`` is at most 1 - level.
        seeds: of the setting.
        items: that vary, documents where items belong to some.
        minimum_detectable_effect: the true difference that such a comparison finds with the power asked for, alone in
            its table; NaN for the baseline, and where there is no verdict to give.
        over_seeds: whether the intervals speak of new seeds and new items, or with one seed only of new items.
        paired: whether seeds were compared with the same ones of the baseline.
        compared_seeds: those that were, or the fewer of the two sides.
    """

    setting: str
    mean: Interval
    difference: Interval
    p: float
    adjusted_p: float
    verdict: Verdict
    seeds: int
    items: int
    minimum_detectable_effect: float
    over_seeds: bool
    paired: bool
    compared_seeds: int


def compare(
    settings: Mapping[str, Runs],
    baseline: str,
    score: Score,
    *,
    paired: bool | None = None,
    level: float = 0.95,
    power: float = 0.8,
) -> list[Comparison]:
    """Compare every setting with the baseline, over items x seeds as crossed random effects.

    Intervals are of each comparison alone, verdicts are corrected for all of them. Two seeds give an interval and no
    verdict, one seed an interval over items only. Documents are what varies where items belong to some. With ten
    documents the interval of a difference holds; that of a mean is of a skewed score, and covers 88 to 95 %.

    Args:
        settings: {name: {seed: the counts of its run}}, the baseline among them; folds pooled (``items.pool``).
        baseline: the name of what the others are compared with.
        score: see ``scores.py``.
        paired: compare each seed with the same one of the baseline, over the seeds that both have. None does that where
            both have the same seeds, or share as many as a verdict needs, and takes all as independent otherwise.
        level: of the intervals; 1 - level is the error of the verdicts.
        power: of the minimum detectable effect.

    Returns:
        one per setting, in order; fractions (or the unit of the score).

    Raises:
        UserError: no such baseline, a setting without runs, runs on other items, a missing column, fewer than two
            items, or seeds that cannot be paired; names the setting and the seed.
    """
    _require(baseline, settings)
    values = {name: _values(name, runs, settings[baseline], score) for name, runs in settings.items()}
    return compare_values(
        values, baseline, higher_is_better=score.higher_is_better, paired=paired, level=level, power=power
    )


def compare_values(
    values: Mapping[str, Mapping[Hashable, Array]],
    baseline: str,
    *,
    higher_is_better: bool = True,
    paired: bool | None = None,
    fewest: int = FEWEST_SEEDS,
    level: float = 0.95,
    power: float = 0.8,
) -> list[Comparison]:
    """The same for values that are linearised already.

    Args:
        values: {name: {seed: values ``[units]``, whose mean is the score}}, the units of all in one order.
        baseline, paired, level, power: see :func:`compare`.
        higher_is_better: of the score.
        fewest: seeds that a verdict needs.

    Raises:
        UserError: no such baseline, or seeds that cannot be paired.
    """
    _require(baseline, values)
    compared = [
        _compared(name, values[name], values[baseline], name == baseline, paired, fewest, level, power)
        for name in values
    ]
    adjusted = holm([comparison.p for comparison in compared])
    return [
        replace(comparison, adjusted_p=p, verdict=_verdict(comparison, p, higher_is_better, 1 - level))
        for comparison, p in zip(compared, adjusted.tolist(), strict=True)
    ]


def holm(p_values: Sequence[float]) -> Array:
    """Adjust p values for their number (Holm 1979); NaN is none, and stays."""
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)), 1)
    return adjusted


def _require(baseline: str, settings: Iterable[str]) -> None:
    names = list(settings)
    if baseline not in names:
        hint = near(baseline, names)
        raise UserError(
            f"there is no setting {baseline!r} to compare with; there are {', '.join(names)} {hint}".rstrip()
        )


def _values(name: str, runs: Runs, of_baseline: Runs, score: Score) -> dict[Hashable, Array]:
    """For each seed the linearised values [units]; their mean is its score."""
    if not runs or not of_baseline:
        raise UserError(f"the setting {name!r} or the baseline has no run; leave it out, or train it")
    reference = next(iter(of_baseline.values()))
    found: dict[Hashable, Array] = {}
    for seed, items in runs.items():
        try:
            found[seed] = linearised(items.in_order_of(reference), score)[1]
        except UserError as error:
            raise UserError(f"{name}, seed {seed}: {error}") from error
    return found


def _compared(
    name: str,
    mine: Mapping[Hashable, Array],
    other: Mapping[Hashable, Array],
    is_baseline: bool,
    paired: bool | None,
    fewest: int,
    level: float,
    power: float,
) -> Comparison:
    """Everything but what the other settings decide."""
    common = [seed for seed in mine if seed in other]
    if paired is None:
        paired = len(common) == len(mine) == len(other) or len(common) >= fewest
    if paired and not common:
        raise UserError(
            f"{name} has no seed that the baseline has: train both with the same seeds, or leave out paired"
        )
    own = _stacked(mine.values())
    sides = [_stacked(mine[seed] - other[seed] for seed in common)] if paired else [own, _stacked(other.values())]
    mean, difference = crossed_mean(own), crossed_mean(*sides)
    seeds = min(side.shape[1] for side in sides)
    comparison = Comparison(
        setting=name,
        mean=_interval(mean, level),
        difference=Interval(np.nan, np.nan, np.nan),
        p=np.nan,
        adjusted_p=np.nan,
        verdict=Verdict.BASELINE,
        seeds=own.shape[1],
        items=own.shape[0],
        minimum_detectable_effect=np.nan,
        over_seeds=seeds > 1,
        paired=paired,
        compared_seeds=seeds,
    )
    if is_baseline:
        return comparison
    few = seeds < fewest
    same = paired and not any(side.any() for side in sides)
    p = np.nan if few or same else float(difference.p_value())
    return replace(
        comparison,
        difference=_interval(difference, level),
        p=p,
        verdict=Verdict.SAME if same else Verdict.FEW_SEEDS if few else Verdict.NOT_SEEN,
        minimum_detectable_effect=np.nan if np.isnan(p) else float(difference.detectable(level, power)),
    )


def _verdict(comparison: Comparison, p: float, higher_is_better: bool, alpha: float) -> Verdict:
    if comparison.verdict in (Verdict.BASELINE, Verdict.SAME):
        return comparison.verdict
    if np.isnan(comparison.difference.value):
        return Verdict.UNDEFINED
    if comparison.verdict is Verdict.FEW_SEEDS:
        return comparison.verdict
    if np.isnan(p):
        return Verdict.NO_SCATTER
    if p > alpha:
        return Verdict.NOT_SEEN
    return Verdict.BETTER if (comparison.difference.value > 0) == higher_is_better else Verdict.WORSE


def _stacked(values: Iterable[Array]) -> Array:
    """``[units, seeds]``."""
    return np.stack(list(values), axis=1)


def _interval(mean: CrossedMean, level: float) -> Interval:
    """None around a value that nothing varies of: how sure it is cannot be told."""
    low, high = mean.interval(level) if mean.standard_error > 0 else (np.nan, np.nan)
    return Interval(float(mean.value), float(low), float(high))
