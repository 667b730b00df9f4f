"""Layers of documents as labelled items."""

import pytest

from transferlab.documents import Annotations, Document, DocumentError, Entity, Relation
from transferlab.reporting.layers import LAYERS, labelled_items, layer_of


def make(name: str, gold: Annotations, predicted: Annotations | None = None) -> Document:
    return Document(name, ["a", "b"], [(0, 1)], gold=gold, predicted=predicted)


WHOLE = Annotations(
    clusters=[[(0, 0), (1, 1)]],
    entities=[Entity(0, 1, "PER", 0.5)],
    relations=[Relation((0, 0), (1, 1), "r", 0.5)],
    tags=["N", "V"],
    label=["x", "y"],
)
ITEMS = {
    "clusters": [(0, 0, "mention"), (1, 1, "mention")],
    "entities": [(0, 1, "PER")],
    "relations": [((0, 0), (1, 1), "r")],
    "tags": [(0, 0, "N"), (1, 1, "V")],
    "label": [(0, 0, "x"), (0, 0, "y")],
}


@pytest.mark.parametrize("layer", LAYERS)
def test_items_are_places_with_labels_but_without_scores(layer):
    assert labelled_items([make("a", WHOLE)], "gold", layer) == [ITEMS[layer]]
    assert labelled_items([make("a", Annotations(), WHOLE)], "predicted", layer) == [ITEMS[layer]]


def test_labels_can_be_left_out():
    assert labelled_items([make("a", WHOLE)], "gold", "tags", ["V", "X"]) == [[(0, 0, "N")]]


def test_an_empty_layer_is_an_annotated_one():
    assert layer_of([make("a", Annotations(entities=[]))], "gold", "entities") == [[]]
    with pytest.raises(DocumentError, match="1 of 2 documents have no predicted entities, the first of them b"):
        layer_of([make("a", WHOLE, WHOLE), make("b", WHOLE, Annotations(tags=["N", "V"]))], "predicted", "entities")
