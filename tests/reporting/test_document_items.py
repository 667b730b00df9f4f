"""What reports on documents keep of single items sums up to the scores that they show."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from transferlab.documents import Annotations, Answer, Document, Entity, Question, Relation
from transferlab.reporting.document_report import DocumentReport
from transferlab.reporting.document_scores import coreference_report, statistics_report
from transferlab.reporting.label_scores import label_report
from transferlab.reporting.layer_scores import f1_report
from transferlab.reporting.question_scores import squad_report
from transferlab.reporting.relation_scores import relation_report
from transferlab.statistics.items import ItemCounts, counts_by_name
from transferlab.statistics.logged_scores import logged_scores

WORDS = 12
RELATIONS = ["Cause(e1,e2)", "Cause(e2,e1)", "Origin(e1,e2)", "Other"]
Layers = Callable[[random.Random, bool], Annotations]


def relations(draw: random.Random, several: bool = False) -> Annotations:
    pairs = [((place, place), (place + 1, place + 1)) for place in range(0, 6, 2)]
    found = []
    for head, tail in draw.sample(pairs, draw.randint(1, 3)):
        for label in draw.sample(RELATIONS, draw.randint(1, 2) if several else 1):
            found.append(Relation(head, tail, label, draw.random()))
    return Annotations(relations=found)


def clusters(draw: random.Random) -> Annotations:
    mentions = draw.sample([(place, place + draw.randrange(2)) for place in range(WORDS - 1)], 7)
    return Annotations(clusters=[mentions[:2], mentions[2:3], mentions[3:5], mentions[5:]])


def entities(draw: random.Random) -> Annotations:
    places = draw.sample(range(WORDS), draw.randrange(5))
    return Annotations(entities=[Entity(place, place, draw.choice(["PER", "LOC", "ORG"])) for place in places])


def documents(make: Callable[[random.Random], Annotations], number: int = 9) -> list[Document]:
    draw = random.Random(7)
    words = [f"w{place}" for place in range(WORDS)]
    return [
        Document(f"d{place}", words, [(0, WORDS - 1)], gold=make(draw), predicted=make(draw)) for place in range(number)
    ]


def questions(version: int = 2) -> list[Document]:
    """Some predicted in another order than asked; in version 1 some without a prediction, of an empty gold answer."""
    draw = random.Random(3)
    asked = []
    for place in range(5):
        gold, predicted = [], []
        for number in range(3):
            wording, name = draw.choice(["the red car", "Rome"]), f"q{place}.{number}"
            wording = wording if version == 2 else draw.choice([wording, "the"])
            gold.append(Question(name, "?", [Answer(0, wording)] if version == 1 or draw.random() < 0.6 else []))
            answers = [Answer(0, draw.choice(["red car", "Rome"]))] if draw.random() < 0.7 else []
            if version == 2 or draw.random() < 0.6:
                probability = draw.choice([0.2, draw.random()])
                predicted.append(Question(name, "?", answers, no_answer_probability=probability))
        draw.shuffle(predicted)
        sides = (Annotations(questions=gold), Annotations(questions=predicted))
        asked.append(Document(f"d{place}", ["a"], [(0, 0)], text="a", gold=sides[0], predicted=sides[1]))
    return asked


REPORTS: dict[str, Callable[[], DocumentReport]] = {
    "coreference": lambda: coreference_report(documents(clusters)),
    "entities": lambda: f1_report(documents(entities)),
    "labels": lambda: label_report(documents(lambda draw: Annotations(label=draw.choice("ab")))),
    "a layer of labels": lambda: f1_report(documents(lambda draw: Annotations(label=draw.choice("abc"))), "label"),
    "binary": lambda: label_report(documents(lambda draw: Annotations(label=draw.choice("01"))), "mrpc"),
    "one class": lambda: label_report(documents(lambda draw: Annotations(label="0")), "mrpc"),
    "values": lambda: label_report(documents(lambda draw: Annotations(label=draw.random())), "regression"),
    "several labels": lambda: label_report(
        documents(lambda draw: Annotations(label=draw.sample("abc", draw.randrange(3)))), "multi_label"
    ),
    "tacred": lambda: relation_report(documents(relations), no_relation="Other"),
    "semeval": lambda: relation_report(documents(relations), "semeval"),
    "several relations": lambda: relation_report(documents(partial(relations, several=True)), "multi_label"),
    "questions": lambda: squad_report(questions()),
    "questions of version 1": lambda: squad_report(questions(version=1), 1),
}


@pytest.mark.parametrize("name", REPORTS)
def test_items_sum_up_to_the_scores(name: str) -> None:
    report = REPORTS[name]()
    assert report.items is not None
    kept = counts_by_name("test", report.items.columns, report.items.counts, [f"d{place}" for place in range(9)])
    found = logged_scores(report.items.description, kept.columns)
    scores = report.scores["predicted"] if name == "coreference" else report.scores
    shown = {key: value for key, value in flat(scores).items() if key in found}
    assert shown and shown == pytest.approx({key: total(kept, found, key) for key in shown})
    plain = {key for key, value in scores.items() if isinstance(value, float)}
    assert {key for key in plain if not key.endswith(("total", "thresh", "missing"))} <= shown.keys()


def test_no_best_threshold_where_a_probability_is_not_known() -> None:
    asked = questions()
    first = asked[0].predicted.questions[0]
    asked[0].predicted.questions[0] = replace(first, no_answer_probability=math.nan)
    report = squad_report(asked)
    assert report.items is not None and "best_f1" not in report.scores
    kept = counts_by_name("test", report.items.columns, report.items.counts, [f"d{place}" for place in range(9)])
    found = logged_scores(report.items.description, kept.columns)
    assert math.isnan(total(kept, found, "best_f1")) and total(kept, found, "f1") == report.scores["f1"]


def flat(scores: dict[str, object]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, dict):
            found |= {f"{name}_{part}": number for part, number in value.items() if isinstance(number, float)}
        elif isinstance(value, float):
            found[name] = value
    return found


def total(kept: ItemCounts, found: dict, key: str) -> float:
    counts = kept.of_columns(found[key].columns)
    return float(found[key].left_out(counts, np.zeros(len(counts), dtype=np.intp), 1)[0])


def test_descriptions_have_no_items() -> None:
    assert statistics_report(documents(clusters)).items is None
