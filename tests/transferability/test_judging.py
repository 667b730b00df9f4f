"""Judging predictions: the table, its baselines and its intervals."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from transferlab.transferability.judging import DATA_SIZE, MEAN, MEASURES, RANDOM, judge, judge_targets
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


def test_intervals_are_those_of_every_resample_of_the_seeds() -> None:
    scores, measured = tables()
    judged = judge(scores[["logme"]], measured).loc["logme"]
    regrets = []
    for drawn in product(measured.columns, repeat=3):
        truth = measured[list(drawn)].mean(axis=1)
        regrets.append(100 * (truth.max() - truth["ner"]) / truth.max())
    low, high = np.quantile(regrets, [0.025, 0.975], method="inverted_cdf")
    assert judged["regret_1_low"] == pytest.approx(low, abs=1e-9)
    assert judged["regret_1_high"] == pytest.approx(high, abs=1e-9)
    of_seeds = [100 * (column.max() - column["ner"]) / column.max() for _, column in measured.items()]
    assert judged["regret_1_seed_std"] == pytest.approx(np.std(of_seeds, ddof=1))
    many = pd.concat([measured] * 4, axis=1, keys=range(4))  # too many seeds to enumerate
    wide = judge(scores[["logme"]], many, seed=1)
    assert wide.equals(judge(scores[["logme"]], many, seed=1))
    assert wide.loc["logme", "regret_1_high"] <= judged["regret_1_high"]
    alone = judge(scores[["logme"]], measured[[1]])
    assert alone.filter(regex="_(low|high|seed_std)$").isna().all(axis=None)
    assert alone.loc["logme", "best_rank"] == 1


def test_the_encoder_without_a_source_is_left_out_and_the_order_of_rows_does_not_matter() -> None:
    scores, measured = tables()
    with_baseline = pd.concat([pd.DataFrame({1: [0.99], 2: [0.99], 3: [0.99]}, index=["minilm"]), measured[::-1]])
    assert judge(scores, with_baseline, baseline="minilm").equals(judge(scores, measured))


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
    with pytest.raises(UserError, match="no number of examples for squad, paws"):
        judge(scores, measured, sizes={"ner": 1, "re": 2})
    with pytest.raises(UserError, match="80 is no fraction"):
        judge(scores, 100 * measured)
    with pytest.raises(UserError, match="two different sources"):
        judge(scores[:1], measured[:1])


def test_means_over_targets_keep_the_targets() -> None:
    scores, measured = tables()
    other = measured.iloc[::-1].set_axis(SOURCES)
    judged = judge_targets({"coref": (scores, measured), "ner": (scores.assign(leep=np.nan), other)})
    assert judged.loc["coref"].drop(columns="targets").equals(judge(scores, measured).astype(float))
    mean = judged.loc[MEAN]
    both = judged.loc[["coref", "ner"]].xs("logme", level="method")
    assert mean.loc["logme", "best_rank"] == both["best_rank"].mean()
    assert mean.loc["logme", "targets"] == 2
    assert mean.loc["leep", "targets"] == 1
    assert mean.loc["logme", "ndcg_low"] <= mean.loc["logme", "ndcg"] <= mean.loc["logme", "ndcg_high"]
    single = judge_targets({"coref": (scores, measured), "ner": (scores, other[[1]])})
    assert np.isnan(single.loc[(MEAN, "logme"), "ndcg_low"])
    with pytest.raises(UserError, match="ner: there is no measured transfer"):
        judge_targets({"ner": (scores, measured[:2])})
    with pytest.raises(UserError, match="no target"):
        judge_targets({})
