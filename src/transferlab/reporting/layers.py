"""The layers of Documents as labelled items: what F1 compares, and what is counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from transferlab.documents import Document, DocumentError

# Where it is, as two positions or spans, and its label. Items of a document that are equal are the same thing.
Item = tuple[Any, Any, str]

SIDES = ("gold", "predicted")
LAYERS: dict[str, Callable[[Any], list[Item]]] = {
    "entities": lambda entities: [(entity.start, entity.end, entity.label) for entity in entities],
    "relations": lambda relations: [(relation.head, relation.tail, relation.label) for relation in relations],
    # clusters have no labels: their mentions are found or not
    "clusters": lambda clusters: [(start, end, "mention") for cluster in clusters for start, end in cluster],
    "tags": lambda tags: [(word, word, tag) for word, tag in enumerate(tags)],
    "label": lambda label: [(0, 0, one) for one in ([label] if isinstance(label, str) else label)],
}


def layer_of(documents: Sequence[Document], side: str, layer: str) -> list[Any]:
    """One layer of every document.

    Args:
        documents: of a corpus.
        side: ``gold`` or ``predicted``.
        layer: an attribute of :class:`~transferlab.documents.Annotations`.

    Raises:
        DocumentError: an unknown side, or documents without this layer; names the first of them.
    """
    if side not in SIDES:
        raise DocumentError(f"metric.side={side!r}: choose one of {list(SIDES)}")
    found = [getattr(getattr(document, side), layer, None) for document in documents]
    without = [document.name for document, value in zip(documents, found, strict=True) if value is None]
    if without:
        raise DocumentError(
            f"{len(without)} of {len(documents)} documents have no {side} {layer}, the first of them {without[0]}; "
            + ("predict them with src/predict.py" if side == "predicted" else "choose an annotated split or corpus")
        )
    return found


def labelled_items(
    documents: Sequence[Document], side: str, layer: str, exclude_labels: Collection[str] = ()
) -> list[list[Item]]:
    """The items of one layer of every document, without those of excluded labels.

    Raises:
        DocumentError: as :func:`layer_of`, an unknown layer, or a document whose label is a number.
    """
    if layer not in LAYERS:
        raise DocumentError(f"metric.layer={layer!r}: choose one of {list(LAYERS)}")
    items = []
    for document, value in zip(documents, layer_of(documents, side, layer), strict=True):
        if isinstance(value, float | int):
            raise DocumentError(f"{document.name}: its {side} label {value} is a number, not a class")
        items.append([item for item in LAYERS[layer](value) if item[2] not in exclude_labels])
    return items
