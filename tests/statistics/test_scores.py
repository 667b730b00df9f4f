"""Every score of counts equals the metric itself, on all items and on what is left without each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from transferlab.metrics.coreference import corpus_scores
from transferlab.metrics.coreference_counts import COLUMNS, ROWS, document_counts
from transferlab.metrics.glue import scores as glue_scores
from transferlab.metrics.span_f1 import span_scores
from transferlab.statistics import scores
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.scores import MeanScore, Score, linearised
from transferlab.utils.errors import UserError

CLASSES = ("a", "b", "c")


def table(columns: list[str], counts: Any, groups: tuple[str, ...] | None = None) -> ItemCounts:
    rows = np.asarray(counts, dtype=np.float64)
    return ItemCounts("test", tuple(f"i{n}" for n in range(len(rows))), tuple(columns), rows, groups)


def check(items: ItemCounts, score: Score, metric: Callable[[list[int]], float]) -> None:
    """The score is the metric, and the values of units are the jackknife of the metric itself."""
    value, values = linearised(items, score)
    everything = list(range(len(items.units)))
    assert value == pytest.approx(metric(everything), abs=1e-12)
    names = items.groups or items.units
    units = list(dict.fromkeys(names))
    without = np.array([metric([n for n in everything if names[n] != unit]) for unit in units])
    np.testing.assert_allclose(values, value + (len(units) - 1) * (without.mean() - without), atol=1e-9)
    assert values.mean() == pytest.approx(value, abs=1e-9)


def random_clusters(random: np.random.Generator) -> list[list[tuple[int, int]]]:
    mentions = [(m, m) for m in range(12) if random.random() < 0.8]
    numbers = random.integers(0, 5, len(mentions))
    return [c for k in range(5) if (c := [m for m, number in zip(mentions, numbers, strict=True) if number == k])]


@pytest.mark.parametrize(
    ("score", "metric"),
    [
        (scores.coreference_score("conll_f1"), lambda found: found["conll_f1"]),
        (scores.coreference_score("lea_f1", ("lea",)), lambda found: found["lea"]["f1"]),
        (scores.coreference_score("ceaf_m", ("ceaf_m",), "recall"), lambda found: found["ceaf_m"]["recall"]),
        (scores.coreference_score("muc", ("muc",), "precision"), lambda found: found["muc"]["precision"]),
        (scores.blanc_score("blanc_f1"), lambda found: found["blanc"]["f1"]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("seed", range(3))
def test_coreference(score: Score, metric: Callable[[Any], float], seed: int):
    random = np.random.default_rng(seed)
    keys, responses = ([random_clusters(random) for _ in range(8)] for _ in range(2))
    keys[0], responses[1] = [], []
    columns = [f"{row} {column}" for row in ROWS for column in COLUMNS]
    rows = [document_counts(key, response).ravel() for key, response in zip(keys, responses, strict=True)]
    check(
        table(columns, rows),
        score,
        lambda kept: metric(corpus_scores(*([s[n] for n in kept] for s in (keys, responses)))),
    )


def class_rows(gold: list[set[str]], predicted: list[set[str]]) -> tuple[list[str], list[list[int]]]:
    columns = [f"{name} {kind}" for name in CLASSES for kind in ("correct", "predicted", "gold")]
    rows = [
        [count for name in CLASSES for count in (name in key & answer, name in answer, name in key)]
        for key, answer in zip(gold, predicted, strict=True)
    ]
    return columns, rows


@pytest.mark.parametrize("seed", range(3))
def test_labels(seed: int):
    random = np.random.default_rng(seed)
    gold = random.choice(CLASSES, 20, p=[0.6, 0.35, 0.05]).tolist()
    gold[0] = "c"  # at least one, which may be the only one
    predicted = [g if random.random() < 0.6 else str(random.choice(CLASSES)) for g in gold]
    columns, rows = class_rows([{g} for g in gold], [{p} for p in predicted])
    right = [[g == p, 1] for g, p in zip(gold, predicted, strict=True)]
    documents = tuple(f"d{n // 3}" for n in range(20))
    for groups in (None, documents):
        items = table([*columns, "right", "items"], np.concatenate([rows, right], axis=1), groups)

        def metric(task: str, name: str, kept: list[int]) -> float:
            return glue_scores(task, [gold[n] for n in kept], [predicted[n] for n in kept])[name]

        check(items, scores.ratio_score("accuracy", "right", "items"), lambda kept: metric("sst2", "accuracy", kept))
        check(items, scores.macro_score("f1", CLASSES), lambda kept: metric("classification", "macro_f1", kept))
        check(items, scores.matthews_score("m", CLASSES), lambda kept: metric("cola", "matthews_correlation", kept))


@pytest.mark.parametrize("seed", range(3))
def test_several_labels_and_spans(seed: int):
    random = np.random.default_rng(seed)
    gold, predicted = ([{c for c in CLASSES if random.random() < 0.4} for _ in range(15)] for _ in range(2))
    items = table(*class_rows(gold, predicted))

    def of_glue(name: str) -> Callable[[list[int]], float]:
        return lambda kept: glue_scores(
            "multi_label", [sorted(gold[n]) for n in kept], [sorted(predicted[n]) for n in kept]
        )[name]

    check(items, scores.micro_score("f1", CLASSES), of_glue("micro_f1"))
    check(items, scores.macro_score("f1", CLASSES), of_glue("macro_f1"))
    predicted[3] = {"c"}
    gold = [key - {"c"} for key in gold]  # a type that is predicted only
    items = table(*class_rows(gold, predicted))

    def of_spans(name: str) -> Callable[[list[int]], float]:
        return lambda kept: span_scores(
            [[(0, 0, c) for c in gold[n]] for n in kept], [[(0, 0, c) for c in predicted[n]] for n in kept]
        )[name]

    check(items, scores.macro_score("f1", CLASSES, predicted_too=True), of_spans("macro_f1"))
    check(items, scores.micro_score("p", CLASSES, "precision"), of_spans("precision"))
    check(items, scores.micro_score("r", CLASSES, "recall"), of_spans("recall"))


@pytest.mark.parametrize("rounded", [False, True], ids=["all different", "ties"])
@pytest.mark.parametrize("grouped", [False, True])
def test_correlations(rounded: bool, grouped: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(scores, "CELLS_AT_ONCE", 100)  # in several pieces
    random = np.random.default_rng(7)
    gold = random.normal(size=30) + 1e4
    predicted = gold + random.normal(size=30)
    if rounded:
        gold, predicted = gold.round(), predicted.round()
    groups = tuple(f"d{n // 4}" for n in range(30)) if grouped else None
    items = table(["gold", "predicted"], np.stack([gold, predicted], axis=1), groups)
    pearson, spearman = (scores.Correlation(name, name == "spearman") for name in ("pearson", "spearman"))
    check(items, pearson, lambda kept: stats.pearsonr(gold[kept], predicted[kept]).statistic)
    check(items, spearman, lambda kept: stats.spearmanr(gold[kept], predicted[kept]).statistic)

    def both(kept: list[int]) -> float:
        return glue_scores("stsb", gold[kept], predicted[kept])["pearson_spearman"]

    check(items, MeanScore("pearson_spearman", (pearson, spearman)), both)


def test_a_constant_side_has_no_correlation():
    items = table(["gold", "predicted"], np.stack([np.arange(9.0), np.full(9, 0.1)], axis=1))
    for ranks in (False, True):
        assert np.isnan(linearised(items, scores.Correlation("r", ranks))[0])


def test_a_mean_over_items_is_its_own_linearisation():
    errors = np.random.default_rng(0).random(10)
    value, values = linearised(
        table(["error", "items"], np.stack([errors, np.ones(10)], axis=1)),
        scores.ratio_score("mse", "error", "items", higher_is_better=False),
    )
    assert value == pytest.approx(errors.mean())
    np.testing.assert_allclose(values, errors)


def test_a_missing_column_and_a_single_document_are_refused():
    items = table(["correct", "gold"], [[1, 1], [0, 1]], ("d", "d"))
    with pytest.raises(UserError, match=r"'predicted'.*correct, gold"):
        linearised(items, scores.micro_score("f1"))
    with pytest.raises(UserError, match="1 item"):
        linearised(items, scores.ratio_score("recall", "correct", "gold"))
