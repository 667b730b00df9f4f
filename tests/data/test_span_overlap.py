"""Which annotated spans two corpora share."""

from __future__ import annotations

import random

import numpy as np

from transferlab.data.span_overlap import spans_of
from transferlab.documents import Annotations, Document, Entity


def document(words: str, gold: Annotations, *sentences: tuple[int, int]) -> Document:
    split = words.split()
    return Document("d", split, list(sentences) or [(0, len(split) - 1)], gold=gold).validate()


def test_entities_and_mentions_of_the_same_words_are_one_in_any_tokenisation_and_unit() -> None:
    mentions = document("Mrs. O'Neil left . She 's in Bonn .", Annotations(clusters=[[(0, 1), (4, 4)]]), (0, 3), (4, 8))
    entities = [
        document("mrs . O ' Neil left", Annotations(entities=[Entity(0, 4, "PER"), Entity(2, 4, "PER")])),
        document("She's in Bonn .", Annotations(entities=[Entity(0, 0, "PER"), Entity(2, 2, "GPE")])),
    ]
    assert len(spans_of([mentions])) == 2 and len(spans_of(entities)) == 4
    assert np.isin(spans_of(entities), spans_of([mentions])).sum() == 1, "of She's, the mention is only She"


def test_the_place_counts_and_spans_over_sentences_do_not() -> None:
    first = document("the cat saw the cat", Annotations(clusters=[[(0, 1)]]))
    second = document("the cat saw the cat", Annotations(clusters=[[(3, 4)]]))
    elsewhere = document("the cat left", Annotations(clusters=[[(0, 1)]]))
    assert not np.isin(spans_of([first, elsewhere]), spans_of([second])).any()
    assert len(spans_of([document("a b c", Annotations(clusters=[[(0, 2)], [(1, 1)]]), (0, 1), (2, 2))])) == 1
    assert len(spans_of([document("a", Annotations())])) == 0


def test_random_spans_are_counted_as_by_their_positions() -> None:
    rng = random.Random(5)
    ours, theirs, both, count = [], [], 0, 0
    for number in range(50):
        words = " ".join(f"w{number}x{i}" for i in range(12))
        spans = [(i, min(i + rng.randrange(4), 11)) for i in range(12)]
        one, two = set(rng.sample(spans, 6)), set(rng.sample(spans, 6))
        ours.append(document(words, Annotations(clusters=[[span] for span in one])))
        theirs.append(document(words, Annotations(entities=[Entity(*span, "X") for span in two])))
        both, count = both + len(one & two), count + len(one)
    assert len(spans_of(ours)) == count and np.isin(spans_of(ours), spans_of(theirs)).sum() == both
