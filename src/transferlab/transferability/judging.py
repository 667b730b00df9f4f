"""How well predictions of transfer agree with the transfer that was measured, with intervals.

An interval is over sources and targets, with transfer measured by as many seeds: what is claimed of a method is claimed
of other sources and targets. ``transferlab.statistics.rankings`` says which intervals hold, and why those of
bootstrapping the seeds do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from transferlab.statistics.crossed import crossed_mean
from transferlab.statistics.rankings import Measure, agreement_values, spearman_interval
from transferlab.transferability.agreement import best_rank, ndcg, regret, spearman
from transferlab.transferability.candidates import Candidates, candidates_of

Array = np.ndarray[Any, np.dtype[np.float64]]


def _ndcg(predicted: Array, truth: Array) -> Array:
    return ndcg(predicted, np.maximum(truth, 0.0))


def _ndcg_exp(predicted: Array, truth: Array) -> Array:
    return ndcg(predicted, 2 ** np.maximum(truth, 0.0) - 1)


MEASURES: dict[str, Measure] = {
    "best_rank": best_rank,
    "ndcg": _ndcg,
    "ndcg_exp": _ndcg_exp,
    "regret_1": partial(regret, k=1),
    "regret_3": partial(regret, k=3),
    "spearman": spearman,
}
# targets that an interval needs: what hangs on single sources varies more than few targets show
FEWEST_TARGETS = {"best_rank": 5, "ndcg": 3, "ndcg_exp": 3, "regret_1": 5, "regret_3": 5, "spearman": 3}
# sources that it needs: with fewer, verdicts are wrong more often than they say (benchmarks/ranking_baselines.py)
FEWEST_SOURCES = 5
MEAN = "mean over targets"


def judge(
    scores: pd.DataFrame,
    measured: pd.DataFrame,
    *,
    sizes: Mapping[str, int] | None = None,
    baseline: str | None = None,
) -> pd.DataFrame:
    """Compare what methods predict for the sources of one target with what was measured.

    Args:
        scores: sources x methods, larger is better. NaN is ranked last, which a warning says.
        measured: sources x seeds, the score of the target as a fraction. The truth is the mean over the seeds that
            all sources have; a warning names the others.
        sizes: examples of each source, for the baseline that prefers large ones; without it where one is missing.
        baseline: the row of the encoder that saw no source, which is none; left out of both tables.

    Returns:
        a row per method, one for their fusion and one per baseline (``data size``, ``random``), with the columns

        * ``best_rank``: predicted rank of the truly best source, 1 is right. Of several that are best the first counts.
        * ``ndcg``, ``ndcg_exp``: normalised discounted cumulative gain with gain = relevance, and = 2^relevance - 1;
          relevance is the measured score, 0 where that is negative.
        * ``regret_1``, ``regret_3``: 100 (best - best of the first k) / best, in percent, 0 is right.
        * ``spearman``: rank correlation; 0 for constant predictions, NaN for constant measurements.
        * each with ``_low`` and ``_high``, the 95 % interval. Of one target it is that of Spearman, over sources (from
          four on; none where all predictions are equal), and NaN for the others: no interval from one target holds.
        * ``_seed_std``, the standard deviation over the seeds taken alone, NaN for one. A method without any score has
          NaN everywhere.
        * ``unscored``: sources without a score. ``sources`` and ``seeds``: how many were compared.

        Sources of equal score are in no order; a value is the expectation over all orders of them, exactly.

    Raises:
        UserError: sources missing in one of the tables, fewer than two of them, scores above 1 (percent?), or no seed
            that all sources have.
    """
    candidates = candidates_of({"the target": (scores, measured)}, sizes=sizes, baseline=baseline)
    return _judged(candidates, "the target")


def judge_targets(
    targets: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    *,
    sizes: Mapping[str, int] | None = None,
    baseline: str | None = None,
) -> pd.DataFrame:
    """The same for several targets, and the means over them.

    Args:
        targets: target -> (scores, measured), as :func:`judge` takes them.
        sizes: examples of each source.
        baseline: as in :func:`judge`. Where all targets have its row there is also the baseline ``mean gain over other
            targets``.

    Returns:
        see :func:`judge_candidates`.

    Raises:
        UserError: as :func:`judge`, naming the target; or no target.
    """
    return judge_candidates(candidates_of(targets, sizes=sizes, baseline=baseline))


def judge_candidates(candidates: Candidates) -> pd.DataFrame:
    """Judge every candidate for every target, and on average.

    Returns:
        rows (target, method) as of :func:`judge`, and rows (``MEAN``, method). A method's mean is over the targets for
        which it has scores, ``targets`` of them. Its interval is over sources and targets; there is none with fewer
        targets than ``FEWEST_TARGETS``, or where a target has fewer sources than ``FEWEST_SOURCES``.
    """
    together = pd.concat(
        {target: _judged(candidates, target) for target in candidates.predicted}, names=["target", "method"]
    )
    means: dict[str, dict[str, float]] = {}
    for method in candidates.names:
        if not (targets := candidates.scored(method)):
            continue
        own = together.xs(method, level="method").loc[targets]
        row = {"targets": float(len(targets)), "unscored": float(own["unscored"].sum())}
        for measure in MEASURES:
            row[measure] = float(own[measure].mean())
            defined = list(own.index[own[measure].notna()])
            row[f"{measure}_low"], row[f"{measure}_high"] = _interval(measure, candidates, method, defined)
        means[method] = row
    of_means = pd.DataFrame.from_dict(means, orient="index").rename_axis("method")
    return pd.concat([together, pd.concat({MEAN: of_means}, names=["target", "method"])])


def _judged(candidates: Candidates, target: str) -> pd.DataFrame:
    """A row for each candidate of one target."""
    truth = candidates.measured[target].to_numpy().T  # [seeds, sources]
    table = candidates.predicted[target]
    judged = {}
    for method in [name for name in candidates.names if name in table]:
        predicted = table[method].to_numpy()
        value, of_seeds = _measures(predicted, truth.mean(axis=0, keepdims=True)), _measures(predicted, truth)
        row: dict[str, float] = {}
        for measure in MEASURES:
            row[measure] = float(value[measure][0])
            row[f"{measure}_low"] = row[f"{measure}_high"] = np.nan
            row[f"{measure}_seed_std"] = float(of_seeds[measure].std(ddof=1)) if len(truth) > 1 else np.nan
        if len(np.unique(predicted)) > 1:
            row["spearman_low"], row["spearman_high"] = spearman_interval(row["spearman"], truth.shape[1])
        row |= {"unscored": int(np.isnan(predicted).sum()), "sources": truth.shape[1], "seeds": len(truth)}
        judged[method] = row
    return pd.DataFrame.from_dict(judged, orient="index").rename_axis("method")


def _measures(predicted: Array, truth: Array) -> dict[str, Array]:
    """Every measure for every row of ``truth`` [r, sources]; NaN for a method without any score."""
    if np.isnan(predicted).all():
        return {name: np.full(len(truth), np.nan) for name in MEASURES}
    return {name: measure(predicted, truth) for name, measure in MEASURES.items()}


def _interval(measure: str, candidates: Candidates, method: str, targets: Sequence[str]) -> tuple[float, float]:
    """That of a mean over targets; NaN where there are too few of them, or of their sources."""
    sources = [len(candidates.measured[target]) for target in targets]
    if len(targets) < FEWEST_TARGETS[measure] or min(sources) < FEWEST_SOURCES:
        return np.nan, np.nan
    values = agreement_values(MEASURES[measure], candidates.aligned(method, targets), candidates.truth(targets))
    mean = crossed_mean(np.stack(list(values.values()), axis=1))
    if not mean.standard_error > 0:
        return np.nan, np.nan  # nothing varies, and nothing says how much it would elsewhere
    low, high = mean.interval()
    return float(low), float(high)
