import random
from collections import defaultdict

import pytest

from transferlab.data.coreference_column import MentionBrackets, coreference_cells, without_crossings
from transferlab.data.readers.base import DataError


def clusters_of(cells: list[str]):
    brackets = MentionBrackets()
    for word, cell in enumerate(cells):
        brackets.add(cell, word, line=word + 10)
    return brackets.clusters()


@pytest.mark.parametrize(
    ("cells", "clusters"),
    [
        (["-", "_", ""], []),
        (["(0)", "(1", "1)", "(0)"], [[(0, 0), (3, 3)], [(1, 2)]]),
        # nested mentions of two entities, one end shared
        (["(0|(1", "-", "1)", "0)"], [[(0, 2)], [(0, 3)]]),
        # nested mentions of one entity with the same start keep their ends: nothing is exchanged or lost
        (["(0|(0", "-", "0)", "0)"], [[(0, 2), (0, 3)]]),
        (["(0", "(0", "0)", "0)"], [[(0, 3), (1, 2)]]),
        (["(0|(0)", "0)"], [[(0, 0), (0, 1)]]),
        # one mention ends where the next of the same entity begins
        (["(0", "0)|(0", "0)"], [[(0, 1), (1, 2)]]),
        # pieces without a pipe, and pipes too many
        (["(11(2)", "11)"], [[(0, 0)], [(0, 1)]]),
        (["(2(11", "2)11)"], [[(0, 1)], [(0, 1)]]),
        (["(2||(11|", "2)||11)"], [[(0, 1)], [(0, 1)]]),
        # entities need not be numbers
        (["(person-1", "person-1)"], [[(0, 1)]]),
        # one span annotated twice in one entity is one mention
        (["(0|(0", "0)|0)"], [[(0, 1)]]),
    ],
)
def test_cells_become_clusters(cells, clusters):
    assert clusters_of(cells) == clusters


@pytest.mark.parametrize("cell", ["5", "x5", "()", "|", "(5)(", "(5)x", "( 5)", "((5)", "(5)||)"])
def test_unreadable_cells_are_refused_with_their_content(cell):
    with pytest.raises(DataError, match="in the coreference column") as error:
        MentionBrackets().add(cell, 0, 1)
    assert repr(cell) in str(error.value)


def test_a_closing_without_an_opening_is_refused():
    with pytest.raises(DataError, match=r"column '3\)' closes a mention of entity 3 that was never opened"):
        clusters_of(["(2)", "3)"])


def test_an_opening_without_a_closing_is_refused_with_its_line():
    with pytest.raises(DataError, match=r"entity 7, opened in line 11, is not closed"):
        clusters_of(["(2)", "(7", "-"])


def test_crossing_mentions_of_one_entity_are_told_apart():
    kept, crossing = without_crossings([(2, 5), (0, 3), (0, 9), (9, 9), (3, 3), (5, 7), (0, 3)])
    assert kept == [(0, 9), (0, 3), (3, 3), (5, 7), (9, 9)]
    assert crossing == [(2, 5)]


def test_longer_mentions_that_share_one_word_cross_as_the_official_program_reads_them_as_others():
    assert without_crossings([(0, 2), (2, 4), (4, 6)]) == ([(0, 2), (4, 6)], [(2, 4)])
    assert without_crossings([(0, 2), (2, 2), (2, 3)]) == ([(0, 2), (2, 2)], [(2, 3)])
    assert without_crossings([(0, 2), (0, 0), (2, 2), (1, 2)])[1] == []


def test_longer_mentions_open_first():
    assert coreference_cells([[(0, 0), (0, 2)], [(0, 1)]], 4) == ["(0|(1|(0)", "1)", "0)", "-"]


def official(cells: list[str]) -> list[list[tuple[int, int]]]:
    """Clusters of the cells by the rules of the official program, whose cells are bags of pieces."""
    half, found = defaultdict(list), defaultdict(set)
    for word, cell in enumerate(cells):
        pieces = cell.split("|") if cell != "-" else []
        for piece in pieces:
            if piece.startswith("(") and piece.endswith(")"):
                found[piece[1:-1]].add((word, word))
        for piece in pieces:
            if not piece.endswith(")"):
                half[piece[1:]].append(word)
        for piece in pieces:
            if not piece.startswith("("):
                found[piece[:-1]].add((half[piece[:-1]].pop(), word))
    return sorted(map(sorted, found.values()))


def test_random_clusters_come_back_from_their_cells():
    generator = random.Random(3)
    for _ in range(300):
        words = generator.randint(1, 8)
        spans = [(a, b) for a in range(words) for b in range(a, words)]
        clusters = [
            sorted(without_crossings(generator.sample(spans, generator.randint(1, len(spans))))[0])
            for _ in range(generator.randint(0, 4))
        ]
        cells = coreference_cells(clusters, words)
        assert clusters_of(cells) == official(cells) == sorted(clusters)
