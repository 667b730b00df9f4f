"""Verdicts on methods, and the reliability of what was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transferlab.statistics.rankings import ceiling, compare_methods, reliability
from transferlab.statistics.verdicts import Verdict, holm
from transferlab.transferability.agreement import spearman
from transferlab.transferability.candidates import DATA_SIZE, MEAN_GAIN, MEAN_RANK, RANDOM, Candidates, candidates_of
from transferlab.transferability.comparing import DRAWS, compare_candidates, measured_reliability
from transferlab.transferability.judging import MEAN, MEASURES, judge_candidates
from transferlab.transferability.ranking import FUSION
from transferlab.utils.errors import UserError

SOURCES = [f"s{n}" for n in range(8)]


def drawn(targets: int = 5, seeds: int = 2) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """``good`` knows the truth, ``bad`` its reverse, the two variants of ``idle`` nothing."""
    random = np.random.default_rng(1)
    found = {}
    for target in range(targets):
        true = 0.5 + 0.1 * random.standard_normal(len(SOURCES))
        measured = pd.DataFrame(true[:, None] + 0.01 * random.standard_normal((8, seeds)), index=SOURCES)
        noise = random.standard_normal((3, 8))
        scores = {"good": true + 0.02 * noise[0], "idle": noise[1], "idle (best)": noise[2], "bad": -true}
        found[f"t{target}"] = pd.DataFrame(scores, index=SOURCES), measured.clip(0, 1)
    return found


def of(targets: dict[str, tuple[pd.DataFrame, pd.DataFrame]]) -> Candidates:
    return candidates_of(targets, sizes={source: n for n, source in enumerate(SOURCES, start=1)})


def test_every_variant_fusion_and_baseline_is_compared_and_corrected_for() -> None:
    candidates = of(drawn())
    found = compare_candidates(candidates, RANDOM)
    assert list(found.index) == ["good", "idle", "idle (best)", "bad", FUSION, MEAN_RANK, DATA_SIZE, RANDOM]
    assert MEAN_GAIN in candidates.unavailable
    verdicts = dict(found["verdict"])
    assert (verdicts["good"], verdicts["bad"]) == (Verdict.BETTER, Verdict.WORSE)
    assert verdicts["idle"] == verdicts["idle (best)"] == Verdict.NOT_SEEN and verdicts[RANDOM] == Verdict.BASELINE
    np.testing.assert_allclose(found["adjusted_p"], holm(found["p"].to_list()))
    assert found["p"].notna().sum() == 7
    assert (found[["targets", "sources", "seeds"]] == [5, 8, 2]).all(axis=None)
    # random order has a correlation of 0, so that the difference to it is the mean of the judgement, with its interval
    means = judge_candidates(candidates).loc[MEAN]
    for name in found.index.drop(RANDOM):
        row = found.loc[name, ["mean", "difference", "difference_low", "difference_high"]].to_list()
        expected = means.loc[name, ["spearman", "spearman", "spearman_low", "spearman_high"]].to_list()
        assert row == pytest.approx(expected), name


def test_rows_are_those_of_the_statistics() -> None:
    targets = drawn()
    found = compare_candidates(of(targets), DATA_SIZE, "regret_1")
    plain = compare_methods(
        MEASURES["regret_1"],
        {
            "good": {target: scores["good"].to_numpy() for target, (scores, _) in targets.items()},
            DATA_SIZE: {target: np.arange(8.0) for target in targets},
        },
        {target: measured.mean(axis=1).to_numpy() for target, (_, measured) in targets.items()},
        DATA_SIZE,
        higher_is_better=False,
    )[0]
    good = found.loc["good"]
    assert (good["difference"], good["difference_low"], good["difference_high"], good["p"]) == pytest.approx(
        (plain.difference.value, plain.difference.low, plain.difference.high, plain.p)
    )
    assert good["minimum_detectable_effect"] == pytest.approx(plain.minimum_detectable_effect)
    assert good["difference"] < 0 and good["mean"] == pytest.approx(plain.mean.value)
    assert found.loc["bad", "verdict"] != Verdict.BETTER and set(found["compared_with"]) == {DATA_SIZE}


@pytest.mark.parametrize(("measure", "enough"), [("spearman", 3), ("regret_1", 5), ("best_rank", 5)])
def test_few_targets_have_neither_verdict_nor_interval(measure: str, enough: int) -> None:
    for targets in (1, 2, enough - 1, enough):
        found = compare_candidates(of(drawn(targets, seeds=1)), RANDOM, measure)
        others = found.drop(index=RANDOM)
        few = targets < enough
        assert (others["verdict"] == Verdict.FEW_SEEDS).all() == few
        uncertain = ["p", "adjusted_p", "difference_low", "difference_high", "minimum_detectable_effect"]
        assert others.loc["good", uncertain].isna().all() == few
        assert others["difference"].notna().all() and (found[["targets", "seeds"]] == [targets, 1]).all(axis=None)


def test_a_method_is_compared_on_the_targets_that_it_has() -> None:
    targets = drawn(4)
    for target in ("t0", "t1"):
        targets[target] = targets[target][0].assign(idle=np.nan), targets[target][1]
    found = compare_candidates(of(targets), RANDOM)
    assert (found.loc["idle", "targets"], found.loc["idle", "verdict"]) == (2, Verdict.FEW_SEEDS)
    assert found.loc["good", "targets"] == 4 and found.loc["good", "verdict"] == Verdict.BETTER
    assert found["p"].notna().sum() == 6  # Holm does not count what has no verdict
    with_idle = compare_candidates(of(targets), "idle")
    assert set(with_idle["targets"]) == {2} and with_idle["adjusted_p"].isna().all()


def test_targets_with_few_sources_or_without_an_order_have_no_part() -> None:
    targets = drawn(5)
    targets["t0"] = targets["t0"][0][:4], targets["t0"][1][:4]
    targets["t1"] = targets["t1"][0], targets["t1"][1] * 0 + 0.5
    found = compare_candidates(of(targets), RANDOM)
    assert set(found["targets"]) == {3} and found.loc["good", "verdict"] == Verdict.BETTER
    small = {target: (scores[:4], measured[:4]) for target, (scores, measured) in targets.items()}
    none = compare_candidates(of(small), RANDOM)
    assert set(none["targets"]) == {0} and none["mean"].isna().all()
    assert set(none["verdict"]) == {Verdict.FEW_SEEDS, Verdict.BASELINE}


def test_what_there_is_not_is_named() -> None:
    candidates = of(drawn(2))
    with pytest.raises(UserError, match=r"compare_with=gud.*good"):
        compare_candidates(candidates, "gud")
    with pytest.raises(UserError, match="no encoder without transfer"):
        compare_candidates(candidates, MEAN_GAIN)
    with pytest.raises(UserError, match=r"compare_by=f1: choose one of best_rank"):
        compare_candidates(candidates, RANDOM, "f1")


def test_reliability_of_each_target_and_what_can_be_reached() -> None:
    one, two, three = (drawn(1, seeds)["t0"] for seeds in (1, 2, 3))
    found = measured_reliability(of({"one": one, "two": two, "three": (three[0][:2], three[1][:2])}), seed=3)
    assert found[["sources", "seeds"]].to_numpy().tolist() == [[8, 1], [8, 2], [2, 3]]
    assert found.loc[["one", "three"]].drop(columns=["sources", "seeds"]).isna().all(axis=None)
    measured = two[1].to_numpy().T
    expected = reliability(measured)
    assert found.loc["two", ["of_mean", "low", "high", "between_seeds"]].to_list() == pytest.approx(
        [expected.of_mean, expected.low, expected.high, expected.between_seeds]
    )
    assert found.loc["two", "spearman_ceiling"] == ceiling(spearman, measured, seed=3, draws=DRAWS)


def test_reliability_of_a_small_table_by_hand() -> None:
    # seeds [.1 .2 .3] and [.2 .2 .5]: means .15 .2 .4, between 2 * .0175;
    # residuals 0 .05 -.05 and 0 -.05 .05, noise .01 / 2
    measured = pd.DataFrame({1: [0.1, 0.2, 0.3], 2: [0.2, 0.2, 0.5]}, index=SOURCES[:3])
    found = measured_reliability(candidates_of({"t": (pd.DataFrame({"good": [1.0, 2, 3]}, SOURCES[:3]), measured)}))
    assert found.loc["t", "of_mean"] == pytest.approx(1 - 0.005 / 0.035)
    assert found.loc["t", "between_seeds"] == pytest.approx(np.sqrt(3) / 2)
    assert np.isnan(found.loc["t", "spearman_ceiling"])  # of three sources


def test_without_noise_a_perfect_predictor_is_right() -> None:
    same = pd.DataFrame({seed: [0.1, 0.2, 0.3, 0.4] for seed in (1, 2)}, index=SOURCES[:4])
    scores = pd.DataFrame({"good": [1.0, 2, 3, 4]}, index=same.index)
    sure = measured_reliability(candidates_of({"t": (scores, same)})).loc["t"]
    assert sure["of_mean"] == 1
    ends = {"best_rank": 1, "ndcg": 1, "ndcg_exp": 1, "regret_1": 0, "regret_3": 0, "spearman": 1}
    assert {name: sure[f"{name}_ceiling"] for name in MEASURES} == pytest.approx(ends)
