"""Relation extraction as TACRED and SemEval-2010 Task 8 score it, over the pairs of arguments of documents."""

from __future__ import annotations

from typing import Any

from transferlab.documents import Document, DocumentError, Relation, Span
from transferlab.metrics.class_counts import PARTS
from transferlab.metrics.relation import OTHER, semeval_scores, tacred_scores
from transferlab.reporting.document_report import DocumentReport
from transferlab.reporting.layer_scores import label_score_table
from transferlab.reporting.layers import layer_of

Pair = tuple[Span, Span]

CONVENTIONS = ("tacred", "semeval")


def relation_report(
    documents: list[Document], convention: str = "tacred", no_relation: str = "no_relation"
) -> DocumentReport:
    """Compare the predicted with the gold relation of every directed pair of spans that has one of them.

    A pair without a gold or without a predicted relation has none there: a relation predicted for a pair that is
    not annotated costs precision, one that is not predicted costs recall. Of several relations predicted for one pair
    that with the highest score counts.

    Args:
        documents: with gold and predicted relations.
        convention: ``tacred`` (micro) or ``semeval`` (macro over relations in both directions).
        no_relation: the label for none in TACRED; that of SemEval is ``Other``.

    Returns:
        a report whose scores are those of :func:`transferlab.metrics.relation.tacred_scores` or
        :func:`~transferlab.metrics.relation.semeval_scores`: fractions.

    Raises:
        DocumentError: an unknown convention, documents without relations, or two gold relations of one pair.
    """
    if convention not in CONVENTIONS:
        raise DocumentError(f"metric.convention={convention!r}: choose one of {list(CONVENTIONS)}")
    none = no_relation if convention == "tacred" else OTHER
    gold, predicted = [], []
    for document, key, response in zip(
        documents,
        layer_of(documents, "gold", "relations"),
        layer_of(documents, "predicted", "relations"),
        strict=True,
    ):
        gold_of, predicted_of = _gold_labels(document, key), _predicted_labels(response)
        for pair in dict.fromkeys((*gold_of, *predicted_of)):
            gold.append(gold_of.get(pair, none))
            predicted.append(predicted_of.get(pair))
    scores: dict[str, Any]
    averages: dict[str, dict[str, float]]
    if convention == "tacred":
        scores = tacred_scores(gold, predicted, no_relation)
        averages = {"micro": {part: scores[part] for part in PARTS}}
    else:
        scores = semeval_scores(gold, predicted)
        averages = {
            "macro": {part: scores[f"macro_{part}"] for part in PARTS},
            "accuracy": {"f1": scores["accuracy"]},
        }
    table = label_score_table(f"{len(gold):,} pairs, {convention}", scores["relations"], averages)
    return DocumentReport(scores, [table.rich()], table.markdown())


def _gold_labels(document: Document, relations: list[Relation]) -> dict[Pair, str]:
    labels: dict[Pair, str] = {}
    for relation in relations:
        label = labels.setdefault((relation.head, relation.tail), relation.label)
        if label != relation.label:
            raise DocumentError(
                f"{document.name}: two gold relations, {label} and {relation.label}, of head {relation.head} and tail "
                f"{relation.tail}; metric=f1 metric.layer=relations scores several of one pair"
            )
    return labels


def _predicted_labels(relations: list[Relation]) -> dict[Pair, str]:
    """The label of each pair with the highest score."""
    by_score = sorted(relations, key=lambda relation: relation.score or 0.0)
    return {(relation.head, relation.tail): relation.label for relation in by_score}
