"""Random label sets: the metric over batches, in one process and in two, is the function of the whole and the oracle.

Training knows only some of the labels, and gold has others: each side may lack what the other has.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_scores
from sklearn import metrics as sklearn_metrics
from sklearn.preprocessing import MultiLabelBinarizer
from torch import distributed, multiprocessing
from torchmetrics import Metric

from transferlab.metrics.class_counts import ClassCounts
from transferlab.metrics.classification import SCORES, make_score, problem_of
from transferlab.metrics.glue import TASKS, scores
from transferlab.metrics.question_answering import SquadScore, squad_scores
from transferlab.metrics.relation import semeval_scores, tacred_scores
from transferlab.metrics.span_f1 import SpanScore, TagAccuracy, sequence_scores, tag_accuracy

from .relation_reference import plain_semeval, plain_tacred

RELATIONS = [f"{name}({way})" for name in ("Cause-Effect", "Message-Topic", "Origin") for way in ("e1,e2", "e2,e1")]
CLASSES = {"tacred": ["no_relation", "per:title", "org:founded", "per:age"], "semeval": ["Other", *RELATIONS]}


@dataclass
class Split:
    """Gold and predictions of a split, the labels that the model knows, and the expected scores."""

    gold: list[Any]
    predicted: list[Any]
    known: list[str]
    function: dict[str, float]
    oracle: dict[str, float]


def f1(gold: list[Any], predicted: list[Any], **options: Any) -> float:
    return float(sklearn_metrics.f1_score(gold, predicted, zero_division=0, **options))


def draw_classes(rng: random.Random, classes: list[str]) -> tuple[list[str], list[str], list[str]]:
    known = rng.sample(classes, rng.randint(1, len(classes)))
    of_gold = rng.sample(classes, rng.randint(1, len(classes)))
    gold = [rng.choice(of_gold) for _ in range(rng.randint(2, 50))]
    return gold, [label if label in known and rng.random() < 0.4 else rng.choice(known) for label in gold], known


def of_classes(task: str, rng: random.Random) -> Split:
    classes = ["1", "0", "2", "3", "4", "5"]
    gold, predicted, known = draw_classes(rng, classes)
    known += ["1"] * ("1" not in known)  # the positive class of binary tasks
    accuracy = float(sklearn_metrics.accuracy_score(gold, predicted))
    of_positive = f1(gold, predicted, labels=["1"], average="macro")
    oracle = {
        "accuracy": accuracy,
        "f1": of_positive,
        "accuracy_f1": (accuracy + of_positive) / 2,
        "macro_f1": f1(gold, predicted, labels=sorted(set(gold)), average="macro"),
        "matthews_correlation": float(sklearn_metrics.matthews_corrcoef(gold, predicted)),
    }
    positive = "1" if {"1"} & {*gold, *predicted} else gold[0]  # the function sees no other labels
    function = scores(task, gold, predicted, positive)
    if positive != "1":
        function |= {name: oracle[name] for name in ("f1", "accuracy_f1") if name in function}
    return Split(gold, predicted, known, function, oracle)


def of_sets(task: str, rng: random.Random) -> Split:
    classes = ["a", "b", "c", "d", "e"]
    known, of_gold = (rng.sample(classes, rng.randint(1, 5)) for _ in range(2))
    gold = [rng.sample(of_gold, rng.randint(0, len(of_gold))) for _ in range(rng.randint(2, 30))]
    predicted = [
        [c for c in item if c in known] if rng.random() < 0.4 else rng.sample(known, rng.randint(0, len(known)))
        for item in gold
    ]
    binary = MultiLabelBinarizer(classes=classes).fit(gold)
    truth, guess = binary.transform(gold), binary.transform(predicted)
    in_gold = [place for place in range(5) if truth[:, place].any()]
    oracle = {
        "micro_f1": f1(truth, guess, average="micro"),
        "macro_f1": f1(truth, guess, labels=in_gold, average="macro") if in_gold else 0.0,
        "exact_match": float(sklearn_metrics.accuracy_score(truth, guess)),
    }
    return Split(gold, predicted, known, scores(task, gold, predicted), oracle)


def of_values(task: str, rng: random.Random) -> Split:
    gold = [round(rng.uniform(0, 5), 1) for _ in range(rng.randint(5, 30))]
    predicted = [value + rng.gauss(0, 1) for value in gold]
    oracle = {"mse": float(sklearn_metrics.mean_squared_error(gold, predicted))}
    return Split(gold, predicted, [], scores(task, gold, predicted), oracle)


def of_relations(task: str, rng: random.Random) -> Split:
    gold, answers, known = draw_classes(rng, CLASSES[task])
    gold[0] = CLASSES[task][1]  # a key without relations has no macro average
    predicted = [None if rng.random() < 0.1 else answer for answer in answers]
    if task == "tacred":
        names: tuple[str, ...] = ("precision", "recall", "f1")
        function, official = tacred_scores(gold, predicted), plain_tacred(gold, predicted)
    else:
        names = ("macro_precision", "macro_recall", "macro_f1")
        function, official = semeval_scores(gold, predicted), plain_semeval(gold, predicted)
    del function["relations"]
    return Split(gold, predicted, known, function, dict(zip(names, official, strict=True)))


def of_spans(task: str, rng: random.Random) -> Split:
    types = ["PER", "LOC", "ORG", "MISC"]
    known, of_gold = (rng.sample(types, rng.randint(1, 4)) for _ in range(2))
    gold = [[random_tag(rng, of_gold) for _ in range(rng.randint(1, 9))] for _ in range(rng.randint(1, 9))]
    predicted = [
        [tag if rng.random() < 0.6 and tag[2:] in ["", *known] else random_tag(rng, known) for tag in tags]
        for tags in gold
    ]
    function = sequence_scores(gold, predicted)
    function = {name: function[name] for name in ("precision", "recall", "f1", "macro_f1")}
    oracle: dict[str, float] = {}
    if any(tag != "O" for tags in (*gold, *predicted) for tag in tags):  # else seqeval divides by no types
        micro, macro = (
            seqeval_scores(gold, predicted, average=average, zero_division=0) for average in ("micro", "macro")
        )
        oracle = {"precision": micro[0], "recall": micro[1], "f1": micro[2], "macro_f1": macro[2]}
    return Split(gold, predicted, known, function, oracle)


def random_tag(rng: random.Random, types: list[str]) -> str:
    return "O" if rng.random() < 0.4 else f"{rng.choice('BI')}-{rng.choice(types)}"


def of_tags(task: str, rng: random.Random) -> Split:
    gold = [[rng.choice("NVDA") for _ in range(rng.randint(1, 9))] for _ in range(rng.randint(1, 9))]
    predicted = [[tag if rng.random() < 0.5 else rng.choice("NV") for tag in tags] for tags in gold]
    flat = [[tag for tags in side for tag in tags] for side in (gold, predicted)]
    oracle = {"accuracy": float(sklearn_metrics.accuracy_score(*flat))}
    return Split(gold, predicted, [], {"accuracy": tag_accuracy(gold, predicted)}, oracle)


def of_answers(task: str, rng: random.Random) -> Split:
    wordings = ["the boat", "Boat", "old boat!", "Kiel", "in Kiel", ""]
    gold = [rng.sample(wordings[:-1], rng.randint(int(task == "squad_v1"), 3)) for _ in range(rng.randint(2, 20))]
    predicted = [rng.choice(wordings) for _ in gold]
    golds, predictions = (dict(enumerate(map(tuple, side))) for side in (gold, [[p] for p in predicted]))
    version = int(task[-1])
    function = squad_scores(
        {str(n): answers for n, answers in golds.items()},
        {str(n): answer for n, (answer,) in predictions.items()},
        version=version,
    )
    del function["missing"]
    exact = [
        max(normalised(answer) == normalised(wording) for answer in answers or [""])
        for answers, wording in zip(gold, predicted, strict=True)
    ]
    return Split(gold, predicted, [], function, {"exact": sum(exact) / len(exact)})


def normalised(text: str) -> list[str]:
    return re.sub(r"\b(a|an|the)\b", " ", re.sub(r"[^\w\s]", "", text.lower())).split()


DRAWS: dict[str, Callable[[str, random.Random], Split]] = {
    **{task: {"multi_class": of_classes, "multi_label": of_sets, "regression": of_values}[problem_of(task)]
       for task in TASKS},
    "tacred": of_relations, "semeval": of_relations,
    "span_f1": of_spans, "accuracy": of_tags, "squad_v1": of_answers, "squad_v2": of_answers,
}  # fmt: skip


def metric_of(task: str, split: Split) -> Metric:
    """The metric that training uses, told of the gold of the split as the models tell it."""
    made = {"span_f1": lambda: SpanScore(split.known), "accuracy": TagAccuracy}
    if task in made:
        metric = made[task]()
    elif task.startswith("squad"):
        metric = SquadScore(int(task[-1]))
    else:
        metric = make_score(task, problem_of(task), split.known)
    if isinstance(metric, ClassCounts):
        metric.expect(gold_classes(task, split))
    return metric


def gold_classes(task: str, split: Split) -> set[str]:
    if task == "span_f1":
        return {tag[2:] for tags in split.gold for tag in tags if tag != "O"}
    several = problem_of(task) == "multi_label"
    return {str(label) for item in split.gold for label in (item if several else [item])}


def computed(task: str, split: Split, batches: list[slice]) -> dict[str, float]:
    metric = metric_of(task, split)
    for batch in batches:
        metric.update(split.gold[batch], split.predicted[batch])
    return {name: float(value) for name, value in metric.compute().items()}


def assert_expected(task: str, split: Split, found: dict[str, float]) -> None:
    assert {name: found[name] for name in split.function} == pytest.approx(split.function, nan_ok=True)
    shared = {name: value for name, value in split.oracle.items() if name in found}
    assert shared or task in ("stsb", "span_f1")
    assert {name: found[name] for name in shared} == pytest.approx(shared)


def test_every_score_is_drawn() -> None:
    assert set(SCORES) <= set(DRAWS)


@pytest.mark.parametrize("task", DRAWS)
def test_random_batches_give_the_function_and_the_oracle(task: str) -> None:
    rng = random.Random(task)
    for _ in range(25):
        split = DRAWS[task](task, rng)
        cuts = sorted(rng.choices(range(len(split.gold) + 1), k=rng.randint(0, 4)))
        batches = [slice(start, end) for start, end in zip([0, *cuts], [*cuts, None], strict=True)]
        assert_expected(task, split, computed(task, split, batches))


def score_a_share(rank: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    shares = {}
    for task, draw in DRAWS.items():
        for seed in range(3):
            split = draw(task, random.Random(f"{task} {seed}"))
            shares[f"{task} {seed}"] = computed(task, split, [slice(rank, None, 2)])
    nothing_here = metric_of("stsb", Split([], [], [], {}, {}))
    if rank:
        nothing_here.update([1.0, 2.0], [1.0, 3.0])
    shares["all in one process"] = nothing_here.compute()
    (folder / f"{rank}.json").write_text(json.dumps(shares))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_function_and_the_oracle(tmp_path: Path) -> None:
    multiprocessing.start_processes(score_a_share, args=(tmp_path,), nprocs=2, start_method="fork")
    for rank in range(2):
        shares = json.loads((tmp_path / f"{rank}.json").read_text())
        assert shares.pop("all in one process")["pearson"] == pytest.approx(1)
        for name, found in shares.items():
            task = name.split()[0]
            assert_expected(task, DRAWS[task](task, random.Random(name)), found)
            assert all(map(math.isfinite, found.values()))
