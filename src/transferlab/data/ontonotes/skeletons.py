"""The ``*_skel`` files of CoNLL-2012: all columns but the words, which the licence of OntoNotes keeps back."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence

from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll_format import WORD
from transferlab.utils.lines import numbered_lines

PLACEHOLDER = "[WORD]"
_NARROW = "0123456789*-"

log = logging.getLogger(__name__)


def filled(lines: Iterable[str], file: str, sentences: Sequence[Sequence[str]], parse: str) -> Iterator[str]:
    """Yield the lines of a skeleton with its words, laid out as the shared task's own script does.

    Args:
        lines: of the skeleton.
        file: its name for messages.
        sentences: the words of each tree of its document; the parts of a document share one list.
        parse: name of the file that they come from.

    Raises:
        DataError: a sentence with more or fewer words than its tree, or without one.
    """
    rows: list[list[str]] = []
    done = 0
    for number, line in numbered_lines(lines):
        if line.startswith("#") or not line.strip():
            if rows:
                tree = sentences[done] if done < len(sentences) else []
                if len(tree) != len(rows):
                    raise DataError(
                        f"{file}, line {number}: sentence {done + 1} has {len(rows)} words and its tree in {parse} "
                        f"{len(tree)} ({' '.join(tree[:8])}); take both from OntoNotes 5.0"
                    )
                for row, word in zip(rows, tree, strict=True):
                    row[WORD] = word
                yield from aligned(rows)
                yield "\n"
                rows, done = [], done + 1
            if line.startswith("#"):
                yield f"{line.strip()}\n"
        else:
            rows.append(line.split())
            if len(rows[-1]) <= WORD or len(rows[-1]) != len(rows[0]):
                raise DataError(
                    f"{file}, line {number}: {len(rows[-1])} columns after rows of {len(rows[0])}; copy it again"
                )
    if rows:
        raise DataError(f"{file}, line {number}: the last sentence has no empty line below it; copy the file again")
    if done < len(sentences):
        log.warning("%s: %d trees of %s belong to no sentence and were left out", file, len(sentences) - done, parse)


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the rows of a sentence as lines, columns to the right, each two wider than its widest cell."""
    columns = []
    for cells in zip(*rows, strict=True):
        width = max(map(len, cells)) + 2
        # a blank behind a digit, * or -, so that (VP* and (VP*) stand with their stars below each other
        columns.append([f"{cell} ".rjust(width) if cell[-1] in _NARROW else cell.rjust(width) for cell in cells])
    for cells in zip(*columns, strict=True):
        yield " ".join(cells).strip() + "\n"
