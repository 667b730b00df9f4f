"""How often each label occurs in documents."""

from __future__ import annotations

from collections import Counter

from transferlab.documents import Document
from transferlab.reporting.document_report import DocumentReport
from transferlab.reporting.figures import count_figure
from transferlab.reporting.layers import labelled_items
from transferlab.reporting.text_histogram import bar_table, share
from transferlab.reporting.text_table import TextTable


def label_count_report(documents: list[Document], layer: str = "label", side: str = "gold") -> DocumentReport:
    """Count the labels of a layer, the most frequent first.

    Args:
        documents: with this layer.
        layer: ``label`` (classes of texts), ``entities``, ``relations``, ``tags`` or ``clusters`` (their mentions).
        side: ``gold`` or ``predicted``.

    Returns:
        a report with the number of ``documents`` and of ``items``, and under ``labels`` for each label its ``count``
        and ``share`` of all items, a fraction.

    Raises:
        DocumentError: an unknown layer or side, documents without this layer, or labels that are numbers.
    """
    found = Counter(label for items in labelled_items(documents, side, layer) for _, _, label in items)
    counts = dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
    total = sum(counts.values())
    scores = {
        "documents": len(documents),
        "items": total,
        "labels": {label: {"count": count, "share": count / total} for label, count in counts.items()},
    }
    title = f"{side} {layer}: {total:,} in {len(documents):,} documents"
    rows = [[label, f"{count:,}", share(count, total)] for label, count in counts.items()]
    return DocumentReport(
        scores=scores,
        tables=[bar_table(counts, ("label", "count"), title)],
        text=TextTable(["label", "count", "%"], rows, title).markdown(),
        figures={"labels": count_figure(counts, title)},
    )
