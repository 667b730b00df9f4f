"""The report of evaluate_documents.py metric=labels."""

import pytest

from transferlab.documents import Annotations, Document, DocumentError
from transferlab.metrics.glue import scores
from transferlab.reporting.label_scores import label_report
from transferlab.reporting.layer_scores import f1_report
from transferlab.utils.errors import UserError


def documents(gold, predicted):
    return [
        Document(f"d{n}", ["a"], [(0, 0)], gold=Annotations(label=key), predicted=Annotations(label=answer))
        for n, (key, answer) in enumerate(zip(gold, predicted, strict=True))
    ]


@pytest.mark.parametrize(
    ("score", "gold", "predicted"),
    [
        ("classification", "aabbc", "aadbb"),
        ("cola", "11000", "10100"),
        ("mrpc", "11000", "10100"),
        ("mrpc", "00", "00"),
        ("multi_label", [["a"], ["a", "b"], []], [["a"], ["c"], ["b"]]),
        ("stsb", [1.0, 2, 3.5], [2.0, 1.0, 4.0]),
        ("regression", [1.0, 2, 3.5], [2.0, 1.0, 4.0]),
    ],
)
def test_scores_are_those_of_the_functions(score, gold, predicted):
    report = label_report(documents(gold, predicted), score)
    assert report.scores == pytest.approx(scores(score, list(gold), list(predicted)))
    assert f"{len(gold)} texts, {score}" in report.markdown()


def test_the_other_report_of_labels_agrees():
    texts = documents("aabbc", "aadbb")
    of_classes, of_labels = label_report(texts).scores, f1_report(texts, "label").scores
    assert of_labels["macro_f1"] == pytest.approx(of_classes["macro_f1"]) == pytest.approx((1 + 2 / 4 + 0) / 3)
    assert of_labels["f1"] == pytest.approx(of_classes["accuracy"])
    several = documents([["a"], ["a", "b"], []], [["a"], ["c"], ["b"]])
    of_classes, of_labels = label_report(several, "multi_label").scores, f1_report(several, "label").scores
    assert of_labels["macro_f1"] == pytest.approx(of_classes["macro_f1"])
    assert of_labels["f1"] == pytest.approx(of_classes["micro_f1"])


def test_options_and_scores_of_relations():
    texts = documents(["yes", "no"], ["yes", "yes"])
    assert label_report(texts, "paws", {"positive": "yes"}).scores["f1"] == pytest.approx(2 / 3)
    assert label_report(texts, "tacred", {"no_relation": "no"}).scores["precision"] == pytest.approx(1 / 2)


def test_what_cannot_be_scored_is_named():
    with pytest.raises(UserError, match="'mprc'"):
        label_report(documents("1", "1"), "mprc")
    with pytest.raises(UserError, match=r"metric_options\.negative"):
        label_report(documents("1", "1"), "mrpc", {"negative": "0"})
    with pytest.raises(DocumentError, match=r"d1: its predicted label 0\.5.*metric\.score=classification"):
        label_report(documents(["a", "b"], ["a", 0.5]))
    with pytest.raises(DocumentError, match=r"d0: its gold label 'a'.*metric\.score=stsb"):
        label_report(documents(["a"], [1.0]), "stsb")
