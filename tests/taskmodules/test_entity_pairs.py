"""Pairs of entities within a bound: the same as among all pairs, in the same order, at a cost that does not grow."""

from __future__ import annotations

import random
import time
from itertools import islice, permutations

import pytest

from transferlab.documents import Annotations, Document, Entity, Relation
from transferlab.taskmodules.entity_pairs import PairBound, entity_pairs, words_between


def random_document(draw: random.Random, words: int, entities: int, longest: int = 4) -> Document:
    sentences, start = [], 0
    while start < words:
        end = min(start + draw.randint(0, 12), words - 1)
        sentences.append((start, end))
        start = end + 1
    found = []
    for _ in range(entities):
        start = draw.randrange(words)
        found.append(Entity(start, min(start + draw.randrange(longest), words - 1), draw.choice("AB")))
    return Document("d", ["w"] * words, sentences, gold=Annotations(entities=found)).validate()


def plain_pairs(document: Document, bound: PairBound) -> list[tuple]:
    """All ordered pairs of spans, of which those beyond the bound are left out."""
    spans = list(dict.fromkeys((entity.start, entity.end) for entity in document.gold.entities or []))
    of = [{n for n, (a, b) in enumerate(document.sentences) if start <= b and a <= end} for start, end in spans]
    kept = []
    for (i, one), (j, other) in permutations(enumerate(spans), 2):
        between = len(set(range(min(one[1], other[1]) + 1, max(one[0], other[0]))))
        allowed = bound.any_pair is None or between <= bound.any_pair
        if bound.across_sentences is not None and between > bound.across_sentences:
            allowed = allowed and bool(of[i] & of[j]) and between <= bound.within_sentence
        if allowed:
            kept.append((one, other))
    return kept


@pytest.mark.parametrize(
    "bound",
    [
        PairBound(),
        PairBound(any_pair=0),
        PairBound(any_pair=7),
        PairBound(across_sentences=0, within_sentence=50),
        PairBound(across_sentences=5, within_sentence=3),
        PairBound(any_pair=4, across_sentences=2, within_sentence=50),
    ],
)
def test_pairs_are_those_of_all_pairs_within_the_bound(bound):
    draw = random.Random(5)
    for size in (1, 2, 30, 80):
        document = random_document(draw, size, size // 2 + 1, longest=draw.choice([1, 4, 30]))
        found = list(entity_pairs(document, document.gold.entities or [], bound))
        assert [(head.span, tail.span) for head, tail in found] == plain_pairs(document, bound)
        types = {(e.start, e.end): e.label for e in reversed(document.gold.entities or [])}
        assert all(argument.type == types[argument.span] for pair in found for argument in pair)


def test_entities_of_one_sentence_make_pairs_as_without_a_bound():
    """Whatever stands in short texts and corpora of sentences is asked about as before."""
    draw = random.Random(6)
    document = random_document(draw, 120, 30)
    document.sentences = [(0, 119)]
    default = PairBound(across_sentences=100, within_sentence=256)
    assert list(entity_pairs(document, document.gold.entities or [], default)) == list(
        entity_pairs(document, document.gold.entities or [])
    )


def test_the_first_pairs_of_a_novel_come_at_once():
    words, every = 200_000, 10
    sentences = [(start, start + 19) for start in range(0, words, 20)]
    entities = [Entity(start, start, "A") for start in range(0, words, every)]  # 400 million pairs
    document = Document("novel", ["w"] * words, sentences)
    started = time.process_time()
    first = list(islice(entity_pairs(document, entities, PairBound(None, 100, 256)), 1000))
    assert time.process_time() - started < 20  # of a loaded machine; all pairs take minutes of any
    assert all(words_between(head.span, tail.span) <= 100 for head, tail in first)


def test_relations_beyond_the_bound_are_counted():
    relations = [
        Relation((0, 0), (9, 9), "far"),
        Relation((0, 0), (4, 4), "near"),
        Relation((0, 0), (9, 9), "none"),
        Relation((5, 5), (9, 9), "in one sentence"),
    ]
    document = Document("d", ["w"] * 10, [(0, 4), (5, 9)], gold=Annotations(relations=relations))
    assert PairBound(across_sentences=2, within_sentence=10).far_relations([document], "none") == (1, 3)
    assert PairBound(any_pair=2).far_relations([document, document], "none") == (6, 6)
    assert PairBound().far_relations([document], None) == (0, 4)
