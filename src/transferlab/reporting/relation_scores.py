"""Relation extraction as its official programs and training score it, over the pairs of arguments of documents."""

from __future__ import annotations

from typing import Any

from transferlab.documents import Document, DocumentError, Relation, Span
from transferlab.metrics.class_counts import PARTS, counts_by_class, in_gold, macro_average, precision_recall_f1, total
from transferlab.metrics.glue import GlueScore
from transferlab.metrics.relation import OTHER, SemevalScore, TacredScore, semeval_scores, tacred_scores
from transferlab.reporting.document_report import DocumentReport, item_table
from transferlab.reporting.layer_scores import label_score_table
from transferlab.reporting.layers import layer_of

Pair = tuple[Span, Span]

CONVENTIONS = ("tacred", "semeval", "multi_label")


def relation_report(
    documents: list[Document], convention: str = "tacred", no_relation: str = "no_relation"
) -> DocumentReport:
    """Compare the predicted with the gold relations of every directed pair of spans that has one of them.

    With ``multi_label`` a pair has any number of relations, each of which is scored. With the others it has one: a pair
    without a gold or without a predicted relation has none there: a relation predicted for a pair that is
    not annotated costs precision, one that is not predicted costs recall. Of several relations predicted for one pair
    that with the highest score counts.

    Args:
        documents: with gold and predicted relations.
        convention: ``tacred`` (micro), ``semeval`` (macro over relations in both directions) or ``multi_label`` (micro
            and macro).
        no_relation: the label for none in TACRED and with several labels; that of SemEval is ``Other``.

    Returns:
        a report whose scores are those of :func:`transferlab.metrics.relation.tacred_scores` or
        :func:`~transferlab.metrics.relation.semeval_scores`; with ``multi_label`` the ``micro_f1`` and ``macro_f1`` of
        training, and each relation under ``relations``: fractions. Where ``semeval`` finds no gold relation, the macro
        average is 0, which a warning says.

    Raises:
        DocumentError: an unknown convention, documents without relations, or two gold relations of one pair
            where the convention knows one.
    """
    if convention not in CONVENTIONS:
        raise DocumentError(f"metric.convention={convention!r}: choose one of {list(CONVENTIONS)}")
    none = no_relation if convention == "tacred" else OTHER
    if convention == "multi_label":
        return _multi_label_report(documents, no_relation)
    gold, predicted = [], []
    pairs: list[list[tuple[str, str | None]]] = []
    for document, key, response in zip(
        documents,
        layer_of(documents, "gold", "relations"),
        layer_of(documents, "predicted", "relations"),
        strict=True,
    ):
        gold_of, predicted_of = _gold_labels(document, key), _predicted_labels(response)
        pairs.append([(gold_of.get(p, none), predicted_of.get(p)) for p in dict.fromkeys((*gold_of, *predicted_of))])
        gold += [key for key, _ in pairs[-1]]
        predicted += [answer for _, answer in pairs[-1]]
    labels = sorted({*gold, *(answer for answer in predicted if answer is not None)})
    scores: dict[str, Any]
    averages: dict[str, dict[str, float]]
    if convention == "tacred":
        items = item_table(TacredScore(labels, no_relation), pairs)
        scores = tacred_scores(gold, predicted, no_relation)
        averages = {"micro": {part: scores[part] for part in PARTS}}
    else:
        items = item_table(SemevalScore(labels), pairs)
        scores = semeval_scores(gold, predicted, require_relation=False)
        averages = {
            "macro": {part: scores[f"macro_{part}"] for part in PARTS},
            "accuracy": {"f1": scores["accuracy"]},
        }
    table = label_score_table(f"{len(gold):,} pairs, {convention}", scores["relations"], averages)
    return DocumentReport(scores, [table.rich()], table.markdown(), items=items)


def _multi_label_report(documents: list[Document], no_relation: str) -> DocumentReport:
    """Micro and macro average over the labels of all pairs, as the score ``multi_label`` of training."""
    gold, predicted = (
        {
            (number, relation.head, relation.tail, relation.label)
            for number, relations in enumerate(layer_of(documents, side, "relations"))
            for relation in relations
            if relation.label != no_relation
        }
        for side in ("gold", "predicted")
    )
    labels = ([label for *_, label in found] for found in (gold & predicted, predicted, gold))
    by_class = counts_by_class(*labels)
    averages = {
        "micro": precision_recall_f1(*total(by_class.values())),
        "macro": macro_average(by_class, over=in_gold),
    }
    relations = {name: precision_recall_f1(*c) | {"support": c.gold} for name, c in by_class.items()}
    scores = {f"{name}_f1": average["f1"] for name, average in averages.items()} | {"relations": relations}
    pairs: dict[tuple[Any, ...], tuple[list[str], list[str]]] = {}
    for side, found in enumerate((gold, predicted)):
        for *place, label in sorted(found):
            pairs.setdefault(tuple(place), ([], []))[side].append(label)
    answers: list[list[tuple[list[str], list[str]]]] = [[] for _ in documents]
    for (number, *_), of_pair in sorted(pairs.items()):
        answers[number].append(of_pair)
    items = item_table(GlueScore("multi_label", list(by_class)), answers)
    items.description["names"] = ["micro_f1", "macro_f1"]  # the pairs that were asked are not known
    table = label_score_table(f"{len(pairs):,} pairs, multi_label", relations, averages)
    return DocumentReport(scores, [table.rich()], table.markdown(), items=items)


def _gold_labels(document: Document, relations: list[Relation]) -> dict[Pair, str]:
    labels: dict[Pair, str] = {}
    for relation in relations:
        label = labels.setdefault((relation.head, relation.tail), relation.label)
        if label != relation.label:
            raise DocumentError(
                f"{document.name}: two gold relations, {label} and {relation.label}, of head {relation.head} and tail "
                f"{relation.tail}; metric.convention=multi_label scores several of one pair"
            )
    return labels


def _predicted_labels(relations: list[Relation]) -> dict[Pair, str]:
    """The label of each pair with the highest score."""
    by_score = sorted(relations, key=lambda relation: relation.score or 0.0)
    return {(relation.head, relation.tail): relation.label for relation in by_score}
