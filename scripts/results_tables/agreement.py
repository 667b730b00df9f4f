"""How well predicted orders of sources agree with measured transfer: all variants of a method stand in a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import permutation_test, rankdata

from results_tables.records import NONE, interval, number, p_value, rank
from results_tables.transfer import AGAIN, BASELINE, FIRST, LITBANK, OWN_CORPUS, SEMEVAL, WNUT17, measured, predicted
from transferlab.reporting.text_table import TextTable
from transferlab.statistics.rankings import ceiling, compare_methods, reliability
from transferlab.statistics.verdicts import Comparison, holm
from transferlab.transferability.agreement import spearman
from transferlab.transferability.candidates import DATA_SIZE, RANDOM
from transferlab.transferability.judging import judge
from transferlab.transferability.ranking import FUSION

Array = NDArray[np.float64]

OTHERS = (WNUT17, SEMEVAL)
ONLY_FIRST = ("TextEmb", "TaskEmb")  # embeddings of the sources that were trained again were not made
STATIC = (DATA_SIZE, RANDOM)
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
    whole = _judged(ranked, transfer)
    of_seeds = [_judged(ranked, transfer[[seed]])["spearman"] for seed in transfer]
    independent = _judged(ranked.drop(index=OWN_CORPUS), transfer)["spearman"]
    p_values = _by_chance(ranked, transfer.mean(axis=1))
    rows = []
    for method in order(whole):
        over_sources = interval(*whole.loc[method, ["spearman_low", "spearman_high"]])
        beside = [*(seed[method] for seed in of_seeds), independent[method]]
        cells = [over_sources, p_value(p_values.get(method, np.nan)), *map(number, beside)]
        rows.append([method, *agreement(whole.loc[method]), *cells])
    columns = ["method", f"rank of the best of {len(ranked)}", *HEADINGS, "95 % over sources", "p, Holm"]
    return TextTable([*columns, *(f"seed {seed}" for seed in transfer), WITHOUT], rows)


def litbank_reliability(place: Path) -> TextTable:
    """How much the measured transfer to LitBank tells of the sources, beyond the noise of the seeds."""
    transfer = measured(place)[LITBANK].drop(index=BASELINE)
    rows = []
    for name, table in (("all", transfer), (WITHOUT, transfer.drop(index=OWN_CORPUS))):
        scores = table.to_numpy().T  # [seeds, sources]
        found, reached = reliability(scores), ceiling(spearman, scores)
        values = [found.between_seeds, found.of_one_seed, found.of_mean]
        cells = [str(found.sources), str(found.seeds), *map(number, values), interval(found.low, found.high)]
        rows.append([name, *cells, number(reached)])
    columns = ["sources", "number", "seeds", "Spearman of two seeds", "reliability of one seed", "of the mean"]
    return TextTable([*columns, "95 %", "Spearman of perfect predictions"], rows)


def other_targets_methods(place: Path) -> TextTable:
    """Agreement on both other targets: the mean, and the correlation of each."""
    transfer = measured(place)
    rows, static = [], []
    for name, record in (("again", AGAIN), ("first", FIRST)):
        of_targets = [_judged(predicted(place, record, target), transfer[target]) for target in OTHERS]
        common = of_targets[0].index.intersection(of_targets[1].index)
        mean = pd.concat([judged.loc[common, MEASURES] for judged in of_targets]).groupby(level=0).mean()
        made = {}
        for method in order(mean):
            cells = [number(judged.loc[method, "spearman"]) for judged in of_targets]
            made[method] = [*agreement(mean.loc[method]), *cells]
        rows += [[method, name, *cells] for method, cells in made.items() if method not in STATIC]
        static = [[method, NONE, *made[method]] for method in STATIC]  # they see no model: the same for both
    columns = ["method", "sources", "rank of the best of 7", *HEADINGS]
    return TextTable([*columns, "WNUT-17", "SemEval-2010"], [*rows, *static])


def three_targets(place: Path) -> TextTable:
    """Verdicts on the variants that ranked the sources of all three targets, against random order."""
    everything, independent = _against_random(place), _against_random(place, without=OWN_CORPUS)
    rows = []
    for found in sorted(everything, key=lambda one: (one.setting in STATIC, -one.mean.value)):
        if found.setting == RANDOM:
            continue
        other = next(one for one in independent if one.setting == found.setting)
        cells = [cell for one in (found, other) for cell in _verdict(one)]
        rows.append([found.setting, *cells, number(found.minimum_detectable_effect)])
    columns = ["Spearman (95 %)", "p, Holm", "verdict"]
    beside = [f"{WITHOUT}: {columns[0]}", *columns[1:]]
    return TextTable(["method", *columns, *beside, "minimum detectable effect"], rows)


def order(judged: pd.DataFrame) -> list[str]:
    """The best correlation first, static baselines last."""
    methods = judged.sort_values("spearman", ascending=False, kind="stable").index
    return [*(method for method in methods if method not in STATIC), *(one for one in STATIC if one in methods)]


def agreement(judged: pd.Series) -> list[str]:
    """The cells of ``MEASURES``."""
    best, *regrets, correlation = judged[MEASURES]
    return [rank(round(best, 1)), *(number(regret, 1) for regret in regrets), number(correlation)]


def _judged(ranked: pd.DataFrame, transfer: pd.DataFrame) -> pd.DataFrame:
    """Measures of every method and of the static baselines.

    A fusion is taken from the record: made from ranks that were recorded in part it would be another one.
    """
    return judge(ranked, transfer.loc[ranked.index], sizes=SIZES).drop(index=FUSION, errors="ignore")


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


def _against_random(place: Path, without: str | None = None) -> list[Comparison]:
    """Mean correlation over three targets, over sources x targets; a source may be left out of LitBank's."""
    sources, transfer = list(SIZES), measured(place)
    truth, methods = {}, {DATA_SIZE: {}, RANDOM: {}}
    for target in (LITBANK, *OTHERS):
        left_out = [BASELINE] + [without] * (target == LITBANK and without is not None)
        truth[target] = transfer[target].mean(axis=1).drop(left_out).reindex(sources).to_numpy()
        ranked = predicted(place, FIRST, target)
        if target != LITBANK:
            ranked = pd.concat([ranked[[*ONLY_FIRST]], predicted(place, AGAIN, target)], axis="columns")
        ranked = ranked.assign(**{DATA_SIZE: pd.Series(SIZES), RANDOM: 0.0})
        for method, column in ranked.items():
            methods.setdefault(method, {})[target] = column.reindex(sources).to_numpy(dtype=np.float64)
    common = {method: of_targets for method, of_targets in methods.items() if len(of_targets) == len(truth)}
    return compare_methods(spearman, common, truth, RANDOM)


def _verdict(found: Comparison) -> list[str]:
    mean = found.mean
    return [f"{number(mean.value)} ({interval(mean.low, mean.high)})", p_value(found.adjusted_p), str(found.verdict)]
