"""Sentences of files with one word per line: columns beside each word, empty lines between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from transferlab.data.readers.base import DataError
from transferlab.utils.lines import numbered_lines

UNITS = ("sentence", "document")  # what becomes a Document
DOCUMENT_MARK = "-DOCSTART-"
_SPACES = re.compile(r"[ \t]+")  # not other white space: a word may hold a no-break space


class Sentence(Protocol):
    """What :func:`in_units` must know of a sentence."""

    @property
    def place(self) -> str:
        """File and line, for messages."""

    @property
    def opens_document(self) -> bool:
        """Whether a document begins with it."""


S = TypeVar("S", bound=Sentence)


@dataclass(frozen=True)
class ColumnSentence:
    """The rows of a sentence.

    Attributes:
        place: file and first line, for messages.
        rows: the columns of each word, equally many in the whole file.
        opens_document: whether a line ``-DOCSTART-`` stands above it.
    """

    place: str
    rows: list[list[str]]
    opens_document: bool

    def column(self, index: int) -> list[str]:
        """One cell per word; negative indices count from the last column.

        Raises:
            DataError: there is no such column, or one of its cells is empty.
        """
        width = len(self.rows[0])
        if not -width <= index < width:
            raise DataError(f"{self.place}: {width} columns {self.rows[0]}; column {index} (from 0) does not exist")
        for row in self.rows:
            if not row[index].strip(" "):
                raise DataError(
                    f"{self.place}: column {index} (from 0) of the row {row} in this sentence is empty; fill it"
                )
        return [row[index] for row in self.rows]


def parse_columns(
    lines: Iterable[str], file: str, delimiter: str | None = None, comment: str | None = None
) -> Iterator[ColumnSentence]:
    r"""Yield the sentences of a file.

    A line of white space only ends a sentence, as does a line that begins with ``-DOCSTART-``.

    Args:
        lines: the lines, with or without their ends.
        file: its name for messages.
        delimiter: what separates columns, for example ``"\t"``; None: runs of spaces and tabs.
        comment: lines that begin with it are skipped; None: there are none, so that words may begin with ``#``.

    Raises:
        DataError: a row with more or fewer columns than the first; the text names file, line and number of columns.
    """
    rows: list[list[str]] = []
    place, opens_document, width = file, False, 0
    for number, line in numbered_lines(lines):
        line = line.rstrip("\r\n")
        mark = line.startswith(DOCUMENT_MARK)
        if mark or not line.strip():
            if rows:
                yield ColumnSentence(place, rows, opens_document)
                rows, opens_document = [], False
            opens_document = opens_document or mark
            continue
        if comment and line.startswith(comment):
            continue
        columns = line.split(delimiter) if delimiter else _SPACES.split(line.strip(" \t"))
        width = width or len(columns)
        if len(columns) != width:
            separator = f"by {delimiter!r}" if delimiter else "by spaces or tabs"
            raise DataError(
                f"{file}, line {number}: {len(columns)} columns {columns} where the rows above have {width}; "
                f"separate the columns of a word {separator}, and sentences by an empty line"
            )
        if not rows:
            place = f"{file}, line {number}"
        rows.append(columns)
    if rows:
        yield ColumnSentence(place, rows, opens_document)


def in_units(sentences: Iterable[S], unit: str, mark: str) -> Iterator[list[S]]:
    """Yield the sentences of one Document at a time.

    Args:
        sentences: in their order.
        unit: ``sentence``: each alone; ``document``: all from one that opens a document to the next such one.
        mark: the line that opens a document, for messages.

    Raises:
        DataError: ``unit`` is ``document`` and the first sentence opens none.
    """
    document: list[S] = []
    for sentence in sentences:
        if unit == "sentence":
            yield [sentence]
            continue
        if not (document or sentence.opens_document):
            raise DataError(
                f"{sentence.place}: dataset.unit=document needs a line {mark} above the first sentence; "
                "add it, or choose dataset.unit=sentence"
            )
        if document and sentence.opens_document:
            yield document
            document = []
        document.append(sentence)
    if document:
        yield document
