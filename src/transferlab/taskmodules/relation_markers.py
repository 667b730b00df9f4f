"""Markers around the two arguments of a relation, and the rows in which encoders read them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class _Piece:
    """Subtokens that are read together or not at all: a word or a marker.

    Attributes:
        subtokens: ids.
        distance: in words, to the nearest argument; 0 inside of one, -1 for a marker.
        unit: that a marker stands for, else -1.
    """

    subtokens: list[int]
    distance: int
    unit: int = -1


def relation_line(
    tokenizer: WordTokenizer, words: list[list[int]], arguments: tuple[Argument, Argument], strategy: str, limit: int
) -> Line:
    """The row in which an encoder reads two arguments.

    Where the row has no room for all words, those nearest to the arguments stay, on both sides and between them. An
    argument loses words only if the two alone are too long.

    Args:
        tokenizer: that knows the markers.
        words: subtokens of each word of the text.
        arguments: head and tail, in either order in the text; they may overlap or be nested.
        strategy: ``argument_starts``: the units 0 and 1 are the opening markers of head and tail; ``first_token``: the
            markers are the same, and the one unit is the first token of the row; ``appended``: the text without markers
            and, as a second text, each opening marker with the words of its argument; the units are these markers.
        limit: the most subtokens of the row, special tokens included.
    """
    distances = [_distance(word, arguments) for word in range(len(words))]
    pieces = [_Piece(word, distance) for word, distance in zip(words, distances, strict=True)]
    if strategy == "appended":
        room = limit - tokenizer.num_special_pair
        second = _nearest(_appended(tokenizer, pieces, arguments), room // 2)
        return Line(0, *_nearest(pieces, room - len(second[0])), pair=second)
    ids, units = _nearest(_marked(tokenizer, pieces, arguments), limit - tokenizer.num_special)
    if strategy == "first_token":
        return Line(0, ids, [-1] * len(ids), first_unit=0)
    return Line(0, ids, units)


def _distance(word: int, arguments: tuple[Argument, Argument]) -> int:
    """Words from a word to the nearer argument, 0 inside of it."""
    return min(max(start - word, word - end, 0) for start, end in (argument.span for argument in arguments))


def _opening(tokenizer: WordTokenizer, unit: int, argument: Argument) -> _Piece:
    role = list(ROLES)[unit]
    return _Piece([tokenizer.token_id(marker(role, argument.type))], -1, unit)


def _closing(tokenizer: WordTokenizer, unit: int, argument: Argument) -> _Piece:
    role = list(ROLES)[unit]
    return _Piece([tokenizer.token_id(marker(role, argument.type, closing=True))], -1)


def _marked(tokenizer: WordTokenizer, pieces: list[_Piece], arguments: tuple[Argument, Argument]) -> list[_Piece]:
    """The words with markers around the arguments, nested like brackets as far as the arguments are.

    Of arguments that begin together the longer one opens first, of those that end together it closes last; of equal
    ones the head is the outer one.
    """
    by_start = sorted(enumerate(arguments), key=lambda a: (-a[1].span[1], a[0]))
    by_end = sorted(enumerate(arguments), key=lambda a: (-a[1].span[0], -a[0]))
    marked: list[_Piece] = []
    for word, piece in enumerate(pieces):
        marked += [_opening(tokenizer, *a) for a in by_start if a[1].span[0] == word]
        marked.append(piece)
        marked += [_closing(tokenizer, *a) for a in by_end if a[1].span[1] == word]
    return marked


def _appended(tokenizer: WordTokenizer, pieces: list[_Piece], arguments: tuple[Argument, Argument]) -> list[_Piece]:
    """Each opening marker with the words of its argument."""
    appended: list[_Piece] = []
    for unit, argument in enumerate(arguments):
        start, end = argument.span
        appended += [_opening(tokenizer, unit, argument), *pieces[start : end + 1]]
    return appended


def _nearest(pieces: list[_Piece], limit: int) -> tuple[list[int], list[int]]:
    """Of the pieces those nearest to the arguments that fit, in the order of the text: subtokens, and their units."""
    kept, filled = [], 0
    for position in sorted(range(len(pieces)), key=lambda p: pieces[p].distance):
        filled += len(pieces[position].subtokens)
        if filled > limit:
            break
        kept.append(position)
    chosen = [pieces[position] for position in sorted(kept)]
    ids = [subtoken for piece in chosen for subtoken in piece.subtokens]
    return ids, [piece.unit for piece in chosen for _ in piece.subtokens]
