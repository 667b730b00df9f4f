"""Extractive question answering as the programs of SQuAD score it, over the questions of documents."""

from __future__ import annotations

import math

from rich.text import Text

from transferlab.documents import Document, DocumentError, Question
from transferlab.metrics.question_answering import SquadScore, squad_scores
from transferlab.reporting.document_report import DocumentReport, item_table
from transferlab.reporting.layers import layer_of
from transferlab.reporting.score_table import score_markdown, score_table


def squad_report(documents: list[Document], version: int = 2) -> DocumentReport:
    """Score the first predicted answer to every gold question; none is "no answer".

    Args:
        documents: with gold and predicted questions, paired by their ids.
        version: 1 (SQuAD 1.1) or 2 (SQuAD 2.0). In the latter the best scores that a threshold of the predicted
            ``no_answer_probability`` could reach are added, where predictions have one.

    Returns:
        a report whose scores are those of :func:`transferlab.metrics.question_answering.squad_scores`: fractions.

    Raises:
        DocumentError: documents without questions, two questions of one id, or a gold question without annotation.
    """
    gold = _by_id(documents, "gold")
    predicted = _by_id(documents, "predicted")
    golds: dict[str, list[str]] = {}
    for name, (document, question) in gold.items():
        if question.answers is None:
            raise DocumentError(
                f"{document.name}: the question {name!r} has no gold annotation, neither answers nor that there are "
                "none; choose an annotated split or corpus"
            )
        golds[name] = [answer.text for answer in question.answers]
    answers = {name: next((a.text for a in question.answers or []), "") for name, (_, question) in predicted.items()}
    probabilities = {
        name: question.no_answer_probability
        for name, (_, question) in predicted.items()
        if question.no_answer_probability is not None
    }
    scores = squad_scores(golds, answers, probabilities or None, version)
    systems = {"predicted": scores}
    places = {id(document): place for place, document in enumerate(documents)}
    asked: list[list[tuple[object, ...]]] = [[] for _ in documents]
    for name, (document, _) in gold.items():
        if name in answers or version == 1:
            probability, answer = probabilities.get(name, math.nan), answers.get(name, "")
            said = answer if math.isnan(probability) or version == 1 or probability <= 1 else ""
            asked[places[id(document)]].append((golds[name], said, probability, answer))
    counts = f"{len(golds):,} questions, {scores['missing']:.0f} of them without a prediction"
    text = f"{score_markdown(systems)}\n{counts}\n"
    items = item_table(SquadScore(version), asked)
    return DocumentReport(scores, [score_table(systems), Text(counts)], text, items=items)


def _by_id(documents: list[Document], side: str) -> dict[str, tuple[Document, Question]]:
    questions: dict[str, tuple[Document, Question]] = {}
    for document, asked in zip(documents, layer_of(documents, side, "questions"), strict=True):
        for question in asked:
            if question.id in questions:
                first = questions[question.id][0].name
                raise DocumentError(
                    f"{document.name}: the {side} question {question.id!r} was asked in {first} already"
                )
            questions[question.id] = document, question
    return questions
