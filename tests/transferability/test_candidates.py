"""The orders that are judged: static baselines, computed by hand, and why they are not there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from transferlab.transferability.candidates import DATA_SIZE, MEAN_GAIN, MEAN_RANK, RANDOM, candidates_of
from transferlab.transferability.ranking import FUSION
from transferlab.utils.errors import UserError

MEASURED = {  # c was not measured for ner
    "coref": {"minilm": 0.5, "a": 0.5, "b": 0.6, "c": 0.7},
    "ner": {"minilm": 0.4, "a": 0.8, "b": 0.4},
    "re": {"minilm": 0.2, "a": 0.3, "b": 0.2, "c": 0.1},
}


def tables(measured: dict[str, dict[str, float]] = MEASURED) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    found = {}
    for target, scores in measured.items():
        sources = [source for source in scores if source != "minilm"]
        predicted = pd.DataFrame({"logme": range(len(sources)), "knn": range(len(sources))}, index=sources, dtype=float)
        found[target] = predicted, pd.DataFrame({1: scores})
    return found


def test_static_baselines_know_the_other_targets_only() -> None:
    found = candidates_of(tables(), sizes={"a": 10, "b": 30, "c": 20}, baseline="minilm")
    assert found.names == ["logme", "knn", FUSION, MEAN_GAIN, MEAN_RANK, DATA_SIZE, RANDOM]
    assert found.unavailable == {} and list(found.static) == [MEAN_GAIN, MEAN_RANK, DATA_SIZE, RANDOM]
    # gains in percent: coref 0, 20, 40; ner 100, 0; re 50, 0, -50
    gains = {"coref": [75, 0, -50], "ner": [25, 10], "re": [50, 10, 40]}
    # ranks as shares: coref 5/6, 1/2, 1/6; ner 1/4, 3/4; re 1/6, 1/2, 5/6
    ranks = {"coref": [5 / 24, 5 / 8, 5 / 6], "ner": [1 / 2, 1 / 2], "re": [13 / 24, 5 / 8, 1 / 6]}
    for target, table in found.predicted.items():
        assert table[MEAN_GAIN].tolist() == pytest.approx(gains[target])
        assert table[MEAN_RANK].tolist() == pytest.approx([-rank for rank in ranks[target]])
        assert table[DATA_SIZE].tolist() == [10, 30, 20][: len(table)]
        assert table[RANDOM].nunique() == 1
        assert list(found.measured[target].index) == list(table.index), "the encoder without a source is none"


def test_what_was_measured_for_a_target_is_not_in_its_own_baselines() -> None:
    other = MEASURED | {"coref": {"minilm": 0.1, "a": 0.9, "b": 0.3, "c": 0.2}}
    before, after = (candidates_of(tables(one), baseline="minilm") for one in (MEASURED, other))
    for name in (MEAN_GAIN, MEAN_RANK):
        pd.testing.assert_series_equal(before.predicted["coref"][name], after.predicted["coref"][name])
        assert not before.predicted["re"][name].equals(after.predicted["re"][name])


def test_baselines_that_are_not_there_have_their_reason() -> None:
    one = candidates_of({"coref": tables()["coref"]}, sizes={"a": 1, "b": 2}, baseline="minilm")
    assert one.names == ["logme", "knn", FUSION, RANDOM]
    assert set(one.unavailable) == {MEAN_GAIN, MEAN_RANK, DATA_SIZE}
    assert "one target" in one.unavailable[MEAN_RANK] and " c;" in one.unavailable[DATA_SIZE]
    without = candidates_of({target: (scores, own.drop("minilm")) for target, (scores, own) in tables().items()})
    assert MEAN_RANK in without.names and set(without.unavailable) == {MEAN_GAIN, DATA_SIZE}
    nothing = candidates_of(tables(MEASURED | {"ner": {"minilm": 0.0, "a": 0.8, "b": 0.4}}), baseline="minilm")
    assert "no score above 0" in nothing.unavailable[MEAN_GAIN]
    strangers = {"coref": {"a": 0.5, "b": 0.6}, "ner": {"c": 0.5, "d": 0.6}}
    assert "two targets" in candidates_of(tables(strangers)).unavailable[MEAN_RANK]


def test_gains_are_those_of_each_seed() -> None:
    scores, _ = tables()["coref"]
    coref = pd.DataFrame({1: [0.5, 0.6, 0.5, 0.5], 2: [0.25, 0.25, 0.5, 0.25]}, index=["minilm", "a", "b", "c"])
    found = candidates_of({"coref": (scores, coref), "re": tables()["re"]}, baseline="minilm")
    assert found.predicted["re"][MEAN_GAIN].tolist() == pytest.approx([10, 50, 0])


def test_a_candidate_has_the_targets_for_which_it_has_scores() -> None:
    targets = tables()
    targets["ner"] = targets["ner"][0].assign(leep=[1.0, np.nan]), targets["ner"][1]
    targets["re"] = targets["re"][0].assign(leep=np.nan), targets["re"][1]
    found = candidates_of(targets, baseline="minilm")
    assert found.scored("leep") == ["ner"] and found.scored("logme") == list(MEASURED) and found.scored("x") == []
    aligned = found.aligned("leep", ["coref", "ner"])
    assert list(aligned) == ["ner"]
    np.testing.assert_array_equal(aligned["ner"], [1.0, np.nan, np.nan])  # a, b, c
    np.testing.assert_allclose(found.truth(["ner", "coref"])["ner"], [0.8, 0.4, np.nan])


def test_the_target_is_named_by_errors() -> None:
    targets = tables()
    with pytest.raises(UserError, match=r"^re: there is no measured transfer for c"):
        candidates_of(targets | {"re": (targets["re"][0], targets["re"][1].drop("c"))}, baseline="minilm")
    with pytest.raises(UserError, match="no target"):
        candidates_of({})
