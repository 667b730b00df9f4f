import pytest

from transferlab.metrics.head_match import head_match_clusters


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
