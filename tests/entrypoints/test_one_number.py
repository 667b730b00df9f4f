"""train, evaluate and evaluate_documents give one number where test has labels that training never saw.

So do scikit-learn, seqeval and the plain formulations of the official programs, on what predict.py writes.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as seqeval_scores
from sklearn.metrics import accuracy_score, f1_score
from sklearn.preprocessing import MultiLabelBinarizer
from tests.metrics.relation_reference import plain_semeval, plain_tacred

from transferlab.documents import Annotations, Document, Entity, Relation, read_jsonl, write_jsonl
from transferlab.inference import load
from transferlab.statistics.item_files import item_file, read_description, read_items
from transferlab.statistics.logged_scores import logged_scores
from transferlab.utils.tagging import tags_of_spans

from .item_records import items_with_the_scores_of
from .tiny_runs import SENTENCES

pytestmark = pytest.mark.usefixtures("without_pictures")

WORDS = [text.split() for text, _ in SENTENCES]
KNOWN, UNSEEN = ["a", "b", "c"], ["x", "y"]  # c is in no evaluated split
RELATIONS = ["Cause(e1,e2)", "Cause(e2,e1)", "Origin(e1,e2)"], ["Origin(e2,e1)", "Topic(e1,e2)"]
TACRED = ["per:title", "per:age", "org:founded"], ["per:spouse", "org:city"]
SPLITS = {"train": 15, "validation": 20, "test": 30}


def annotated(kind: str, split: str, sentence: int, rng: random.Random) -> Annotations:
    """Gold of a sentence, by its number; half of evaluated ones deviate: to what training never saw, or to none."""

    def label(known: list[str], unseen: list[str], none: list[str], number: int = sentence) -> str:
        learnt = [known[-1], *known[:-1], *none]
        of_sentence = learnt[number % len(learnt)]
        kept = split == "train" or (of_sentence != known[-1] and rng.random() < 0.7)
        return of_sentence if kept else rng.choice([*unseen, *none])

    if kind == "entities":
        labels = [label(KNOWN, UNSEEN, [], sentence + place) for place in range(2)]
        return Annotations(entities=[Entity(2 * place, 2 * place, name) for place, name in enumerate(labels)])
    if kind in ("tacred", "semeval"):
        labels, none = (TACRED, "no_relation") if kind == "tacred" else (RELATIONS, "Other")
        entities = [Entity(0, 0, ""), Entity(2, 2, "")]
        return Annotations(entities=entities, relations=[Relation((0, 0), (2, 2), label(*labels, [none]))])
    if kind == "several_relations":
        labels = {label(*TACRED, [], sentence + place) for place in range(1 + sentence % 2)}
        relations = [Relation((0, 0), (2, 2), name) for name in sorted(labels)]
        return Annotations(entities=[Entity(0, 0, ""), Entity(2, 2, "")], relations=relations)
    if kind == "multi_label":
        return Annotations(
            label=sorted({label(KNOWN, UNSEEN, [], sentence + place) for place in range(1 + sentence % 2)})
        )
    return Annotations(label=label(KNOWN, UNSEEN, []))


@pytest.fixture
def corpus_of(tmp_path: Path) -> Callable[[str], Path]:
    def corpus_of(kind: str) -> Path:
        rng = random.Random(kind)
        place = tmp_path / "corpus"
        place.mkdir()
        for split, count in SPLITS.items():
            documents = []
            for number in range(count):
                words, text = WORDS[number % 5], " ".join(WORDS[number % 5])
                gold = annotated(kind, split, number % 5, rng)
                documents.append(Document(f"{split}{number}", words, [(0, len(words) - 1)], text=text, gold=gold))
            write_jsonl([document.validate() for document in documents], place / f"{split}.jsonl")
        return place

    return corpus_of


def labels_of(documents: list[Document]) -> tuple[list[Any], list[Any]]:
    return [d.gold.label for d in documents], [d.predicted.label for d in documents]


def of_classes(documents: list[Document]) -> dict[str, float]:
    gold, predicted = labels_of(documents)
    macro = f1_score(gold, predicted, labels=sorted(set(gold)), average="macro", zero_division=0)
    return {"macro_f1": macro, "accuracy": accuracy_score(gold, predicted)}


def of_sets(documents: list[Document]) -> dict[str, float]:
    return set_scores(*labels_of(documents))


def of_several_relations(documents: list[Document]) -> dict[str, float]:
    sides = ([{r.label for r in getattr(d, side).relations} for d in documents] for side in ("gold", "predicted"))
    scores = set_scores(*sides)
    del scores["exact_match"]  # evaluate_documents does not know the pairs that were asked
    return scores


def set_scores(gold: list[Any], predicted: list[Any]) -> dict[str, float]:
    binary = MultiLabelBinarizer(classes=sorted({label for labels in (*gold, *predicted) for label in labels})).fit(
        gold
    )
    truth, guess = binary.transform(gold), binary.transform(predicted)
    in_gold = [place for place, column in enumerate(truth.T) if column.any()]
    return {
        "micro_f1": f1_score(truth, guess, average="micro", zero_division=0),
        "macro_f1": f1_score(truth, guess, labels=in_gold, average="macro", zero_division=0),
        "exact_match": accuracy_score(truth, guess),
    }


def of_tacred(documents: list[Document]) -> dict[str, float]:
    return dict(zip(("precision", "recall", "f1"), plain_tacred(*relations_of(documents)), strict=True))


def of_semeval(documents: list[Document]) -> dict[str, float]:
    names = ("macro_precision", "macro_recall", "macro_f1")
    return dict(zip(names, plain_semeval(*relations_of(documents)), strict=True))


def relations_of(documents: list[Document]) -> tuple[list[str], list[str | None]]:
    predicted = [d.predicted.relations[0].label if d.predicted.relations else None for d in documents]
    return [d.gold.relations[0].label for d in documents], predicted


def of_entities(documents: list[Document]) -> dict[str, float]:
    gold, predicted = (
        [tags_of_spans([(e.start, e.end, e.label) for e in side.entities], len(d.words)) for d in documents
         for side in (getattr(d, name),)]
        for name in ("gold", "predicted")
    )  # fmt: skip
    micro, macro = (seqeval_scores(gold, predicted, average=name, zero_division=0) for name in ("micro", "macro"))
    return {"precision": micro[0], "recall": micro[1], "f1": micro[2], "macro_f1": macro[2]}


TEXTS = ["experiment=text_classification", "dataset=jsonl", "taskmodule.max_length=32", "model.alignment=mean"]
PAIRS = ["dataset=jsonl", "taskmodule.typed_markers=false", "taskmodule.max_window=32"]
# kind of gold -> overrides of training, of evaluate_documents, and the oracle
KINDS: dict[str, tuple[list[str], list[str], Callable[[list[Document]], dict[str, float]]]] = {
    "classes": (
        [*TEXTS, "model.metric=classification", "monitor=val/loss", "monitor_mode=min"], ["metric=labels"], of_classes,
    ),
    "multi_label": (
        [*TEXTS, "model.metric=multi_label", "monitor=val/macro_f1"], ["metric=labels", "metric.score=multi_label"],
        of_sets,
    ),
    "tacred": (["experiment=re", *PAIRS], ["metric=relations"], of_tacred),
    "semeval": (
        ["experiment=semeval2010_task8", *PAIRS], ["metric=relations", "metric.convention=semeval"], of_semeval,
    ),
    "several_relations": (
        ["experiment=re", *PAIRS, "model.metric=multi_label", "monitor=val/micro_f1"],
        ["metric=relations", "metric.convention=multi_label"], of_several_relations,
    ),
    "entities": (
        ["experiment=ner", "dataset=jsonl", "taskmodule.max_segment_len=32", "taskmodule.overlap=4"],
        ["metric=f1", "metric.layer=entities"], of_entities,
    ),
}  # fmt: skip
QUIET = [
    "model.freeze_models=null", "model.bert_learning_rate=1e-2", "model.task_learning_rate=1e-2", "features=off",
    "trainer.max_epochs=15", "trainer.accelerator=cpu", "+trainer.enable_progress_bar=false", "datamodule.batch_size=4",
    "datamodule.eval_batch_size=2", "callbacks.rich_progress_bar=null", "callbacks.model_summary=null",
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_one_number(kind, corpus_of, encoder, compose_config, tmp_path, caplog):
    from evaluate import evaluate
    from evaluate_documents import evaluate_documents
    from predict import predict
    from train import train

    caplog.set_level(logging.INFO, "transferlab")
    overrides, of_documents, oracle = KINDS[kind]
    data = f"dataset.data_dir={corpus_of(kind)}"
    always = ["extras.print_config=false", "extras.ignore_warnings=true"]
    metrics = train(compose_config("train", *overrides, *QUIET, *always, data, f"encoder={encoder}"))
    unseen = {"semeval": "Topic(e1,e2)", "tacred": "per:spouse", "several_relations": "per:spouse"}.get(kind, "x'")
    warned = [record.getMessage() for record in caplog.records if "not seen in training" in record.getMessage()]
    assert [message.split(":")[0] for message in warned] == ["validation", "test"], "one warning for each split"
    assert all(unseen in message for message in warned)
    of_relations = {"semeval": "Origin(e1,e2)", "tacred": "org:founded", "several_relations": "org:founded"}
    beside_gold = of_relations.get(kind, "'c'")
    beside = [record.getMessage() for record in caplog.records if "predicted beside" in record.getMessage()]
    assert [message.split(":")[0] for message in beside] == ["val", "test"]
    assert all(beside_gold in message for message in beside)

    model = ["dataset=jsonl", data, f"model_name_or_path={tmp_path / 'run'}", *always]
    again = evaluate(compose_config("evaluate", *model, f"paths.output_dir={tmp_path / 'evaluation'}", "trainer=cpu"))
    written = predict(compose_config("predict", *model, f"paths.output_dir={tmp_path / 'out'}", "pipeline.device=cpu"))[
        "jsonl"
    ]
    of_files = evaluate_documents(
        compose_config(
            "evaluate_documents", *of_documents, f"+dataset.data_dir={written}", f"paths.output_dir={tmp_path / 'd'}",
            "extras.print_config=false",
        )
    )  # fmt: skip
    expected = oracle(list(read_jsonl(written)))
    assert all(0 < value < 1 for value in expected.values()), "a mistake would show"
    assert {name: metrics[f"test/{name}"] for name in expected} == pytest.approx(expected)
    assert {name: again[f"test/{name}"] for name in expected} == pytest.approx(expected)
    assert {name: of_files[name] for name in expected} == pytest.approx(expected)
    items = [items_with_the_scores_of(tmp_path / place, "test") for place in ("run", "evaluation")]
    assert items[0].units == items[1].units and np.array_equal(items[0].counts, items[1].counts)
    file = item_file(tmp_path / "d", "test")
    kept, (_, description) = read_items(file), read_description(file)
    for name, score in logged_scores(description, kept.columns).items():
        value, _ = score.left_out(kept.of_columns(score.columns), np.zeros(len(kept.units), dtype=np.intp), 1)
        assert float(value) == pytest.approx(of_files[name]), name

    # the loss of what is known, and of nothing else, whatever the batches
    predictor = load(tmp_path / "run", device="cpu")
    taskmodule = predictor.taskmodule
    losses = []
    for document in read_jsonl(written):
        for example in taskmodule.encode(document, annotated=True):
            batch = taskmodule.collate([example], training=False)
            with torch.no_grad():
                losses += [float(predictor.model.loss(batch))] * predictor.model.known_items(batch)
    assert 0 < len(losses) < sum(len(d.words) if kind == "entities" else 1 for d in read_jsonl(written))
    assert metrics["test/loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert again["test/loss"] == pytest.approx(metrics["test/loss"], rel=1e-4)


def test_probes_are_scored_like_models(corpus_of, encoder, compose_config, tmp_path):
    from evaluate import evaluate
    from train import train

    overrides, *_ = KINDS["classes"]
    data, always = f"dataset.data_dir={corpus_of('classes')}", ["extras.print_config=false"]
    frozen = ["model.freeze_models=all", "trainer.max_epochs=2", "datamodule.eval_batch_size=1"]
    probes = [*overrides, *QUIET, *frozen, f"encoder={encoder}", "+probes.seed=[1,2]"]
    train(compose_config("train", *probes, *always, data))
    for probe in (tmp_path / "run" / "probes").iterdir():
        metrics = json.loads((probe / "metrics.json").read_text())
        model = ["dataset=jsonl", data, f"model_name_or_path={probe}", *always, "trainer=cpu"]
        again = evaluate(compose_config("evaluate", *model, f"paths.output_dir={tmp_path / 'evaluation' / probe.name}"))
        for name in ("test/macro_f1", "test/accuracy", "test/loss"):
            assert again[name] == pytest.approx(metrics[name], rel=1e-4)
