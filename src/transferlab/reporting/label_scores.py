"""Every score of text classification and regression, over the labels of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from transferlab.documents import Document, DocumentError
from transferlab.metrics.classification import check_score, make_score, problem_of
from transferlab.metrics.glue import TASKS, scores
from transferlab.metrics.item_counts import CountsItems
from transferlab.reporting.document_report import DocumentReport, item_table
from transferlab.reporting.layers import layer_of
from transferlab.reporting.score_table import score_markdown, score_table
from transferlab.utils.errors import UserError

# by problem: the types of its labels, and their wording
KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "multi_class": ((str,), "a class"),
    "multi_label": ((list,), "a list of classes"),
    "regression": ((float, int), "a number"),
}


def label_report(
    documents: list[Document], score: str = "classification", options: Mapping[str, Any] | None = None
) -> DocumentReport:
    """Score the predicted label of every text as training does.

    Args:
        documents: with gold and predicted labels.
        score: what training calls ``model.metric``, one of ``metrics.classification.SCORES``.
        options: of the score, ``model.metric_options`` of training.

    Returns:
        a report whose scores are those of the metric, under the names that training gives them: fractions.

    Raises:
        UserError: an unknown score or option.
        DocumentError: documents without a label, or with one of another kind than the score's.
    """
    options = dict(options or {})
    try:
        problem = problem_of(score)
        check_score(score, problem, options)
    except UserError as error:
        raise UserError(f"metric.score={score}, metric.options={options}: {error}") from error
    gold, predicted = (_labels(documents, side, score) for side in ("gold", "predicted"))
    several = problem == "multi_label"
    labels = {label for side in (gold, predicted) for one in side for label in (one if several else [one])}
    if problem == "regression":
        labels = set()
    elif score in TASKS:
        labels.add(str(options.get("positive", "1")))  # a binary task may lack it in these documents
    metric = make_score(score, problem, sorted(labels), options)
    if score in TASKS:
        found = scores(score, gold, predicted, **options)
    else:
        metric.update(gold, predicted)
        found = metric.compute()
    assert isinstance(metric, CountsItems)
    items = item_table(metric, [[pair] for pair in zip(gold, predicted, strict=True)])
    systems = {"predicted": found}
    counts = f"{len(documents):,} texts, {score}"
    text = f"{score_markdown(systems)}\n{counts}\n"
    return DocumentReport(found, [score_table(systems), Text(counts)], text, items=items)


def _labels(documents: list[Document], side: str, score: str) -> list[Any]:
    labels = layer_of(documents, side, "label")
    types, wording = KINDS[problem_of(score)]
    for document, label in zip(documents, labels, strict=True):
        if not isinstance(label, types) or isinstance(label, bool):
            raise DocumentError(
                f"{document.name}: its {side} label {label!r} is not {wording}, which metric.score={score} needs"
            )
    return labels
