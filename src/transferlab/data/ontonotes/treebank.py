"""Words of the ``.parse`` files of OntoNotes, trees in brackets such as ``(TOP (NP (DT the) (NN day)))``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from transferlab.data.readers.base import DataError

TRACE = "-NONE-"  # tag of what no word stands for
EDITED = "EDITED"  # tag of what a speaker takes back
# of a tree of nothing but the two: the skeletons have a row for it, with the tag XX
NO_WORD = "nullp"
_TOKEN = re.compile(r"[()]|[^ \t\r\n()]+")  # a word may hold a no-break space
_COMMENT = (";", "<", "*")


def words_of_trees(lines: Iterable[tuple[int, str]], file: str, edited: bool) -> Iterator[list[str]]:
    """Yield the words of each tree, as the treebank writes them (``-LRB-``, ``/.``), without traces.

    Args:
        lines: of a file, with their numbers; those that begin with ``;``, ``<`` or ``*`` are comments.
        file: its name for messages.
        edited: whether words that the speaker takes back are kept. The skeletons of English lack them.

    Raises:
        DataError: brackets that do not close, or that hold no tree; the text names file and line.
    """
    labels: list[str] = []  # of the brackets that are open, outermost first
    words: list[str] = []
    opened = False  # whether the last token was (
    number = 0
    for number, line in lines:
        if line.startswith(_COMMENT):
            continue
        for token in _TOKEN.findall(line):
            if token == "(":
                if opened:
                    labels.append("")  # a bracket without a label, as around some trees
                opened = True
                continue
            if token == ")":
                if opened or not labels:
                    raise DataError(
                        f"{file}, line {number}: a bracket that holds nothing or was never opened; {_REMEDY}"
                    )
                labels.pop()
                if not labels:
                    yield words or [NO_WORD]
                    words = []
            elif opened:
                labels.append(token)
            elif not labels:
                raise DataError(f"{file}, line {number}: {token!r} stands outside a tree; {_REMEDY}")
            elif labels[-1] != TRACE and (edited or EDITED not in labels):
                words.append(token)
            opened = False
    if labels or opened:
        raise DataError(f"{file}, line {number}: the file ends within a tree; {_REMEDY}")


_REMEDY = "take the file from the OntoNotes 5.0 release (LDC2013T19) again"
