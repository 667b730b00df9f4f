"""Words that are never longer than what people point at: runs of letters and digits, and every other sign alone."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

from transferlab.documents import Span

_WORD = re.compile(r"\w+|[^\w\s]")


def fine_words(text: str, borders: Iterable[int] = ()) -> tuple[list[str], list[Span]]:
    """Words of a text, and the characters of each.

    Every character but white space belongs to a word.

    Args:
        text: any text.
        borders: positions in ``text`` at which a word ends in any case, for example those of markers that were
            written into a word and then taken out.

    Returns:
        words, and for each its (first character, one past the last) in ``text``.
    """
    edges = sorted({0, len(text), *borders})
    offsets = [match.span() for start, end in pairwise(edges) for match in _WORD.finditer(text, start, end)]
    return [text[start:end] for start, end in offsets], offsets


def covering_words(offsets: Sequence[Span], start: int, end: int) -> Span | None:
    """The shortest span of words that covers the characters ``start`` to ``end`` of a text.

    An answer may begin or end inside a word; the words are then longer than the answer.

    Args:
        offsets: characters of each word, one past the last at the end, in order and without overlap.
        start: first character.
        end: one past the last character.

    Returns:
        (first word, last word), or None where no word has one of these characters.
    """
    if end <= start:
        return None
    first = bisect_right(offsets, start, key=lambda word: word[1])  # the first that ends behind start
    last = bisect_left(offsets, end, key=lambda word: word[0]) - 1  # the last that begins before end
    return (first, last) if first <= last else None
