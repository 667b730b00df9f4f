"""Markers around the two arguments of a relation, and the rows in which encoders read them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate

from transferlab.documents import Span
from transferlab.taskmodules.tokenization import Line, WordTokenizer

ROLES = {"H": "head", "T": "tail"}
# vectors that the head of the model reads, by where they come from
UNITS = {"argument_starts": 2, "first_token": 1, "appended": 2}


@dataclass(frozen=True)
class Argument:
    """A span of words that takes part in a relation, and the type that its markers name ("" for plain markers)."""

    span: Span
    type: str = ""


def marker(role: str, entity_type: str = "", closing: bool = False) -> str:
    """``[H:PERSON]`` and ``[/H:PERSON]``, or ``[H]`` and ``[/H]`` where there is no type."""
    name = f"{role}:{entity_type}" if entity_type else role
    return f"[/{name}]" if closing else f"[{name}]"


def markers(entity_types: Iterable[str]) -> dict[str, str]:
    """Every marker, the plain ones first, and the words that its embedding starts from."""
    words = {}
    for entity_type in ("", *entity_types):
        of_type = re.findall(r"[^\W_]+", entity_type.lower())
        for role, name in ROLES.items():
            for closing, side in ((False, "start"), (True, "end")):
                words[marker(role, entity_type, closing)] = " ".join([name, *of_type, side])
    return words


class Subtokens:
    """The subtokens of the words of a text, one after another.

    Args:
        words: those of each word.

    Attributes:
        ids: of all words.
        starts: where each word begins in them, and behind the last one where it ends.
    """

    def __init__(self, words: list[list[int]]) -> None:
        self.ids = [subtoken for word in words for subtoken in word]
        self.starts = [0, *accumulate(map(len, words))]

    def of(self, first: int, last: int) -> list[int]:
        """The subtokens of the words from the first to the last one."""
        return self.ids[self.starts[first] : self.starts[last + 1]]

    def fitting(self, span: Span, room: int) -> Span:
        """The words from the first one of a span on that fit; the last one stands before the first if none does."""
        fits = bisect_right(self.starts, self.starts[span[0]] + room) - 2
        return span[0], min(span[1], fits)


def relation_line(
    tokenizer: WordTokenizer, text: Subtokens, arguments: tuple[Argument, Argument], strategy: str, limit: int
) -> Line:
    """The row in which an encoder reads two arguments; what it costs depends on the row, not on the text.

    Where the row has no room for all words, those nearest to the arguments stay, on both sides and between them. An
    argument loses words only if the two alone are too long.

    Args:
        tokenizer: that knows the markers.
        text: subtokens of each word.
        arguments: head and tail, in either order in the text; they may overlap or be nested.
        strategy: ``argument_starts``: the units 0 and 1 are the opening markers of head and tail; ``first_token``: the
            markers are the same, and the one unit is the first token of the row; ``appended``: the text without markers
            and, as a second text, each opening marker with the words of its argument; the units are these markers.
        limit: the most subtokens of the row, special tokens included.
    """
    spans = arguments[0].span, arguments[1].span
    if strategy == "appended":
        room = limit - tokenizer.num_special_pair
        second = _appended(tokenizer, text, arguments, room // 2)
        ids = [subtoken for span in nearest_words(text, spans, room - len(second[0])) for subtoken in text.of(*span)]
        return Line(0, ids, [-1] * len(ids), pair=second)
    markers = _around(tokenizer, arguments)
    kept = nearest_words(text, spans, limit - tokenizer.num_special - len(markers))
    ids, units = _with_markers(text, kept, markers)
    if strategy == "first_token":
        return Line(0, ids, [-1] * len(ids), first_unit=0)
    return Line(0, ids, units)


def nearest_words(text: Subtokens, arguments: tuple[Span, Span], room: int) -> list[Span]:
    """Spans of words, in the order of the text, with the words nearest to two arguments that fit.

    They are taken by their distance to the nearer argument, those of one distance in the order of the text, until the
    first that does not fit.

    Args:
        text: subtokens of each word.
        arguments: in either order; they may overlap.
        room: the most subtokens.
    """
    starts = text.starts
    one, other = sorted(arguments)
    apart = other[0] > one[1] + 1
    inside = [one, other] if apart else [(one[0], max(one[1], other[1]))]
    for position, span in enumerate(inside):
        fitting = text.fitting(span, room)
        if fitting != span:
            return [*inside[:position], *([fitting] if fitting[0] <= fitting[1] else [])]
        room -= starts[span[1] + 1] - starts[span[0]]
    # from both arguments outwards, and towards each other where there are words between them
    low, high = inside[0][0], inside[-1][1]
    left, right = (one[1], other[0]) if apart else (high, high + 1)
    last = len(starts) - 2
    full = False
    while not full and (low > 0 or high < last or right - left > 1):
        if low > 0 and not (full := starts[low] - starts[low - 1] > room):
            low -= 1
            room -= starts[low + 1] - starts[low]
        if not full and right - left > 1 and not (full := starts[left + 2] - starts[left + 1] > room):
            left += 1
            room -= starts[left + 1] - starts[left]
        if not full and right - left > 1 and not (full := starts[right] - starts[right - 1] > room):
            right -= 1
            room -= starts[right + 1] - starts[right]
        if not full and high < last and not (full := starts[high + 2] - starts[high + 1] > room):
            high += 1
            room -= starts[high + 1] - starts[high]
    return [(low, left), (right, high)] if apart and right - left > 1 else [(low, high)]


@dataclass(frozen=True, slots=True)
class _Marker:
    """A marker in the text.

    Attributes:
        before: the word that it stands before.
        token: its id.
        unit: that it stands for, -1 for none.
    """

    before: int
    token: int
    unit: int


def _around(tokenizer: WordTokenizer, arguments: tuple[Argument, Argument]) -> list[_Marker]:
    """The markers around the arguments in the order of the text, nested like brackets as far as the arguments are.

    Of arguments that begin together the longer one opens first, of those that end together it closes last; of equal
    ones the head is the outer one.
    """
    by_start = sorted(enumerate(arguments), key=lambda a: (-a[1].span[1], a[0]))
    by_end = sorted(enumerate(arguments), key=lambda a: (-a[1].span[0], -a[0]))
    closing = [_Marker(a.span[1] + 1, _token(tokenizer, unit, a, closing=True), -1) for unit, a in by_end]
    opening = [_Marker(a.span[0], _token(tokenizer, unit, a), unit) for unit, a in by_start]
    return sorted(closing + opening, key=lambda marker: marker.before)  # at one place, closing ones stand first


def _token(tokenizer: WordTokenizer, unit: int, argument: Argument, closing: bool = False) -> int:
    return tokenizer.token_id(marker(list(ROLES)[unit], argument.type, closing))


def _with_markers(text: Subtokens, kept: list[Span], markers: list[_Marker]) -> tuple[list[int], list[int]]:
    """The kept words with the markers between them: subtokens, and the unit of each."""
    ids: list[int] = []
    units: list[int] = []
    begin = 0
    ends = [(marker.before, [marker.token], [marker.unit]) for marker in markers]
    for end, tokens, of_tokens in [*ends, (len(text.starts) - 1, [], [])]:
        for first, last in kept:
            if max(first, begin) < min(last + 1, end):
                words = text.of(max(first, begin), min(last, end - 1))
                ids += words
                units += [-1] * len(words)
        ids += tokens
        units += of_tokens
        begin = end
    return ids, units


def _appended(
    tokenizer: WordTokenizer, text: Subtokens, arguments: tuple[Argument, Argument], limit: int
) -> tuple[list[int], list[int]]:
    """Each opening marker with those words of its argument that fit: subtokens, and the unit of each."""
    ids: list[int] = []
    units: list[int] = []
    room = limit - len(arguments)
    for unit, argument in enumerate(arguments):
        first, last = text.fitting(argument.span, room)
        words = text.of(first, last)
        room = room - len(words) if last == argument.span[1] else 0
        ids += [_token(tokenizer, unit, argument), *words]
        units += [unit, *[-1] * len(words)]
    return ids, units
