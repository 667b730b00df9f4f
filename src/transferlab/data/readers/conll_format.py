"""The lines of a CoNLL-2012 file, and of its many relatives, as Documents.

Columns: document id, part, word number, word, part of speech, parse bit, lemma, frameset, sense, speaker,
named entities, one column per predicate, and last the coreference. Relatives leave some of the middle out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator

from transferlab.data.coreference_column import ABSENT, MentionBrackets
from transferlab.data.name_column import NameBrackets
from transferlab.data.percent_encoding import MARK, decode
from transferlab.data.readers.base import DataError
from transferlab.documents import Annotations, Document, Span
from transferlab.utils.lines import numbered_lines

WORD, SPEAKER, NAMES = 3, 9, 10
FEWEST_COLUMNS = 5  # document id, part, word number, word, coreference
FEWEST_COLUMNS_WITH_SPEAKER = 12  # and with names
UNKNOWN_SPEAKER = "-"

_BEGIN = re.compile(r"\s*#\s*begin\s+document\b(.*)", re.IGNORECASE | re.DOTALL)
_END = re.compile(r"\s*#\s*end\s+document\b", re.IGNORECASE)
_PART = re.compile(r"(.*)(?<![^\s;,)])part(?:\s*[=:]?\s*(-?[0-9]+))?", re.IGNORECASE | re.DOTALL)
_IN_BRACKETS = re.compile(r"\((.*)\)", re.DOTALL)
_UNREAD_PART = re.compile(r"\)[\s;,]*part\b", re.IGNORECASE)
_NO_PLAIN_ID = re.compile(r"\A\(|;|(?<!\S)part(?![a-z_])", re.IGNORECASE)
_GENRE = re.compile(r"([a-z]{2})/")

log = logging.getLogger(__name__)


def parse_conll(lines: Iterable[str], file: str) -> Iterator[Document]:
    """Yield one Document per part of a file.

    A document is named ``<document id>_part_<number>`` with the number in three digits (``part -1`` gives
    ``_part_-1``). Only ``part 0``, a single digit, as LitBank and :mod:`transferlab.data.writers` mark documents
    without parts, and a missing part or number leave the id as it is. ``gold.entities`` are the names where the file
    has their column; names that make no sense are left out with a warning.

    Args:
        lines: the lines, with or without their ends.
        file: name of the file for messages.

    Raises:
        DataError: a malformed line; the text names file, line and the column's content.
    """
    part: _Part | None = None
    found = encoded = False
    number = 0
    for number, line in numbered_lines(lines):
        line = line.rstrip("\r\n")
        try:
            row = part is not None and line.startswith(f"{part.id}\t")
            begin, end = (None, None) if row else (_BEGIN.match(line), _END.match(line))
            if begin or end or (line.startswith("#") and not row):
                if (begin or end) and part is not None:
                    yield part.document()
                    part = None
                if begin:
                    part, found, encoded = _Part(*_id_and_part(begin[1]), file, encoded), True, False
                elif part is None:
                    encoded = line == MARK
            elif not line.strip():
                if part is not None:
                    part.end_sentence()
            elif part is None:
                raise DataError(
                    f"the row {line[:60]!r} stands outside a document; put '#begin document (<id>); part 000' above"
                )
            else:
                part.add_row(split_columns(line), number)
        except DataError as error:
            raise DataError(f"{file}, line {number}: {error}") from error
    try:
        if part is not None:  # some writers leave '#end document' out
            yield part.document()
    except DataError as error:
        raise DataError(f"{file}, line {number}: {error}") from error
    if not found:
        raise DataError(f"{file} holds no document; put a line '#begin document (<id>); part 000' before each")


def split_columns(line: str) -> list[str]:
    """Columns at tabs where the line has a tab (the last may be empty), else at runs of spaces."""
    return line.split("\t") if "\t" in line else [column for column in line.split(" ") if column]


def _id_and_part(text: str) -> tuple[str, str | None]:
    """The id of a document and the number of its part, of what stands behind ``#begin document``.

    An id in brackets may hold anything; one without brackets neither ``;`` nor the word "part".

    Raises:
        DataError: what may be meant is not plain.
    """
    text = text.strip().rstrip("; \t")
    end = _PART.fullmatch(text)
    before, number = (end[1].rstrip("; ,\t"), end[2]) if end else (text, None)
    bracketed = _IN_BRACKETS.fullmatch(before)
    if bracketed and (number or not _UNREAD_PART.search(bracketed[1])):
        return bracketed[1].strip(), number
    if before and (number or not end) and not _NO_PLAIN_ID.search(before):
        return before, number
    raise DataError(
        f"cannot read the id and the part of a document in '#begin document {text[:60]}'; write "
        "'#begin document (<id>); part 000'"
    )


def genre_of(name: str) -> str | None:
    """The genre of a document of OntoNotes, with which its name begins (``nw/wsj/...``); None for other names."""
    genre = _GENRE.match(name)
    return genre[1] if genre else None


class _Part:
    """A document while its rows come in."""

    def __init__(self, document_id: str, part: str | None, file: str, encoded: bool) -> None:
        self.file = file
        self.id = document_id
        self.part = part
        self.decode: Callable[[str], str] = decode if encoded else str
        self.words: list[str] = []
        self.speakers: list[str] = []
        self.sentences: list[Span] = []
        self.brackets = MentionBrackets()
        self.names = NameBrackets()
        self.sentence_start = 0
        self.columns = 0  # of the sentence at hand

    def add_row(self, columns: list[str], line: int) -> None:
        if len(columns) < FEWEST_COLUMNS:
            raise DataError(
                f"{len(columns)} columns {columns}; at least {FEWEST_COLUMNS} are needed: document id, part, "
                "word number, word, ..., coreference, separated by tabs or by spaces"
            )
        if len(self.words) == self.sentence_start:
            self.columns = len(columns)
        elif len(columns) != self.columns:
            raise DataError(
                f"{len(columns)} columns after rows of {self.columns} in the same sentence, the last being "
                f"{columns[-1]!r}; give every row of a sentence the same columns (an empty last column keeps "
                "its tab) or put a blank line between sentences"
            )
        word = columns[WORD]
        self.brackets.add(columns[-1].strip(), len(self.words), line)
        self.words.append(self.decode(word))
        full = len(columns) >= FEWEST_COLUMNS_WITH_SPEAKER
        self.names.add(columns[NAMES].strip() if full else "", len(self.words) - 1, line)
        speaker = columns[SPEAKER].strip() if full else ""
        self.speakers.append(UNKNOWN_SPEAKER if speaker in ABSENT else self.decode(speaker))

    def end_sentence(self) -> None:
        if len(self.words) > self.sentence_start:
            self.sentences.append((self.sentence_start, len(self.words) - 1))
            self.sentence_start = len(self.words)

    def document(self) -> Document:
        self.end_sentence()
        name = self.decode(self.id)
        if self.part and self.part != "0":
            number = self.part if self.part.startswith("-") else self.part.zfill(3)
            name = f"{name}_part_{number}"
        entities = self.names.entities()
        if self.names.unreadable:
            log.warning("%s, %s; %s has no named entities", self.file, self.names.unreadable, name)
        return Document(
            name=name,
            words=self.words,
            sentences=self.sentences,
            speakers=self.speakers if any(speaker != UNKNOWN_SPEAKER for speaker in self.speakers) else None,
            genre=genre_of(name),
            gold=Annotations(clusters=self.brackets.clusters(), entities=entities),
        )
