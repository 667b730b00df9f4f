"""Tagging schemes: spans that do not overlap, written as one tag per word.

A tag is ``O`` or a prefix and a type, ``B-PER``; the type may hold hyphens of its own, and a corpus without
types writes the bare prefix. The schemes differ in the words that they mark:

======  ===========================================================================================
IOB1    ``B`` on the first word of a span that directly follows one of the same type, else all ``I``
IOB2    ``B`` on the first word of every span (also called BIO)
IOE1    ``E`` on the last word of a span that one of the same type directly follows, else all ``I``
IOE2    ``E`` on the last word of every span
BIOES   ``B`` on the first, ``E`` on the last and ``S`` on the only word of every span (also IOBES)
BILOU   the same with ``L`` on the last and ``U`` on the only word
======  ===========================================================================================

Sources: Ramshaw and Marcus 1995 (IOB1); Tjong Kim Sang and Veenstra 1999 (IOB2, IOE1, IOE2); Ratinov and Roth
2009 (BILOU).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

from transferlab.utils.errors import UserError, near

Scheme = Literal["IOB1", "IOB2", "IOE1", "IOE2", "BIOES", "BILOU"]
SCHEMES: tuple[str, ...] = get_args(Scheme)

TypedSpan = tuple[int, int, str]  # first word, last word (inclusive), type

# Prefixes of the first, the last and the only word of a span; all words between have I.
_UNMARKED = ("I", "I", "I")
_MARKED = {
    "IOB1": ("B", "I", "B"),
    "IOB2": ("B", "I", "B"),
    "IOE1": ("I", "E", "E"),
    "IOE2": ("I", "E", "E"),
    "BIOES": ("B", "E", "S"),
    "BILOU": ("B", "L", "U"),
}
_OPENING = frozenset("BSU")  # a span starts at a word with one of these
_CLOSING = frozenset("ELSU")  # a span ends at a word with one of these


def types_of(tags: Iterable[str]) -> list[str]:
    """The types of spans that tags name, sorted; ``""`` for bare prefixes."""
    return sorted({tag.partition("-")[2] for tag in tags if tag != "O"})


def spans_of_tags(tags: Sequence[str], scheme: str = "IOB2", strict: bool = False) -> list[TypedSpan]:
    """Read the spans out of the tags of a sequence.

    Args:
        tags: one per word.
        scheme: one of ``SCHEMES``.
        strict: drop every span that the scheme would have written with other tags, such as one that starts with
            ``I`` in IOB2. By default each run of words that belong together is a span, as in conlleval: it starts
            at an opening prefix, after a closing one, after ``O`` and where the type changes.

    Returns:
        ``(start, end, type)`` with inclusive word positions, in text order; the type of a bare prefix is ``""``.

    Raises:
        UserError: an unknown scheme, or a tag that is none of it.
    """
    spans: list[TypedSpan] = []
    previous, previous_type = "O", ""
    for position, (prefix, kind) in enumerate(_parsed(tags, scheme)):
        if prefix != "O":
            if prefix in _OPENING or previous in _CLOSING or previous == "O" or kind != previous_type:
                spans.append((position, position, kind))
            else:
                spans[-1] = (spans[-1][0], position, kind)
        previous, previous_type = prefix, kind
    if not strict:
        return spans
    well_formed = tags_of_spans(spans, len(tags), scheme)
    return [span for span in spans if well_formed[span[0] : span[1] + 1] == list(tags[span[0] : span[1] + 1])]


def tags_of_spans(spans: Iterable[TypedSpan], length: int, scheme: str = "IOB2") -> list[str]:
    """Write spans as tags.

    Args:
        spans: ``(start, end, type)`` with inclusive word positions, in any order.
        length: the number of words.
        scheme: one of ``SCHEMES``.

    Returns:
        ``length`` tags.

    Raises:
        UserError: an unknown scheme, a span outside the words, or two that overlap.
    """
    _require_scheme(scheme)
    ordered = sorted(spans)
    _require_separate(ordered, length)
    starts = {(start, kind) for start, _, kind in ordered}
    ends = {(end, kind) for _, end, kind in ordered}
    tags = ["O"] * length
    for start, end, kind in ordered:
        told_apart_anyway = (scheme == "IOB1" and (start - 1, kind) not in ends) or (
            scheme == "IOE1" and (end + 1, kind) not in starts
        )
        first, last, only = _UNMARKED if told_apart_anyway else _MARKED[scheme]
        prefixes = [only] if start == end else [first, *"I" * (end - start - 1), last]
        tags[start : end + 1] = [f"{prefix}-{kind}" if kind else prefix for prefix in prefixes]
    return tags


def convert_tags(tags: Sequence[str], source: str, target: str) -> list[str]:
    """Write tags of one scheme in another; malformed ones are read leniently, which mends them.

    Raises:
        UserError: as :func:`spans_of_tags`.
    """
    return tags_of_spans(spans_of_tags(tags, source), len(tags), target)


def _parsed(tags: Sequence[str], scheme: str) -> list[tuple[str, str]]:
    """(prefix, type) of every tag."""
    _require_scheme(scheme)
    prefixes = sorted({"I", *_MARKED[scheme]})
    parsed = []
    for position, tag in enumerate(tags):
        prefix, hyphen, kind = tag.partition("-")
        if tag != "O" and (prefix not in prefixes or bool(hyphen) != bool(kind)):
            raise UserError(
                f"tag {tag!r} at position {position} is none of the scheme {scheme}, which has O and "
                f"{', '.join(f'{prefix}-TYPE' for prefix in prefixes)}; name the scheme of the corpus, one of "
                f"{', '.join(SCHEMES)}, or mend the tag"
            )
        parsed.append((prefix, kind))
    return parsed


def _require_scheme(scheme: str) -> None:
    if scheme not in SCHEMES:
        raise UserError(
            f"{scheme!r} is no tagging scheme; choose one of {', '.join(SCHEMES)}. {near(scheme, SCHEMES)}".rstrip()
        )


def _require_separate(ordered: Sequence[TypedSpan], length: int) -> None:
    for start, end, kind in ordered:
        if not 0 <= start <= end < length:
            raise UserError(
                f"span ({start}, {end}, {kind!r}) must keep 0 <= start <= end < {length}, the number of words"
            )
    for one, other in itertools.pairwise(ordered):
        if other[0] <= one[1]:
            raise UserError(f"spans {one} and {other} overlap, which tags cannot express; leave one of them out")
