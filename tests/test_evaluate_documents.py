"""Every metric of evaluate_documents.py as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from transferlab.documents import Annotations, Answer, Document, Entity, Question, Relation, write_jsonl
from transferlab.utils.errors import UserError

ANNOTATED = Annotations(
    clusters=[[(0, 0), (2, 2)]],
    entities=[Entity(0, 0, "PER"), Entity(2, 2, "PER")],
    relations=[Relation((0, 0), (2, 2), "knows"), Relation((2, 2), (0, 0), "no_relation")],
    questions=[Question("1", "Who met Bob?", [Answer(0, "Ann")]), Question("2", "Why?", [])],
    tags=["N", "V", "N"],
    label="short",
)
PREDICTED = Annotations(
    clusters=[[(0, 0), (2, 2)]],
    entities=[Entity(0, 0, "PER", 0.9), Entity(2, 2, "LOC", 0.4)],
    relations=[Relation((0, 0), (2, 2), "knows", 0.8)],
    questions=[
        Question("1", "Who met Bob?", [Answer(0, "Ann met")], no_answer_probability=0.2),
        Question("2", "Why?", [], no_answer_probability=0.7),
    ],
    tags=["N", "V", "V"],
    label="long",
)
Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    text = "Ann met Bob"
    document = Document("d", text.split(), [(0, 2)], text=text, gold=ANNOTATED, predicted=PREDICTED)
    return write_jsonl([document.validate()], tmp_path / "predictions.jsonl")


@pytest.fixture
def evaluate(project_root: Path, tmp_path: Path) -> Evaluate:
    from evaluate_documents import evaluate_documents

    def run(*overrides: str) -> dict[str, Any]:
        always = [f"paths.output_dir={tmp_path / 'run'}", "extras.print_config=false"]
        with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
            return evaluate_documents(compose("evaluate_documents", overrides=[*always, *overrides]))

    return run


# overrides -> (path into the scores, value), and what the Markdown says
METRICS = {
    "coref": (["metric=coref"], ("predicted", "conll_f1"), 1.0, "CoNLL F1"),
    "statistics": (["metric=statistics"], ("words",), 3, "| words | 3 |"),
    "f1": (["metric=f1", "metric.layer=entities"], ("f1",), 0.5, "| micro | 50.00 | 50.00 | 50.00 | 2 |"),
    "f1 of relations": (["metric=f1", "metric.layer=relations"], ("recall",), 0.5, "| no_relation |"),
    "f1 of some": (
        ["metric=f1", "metric.layer=relations", "metric.exclude_labels=[no_relation]"], ("recall",), 1.0, "without no",
    ),
    "labels": (["metric=labels"], ("accuracy",), 0.0, "1 texts, classification"),
    "labels, as another task": (["metric=labels", "metric.score=cola"], ("matthews_correlation",), 0.0, "cola"),
    "squad_f1": (["metric=squad_f1"], ("f1",), (2 / 3 + 1) / 2, "| **best F1** | **83.33** |"),
    "relations": (["metric=relations"], ("f1",), 1.0, "| knows | 100.00 | 100.00 | 100.00 | 1 |"),
    "relations, semeval": (["metric=relations", "metric.convention=semeval"], ("accuracy",), 0.5, "semeval"),
    "count_labels": (["metric=count_labels"], ("labels", "short", "count"), 1, "| short | 1 | 100.00 |"),
    "count_labels of predictions": (
        ["metric=count_labels", "metric.layer=tags", "metric.side=predicted"], ("labels", "V", "share"), 2 / 3, "| V |",
    ),
    "count_tokens": (["metric=count_tokens"], ("text", "max"), 3, "| text | 1 | 3 |"),
    "count_characters": (["metric=count_characters"], ("question", "min"), 4, "| question | 2 |"),
}  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_metric(name: str, evaluate: Evaluate, predictions: Path, tmp_path: Path, capsys) -> None:
    overrides, path, expected, markdown = METRICS[name]
    scores = evaluate(*overrides, f"+dataset.data_dir={predictions}")
    value: Any = scores
    for key in path:
        value = value[key]
    assert value == pytest.approx(expected)
    assert json.loads((tmp_path / "run" / "scores.json").read_text()) == scores
    assert markdown in (tmp_path / "run" / "scores.md").read_text()
    assert capsys.readouterr().out.strip(), "the tables are printed"
    figures = {"count_labels": ["labels.png"], "count_tokens": ["lengths.png"], "count_characters": ["lengths.png"]}
    written = sorted(path.name for path in (tmp_path / "run").glob("*.png"))
    assert written == figures.get(name.split()[0], [])


PUBLISHED = {  # names of the reverse probing code, and ours
    "f1_squad": ["metric=squad_f1"],
    "count_text_tokens": ["metric=count_tokens"],
    "count_text_characters": ["metric=count_characters"],
    "count_entity_labels": ["metric=count_labels", "metric.layer=entities"],
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_name_is_the_metric_under_another_name(name: str) -> None:
    root = {"config_dir": str(Path(__file__).resolve().parents[1] / "configs"), "version_base": "1.3"}
    with initialize_config_dir(**root):
        theirs, ours = (compose("evaluate_documents", given).metric for given in ([f"metric={name}"], PUBLISHED[name]))
    assert theirs == ours


def test_every_metric_is_tested(project_root: Path) -> None:
    shipped = {path.stem for path in (project_root / "configs" / "metric").glob("*.yaml")}
    assert {overrides[0].removeprefix("metric=") for overrides, *_ in METRICS.values()} == shipped - {*PUBLISHED}


def test_subtokens_of_the_packaged_encoder(evaluate: Evaluate, predictions: Path) -> None:
    scores = evaluate("metric=count_tokens", "metric.tokenizer=minilm", f"+dataset.data_dir={predictions}")
    assert scores["text"]["max"] == 3 and scores["question"]["max"] == 4


def test_a_corpus_is_described_as_it_is(evaluate: Evaluate, tmp_path: Path) -> None:
    scores = evaluate("metric=count_labels", "metric.layer=entities", "dataset=sample_conll2003", "split=train")
    assert set(scores["labels"]) == {"LOC", "MISC", "ORG", "PER"}
    with pytest.raises(UserError, match=r"documents have no predicted entities, the first of them .*; predict them"):
        evaluate("metric=f1", "metric.layer=entities", "dataset=sample_conll2003")
