"""How well predictions of transfer agree with the transfer that was measured, with intervals over seeds."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from itertools import combinations_with_replacement
from math import factorial, prod
from typing import Any

import numpy as np
import pandas as pd

from transferlab.transferability.agreement import best_rank, ndcg, regret, spearman
from transferlab.transferability.ranking import FUSION, fused
from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

Array = np.ndarray[Any, np.dtype[np.float64]]

MEASURES = ("best_rank", "ndcg", "ndcg_exp", "regret_1", "regret_3", "spearman")
RANDOM = "random"
DATA_SIZE = "data size"
MEAN = "mean over targets"
MOST_ENUMERATED = 6  # seeds: 462 different resamples
RESAMPLES = 2000


def judge(
    scores: pd.DataFrame,
    measured: pd.DataFrame,
    *,
    sizes: Mapping[str, int] | None = None,
    baseline: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare what methods predict for the sources of one target with what was measured.

    Args:
        scores: sources x methods, larger is better. NaN is ranked last, which a warning says.
        measured: sources x seeds, the score of the target as a fraction. The truth is the mean over the seeds that
            all sources have; a warning names the others.
        sizes: examples of each source, for the baseline that prefers large ones.
        baseline: the row of the encoder that saw no source, which is none; left out of both tables.
        seed: of the resamples.

    Returns:
        a row per method, one for their fusion and one per baseline (``data size``, ``random``), with the columns

        * ``best_rank``: predicted rank of the truly best source, 1 is right. Of several that are best the first counts.
        * ``ndcg``, ``ndcg_exp``: normalised discounted cumulative gain with gain = relevance, and = 2^relevance - 1;
          relevance is the measured score, 0 where that is negative.
        * ``regret_1``, ``regret_3``: 100 (best - best of the first k) / best, in percent, 0 is right.
        * ``spearman``: rank correlation; 0 for constant predictions, NaN for constant measurements.
        * each with ``_low`` and ``_high``, the 95 % percentile interval of bootstrapping the seeds (exact up to six),
          and ``_seed_std``, the standard deviation over the seeds taken alone. With one seed these are NaN. They speak
          about seeds only: other sources would be another matter. Noise raises the best of several means, so that an
          interval of ``regret`` or ``best_rank`` may begin or end at the value itself. A method without any score has
          NaN everywhere.
        * ``unscored``: sources without a score. ``sources`` and ``seeds``: how many were compared.

        Sources of equal score are in no order; a value is the expectation over all orders of them, exactly.

    Raises:
        UserError: sources missing in one of the tables, fewer than two of them, scores above 1 (percent?), or no seed
            that all sources have.
    """
    predictions, truth = _prepared(scores, measured, sizes, baseline)
    return _judged(predictions, truth, *_resamples(truth, np.random.default_rng(seed)))


def judge_targets(
    targets: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    *,
    sizes: Mapping[str, int] | None = None,
    baseline: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """The same for several targets, and the means over them.

    Args:
        targets: target -> (scores, measured), as :func:`judge` takes them.
        sizes: examples of each source.
        baseline: as in :func:`judge`.
        seed: of the resamples.

    Returns:
        rows (target, method) as of :func:`judge`, and rows (``MEAN``, method). A method's mean is over the targets for
        which it has scores, ``targets`` of them. The seeds of each target are resampled on their own; a target with
        one seed leaves the means without interval.

    Raises:
        UserError: as :func:`judge`, naming the target; or no target.
    """
    if not targets:
        raise UserError("there is no target to judge; give the measured transfer of one or more")
    random = np.random.default_rng(seed)
    judged: dict[str, pd.DataFrame] = {}
    draws: dict[str, list[dict[str, Array]]] = {}  # of each method and target
    for target, (scores, measured) in targets.items():
        try:
            predictions, truth = _prepared(scores, measured, sizes, baseline)
        except UserError as error:
            raise UserError(f"{target}: {error}") from error
        resamples, weights = _resamples(truth, random)
        judged[target] = _judged(predictions, truth, resamples, weights)
        if len(resamples):
            resamples = resamples[random.choice(len(resamples), size=RESAMPLES, p=weights)]
        for method, predicted in predictions.items():
            if not np.isnan(predicted).all():
                draws.setdefault(method, []).append(_measures(predicted, resamples))
    together = pd.concat(judged, names=["target", "method"])
    means: dict[str, dict[str, float]] = {}
    for method, of_targets in draws.items():
        own = together.xs(method, level="method")
        row = {"targets": float(len(of_targets)), "unscored": float(own["unscored"].sum())}
        for measure in MEASURES:
            row[measure] = float(own[measure].mean())
            values = [draw[measure] for draw in of_targets]
            mean = np.mean(values, axis=0) if all(map(len, values)) else np.empty(0)
            row[f"{measure}_low"], row[f"{measure}_high"] = _interval(mean, None)
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


def _judged(predictions: Mapping[str, Array], truth: Array, resamples: Array, weights: Array) -> pd.DataFrame:
    judged = {}
    for method, predicted in predictions.items():
        value = _measures(predicted, truth.mean(axis=0, keepdims=True))
        of_seeds, draws = _measures(predicted, truth), _measures(predicted, resamples)
        row: dict[str, float] = {}
        for measure in MEASURES:
            row[measure] = float(value[measure][0])
            row[f"{measure}_low"], row[f"{measure}_high"] = _interval(draws[measure], weights)
            row[f"{measure}_seed_std"] = float(of_seeds[measure].std(ddof=1)) if len(truth) > 1 else np.nan
        row |= {"unscored": int(np.isnan(predicted).sum()), "sources": truth.shape[1], "seeds": len(truth)}
        judged[method] = row
    return pd.DataFrame.from_dict(judged, orient="index").rename_axis("method")


def _measures(predicted: Array, truth: Array) -> dict[str, Array]:
    """Every measure for every row of ``truth`` [r, sources]; NaN for a method without any score."""
    if np.isnan(predicted).all():
        return {measure: np.full(len(truth), np.nan) for measure in MEASURES}
    relevance = np.maximum(truth, 0.0)
    return {
        "best_rank": best_rank(predicted, truth),
        "ndcg": ndcg(predicted, relevance),
        "ndcg_exp": ndcg(predicted, 2**relevance - 1),
        "regret_1": regret(predicted, truth, 1),
        "regret_3": regret(predicted, truth, 3),
        "spearman": spearman(predicted, truth),
    }


def _resamples(truth: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Means over as many seeds, drawn with replacement, [r, sources], and their probabilities; r = 0 for one seed."""
    seeds = len(truth)
    if seeds == 1:
        return truth[:0], np.empty(0)
    if seeds > MOST_ENUMERATED:
        drawn = random.integers(seeds, size=(RESAMPLES, seeds))
        return truth[drawn].mean(axis=1), np.full(RESAMPLES, 1 / RESAMPLES)
    every = list(combinations_with_replacement(range(seeds), seeds))
    orders = [factorial(seeds) / prod(map(factorial, Counter(drawn).values())) for drawn in every]
    return truth[np.array(every)].mean(axis=1), np.array(orders) / seeds**seeds


def _interval(values: Array, weights: Array | None) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of what is defined; NaN where nothing is."""
    defined = ~np.isnan(values)
    if not defined.any():
        return np.nan, np.nan
    kept = None if weights is None else weights[defined]
    low, high = np.quantile(values[defined], [0.025, 0.975], weights=kept, method="inverted_cdf")
    return float(low), float(high)
