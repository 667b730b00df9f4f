"""The report of evaluate_documents.py metric=squad_f1."""

import pytest

from transferlab.documents import Annotations, Answer, Document, DocumentError, Question
from transferlab.metrics.question_answering import squad_scores
from transferlab.reporting.question_scores import squad_report
from transferlab.utils.errors import UserError

TEXT = "Anna sold the old boat to Ben."


def question(name: str, *answers: str, probability: float | None = None) -> Question:
    found = [Answer(TEXT.index(answer), answer) for answer in answers]
    return Question(name, "What?", found, no_answer_probability=probability)


def make(gold: list[Question], predicted: list[Question] | None, name: str = "a") -> Document:
    of_model = None if predicted is None else Annotations(questions=predicted)
    return Document(name, ["Anna"], [(0, 0)], text=TEXT, gold=Annotations(questions=gold), predicted=of_model)


GOLD = [question("1", "old boat", "boat"), question("2"), question("3", "Ben")]


def test_answers_are_paired_by_the_id_of_their_question():
    predicted = [question("3"), question("1", "the old boat"), question("2", "Anna")]
    report = squad_report([make(GOLD[:2], predicted), make(GOLD[2:], [], "b")])
    assert report.scores["exact"] == pytest.approx(1 / 3) and report.scores["HasAns_total"] == 2
    assert "best_f1" not in report.scores
    assert "3 questions, 0 of them without a prediction" in report.markdown() and "| **F1** |" in report.markdown()


def test_probabilities_of_no_answer_give_the_best_threshold():
    predicted = [
        question("1", "boat", probability=0.1),
        question("2", "Anna", probability=0.9),
        question("3", "Ben", probability=0.2),
    ]
    report = squad_report([make(GOLD, predicted)])
    golds = {"1": ["old boat", "boat"], "2": [], "3": ["Ben"]}
    answers, probabilities = {"1": "boat", "2": "Anna", "3": "Ben"}, {"1": 0.1, "2": 0.9, "3": 0.2}
    assert report.scores == squad_scores(golds, answers, probabilities)
    assert report.scores["best_f1"] == 1.0 and report.scores["f1"] == pytest.approx(2 / 3)


def test_versions_differ_in_questions_without_a_prediction():
    documents = [make([GOLD[0], GOLD[2]], [question("1", "boat")])]
    assert squad_report(documents, version=1).scores["exact"] == pytest.approx(1 / 2)
    report = squad_report(documents, version=2)
    assert report.scores["exact"] == 1.0 and "2 questions, 1 of them without a prediction" in report.markdown()


def test_what_cannot_be_scored_is_named():
    with pytest.raises(DocumentError, match="1 of 2 documents have no predicted questions, the first of them b"):
        squad_report([make([], []), make([], None, "b")])
    with pytest.raises(DocumentError, match="a: the question '4' has no gold annotation"):
        squad_report([make([Question("4", "What?")], [])])
    with pytest.raises(DocumentError, match="b: the gold question '1' was asked in a already"):
        squad_report([make(GOLD[:1], []), make(GOLD[:1], [], "b")])
    with pytest.raises(UserError, match="question '3' has a prediction but no no-answer probability"):
        squad_report([make(GOLD, [question("1", probability=0.5), question("3")])])
