"""The report of evaluate_documents.py metric=coref."""

import pytest

from transferlab.documents import Annotations, Document, DocumentError
from transferlab.reporting.document_scores import coreference_report, statistics_report

WORDS = ["Ann", "saw", "Bob", ".", "Ann", "called", "him", "."]
GOLD = [[(0, 0), (4, 4)], [(2, 2), (6, 6)]]


def make(name, gold, predicted):
    return Document(
        name, WORDS, [(0, 3), (4, 7)], gold=Annotations(clusters=gold),
        predicted=None if predicted is None else Annotations(clusters=predicted),
    )  # fmt: skip


def test_predictions_are_scored_beside_head_match():
    report = coreference_report([make("a", GOLD, GOLD)])
    assert report.scores["predicted"]["conll_f1"] == pytest.approx(1.0)
    baseline = report.scores["head match on gold mentions"]
    assert baseline["muc"]["recall"] == pytest.approx(0.5) and baseline["muc"]["precision"] == 1.0
    assert "CoNLL F1" in report.markdown() and report.scores["errors"]["links"]["all"]["resolved"] == 2


def test_head_match_is_scored_on_predicted_mentions_too():
    wrong = [[(0, 0), (2, 2)], [(4, 4), (6, 6)]]  # every mention, no link
    report = coreference_report([make("a", GOLD, wrong)])
    assert list(report.scores)[:3] == ["predicted", "head match on gold mentions", "head match on predicted mentions"]
    assert report.scores["predicted"]["muc"]["f1"] == 0
    fair = report.scores["head match on predicted mentions"]
    assert (fair["muc"]["recall"], fair["muc"]["precision"]) == (0.5, 1.0)
    (missed,) = [coreference_report([make("a", GOLD, [[(0, 0), (2, 2)]])]).scores["head match on predicted mentions"]]
    assert missed["conll_f1"] == 0, "gold mentions that the model missed are not given back"


def test_gold_alone_gives_the_baseline_alone(capsys):
    report = coreference_report([make("a", GOLD, None)])
    assert list(report.scores) == ["head match on gold mentions"]
    report.show()
    assert "CoNLL F1" in capsys.readouterr().out


def test_documents_that_cannot_be_scored_are_named():
    with pytest.raises(DocumentError, match="b has no gold clusters"):
        coreference_report([make("a", GOLD, GOLD), make("b", None, GOLD)])
    with pytest.raises(DocumentError, match="1 of 2 documents have no predicted clusters, the first of them b"):
        coreference_report([make("a", GOLD, GOLD), make("b", GOLD, None)])


def test_statistics(capsys):
    report = statistics_report([make("a", GOLD, None)])
    assert report.scores["words"] == 8 and report.scores["mentions"] == 4 and report.scores["entities"] == 2
    report.show()
    assert "mentions" in capsys.readouterr().out and "| mentions | 4 |" in report.markdown()
