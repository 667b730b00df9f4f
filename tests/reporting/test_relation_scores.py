"""The report of evaluate_documents.py metric=relations."""

import pytest

from transferlab.documents import Annotations, Document, DocumentError, Relation, Span
from transferlab.metrics.glue import scores
from transferlab.reporting.relation_scores import relation_report

A, B, C = (0, 0), (1, 1), (2, 2)
Labelled = tuple[Span, Span, str]


def make(gold: list[Labelled], predicted: list[Labelled] | None, name: str = "a") -> Document:
    of_model = None if predicted is None else Annotations(relations=[Relation(*labelled) for labelled in predicted])
    of_annotators = Annotations(relations=[Relation(*labelled) for labelled in gold])
    return Document(name, ["x", "y", "z"], [(0, 2)], gold=of_annotators, predicted=of_model).validate()


def test_a_missing_relation_is_no_relation_on_either_side():
    documents = [
        make([(A, B, "born_in"), (B, A, "no_relation")], [(A, B, "born_in")]),  # both right
        make([(A, B, "born_in"), (A, C, "works_for")], [(A, B, "works_for")]),  # wrong, and missed
        make([], [(B, C, "born_in")]),  # of a pair that is not annotated
    ]
    scores = relation_report(documents).scores
    assert (scores["precision"], scores["recall"]) == pytest.approx((1 / 3, 1 / 3))
    assert scores["relations"]["works_for"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_the_label_for_none_is_an_option():
    documents = [make([(A, B, "none")], [(A, B, "none")]), make([(A, B, "r")], [(A, B, "r")])]
    report = relation_report(documents, no_relation="none")
    assert report.scores["f1"] == 1.0 and list(report.scores["relations"]) == ["r"]
    assert "| micro | 100.00 | 100.00 | 100.00 |" in report.markdown() and "2 pairs, tacred" in report.markdown()


def test_semeval_brings_both_directions_together_and_leaves_out_other():
    documents = [
        make([(A, B, "Cause-Effect(e1,e2)")], [(A, B, "Cause-Effect(e1,e2)")]),
        make([(A, B, "Cause-Effect(e2,e1)")], [(A, B, "Cause-Effect(e1,e2)")]),
        make([(A, B, "Other")], []),
    ]
    report = relation_report(documents, convention="semeval")
    assert report.scores["macro_f1"] == pytest.approx(1 / 2) and report.scores["accuracy"] == pytest.approx(2 / 3)
    assert "| macro | 50.00 | 50.00 | 50.00 |  |" in report.markdown()
    assert "| accuracy |  |  | 66.67 |  |" in report.markdown()


def test_where_all_are_other_the_accuracy_is_given(caplog):
    documents = [make([(A, B, "Other")], []), make([(A, B, "Other")], [(A, B, "Cause-Effect(e1,e2)")])]
    report = relation_report(documents, convention="semeval")
    assert (report.scores["macro_f1"], report.scores["accuracy"]) == (0.0, 0.5)
    assert len(caplog.records) == 1


def test_of_several_predictions_for_a_pair_the_likeliest_counts():
    document = make([(A, B, "r")], [])
    assert document.predicted is not None
    document.predicted.relations = [Relation(A, B, "r", 0.9), Relation(A, B, "s", 0.4)]
    assert relation_report([document]).scores["f1"] == 1.0


def test_several_labels_of_a_pair_are_scored_one_by_one():
    documents = [
        make([(A, B, "r"), (A, B, "s"), (B, C, "no_relation")], [(A, B, "s"), (A, B, "t"), (B, C, "r")]),
        make([(A, B, "r"), (A, B, "r")], [(A, B, "r"), (A, B, "no_relation")]),
    ]
    report = relation_report(documents, convention="multi_label")
    gold = [["r", "s"], [], ["r"]]
    official = scores("multi_label", gold, [["s", "t"], ["r"], ["r"]])
    assert {name: report.scores[name] for name in ("micro_f1", "macro_f1")} == pytest.approx(
        {name: official[name] for name in ("micro_f1", "macro_f1")}
    )
    assert report.scores["micro_f1"] == pytest.approx(4 / 7)
    assert report.scores["relations"]["r"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}


def test_what_cannot_be_scored_is_named():
    with pytest.raises(DocumentError, match=r"metric\.convention='docred': choose one of \['tacred', 'semeval', "):
        relation_report([], convention="docred")
    with pytest.raises(DocumentError, match="1 of 2 documents have no predicted relations, the first of them b"):
        relation_report([make([], []), make([], None, "b")])
    with pytest.raises(DocumentError, match="a: two gold relations, r and s, of head"):
        relation_report([make([(A, B, "r"), (A, B, "s")], [])])
