"""Names, words and speakers that the columns and lines of a CoNLL file cannot carry as they are.

A document that has one is written percent-encoded, as in the addresses of the web (``%09`` is a tab), below a line
that says so. That line stands outside of every document, where all programs skip it; without it, ``%09`` is three
characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

MARK = "# percent-encoded"

# what separates columns and rows; blanks that readers strip; what the official scorer takes for the begin of a document
# at the start of a line, and for its end anywhere in a line
_UNWRITABLE = re.compile(r"[\t\r\n]|\A\s|\s\Z|#(?=\s*(?:begin|end) document)")
_ENCODED = re.compile(rf"%|{_UNWRITABLE.pattern}")


def needs_encoding(values: Iterable[str]) -> bool:
    """Whether one of these cannot stand in a column as it is."""
    return any(_UNWRITABLE.search(value) for value in values)


def encode(value: str) -> str:
    """A value that can stand in a column, and that :func:`decode` turns back."""
    return _ENCODED.sub(lambda sign: quote(sign[0], safe=""), value)


def decode(value: str) -> str:
    """The inverse of :func:`encode`."""
    return unquote(value)
