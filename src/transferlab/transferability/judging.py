"""How well predictions of transfer agree with the transfer that was measured, with intervals.

An interval is over sources and targets, with transfer measured by as many seeds: what is claimed of a method is claimed
of other sources and targets. ``transferlab.statistics.rankings`` says which intervals hold, and why those of
bootstrapping the seeds do not.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from transferlab.statistics.crossed import crossed_mean
from transferlab.statistics.rankings import Measure, agreement_values, spearman_interval
from transferlab.transferability.agreement import best_rank, ndcg, regret, spearman
from transferlab.transferability.ranking import FUSION, fused
from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

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
FEWEST_SOURCES = 3
RANDOM = "random"
DATA_SIZE = "data size"
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
        sizes: examples of each source, for the baseline that prefers large ones.
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
    predictions, truth = _prepared(scores, measured, sizes, baseline)
    return _judged(predictions, truth)


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
        baseline: as in :func:`judge`.

    Returns:
        rows (target, method) as of :func:`judge`, and rows (``MEAN``, method). A method's mean is over the targets for
        which it has scores, ``targets`` of them. Its interval is over sources and targets; there is none with fewer
        targets than ``FEWEST_TARGETS``, or where a target has fewer than three sources.

    Raises:
        UserError: as :func:`judge`, naming the target; or no target.
    """
    if not targets:
        raise UserError("there is no target to judge; give the measured transfer of one or more")
    judged: dict[str, pd.DataFrame] = {}
    predicted: dict[str, dict[str, pd.Series]] = {}  # of each method and target
    measured_means: dict[str, pd.Series] = {}
    for target, (scores, measured) in targets.items():
        try:
            predictions, truth = _prepared(scores, measured, sizes, baseline)
        except UserError as error:
            raise UserError(f"{target}: {error}") from error
        judged[target] = _judged(predictions, truth)
        sources = scores.index.drop(baseline, errors="ignore") if baseline else scores.index
        measured_means[target] = pd.Series(truth.mean(axis=0), index=sources)
        for method, values in predictions.items():
            if not np.isnan(values).all():
                predicted.setdefault(method, {})[target] = pd.Series(values, index=sources)
    together = pd.concat(judged, names=["target", "method"])
    means: dict[str, dict[str, float]] = {}
    for method, of_targets in predicted.items():
        own = together.xs(method, level="method")
        row = {"targets": float(len(of_targets)), "unscored": float(own["unscored"].sum())}
        for measure in MEASURES:
            row[measure] = float(own[measure].mean())
            row[f"{measure}_low"], row[f"{measure}_high"] = _interval(measure, of_targets, measured_means)
        means[method] = row
    of_means = pd.DataFrame.from_dict(means, orient="index").rename_axis("method")
    return pd.concat([together, pd.concat({MEAN: of_means}, names=["target", "method"])])


def _prepared(
    scores: pd.DataFrame, measured: pd.DataFrame, sizes: Mapping[str, int] | None, baseline: str | None
) -> tuple[dict[str, Array], Array]:
    """Predictions [sources] of every method, baselines included, and the measured scores [seeds, sources]."""
    scores = scores.drop(index=[baseline], errors="ignore")
    measured = measured.drop(index=[baseline], errors="ignore")
    sources = list(scores.index)
    for there, here, what in (
        (sources, set(measured.index), "no measured transfer"),
        (list(measured.index), set(sources), "no predicted score"),
        (sources, set(sources if sizes is None else sizes), "no number of examples"),
    ):
        if missing := [str(source) for source in there if source not in here]:
            raise UserError(f"there is {what} for {', '.join(missing)}; add it or leave the source out everywhere")
    if len(sources) < 2 or not (scores.index.is_unique and measured.index.is_unique):
        raise UserError(f"judging needs two different sources or more, each once; there are {sources}")
    measured = measured.loc[sources]
    complete = measured.columns[measured.notna().all()]
    if complete.empty:
        raise UserError(f"there is no seed with a score for every source; the seeds are {list(measured.columns)}")
    if len(complete) < measured.shape[1]:
        left_out = [str(column) for column in measured.columns if column not in complete]
        log.warning("seeds that not all sources have are left out: %s", ", ".join(left_out))
    truth = measured[complete].to_numpy(dtype=np.float64).T
    if (truth > 1).any():
        raise UserError(f"a measured score of {truth.max():g} is no fraction; divide percentages by 100")
    scores = scores.astype(np.float64)
    predicted = {str(method): scores[method] for method in scores}
    for method, column in predicted.items():
        if unscored := [str(source) for source in column.index[column.isna()]]:
            log.warning("%s has no score for %s: ranked last", method, ", ".join(unscored))
    if FUSION not in predicted and not scores.empty:
        predicted[FUSION] = fused(scores)
    if sizes is not None:
        predicted.setdefault(DATA_SIZE, pd.Series({source: float(sizes[source]) for source in sources}))
    predicted.setdefault(RANDOM, pd.Series(0.0, index=sources))
    return {method: column.to_numpy(dtype=np.float64) for method, column in predicted.items()}, truth


def _judged(predictions: Mapping[str, Array], truth: Array) -> pd.DataFrame:
    judged = {}
    for method, predicted in predictions.items():
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


def _interval(
    measure: str, predicted: Mapping[str, pd.Series], measured: Mapping[str, pd.Series]
) -> tuple[float, float]:
    """That of a mean over targets; NaN where there are too few of them, or of their sources."""
    if len(predicted) < FEWEST_TARGETS[measure] or min(map(len, predicted.values())) < FEWEST_SOURCES:
        return np.nan, np.nan
    sources = list(dict.fromkeys(source for scores in predicted.values() for source in scores.index))

    def aligned(one: Mapping[str, pd.Series]) -> dict[Hashable, Array]:
        return {target: one[target].reindex(sources).to_numpy(dtype=np.float64) for target in predicted}

    values = agreement_values(MEASURES[measure], aligned(predicted), aligned(measured))
    mean = crossed_mean(np.stack(list(values.values()), axis=1))
    if not mean.standard_error > 0:
        return np.nan, np.nan  # nothing varies, and nothing says how much it would elsewhere
    low, high = mean.interval()
    return float(low), float(high)
