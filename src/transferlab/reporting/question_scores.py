"""Extractive question answering as the programs of SQuAD score it, over the questions of documents."""

from __future__ import annotations

import math

from rich.text import Text

from transferlab.documents import Document, DocumentError, Question
from transferlab.metrics.question_answering import SquadScore, check_probabilities
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
        a report whose scores are those of :class:`~transferlab.metrics.question_answering.SquadScore`, fractions, and
        the number of questions that are ``missing`` in the predictions: wrong in version 1, and left out in version 2.

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
    asked = [name for name in gold if name in answers]
    if version == 2 and probabilities:
        check_probabilities(asked, probabilities)
    score = SquadScore(version)
    places = {id(document): place for place, document in enumerate(documents)}
    items: list[list[tuple[object, ...]]] = [[] for _ in documents]
    for name in asked if version == 2 else gold:
        probability, answer = probabilities.get(name, math.nan), answers.get(name)
        said = "" if version == 2 and probability > 1 else answer  # as the official program has it
        score.update([golds[name]], [said], [probability], [answer])
        items[places[id(gold[name][0])]].append((golds[name], said, probability, answer))
    scores = score.compute() | {"missing": float(len(gold) - len(asked))}
    systems = {"predicted": scores}
    counts = f"{len(golds):,} questions, {scores['missing']:.0f} of them without a prediction"
    text = f"{score_markdown(systems)}\n{counts}\n"
    table = item_table(score, items)
    return DocumentReport(scores, [score_table(systems), Text(counts)], text, items=table)


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
