"""How well predicted orders of sources agree with measured transfer: all variants of a method stand in a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import permutation_test, rankdata

from results_tables.records import NONE, interval, number, p_value, rank
from results_tables.transfer import AGAIN, BASELINE, FIRST, LITBANK, OWN_CORPUS, SEMEVAL, WNUT17, measured, predicted
from transferlab.reporting.judgement_tables import comparison_table
from transferlab.reporting.text_table import TextTable
from transferlab.statistics.verdicts import holm
from transferlab.transferability.candidates import MEAN_GAIN, RANDOM, STATIC, Candidates, candidates_of
from transferlab.transferability.comparing import compare_candidates, measured_reliability
from transferlab.transferability.judging import MEAN, judge_candidates
from transferlab.transferability.ranking import FUSION

Array = NDArray[np.float64]

OTHERS = (WNUT17, SEMEVAL)
ONLY_FIRST = ["TextEmb", "TaskEmb"]  # embeddings of the sources that were trained again were not made
SIZES = {  # training examples of each source
    "ner": 3394, "re": 7200, "squad": 4719, "paws": 8000, "pos": 4274, "complex": 7662, "poem_sentiment": 892,
    "litbank_ner": 6755,
}  # fmt: skip
MEASURES = ["best_rank", "regret_1", "regret_3", "spearman"]
HEADINGS = ["regret@1 %", "regret@3 %", "Spearman"]
WITHOUT = f"without {OWN_CORPUS} †"


def litbank_methods(place: Path) -> TextTable:
    """Agreement with the transfer to LitBank coreference, of one target over its sources."""
    ranked, transfer = predicted(place, FIRST, LITBANK), measured(place)[LITBANK]
    whole = _judged({LITBANK: (ranked, transfer)}).loc[LITBANK]
    of_seeds = [_judged({LITBANK: (ranked, transfer[[seed]])}).loc[LITBANK, "spearman"] for seed in transfer]
    independent = _judged({LITBANK: _without_own_corpus(ranked, transfer)}).loc[LITBANK, "spearman"]
    p_values = _by_chance(ranked, transfer.mean(axis=1))
    rows = []
    for method in order(whole):
        over_sources = interval(*whole.loc[method, ["spearman_low", "spearman_high"]])
        beside = [*(seed[method] for seed in of_seeds), independent[method]]
        cells = [over_sources, p_value(p_values.get(method, np.nan)), *map(number, beside)]
        rows.append([method, *agreement(whole.loc[method]), *cells])
    columns = ["method", f"rank of the best of {len(ranked)}", *HEADINGS, "95 % over sources", "p (Holm)"]
    return TextTable([*columns, *(f"seed {seed}" for seed in transfer), WITHOUT], rows)


def litbank_reliability(place: Path) -> TextTable:
    """How much the measured transfer to LitBank tells of the sources, beyond the noise of the seeds."""
    ranked, transfer = predicted(place, FIRST, LITBANK), measured(place)[LITBANK]
    rows = []
    for name, target in (("all", (ranked, transfer)), (WITHOUT, _without_own_corpus(ranked, transfer))):
        found = measured_reliability(_candidates({LITBANK: target})).loc[LITBANK]
        cells = [f"{found['sources']:.0f}", f"{found['seeds']:.0f}"]
        cells += map(number, found[["between_seeds", "of_one_seed", "of_mean"]])
        rows.append([name, *cells, interval(found["low"], found["high"]), number(found["spearman_ceiling"])])
    columns = ["sources", "number", "seeds", "Spearman of two seeds", "reliability of one seed", "of the mean"]
    return TextTable([*columns, "95 %", "Spearman of perfect predictions"], rows)


def other_targets_methods(place: Path) -> TextTable:
    """Agreement on both other targets: the mean, and the correlation of each."""
    transfer = measured(place)
    rows, static = [], []
    for name, record in (("again", AGAIN), ("first", FIRST)):
        judged = _judged({target: (predicted(place, record, target), transfer[target]) for target in OTHERS})
        mean = judged.loc[MEAN].query("targets == 2")
        made = {}
        for method in order(mean):
            cells = [number(judged.loc[(target, method), "spearman"]) for target in OTHERS]
            made[method] = [*agreement(mean.loc[method]), *cells]
        if FUSION not in predicted(place, record, WNUT17):  # of the methods that were recorded alone it is another one
            del made[FUSION]
        rows += [[method, name, *cells] for method, cells in made.items() if method not in STATIC]
        static = [[method, NONE, *cells] for method, cells in made.items() if method in STATIC]  # the same for both
    columns = ["method", "sources", "rank of the best of 7", *HEADINGS]
    return TextTable([*columns, "WNUT-17", "SemEval-2010"], [*rows, *static])


def three_targets(place: Path) -> TextTable:
    """Verdicts on the variants that ranked the sources of all three targets, against random order."""
    return _verdicts(_three_targets(place), RANDOM)


def three_targets_independent(place: Path) -> TextTable:
    """The same without LitBank's own entities as a source of LitBank."""
    targets = _three_targets(place)
    return _verdicts(targets | {LITBANK: _without_own_corpus(*targets[LITBANK])}, RANDOM)


def three_targets_static(place: Path) -> TextTable:
    """Verdicts against what the sources gained elsewhere."""
    return _verdicts(_three_targets(place), MEAN_GAIN)


def order(judged: pd.DataFrame) -> list[str]:
    """The best correlation first, static baselines last."""
    methods = judged.sort_values("spearman", ascending=False, kind="stable").index
    return [*(method for method in methods if method not in STATIC), *(one for one in STATIC if one in methods)]


def agreement(judged: pd.Series) -> list[str]:
    """The cells of ``MEASURES``."""
    best, *regrets, correlation = judged[MEASURES]
    return [rank(round(best, 1)), *(number(regret, 1) for regret in regrets), number(correlation)]


Targets = dict[str, tuple[pd.DataFrame, pd.DataFrame]]  # (predictions, measured transfer) of each


def _candidates(targets: Targets) -> Candidates:
    """All methods of the records, and the static baselines."""
    return candidates_of(targets, sizes=SIZES, baseline=BASELINE)


def _judged(targets: Targets) -> pd.DataFrame:
    """Measures [(target or MEAN, method)]."""
    return judge_candidates(_candidates(targets))


def _three_targets(place: Path) -> Targets:
    """Of LitBank the first sources; of the others the sources trained again, as far as they were ranked."""
    transfer = measured(place)
    targets = {LITBANK: (predicted(place, FIRST, LITBANK), transfer[LITBANK])}
    for target in OTHERS:
        embeddings = predicted(place, FIRST, target)[ONLY_FIRST]
        targets[target] = (embeddings.join(predicted(place, AGAIN, target)), transfer[target])
    return targets


def _without_own_corpus(ranked: pd.DataFrame, transfer: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return ranked.drop(index=OWN_CORPUS), transfer.drop(index=OWN_CORPUS)


def _verdicts(targets: Targets, reference: str) -> TextTable:
    """Every method against one of them over sources and targets, the best first."""
    compared = compare_candidates(_candidates(targets), reference)
    best_first = compared.loc[order(compared.rename(columns={"mean": "spearman"}))]
    return replace(comparison_table(best_first), title=None)


def _by_chance(ranked: pd.DataFrame, truth: pd.Series) -> pd.Series:
    """How often random order agrees as much, either way: over all orders, then corrected for the number of methods."""
    places = _centred_ranks(truth.loc[ranked.index].to_numpy())

    def agreement_of(orders: Array, axis: int) -> Array:
        return (orders * places).sum(axis=axis)

    found = [
        permutation_test(
            (_centred_ranks(ranked[method].to_numpy()),),
            agreement_of,
            permutation_type="pairings",
            n_resamples=np.inf,
            vectorized=True,
        ).pvalue
        for method in ranked
    ]
    return pd.Series(holm(found), index=ranked.columns)


def _centred_ranks(values: Array) -> Array:
    ranks = rankdata(values)
    return ranks - ranks.mean()
