"""Lines of a text with their numbers, however many of them are empty."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator

_CHUNK = 2**20  # characters that are read at once
_WHITE_SPACE = re.compile(r"[ \t\r\n]{64,}")


def numbered_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield ``(number, line)``, numbers from 1, lines without their line feed.

    Of many empty lines that follow one another in an open file only one, or a few, are yielded: looking at every one of
    300 million takes a minute, and an archive of them is small.

    Args:
        lines: an open text file, or the lines themselves.
    """
    if not isinstance(lines, io.TextIOBase):
        yield from ((number, line.removesuffix("\n")) for number, line in enumerate(lines, start=1))
        return
    number = 1
    begun: list[str] = []  # of a line that has not ended yet
    while chunk := lines.read(_CHUNK):
        start, position = 0, 0
        for run in _WHITE_SPACE.finditer(chunk):
            first, last = chunk.find("\n", *run.span()), chunk.rfind("\n", *run.span())
            if first == last:  # blanks inside of a line, or at one end of it
                continue
            for line in chunk[position:first].split("\n"):
                yield number, "".join([*begun, line])
                begun = []
                number += 1
            yield number, ""
            number += chunk.count("\n", first + 1, last + 1)
            position = last + 1
        start = position
        *whole, rest = chunk[start:].split("\n")
        for line in whole:
            yield number, "".join([*begun, line]) if begun else line
            begun = []
            number += 1
        if rest:
            begun.append(rest)
    if begun:
        yield number, "".join(begun)
