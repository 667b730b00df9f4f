import pytest

from transferlab.documents import Annotations, Document, DocumentError
from transferlab.reporting.entities import counterpart_entities, number_entities, required_clusters

TEXT = "Anna met her friend Bob ; he liked Anna and the clever girl liked him ."
#       0    1   2   3      4   5 6  7     8    9   10  11    12   13    14  15
WORDS = TEXT.split()
ANNA = [(0, 0), (2, 2), (8, 8), (10, 12)]
BOB = [(2, 4), (6, 6), (14, 14)]


def document(gold=None, predicted=None) -> Document:
    return Document(
        "d", WORDS, [(0, 15)], gold=Annotations(clusters=gold), predicted=Annotations(clusters=predicted)
    ).validate()


def test_entities_are_numbered_by_size_and_named():
    (anna, bob, single) = number_entities(document(predicted=[[(3, 3)], BOB, ANNA]))["predicted"]
    assert [(e.number, e.name, e.colour) for e in (anna, bob, single)] == [
        (1, "Anna", 0),
        (2, "her friend Bob", 1),
        (3, "friend", None),
    ]
    assert anna.mentions == tuple(ANNA)


def test_a_predicted_entity_has_number_and_colour_of_its_gold_counterpart():
    layers = number_entities(document(gold=[ANNA, BOB, [(3, 3)]], predicted=[[*BOB, (0, 0)], [(10, 12)], [(5, 6)]]))
    assert [(e.number, e.colour) for e in layers["gold"]] == [(1, 0), (2, 1), (3, None)]
    assert [(e.number, e.colour, len(e.mentions)) for e in layers["predicted"]] == [
        (1, 0, 1),
        (2, 1, 4),
        (4, None, 1),
    ]


def test_counterparts_are_one_to_one_with_the_best_overlap_first():
    gold = [[(0, 0), (1, 1), (2, 2)], [(3, 3)]]
    predicted = [[(0, 0), (3, 3)], [(1, 1), (2, 2)], [(2, 2)], [(9, 9)]]
    # 2D / (|K| + |R|): (0, 1) 4/5, (1, 0) 2/3, and what is left has no free partner.
    assert counterpart_entities(gold, predicted) == {1: 0, 0: 1}


def test_repeated_mentions_and_empty_clusters_are_dropped():
    (entity,) = number_entities(document(predicted=[[], [(6, 6), (4, 4), (6, 6)]]))["predicted"]
    assert entity.mentions == ((4, 4), (6, 6))


def test_layers_without_clusters_are_left_out():
    assert number_entities(document()) == {}
    assert number_entities(document(predicted=[])) == {"predicted": []}


def test_a_missing_layer_is_named():
    with pytest.raises(DocumentError, match="d: no gold coreference clusters"):
        required_clusters(document(predicted=[]))
    with pytest.raises(DocumentError, match="d: no predicted coreference clusters; predict it first"):
        required_clusters(document(gold=[]))
