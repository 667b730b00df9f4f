"""Judgements as tables and sentences: units, intervals, and what is said of few targets, seeds and sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transferlab.reporting.judgement_tables import (
    MEASURES,
    PERFECT,
    comparison_sentences,
    comparison_table,
    explanation,
    judgement_table,
    perfect_predictor,
    reliability_sentence,
    unavailable_sentences,
    unscored_sentences,
)
from transferlab.statistics.verdicts import Verdict

ROW = dict.fromkeys(MEASURES, 0.5) | {f"{name}_low": 0.25 for name in MEASURES}
JUDGED = pd.DataFrame({"logme": ROW | {f"{name}_high": 0.75 for name in MEASURES}}).T


def test_measures_with_intervals_where_there_are_such() -> None:
    row = judgement_table("x", JUDGED).rows[0]
    assert row[2] == "50.0 (25.0 to 75.0)" and row[-1] == "0.50 (0.25 to 0.75)"
    assert judgement_table("x", JUDGED, intervals=False).rows[0][2] == "50.0"
    assert judgement_table("x", JUDGED.assign(ndcg_low=np.nan)).rows[0][2] == "50.0"


def test_intervals_end_where_values_do() -> None:
    wide = JUDGED.assign(**{f"{name}_low": -9.0 for name in MEASURES}, **{f"{name}_high": 9.0 for name in MEASURES})
    row = judgement_table("x", wide).rows[0]
    assert row[1:] == [
        "0.5 (1.0 to 9.0)",
        "50.0 (0.0 to 100.0)",
        "50.0 (0.0 to 100.0)",
        "0.5 (0.0 to 9.0)",
        "0.5 (0.0 to 9.0)",
        "0.50 (-1.00 to 1.00)",
    ]


def test_means_say_of_how_many_targets_and_a_perfect_predictor_is_the_last_row() -> None:
    perfect = dict.fromkeys(MEASURES, 0.9)
    table = judgement_table("mean", JUDGED.assign(targets=3.0), perfect)
    assert table.columns[-1] == "targets" and [row[-1] for row in table.rows] == ["3", ""]
    assert table.rows[-1] == [PERFECT, "0.9", "90.0", "90.0", "0.9", "0.9", "0.90", ""]
    assert judgement_table("one", JUDGED.assign(targets=np.nan)).columns[-1] == "Spearman"


def test_a_perfect_predictor_is_a_mean_over_all_targets_or_none() -> None:
    reliability = pd.DataFrame({f"{name}_ceiling": [0.4, 0.8] for name in MEASURES}, index=["a", "b"])
    assert perfect_predictor(reliability) == pytest.approx(dict.fromkeys(MEASURES, 0.6))
    reliability.loc["a"] = np.nan
    assert perfect_predictor(reliability) is None and perfect_predictor(reliability.loc[["b"]]) is not None


def test_reliability_in_words() -> None:
    row = {"sources": 8, "seeds": 2, "of_mean": 0.5, "low": -1.5, "high": 0.899, "between_seeds": 0.381}
    assert "50 % (95 % interval: 0 to 90 %)" in reliability_sentence(row)
    assert "0.38" in reliability_sentence(row)
    nothing = row | {"of_mean": -np.inf, "low": -np.inf, "between_seeds": np.nan}
    assert "0 % (95 % interval: 0 to 90 %)" in reliability_sentence(nothing) and "nan" not in reliability_sentence(
        nothing
    )
    assert "cannot be known from one seed" in reliability_sentence(row | {"seeds": 1, "of_mean": np.nan})
    assert "takes three sources" in reliability_sentence(row | {"sources": 2, "of_mean": np.nan})
    assert "no order to predict" in reliability_sentence(row | {"of_mean": np.nan})


def compared(targets: int, measure: str = "spearman") -> pd.DataFrame:
    few = targets < 3
    reference = {
        "measure": measure,
        "compared_with": "random",
        "mean": 0.0,
        "difference": np.nan,
        "difference_low": np.nan,
        "difference_high": np.nan,
        "minimum_detectable_effect": np.nan,
        "p": np.nan,
        "adjusted_p": np.nan,
        "verdict": str(Verdict.BASELINE),
        "targets": targets,
        "sources": 8,
        "seeds": 2,
    }
    knn = reference | {"mean": 0.8, "difference": 0.8, "verdict": str(Verdict.FEW_SEEDS if few else Verdict.BETTER)}
    if not few:
        knn |= {"difference_low": 0.5, "difference_high": 1.1, "minimum_detectable_effect": 0.4, "adjusted_p": 0.0004}
    leep = reference | {"mean": -0.1, "difference": -0.1, "verdict": str(Verdict.FEW_SEEDS), "targets": 1}
    return pd.DataFrame({"knn": knn, "leep": leep, "random": reference}).T


def test_a_comparison_has_difference_interval_verdict_and_what_it_could_have_found() -> None:
    table = comparison_table(compared(3))
    assert table.rows == [
        ["knn", "0.80", "+0.80 (+0.50 to +1.10)", "< 0.001", "better", "0.40", "3"],
        ["leep", "-0.10", "-0.10", "-", "none: too few targets", "-", "1"],
        ["random", "0.00", "-", "-", "reference", "-", "3"],
    ]
    assert comparison_table(compared(3, "ndcg")).rows[0][1:3] == ["80.0", "+80.0 (+50.0 to +110.0)"]


def test_what_verdicts_rest_on_or_why_there_are_none() -> None:
    design, _, few = comparison_sentences(compared(3), 3, 5)
    assert "3 targets and 8 sources, each measured with at least 2 seeds" in design and "all 1 comparisons" in design
    assert few.endswith("for leep.")
    for targets, said in {2: "there are 2 such targets", 1: "there is one such target", 0: "no target here"}.items():
        (sentence,) = comparison_sentences(compared(targets), 3, 5)
        assert "takes 3 targets with 5 sources each" in sentence and said in sentence


def test_what_is_missing_is_said() -> None:
    judged = pd.DataFrame({"unscored": [5, 0, 7], "sources": [7, 7, 7]}, index=["leep", "knn", "textemb"])
    assert unscored_sentences(judged) == ["leep has no score for 5 of 7 sources; these are ranked last."]
    assert unavailable_sentences({"data size": "it is not known"}) == ["Without a row: data size, as it is not known."]
    assert "* random: no order" in explanation({"random": "no order"})
