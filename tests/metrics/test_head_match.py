import random

import pytest

from transferlab.documents import Document
from transferlab.metrics.coreference import corpus_scores
from transferlab.metrics.head_match import HeadMatchScore, head_match_baseline, head_match_clusters

WORDS = ["Anna", "saw", "Ben", ".", "Anna", "called", "him", "."]
GOLD = [[(0, 0), (4, 4)], [(2, 2), (6, 6)]]  # Anna, Anna; Ben, him


def linked(first, second):
    """Whether two mentions, given as texts, are one entity."""
    words = f"{first} | {second}".split()
    bar = words.index("|")
    return bool(head_match_clusters(words, [(0, bar - 1), (bar + 1, len(words) - 1)]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the Mayor", "a new mayor"),  # the last word, whatever its case
        ("the mayor of Rome", "the mayor"),  # before a preposition
        ("the mayor who left", "the mayor that stayed"),  # before a relative pronoun
        ("Anna Berg , 42", "Berg"),  # before a comma
        ("the bank -LRB- founded 1901 -RRB-", "the bank"),
        ("Anna 's", "Anna"),
        ("Anna's", "Anna"),
        ("Anna ’s", "Anna"),
        ("the boys '", "the boys"),
        ("the boys' of Rome", "the boys"),
        ("it", "It"),
        ("those of 1990", "those of 1990"),
    ],
)
def test_linked(first, second):
    assert linked(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("the mayor of Rome", "Rome"),
        ("Anna 's mother", "Anna"),  # a possessive inside is no end
        ("he", "him"),  # pronouns match the same wording only
        ("those of 1990", "those of 1991"),
        ("one of them", "one"),
        ("of Rome", "of Milan"),  # a preposition that starts a mention ends nothing
    ],
)
def test_not_linked(first, second):
    assert not linked(first, second)


def test_clusters_are_in_text_order_and_singletons_are_dropped():
    text = "Anna saw the dog . She fed the dog and Anna slept . She"
    mentions = [(13, 13), (10, 10), (7, 8), (5, 5), (2, 3), (0, 0), (0, 3), (2, 3)]
    assert head_match_clusters(text.split(), mentions) == [
        [(0, 0), (10, 10)],
        [(0, 3), (2, 3), (7, 8)],
        [(5, 5), (13, 13)],
    ]


def test_singletons_are_kept_when_asked():
    words = ["a", "cat", "and", "a", "dog"]
    assert head_match_clusters(words, [(3, 4), (0, 1)]) == []
    assert head_match_clusters(words, [(3, 4), (0, 1)], keep_singletons=True) == [[(0, 1)], [(3, 4)]]
    assert head_match_clusters(words, []) == []


@pytest.mark.parametrize("mention", [(0, 3), (2, 1), (-1, 0)])
def test_a_mention_outside_the_document_is_refused(mention):
    with pytest.raises(ValueError, match=r"lies outside words 0\.\.2"):
        head_match_clusters(["a", "b", "c"], [mention])


def scores(*documents: tuple[list[str], list, list]) -> dict[str, float]:
    score = HeadMatchScore()
    for document in documents:
        score.update(*document)
    return score.compute()


def test_head_match_on_the_mentions_of_wrong_clusters_by_hand():
    """The model finds all four mentions and links Anna with Ben, Anna with him; head match links Anna with Anna."""
    found = scores((WORDS, GOLD, [[(0, 0), (2, 2)], [(4, 4), (6, 6)]]))
    assert (found["muc_recall"], found["muc_precision"]) == (0.5, 1.0)  # 1 of 2 links, and no wrong one
    assert (found["b_cubed_recall"], found["b_cubed_precision"]) == (0.5, 1.0)  # two of four mentions, each whole
    assert (found["mentions_recall"], found["mentions_precision"]) == (0.5, 1.0)


def test_singletons_stay_where_the_model_has_any():
    found = scores((WORDS, GOLD, [[(0, 0), (2, 2)], [(4, 4)], [(6, 6)]]))
    assert (found["muc_recall"], found["muc_precision"]) == (0.5, 1.0)
    assert (found["b_cubed_recall"], found["b_cubed_precision"]) == (0.75, 1.0)  # 1 + 1 + 1/2 + 1/2 of four
    assert (found["mentions_recall"], found["mentions_precision"]) == (1.0, 1.0)


def test_a_mention_that_the_model_missed_is_not_given_back():
    found = scores((WORDS, GOLD, [[(0, 0), (2, 2)]]))
    assert found["conll_f1"] == 0.0 and found["mentions_recall"] == 0.0


def test_the_running_score_is_that_of_the_documents():
    generator = random.Random(0)
    words = ["Anna", "Ben", "she", "dog", "cat", "the"]

    def clusters(length: int, singletons: bool) -> list:
        spans = generator.sample([(s, e) for s in range(length) for e in range(s, min(s + 3, length))], 9)
        cut = sorted(generator.sample(range(1, 9), 3))
        parts = [spans[a:b] for a, b in zip([0, *cut], [*cut, 9], strict=True)]
        return [part for part in parts if singletons or len(part) > 1]

    score = HeadMatchScore()
    for singletons in (False, True, False):  # the score starts anew after a reset
        corpus = []
        for number in range(6):
            document = Document(str(number), generator.choices(words, k=12), [(0, 11)])
            corpus.append((document, clusters(12, True), clusters(12, singletons)))
            score.update(document.words, *corpus[-1][1:])
        documents, gold, predicted = map(list, zip(*corpus, strict=True))
        expected = corpus_scores(gold, head_match_baseline(documents, predicted))
        found = score.compute()
        assert found["conll_f1"] == expected["conll_f1"] > 0
        assert all(found[f"{name}_f1"] == expected[name]["f1"] for name in ("muc", "b_cubed", "ceaf_e", "lea"))
        score.reset()
