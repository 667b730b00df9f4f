"""Which values of a score are better, by its name."""

from __future__ import annotations

import pytest

from transferlab.statistics.logged_scores import logged_scores
from transferlab.utils.score_names import better_values, is_error

ALL = ("accuracy", "exact_match", "f1", "accuracy_f1", "micro_f1", "macro_f1", "matthews_correlation", "pearson",
       "spearman", "pearson_spearman", "mse", "mae")  # fmt: skip
DESCRIPTIONS = [
    {"kind": "glue", "names": ALL, "positive": "x"},
    {"kind": "spans"},
    {"kind": "layer"},
    {"kind": "tags"},
    {"kind": "tacred", "negative": "n"},
    {"kind": "semeval", "negative": "n"},
    {"kind": "coreference"},
    {"kind": "squad", "version": 2},
]


@pytest.mark.parametrize("description", DESCRIPTIONS, ids=lambda description: description["kind"])
def test_names_agree_with_the_scores_of_counts(description) -> None:
    scores = logged_scores(description, ["LOC gold", "LOC predicted", "LOC right", "mse gold", "mse right"])
    assert scores
    for name, score in scores.items():
        assert (better_values(f"val/{name}") == "max") == score.higher_is_better, name
        assert is_error(f"test/{name}") != score.higher_is_better, name


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("val/loss", "min"),
        ("train/loss_epoch", "min"),
        ("train/loss_step", "min"),
        ("val/loss/ner_4--seed-1", "min"),
        ("val/conll_f1/ner_4", "max"),
        ("val/A/B_f1", "max"),
        ("val/loss_f1", "max"),
        ("test/mae", "min"),
        ("val/attention/loss/mean", None),
        ("val/best_f1_thresh", None),
        ("val/perplexity", None),
        ("value", None),
    ],
)
def test_names(name: str, better: str | None) -> None:
    assert better_values(name) == better
