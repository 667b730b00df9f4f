"""The words of a row: those nearest to the arguments, whatever the length of the text."""

from __future__ import annotations

import random

import pytest

from transferlab.documents import Span
from transferlab.taskmodules.relation_markers import Subtokens, nearest_words


def plain_words(words: list[list[int]], arguments: tuple[Span, Span], room: int) -> list[int]:
    """All words of the text by their distance to the nearer argument, until the first that does not fit."""

    def distance(word: int) -> int:
        return min(max(start - word, word - end, 0) for start, end in arguments)

    kept = []
    for word in sorted(range(len(words)), key=distance):
        room -= len(words[word])
        if room < 0:
            break
        kept.append(word)
    return sorted(kept)


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_words_are_those_of_the_whole_text_by_distance(seed):
    draw = random.Random(seed)
    for _ in range(300):
        length = draw.randint(1, 60)
        words = [[draw.randrange(9)] * draw.choice([1, 1, 1, 2, 5]) for _ in range(length)]
        spans = []
        for _ in range(2):
            start = draw.randrange(length)
            spans.append((start, min(length - 1, start + draw.choice([0, 0, 1, 3, 20]))))
        arguments, room = (spans[0], spans[1]), draw.choice([0, 1, 3, 10, 40, 200])
        found = nearest_words(Subtokens(words), arguments, room)
        assert [word for start, end in found for word in range(start, end + 1)] == plain_words(words, arguments, room)


def test_subtokens_are_cut_at_words():
    text = Subtokens([[1], [2, 3], [4, 5, 6]])
    assert (text.of(0, 1), text.of(2, 2), text.of(1, 0)) == ([1, 2, 3], [4, 5, 6], [])
    assert [text.fitting((0, 2), room) for room in (0, 1, 2, 3, 6, 9)] == [
        (0, -1), (0, 0), (0, 0), (0, 1), (0, 2), (0, 2),
    ]  # fmt: skip
    assert text.fitting((0, 1), 9) == (0, 1)
