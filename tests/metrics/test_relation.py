"""Relation scores: worked examples, plain formulations of the official programs, the metric objects."""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from transferlab.metrics.relation import PARTS, SemevalScore, TacredScore, semeval_scores, tacred_scores
from transferlab.utils.errors import UserError

from .relation_reference import plain_semeval, plain_tacred

ROOT = Path(__file__).resolve().parents[2]
TACRED = ["no_relation", "per:title", "org:founded", "per:age"]
SEMEVAL = [
    f"{name}({way})" for name in ("Cause-Effect", "Message-Topic", "Entity-Origin") for way in ("e1,e2", "e2,e1")
]
SEMEVAL += ["Other"]
MACRO = tuple(f"macro_{part}" for part in PARTS)


def random_labels(rng: random.Random, labels: Sequence[str]) -> tuple[list[str], list[str | None]]:
    """Labels that agree in about half of the instances; either side may lack labels, some answers are None."""
    of_gold = rng.sample(labels, rng.randint(1, len(labels)))
    of_predicted = [*rng.sample(labels, rng.randint(1, len(labels))), None]
    gold = [rng.choice(of_gold) for _ in range(rng.randrange(1, 40))]
    return gold, [label if rng.random() < 0.5 else rng.choice(of_predicted) for label in gold]


def parts(scores: dict[str, Any], names: Sequence[str] = PARTS) -> list[float]:
    return [scores[name] for name in names]


def test_tacred_by_hand() -> None:
    gold = ["per:title", "per:title", "org:founded", "no_relation", "no_relation"]
    predicted = ["per:title", "no_relation", "per:title", "per:age", "no_relation"]
    scores = tacred_scores(gold, predicted)
    assert parts(scores) == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert scores["relations"] == {
        # never guessed: precision 1, as the official program prints
        "org:founded": {"precision": 1.0, "recall": 0.0, "f1": 0.0, "support": 1},
        "per:age": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0},
        "per:title": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
    }


def test_tacred_without_a_guess() -> None:
    no_guess = [1.0, 0.0, 0.0]
    assert parts(tacred_scores(["per:title"], ["no_relation"])) == no_guess
    assert parts(tacred_scores(["no_relation"], ["no_relation"])) == no_guess, "not even when that is right"
    assert parts(tacred_scores(["per:title"], [None])) == parts(tacred_scores([], [])) == no_guess
    assert parts(tacred_scores(["no_relation"], ["per:title"])) == [0.0, 0.0, 0.0]
    assert TacredScore(TACRED).compute() == {"precision": 1.0, "recall": 0.0, "f1": 0.0}


def test_defect_6_relations_on_no_relation_instances_cost_precision() -> None:
    """The former F1 ignored the instances without a relation, and with them all that was invented there."""
    gold = ["per:title", "no_relation", "no_relation", "no_relation"]
    predicted = ["per:title", "per:title", "org:founded", "no_relation"]
    assert parts(tacred_scores(gold, predicted)) == pytest.approx([1 / 3, 1.0, 1 / 2])
    metric = TacredScore(TACRED)
    metric.update(gold, predicted)
    assert metric.compute()["precision"] == pytest.approx(1 / 3)
    semeval = semeval_scores(["Cause-Effect(e1,e2)", "Other"], ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)"])
    assert parts(semeval, MACRO) == pytest.approx([1 / 2, 1.0, 2 / 3])


def test_another_name_for_no_relation() -> None:
    assert parts(tacred_scores(["a", "NA"], ["a", "NA"], no_relation="NA")) == [1.0, 1.0, 1.0]
    assert parts(tacred_scores(["a", "NA"], ["a", "NA"], no_relation="none")) == [1.0, 1.0, 1.0]
    assert parts(tacred_scores(["a", "NA"], ["a", "a"], no_relation="NA")) == pytest.approx([1 / 2, 1.0, 2 / 3])


def test_semeval_by_hand() -> None:
    gold = ["Cause-Effect(e1,e2)"] * 3 + ["Cause-Effect(e2,e1)", "Message-Topic(e1,e2)", "Other", "Other"]
    predicted = [
        "Cause-Effect(e1,e2)",
        "Cause-Effect(e2,e1)",  # wrong direction: charged to precision and recall
        "Other",
        "Cause-Effect(e2,e1)",
        "Entity-Origin(e1,e2)",  # not in the key: charged to nobody's precision
        "Cause-Effect(e1,e2)",
        None,
    ]
    scores = semeval_scores(gold, predicted)
    assert scores["relations"] == {
        "Cause-Effect": {"precision": 2 / 4, "recall": 2 / 4, "f1": 2 / 4, "support": 4},
        "Message-Topic": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1},
    }
    assert parts(scores, MACRO) == [1 / 4, 1 / 4, 1 / 4]
    assert scores["accuracy"] == pytest.approx(3 / 7), "the skipped Other is right"


def test_the_macro_f1_is_the_mean_of_f1_scores() -> None:
    gold = ["Cause-Effect(e1,e2)"] * 2 + ["Message-Topic(e1,e2)"]
    predicted = ["Cause-Effect(e1,e2)", "Message-Topic(e1,e2)", "Message-Topic(e1,e2)"]
    assert parts(semeval_scores(gold, predicted), MACRO) == pytest.approx([3 / 4, 3 / 4, 2 / 3])


@pytest.mark.parametrize("gold", [["Other", "Other"], []])
def test_a_key_without_relations_is_refused(gold: list[str]) -> None:
    predicted = ["Cause-Effect(e1,e2)"] * len(gold)
    metric = SemevalScore(SEMEVAL)
    metric.update(gold, predicted)
    with pytest.raises(UserError, match=f"none of the {len(gold)} gold labels is a relation"):
        semeval_scores(gold, predicted)
    assert set(metric.compute().values()) == {0.0}, "the object may have seen a part of a corpus"


def test_of_a_key_without_relations_the_accuracy_stands(caplog: pytest.LogCaptureFixture) -> None:
    gold, predicted = ["Other"] * 4, ["Other", "Cause-Effect(e1,e2)", None, "Other"]
    metric = SemevalScore(SEMEVAL)
    for _ in range(2):  # epochs
        metric.expect([])  # what a split names as its gold labels is without Other
        metric.update(gold, predicted)
        expected = {"macro_precision": 0.0, "macro_recall": 0.0, "macro_f1": 0.0, "accuracy": 3 / 4}
        assert metric.compute() == expected
        metric.reset()
    assert len(caplog.records) == 1
    metric = SemevalScore(SEMEVAL)
    metric.expect(["Cause-Effect(e1,e2)"])
    metric.update(gold, predicted)
    assert metric.compute() == expected and len(caplog.records) == 1, "a part of a split that has relations"
    scores = semeval_scores(gold, predicted, require_relation=False)
    assert scores == {**expected, "relations": {}} and len(caplog.records) == 2


def test_lengths_that_differ_are_refused() -> None:
    for call in (tacred_scores, semeval_scores, TacredScore(TACRED).update, SemevalScore(SEMEVAL).update):
        with pytest.raises(UserError, match="2 gold but 1 predicted labels"):
            call(["a", "b"], ["a"])


def test_random_labels_equal_the_plain_formulations() -> None:
    rng = random.Random(0)
    for _ in range(300):
        gold, predicted = random_labels(rng, TACRED)
        assert parts(tacred_scores(gold, predicted)) == pytest.approx(plain_tacred(gold, predicted))
        gold, predicted = random_labels(rng, SEMEVAL)
        if set(gold) != {"Other"}:
            scores = semeval_scores(gold, predicted)
            assert parts(scores, MACRO) == pytest.approx(plain_semeval(gold, predicted))
            right = sum(one == (other or "Other") for one, other in zip(gold, predicted, strict=True))
            assert scores["accuracy"] == pytest.approx(right / len(gold))


@pytest.mark.parametrize(
    ("metric_class", "function", "labels", "names"),
    [(TacredScore, tacred_scores, TACRED, PARTS), (SemevalScore, semeval_scores, SEMEVAL, (*MACRO, "accuracy"))],
)
def test_metrics_equal_the_functions_and_reduce_by_summing(
    metric_class: Any, function: Any, labels: list[str], names: Sequence[str]
) -> None:
    rng = random.Random(1)
    whole, shares = metric_class(labels), [metric_class(labels), metric_class(labels)]
    all_gold: list[str] = []
    all_predicted: list[str | None] = []
    for batch in range(8):
        gold, predicted = random_labels(rng, labels)
        whole.update(gold, predicted)
        shares[batch % 2].update(gold, predicted)
        all_gold += gold
        all_predicted += predicted
    scores = function(all_gold, all_predicted)
    expected = {name: pytest.approx(scores[name]) for name in names}
    assert whole.compute() == expected
    assert whole.counts.shape == (len(labels), 3) and whole.counts.dtype == torch.int64
    assert whole.counts[:, 2].sum() == len(all_gold)

    reduced = metric_class(labels)
    reduced.update([], [])
    reduced.counts = whole._reductions["counts"](torch.stack([share.counts for share in shares]))
    assert reduced.compute() == expected
    whole.reset()
    assert whole.counts.sum() == 0


def test_tacred_relations_that_training_never_saw() -> None:
    gold = ["per:title", "per:spouse", "no_relation", "per:spouse", "per:title"]
    predicted = ["per:title", "no_relation", "per:religion", "per:title", "per:religion"]
    metric = TacredScore(["per:title", "per:religion"])  # no_relation is added
    with pytest.raises(UserError, match="'per:spouse'"):
        metric.update(gold, predicted)
    assert metric.counts.sum() == 0, "nothing was added"
    metric.expect(gold)
    metric.update(gold, predicted)
    assert parts(metric.compute()) == pytest.approx(parts(tacred_scores(gold, predicted)))
    assert metric.beside_gold() == ["per:religion"]
    with pytest.raises(UserError, match="'per:age'"):
        metric.update(["per:title"], ["per:age"])


def test_semeval_relations_that_training_never_saw_are_relations_of_their_own() -> None:
    metric = SemevalScore(["Cause-Effect(e1,e2)", "Message-Topic(e2,e1)"])  # Other is added
    gold = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Other", "Entity-Origin(e1,e2)", "Member-Collection(e1,e2)"]
    predicted = ["Cause-Effect(e1,e2)", None, None, "Message-Topic(e2,e1)", "Cause-Effect(e1,e2)"]
    metric.expect(set(gold))
    metric.update(gold, predicted)
    scores = metric.compute()
    assert scores["macro_f1"] == pytest.approx((1 / 2 + 0 + 0) / 3), "two relations were never found"
    assert parts(scores, MACRO) == pytest.approx(plain_semeval(gold, predicted))
    assert scores["accuracy"] == pytest.approx(2 / 5)


@pytest.fixture
def semeval_key() -> list[str]:
    """The directed labels of the 2,717 test instances; the release's own key file has no directions."""
    folder = os.environ.get("SEMEVAL2010_TASK8_DIR", ROOT.parent / "shared" / "data" / "re" / "semeval2010_task8")
    file = Path(folder) / "TEST_FILE_FULL.TXT"
    if not file.is_file():
        pytest.skip(f"SemEval-2010 Task 8 is not at {folder}; set SEMEVAL2010_TASK8_DIR")
    lines = file.read_text(encoding="utf-8").splitlines()
    return [label for line, label in itertools.pairwise(lines) if re.match(r"\d+\t", line)]


@pytest.mark.corpus
def test_semeval_test_set(semeval_key: list[str]) -> None:
    assert len(semeval_key) == 2717 and semeval_key.count("Other") == 454
    perfect = semeval_scores(semeval_key, semeval_key)
    assert parts(perfect, (*MACRO, "accuracy")) == [1.0] * 4
    assert len(perfect["relations"]) == 9 and perfect["relations"]["Cause-Effect"]["support"] == 328

    turned = [re.sub(r"\((e\d),(e\d)\)", r"(\2,\1)", label) for label in semeval_key]
    scores = semeval_scores(semeval_key, turned)
    assert parts(scores, (*MACRO, "accuracy")) == [0.0, 0.0, 0.0, 454 / 2717]

    one_turned = [
        other if label.startswith("Cause-Effect") else label for label, other in zip(semeval_key, turned, strict=True)
    ]
    assert parts(semeval_scores(semeval_key, one_turned), MACRO) == pytest.approx([8 / 9] * 3)

    always = ["Cause-Effect(e2,e1)"] * 2717
    right = semeval_key.count("Cause-Effect(e2,e1)")
    scores = semeval_scores(semeval_key, always)
    assert parts(scores["relations"]["Cause-Effect"]) == pytest.approx([right / 2717, right / 328, 2 * right / 3045])
    assert parts(scores, MACRO) == pytest.approx(plain_semeval(semeval_key, always))
