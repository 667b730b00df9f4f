"""The report of evaluate_documents.py metric=f1."""

import pytest

from transferlab.documents import Annotations, Document, DocumentError, Entity, Relation
from transferlab.reporting.layer_scores import f1_report

WORDS = ["Ann", "met", "Bob", "in", "Bonn", "."]


def make(name: str = "a", gold: Annotations | None = None, predicted: Annotations | None = None) -> Document:
    return Document(name, WORDS, [(0, 5)], gold=gold or Annotations(), predicted=predicted).validate()


def entities(*labelled: tuple[int, int, str]) -> Annotations:
    return Annotations(entities=[Entity(*entity) for entity in labelled])


def test_entities_count_when_span_and_label_are_right():
    documents = [
        make("a", entities((0, 0, "PER"), (2, 2, "PER"), (4, 4, "LOC")), entities((0, 0, "PER"), (2, 2, "LOC"))),
        make("b", entities(), entities((4, 4, "ORG"))),
    ]
    report = f1_report(documents)
    scores = report.scores
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0 + 0) / 3)
    assert scores["types"]["PER"] == pytest.approx({"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2})
    assert "| PER | 100.00 | 50.00 | 66.67 | 2 |" in report.markdown()
    assert "| micro | 33.33 | 33.33 | 33.33 | 3 |" in report.markdown()


def test_a_score_of_the_model_is_no_part_of_the_entity():
    document = make(gold=entities((0, 0, "PER")), predicted=Annotations(entities=[Entity(0, 0, "PER", 0.3)]))
    assert f1_report([document]).scores["f1"] == 1.0


def test_relations_are_labelled_directed_pairs_and_labels_can_be_left_out():
    gold = [Relation((0, 0), (2, 2), "knows"), Relation((2, 2), (4, 4), "none"), Relation((0, 0), (4, 4), "none")]
    turned = [Relation((2, 2), (0, 0), "knows"), Relation((2, 2), (4, 4), "none"), Relation((0, 0), (4, 4), "none")]
    document = make(gold=Annotations(relations=gold), predicted=Annotations(relations=turned))
    assert f1_report([document], "relations").scores["f1"] == pytest.approx(2 / 3)
    report = f1_report([document], "relations", exclude_labels=["none"])
    assert report.scores["f1"] == 0.0 and list(report.scores["types"]) == ["knows"]
    assert "relations without none" in report.markdown()


def test_mentions_tags_and_classes():
    gold = Annotations(clusters=[[(0, 0), (2, 2)]], tags=["N", "V", "N", "P", "N", "."], label="good")
    predicted = Annotations(clusters=[[(0, 0)], [(4, 4)]], tags=["N", "V", "N", "P", "V", "."], label="bad")
    documents = [make("a", gold, predicted), make("b", gold, gold)]
    assert f1_report(documents, "clusters").scores["types"]["mention"]["f1"] == pytest.approx(3 / 4)
    assert f1_report(documents, "tags").scores["f1"] == pytest.approx(11 / 12), "the accuracy of words"
    assert f1_report(documents, "label").scores["f1"] == pytest.approx(1 / 2), "the accuracy of texts"
    several = [make("a", Annotations(label=["joy", "fear"]), Annotations(label=["joy"]))]
    assert f1_report(several, "label").scores["recall"] == pytest.approx(1 / 2)


def test_what_cannot_be_scored_is_named():
    whole = make("a", entities(), entities())
    with pytest.raises(DocumentError, match=r"metric\.layer='entity': choose one of \['entities', "):
        f1_report([whole], "entity")
    with pytest.raises(DocumentError, match=r"1 of 2 documents have no predicted entities, the first of them b; pred"):
        f1_report([whole, make("b", entities())])
    with pytest.raises(DocumentError, match="1 of 2 documents have no gold entities, the first of them c; choose"):
        f1_report([whole, make("c", predicted=entities())])
    with pytest.raises(DocumentError, match=r"a: its gold label 2\.5 is a number"):
        f1_report([make("a", Annotations(label=2.5), Annotations(label=2.5))], "label")


def test_labels_that_look_like_markup_are_shown(capsys):
    document = make(gold=entities((0, 0, "[bold]"), (2, 2, "a|b")), predicted=entities())
    report = f1_report([document])
    report.show()
    assert "[bold]" in capsys.readouterr().out and r"a\|b" in report.markdown()
