"""The report of evaluate_documents.py metric=count_labels."""

import pytest

from transferlab.documents import Annotations, Document, DocumentError, Entity
from transferlab.reporting.counts import label_count_report


def make(name: str, **layers) -> Document:
    return Document(name, ["a", "b"], [(0, 1)], gold=Annotations(**layers))


def test_labels_come_with_counts_and_shares_the_most_frequent_first(capsys):
    documents = [make("a", label="bad"), make("b", label="good"), make("c", label="good"), make("d", label="[fair]")]
    report = label_count_report(documents)
    assert report.scores["documents"] == 4 and report.scores["items"] == 4
    assert list(report.scores["labels"]) == ["good", "[fair]", "bad"]
    assert report.scores["labels"]["good"] == {"count": 2, "share": 0.5}
    assert "| good | 2 | 50.00 |" in report.markdown() and "![labels](labels.png)" in report.markdown()
    report.show()
    shown = capsys.readouterr().out.splitlines()
    bars = {line.split()[0]: line.count("█") for line in shown if "█" in line}
    assert bars["good"] == 2 * bars["bad"] == 2 * bars["[fair]"]


def test_equal_entities_are_counted_each():
    documents = [make("a", entities=[Entity(0, 0, "PER"), Entity(0, 0, "PER")]), make("b", entities=[])]
    assert label_count_report(documents, "entities").scores["labels"]["PER"]["count"] == 2
    assert label_count_report([make("a", tags=["N", "V"])], "tags").scores["items"] == 2


def test_predictions_can_be_counted():
    document = make("a", label="good")
    document.predicted = Annotations(label=["x", "y"])
    assert list(label_count_report([document], side="predicted").scores["labels"]) == ["x", "y"]


def test_nothing_to_count():
    report = label_count_report([make("a", entities=[])], "entities")
    assert report.scores == {"documents": 1, "items": 0, "labels": {}}
    assert report.figures["labels"].axes


def test_what_cannot_be_counted_is_named():
    with pytest.raises(DocumentError, match=r"metric\.side='both': choose one of \['gold', 'predicted'\]"):
        label_count_report([make("a", label="x")], side="both")
    with pytest.raises(DocumentError, match="2 of 3 documents have no gold label, the first of them b"):
        label_count_report([make("a", label="x"), make("b"), make("c")])
