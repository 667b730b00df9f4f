"""Judging predictions: the table, its baselines and its intervals."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from transferlab.statistics.crossed import crossed_mean
from transferlab.statistics.rankings import agreement_values, spearman_interval
from transferlab.transferability.agreement import spearman
from transferlab.transferability.candidates import DATA_SIZE, MEAN_RANK, RANDOM
from transferlab.transferability.judging import MEAN, MEASURES, judge, judge_targets
from transferlab.transferability.ranking import FUSION
from transferlab.utils.errors import UserError

SOURCES = ["ner", "re", "squad", "paws"]


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    scores = pd.DataFrame({"logme": [4.0, 3.0, 2.0, 1.0], "leep": [-1.0, np.nan, -3.0, -2.0]}, index=SOURCES)
    measured = pd.DataFrame(
        {1: [0.8, 0.7, 0.6, 0.5], 2: [0.7, 0.72, 0.6, 0.5], 3: [0.5, 0.6, 0.55, 0.52]}, index=SOURCES
    )
    return scores, measured


def test_every_method_and_baseline_has_a_row(caplog: pytest.LogCaptureFixture) -> None:
    scores, measured = tables()
    judged = judge(scores, measured, sizes={"ner": 10, "re": 40, "squad": 30, "paws": 20})
    assert list(judged.index) == ["logme", "leep", FUSION, DATA_SIZE, RANDOM]
    # means over seeds: 0.6667, 0.6733, 0.5833, 0.5067
    logme = judged.loc["logme"]
    assert (logme["best_rank"], logme["sources"], logme["seeds"], logme["unscored"]) == (2, 4, 3, 0)
    assert logme["regret_1"] == pytest.approx(100 * (2.02 - 2.0) / 2.02)
    assert logme["regret_3"] == 0
    assert logme["spearman"] == pytest.approx(0.8)
    leep = judged.loc["leep"]
    assert (leep["best_rank"], leep["unscored"]) == (4, 1)
    assert "leep has no score for re: ranked last" in caplog.text
    assert judged.loc[DATA_SIZE, "best_rank"] == 1
    assert judged.loc[RANDOM, "best_rank"] == 2.5
    assert judged.loc[RANDOM, "spearman"] == 0


def test_one_target_has_an_interval_of_spearman_over_its_sources_and_the_scatter_of_seeds() -> None:
    scores, measured = tables()
    judged = judge(scores[["logme"]], measured)
    logme, random = judged.loc["logme"], judged.loc[RANDOM]
    assert (logme["spearman_low"], logme["spearman_high"]) == spearman_interval(logme["spearman"], 4)
    assert logme[[f"{name}_{end}" for name in MEASURES if name != "spearman" for end in ("low", "high")]].isna().all()
    assert np.isnan(random["spearman_low"])  # an order that does not exist
    of_seeds = [100 * (column.max() - column["ner"]) / column.max() for _, column in measured.items()]
    assert logme["regret_1_seed_std"] == pytest.approx(np.std(of_seeds, ddof=1))
    alone = judge(scores[["logme"]], measured[[1]])
    assert alone.filter(regex="_seed_std$").isna().all(axis=None)
    assert alone.loc["logme", "best_rank"] == 1


def test_means_over_targets_have_intervals_over_sources_and_targets() -> None:
    random = np.random.default_rng(0)
    sources = [f"s{n}" for n in range(6)]
    targets = {}
    for n in range(5):
        own = sources[:n] + sources[n + 1 :]  # a target is no source of itself
        measured = pd.DataFrame(random.random((5, 2)), index=own)
        targets[f"t{n}"] = pd.DataFrame({"logme": measured.mean(axis=1) + 0.3 * random.random(5)}), measured
    mean = judge_targets(targets).loc[(MEAN, "logme")]
    for name in MEASURES:
        if name != "regret_3":
            assert mean[f"{name}_low"] < mean[name] < mean[f"{name}_high"]
    assert mean["regret_3"] == 0 and np.isnan(mean["regret_3_low"])  # it is 0 for all targets: nothing varies
    values = agreement_values(
        spearman,
        {t: scores["logme"].reindex(sources).to_numpy() for t, (scores, _) in targets.items()},
        {t: measured.mean(axis=1).reindex(sources).to_numpy() for t, (_, measured) in targets.items()},
    )
    low, high = crossed_mean(np.stack(list(values.values()), axis=1)).interval()
    assert (mean["spearman_low"], mean["spearman_high"]) == (pytest.approx(low), pytest.approx(high))
    three = judge_targets({target: targets[target] for target in ("t0", "t1", "t3")}).loc[(MEAN, "logme")]
    fewer = {target: (scores[:4], measured[:4]) for target, (scores, measured) in targets.items()}
    assert np.isnan(judge_targets(fewer).loc[(MEAN, "logme"), "spearman_low"])  # of four sources
    assert three["spearman_low"] < three["spearman"] and np.isnan(three["regret_1_low"])


def test_the_encoder_without_a_source_is_left_out_and_the_order_of_rows_does_not_matter() -> None:
    scores, measured = tables()
    with_baseline = pd.concat([pd.DataFrame({1: [0.99], 2: [0.99], 3: [0.99]}, index=["minilm"]), measured[::-1]])
    assert judge(scores, with_baseline, baseline="minilm").equals(judge(scores, measured))


def test_random_order_is_the_mean_over_all_orders() -> None:
    scores, measured = tables()
    random = judge(scores, measured).loc[RANDOM]
    orders = np.array(list(permutations(range(4))), dtype=float)
    truth = measured.mean(axis=1).to_numpy()[None]
    for name, measure in MEASURES.items():
        assert random[name] == pytest.approx(np.mean([measure(order, truth)[0] for order in orders]), abs=1e-12), name


def test_sizes_that_are_not_known_leave_out_the_baseline() -> None:
    scores, measured = tables()
    assert DATA_SIZE not in judge(scores, measured, sizes={"ner": 1, "re": 2}).index


def test_a_method_without_any_score_is_not_judged() -> None:
    scores, measured = tables()
    judged = judge(scores.assign(leep=np.nan), measured)
    assert judged.loc["leep", list(MEASURES)].isna().all()


def test_seeds_that_not_all_sources_have_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    scores, measured = tables()
    measured.loc["re", 3] = np.nan
    judged = judge(scores, measured)
    assert "left out: 3" in caplog.text
    assert judged.equals(judge(scores, measured[[1, 2]]))
    with pytest.raises(UserError, match="no seed with a score for every source"):
        judge(scores, measured[[3]])


def test_wrong_tables_are_refused() -> None:
    scores, measured = tables()
    with pytest.raises(UserError, match="no measured transfer for paws"):
        judge(scores, measured.drop(index="paws"))
    with pytest.raises(UserError, match="no predicted score for ner, re"):
        judge(scores[2:], measured)
    with pytest.raises(UserError, match="80 is no fraction"):
        judge(scores, 100 * measured)
    with pytest.raises(UserError, match="two different sources"):
        judge(scores[:1], measured[:1])


def test_means_over_targets_keep_the_targets() -> None:
    scores, measured = tables()
    other = measured.iloc[::-1].set_axis(SOURCES)
    judged = judge_targets({"coref": (scores, measured), "ner": (scores.assign(leep=np.nan), other)})
    alone = judge(scores, measured).astype(float)
    assert judged.loc["coref"].drop(index=MEAN_RANK, columns="targets").equals(alone)
    mean = judged.loc[MEAN]
    both = judged.loc[["coref", "ner"]].xs("logme", level="method")
    assert mean.loc["logme", "best_rank"] == both["best_rank"].mean()
    assert mean.loc["logme", "targets"] == 2
    assert mean.loc["leep", "targets"] == 1
    # ranks 2 1 3 4 and 4 3 1 2, each predicted from the other
    assert mean.loc[MEAN_RANK, "spearman"] == pytest.approx(1 - 6 * 16 / (4 * 15))
    assert np.isnan(mean.loc["logme", "ndcg_low"])  # two targets are too few
    with pytest.raises(UserError, match="ner: there is no measured transfer"):
        judge_targets({"ner": (scores, measured[:2])})
    with pytest.raises(UserError, match="no target"):
        judge_targets({})
