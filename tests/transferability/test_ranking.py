"""Similarity of task embeddings, ranks and their fusion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from transferlab.transferability.ranking import (
    FUSION,
    component_scores,
    ranks,
    reciprocal_rank_fusion,
    similarity_matrix,
)
from transferlab.utils.errors import UserError


def test_similarity_equals_the_formula_and_ignores_length() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(4, 3)), random.normal(size=(4, 3))
    expected = (first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum())

    def cosine(one: object, other: object) -> float:
        return float(similarity_matrix({"one": one, "other": other}).loc["one", "other"])

    assert cosine(first, second) == pytest.approx(expected, abs=1e-14)
    assert cosine(1e-200 * first, second) == pytest.approx(expected, abs=1e-14)  # its squares are 0 in fp64
    assert cosine(torch.tensor(first, dtype=torch.float32), second) == pytest.approx(expected, abs=1e-6)


def test_similarity_matrix_is_symmetric_and_named() -> None:
    random = np.random.default_rng(0)
    vectors = {name: random.normal(size=5) for name in ("ner", "re", "squad")}
    similarity = similarity_matrix(vectors)
    assert list(similarity.index) == list(similarity.columns) == ["ner", "re", "squad"]
    assert np.allclose(similarity, similarity.T)
    assert np.array_equal(np.diag(similarity), np.ones(3))


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ({}, "there is none"),
        ({"ner": [1.0]}, "two tasks or more, there is ner"),
        ({"ner": [1.0, 2.0], "re": [1.0], "pos": [3.0, 4.0]}, r"\[2\]: ner, pos; \[1\]: re"),
        ({"ner": [1.0, 2.0], "re": [0.0, 0.0]}, "re is 0 everywhere"),
        ({"ner": [1.0, float("inf")], "re": [1.0, 0.0]}, "ner holds numbers that are not finite"),
    ],
)
def test_what_cannot_be_compared_is_refused_by_name(vectors: dict[str, list[float]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        similarity_matrix(vectors)


def test_component_scores_compare_component_by_component() -> None:
    target = {"cls_output": [1.0, 0.0], "layer_output": [1.0, 1.0, 1.0]}
    sources = {"ner": {"cls_output": [0.0, 2.0], "layer_output": [2.0, 2.0, 2.0]}, "re": {"cls_output": [3.0, 0.0]}}
    scores = component_scores(target, sources)
    assert scores.loc["ner"].to_dict() == pytest.approx({"cls_output": 0.0, "layer_output": 1.0})
    assert scores.loc["re", "cls_output"] == 1.0
    assert np.isnan(scores.loc["re", "layer_output"])
    with pytest.raises(UserError, match=r"pos and coref share no component: head\.weight there, cls_output"):
        component_scores(target, {"pos": {"head.weight": [1.0]}}, "coref")
    with pytest.raises(UserError, match=r"\[2\]: coref \(cls_output\); \[1\]: pos \(cls_output\)"):
        component_scores(target, {"pos": {"cls_output": [1.0]}}, "coref")
    with pytest.raises(UserError, match="no source"):
        component_scores(target, {})
    with pytest.raises(UserError, match="one of the sources"):
        component_scores(target, {"coref": target}, "coref")


def test_fusion_sums_reciprocal_ranks_and_says_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    scores = pd.DataFrame({"a": [0.9, 0.5, 0.5], "b": [1.0, 2.0, np.nan]}, index=["ner", "re", "pos"])
    assert ranks(scores)["a"].tolist() == [1.0, 2.5, 2.5]
    fused = reciprocal_rank_fusion(scores)
    assert fused.name == FUSION
    assert fused["ner"] == pytest.approx(1 / 61 + 1 / 62)
    assert fused["re"] == pytest.approx(1 / 62.5 + 1 / 61)
    assert fused["pos"] == pytest.approx(1 / 62.5)
    assert "no contribution of b for 1 of 3 sources" in caplog.text
    with pytest.raises(UserError, match="3 sources, 0 methods"):
        reciprocal_rank_fusion(scores[[]])
