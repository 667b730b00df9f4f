"""Gold tags: as annotated, or of the entities that tags can express."""

import pytest

from transferlab.documents import Annotations, Document, Entity
from transferlab.taskmodules.gold_tags import expressible, gold_tags, tags_of_type
from transferlab.utils.tagging import SCHEMES, spans_of_tags


def document(sentences: list[int], entities=None, tags=None) -> Document:
    """Sentences of so many words."""
    spans, start = [], 0
    for length in sentences:
        spans.append((start, start + length - 1))
        start += length
    gold = Annotations(entities=None if entities is None else [Entity(*e) for e in entities], tags=tags)
    return Document("d", ["w"] * start, spans, gold=gold).validate()


def test_entities_become_tags_sentence_by_sentence():
    two = document([2, 3], [(1, 1, "PER"), (2, 3, "PER")])
    assert gold_tags(two, "entities", "IOB2") == ["O", "B-PER", "B-PER", "I-PER", "O"]
    assert gold_tags(two, "entities", "BIOES") == ["O", "S-PER", "B-PER", "E-PER", "O"]
    # in IOB1 only a name that directly follows one *of its sentence* begins with B
    assert gold_tags(two, "entities", "IOB1") == ["O", "I-PER", "I-PER", "I-PER", "O"]


def test_of_overlapping_entities_the_longest_is_kept_and_none_crosses_a_sentence():
    nested = document([5, 2], [(1, 1, "GPE"), (0, 2, "ORG"), (2, 4, "FAC"), (0, 2, "LOC"), (4, 5, "PER"), (6, 6, "X")])
    assert [[(e.start, e.end, e.label) for e in kept] for kept in expressible(nested)] == [
        [(0, 2, "ORG")],
        [(6, 6, "X")],
    ]
    assert gold_tags(nested, "entities", "IOB2") == ["B-ORG", "I-ORG", "I-ORG", "O", "O", "O", "B-X"]


def test_tags_are_taken_as_they_are():
    assert gold_tags(document([2], tags=["NOUN", "B-"]), "tags", None) == ["NOUN", "B-"]
    assert gold_tags(document([2], tags=["I-A", "O"]), "tags", "IOB2") == ["I-A", "O"]


def test_no_annotation_is_not_an_empty_one():
    assert gold_tags(document([2], entities=[]), "entities", "IOB2") == ["O", "O"]
    assert gold_tags(document([], entities=[]), "entities", "IOB2") == []
    with pytest.raises(ValueError, match=r"d has no gold.entities: .*set taskmodule.layer=tags"):
        gold_tags(document([1], tags=["O"]), "entities", "IOB2")
    with pytest.raises(ValueError, match=r"d has no gold.tags: it can be predicted, not trained on or scored"):
        gold_tags(document([1]), "tags", None)


def test_tags_of_another_scheme_are_refused_by_document():
    with pytest.raises(ValueError, match=r"d, taskmodule.scheme=IOB2: tag 'S-A' at position 1"):
        gold_tags(document([2], tags=["O", "S-A"]), "tags", "IOB2")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_tags_of_a_type(scheme):
    prefixes = {"IOB1": "BI", "IOB2": "BI", "IOE1": "EI", "IOE2": "EI", "BIOES": "BEIS", "BILOU": "BILU"}[scheme]
    assert tags_of_type("my-type", scheme) == {f"{prefix}-my-type" for prefix in prefixes}
    assert tags_of_type("", scheme) == set(prefixes)
    assert {kind for _, _, kind in spans_of_tags(sorted(tags_of_type("A", scheme)), scheme)} == {"A"}
