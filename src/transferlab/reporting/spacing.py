"""The space between words: taken from the raw text where there is one, else guessed by script, else for English."""

from __future__ import annotations

from itertools import pairwise

from transferlab.data.fine_words import without_blank
from transferlab.documents import Document

_CLOSING = ". , ; : ! ? ) ] } % ... … ” -rrb- -rsb- -rcb- ''"
_OPENING = "( [ { $ £ € # “ -LRB- -LSB- -LCB- ``"
_CLITICS = "n't n’t 's 'm 'd 'll 're 've ’s ’m ’d ’ll ’re ’ve"
CLINGING = frozenset(f"{_CLOSING} {_CLITICS}".split())  # no space before these
OPENING = frozenset(_OPENING.split())  # and none after these


def displayed_words(document: Document) -> list[tuple[str, str]]:
    """For every word, as a reader sees them: what is before it (mostly a space or nothing) and the word."""
    if document.text is not None and document.offsets is not None:
        pieces, previous_end = [], 0
        for start, end in document.offsets:
            pieces.append((document.text[previous_end:start], document.text[start:end]))
            previous_end = end
        return pieces
    return list(zip(_guessed_gaps(document), document.words, strict=True))


def displayed_text(words: list[tuple[str, str]], start: int, end: int) -> str:
    """Words ``start..end`` (inclusive) of what :func:`displayed_words` returned, on one line."""
    joined = words[start][1] + "".join(gap + word for gap, word in words[start + 1 : end + 1])
    return " ".join(joined.split())


def _guessed_gaps(document: Document) -> list[str]:
    gaps: list[str] = []
    inside_quotes = False  # whether the next straight quotation mark closes
    for first, last in document.sentences:
        glue = False  # whether the coming word clings to what is before it
        for position in range(first, last + 1):
            word = document.words[position]
            gap = "" if glue or word.lower() in CLINGING else " "
            glue = word in OPENING
            if word == '"':
                # A straight mark opens and closes in turn, unless it begins or ends a sentence.
                if first < last and position in (first, last):
                    inside_quotes = position == last
                gap = "" if inside_quotes else " "
                glue = inside_quotes = not inside_quotes
            gaps.append(gap if position > first else " ")
    for position, (before, word) in enumerate(pairwise(document.words), start=1):
        if without_blank(before, word):
            gaps[position] = ""
    return ["", *gaps[1:]] if gaps else []
