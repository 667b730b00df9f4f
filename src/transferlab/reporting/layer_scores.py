"""Exact-match F1 of any layer of predicted documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transferlab.documents import Document
from transferlab.metrics.class_counts import PARTS, counts_by_class, in_gold, occurring
from transferlab.metrics.item_counts import ItemTable, class_columns
from transferlab.metrics.span_f1 import span_scores
from transferlab.reporting.document_report import DocumentReport
from transferlab.reporting.layers import Item, labelled_items
from transferlab.reporting.text_table import TextTable


def f1_report(documents: list[Document], layer: str = "entities", exclude_labels: Sequence[str] = ()) -> DocumentReport:
    """Compare a predicted layer with the gold one: an item is right when its place and its label are.

    Args:
        documents: with both.
        layer: ``entities`` (span and label), ``relations`` (both spans and label), ``clusters`` (the mentions in
            them), ``tags`` (of each word) or ``label`` (each class of a text). The micro F1 of ``tags``, and that of
            texts of one class, is their accuracy.
        exclude_labels: what is left out of both sides, as if it were not annotated, such as ``no_relation``.

    Returns:
        a report whose scores are those of :func:`transferlab.metrics.span_f1.span_scores`: fractions. The macro
        averages are over the labels in gold or predicted, of the layer ``label`` over those in gold; see
        ``transferlab/metrics/class_counts.py``.

    Raises:
        DocumentError: an unknown layer, or documents without it.
    """
    gold = labelled_items(documents, "gold", layer, exclude_labels)
    predicted = labelled_items(documents, "predicted", layer, exclude_labels)
    scores = span_scores(gold, predicted, averaged=in_gold if layer == "label" else occurring)
    averages = {
        "macro": {part: scores[f"macro_{part}"] for part in PARTS},
        "micro": {part: scores[part] for part in (*PARTS, "support")},
    }
    without = f" without {', '.join(exclude_labels)}" if exclude_labels else ""
    table = label_score_table(f"{layer}{without}", scores["types"], averages)
    return DocumentReport(scores, [table.rich()], table.markdown(), items=_items(gold, predicted, layer))


def _items(gold: list[list[Item]], predicted: list[list[Item]], layer: str) -> ItemTable:
    """The counts of each label in each document."""
    counts: dict[tuple[int, int], dict[str, float]] = {}
    labels: set[str] = set()
    for place, sides in enumerate(zip(gold, predicted, strict=True)):
        key, response = map(set, sides)
        by_class = counts_by_class(*([label for *_, label in found] for found in (key & response, response, key)))
        labels |= by_class.keys()
        counts[place, 0] = {
            column: count
            for label, of_label in by_class.items()
            for column, count in zip(class_columns([label]), of_label, strict=True)
        }
    averaged = "gold" if layer == "label" else "occurring"
    return ItemTable(class_columns(sorted(labels)), {"kind": "layer", "averaged": averaged}, dict(counts))


def label_score_table(
    title: str, labels: Mapping[str, Mapping[str, float]], averages: Mapping[str, Mapping[str, float]]
) -> TextTable:
    """Precision, recall and F1 in percent and gold items of each label, then averages over all.

    Args:
        title: of the table.
        labels: label -> ``precision``, ``recall``, ``f1`` and ``support``.
        averages: name -> the same, as far as they exist.
    """
    rows = [
        [name, *(_percent(scores.get(part)) for part in PARTS), _count(scores.get("support"))]
        for name, scores in (*labels.items(), *averages.items())
    ]
    return TextTable(["label", "P", "R", "F1", "gold"], rows, title)


def _percent(fraction: Any) -> str:
    return "" if fraction is None else f"{100 * fraction:.2f}"


def _count(number: Any) -> str:
    return "" if number is None else f"{number:,}"
