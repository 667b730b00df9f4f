"""Reader of the CoNLL-U format of Universal Dependencies: parts of speech and relations of words.

See https://universaldependencies.org/format.html; ten columns separated by tabs, comments above each sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from transferlab.data.readers.base import DataError, data_directory, files_id, require_split, unique_names
from transferlab.data.readers.column_format import UNITS, in_units
from transferlab.data.readers.split_files import find_split_files
from transferlab.documents import Annotations, Document, Span, open_text
from transferlab.utils.lines import numbered_lines
from transferlab.utils.option_kinds import OneOf
from transferlab.utils.options import checked

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
TAGS = ("upos", "xpos", "deprel")
DOCUMENT_MARK = "# newdoc"
UNSPECIFIED = "_"
FILES = {"train": "*-ud-train.conllu", "validation": "*-ud-dev.conllu", "test": "*-ud-test.conllu"}
REMEDY = (
    "Clone a treebank of Universal Dependencies, for example https://github.com/UniversalDependencies/UD_English-EWT, "
    "and name that clone, or one file *.conllu"
)
_SKIPPED_ID = re.compile(r"[0-9]+[-.][0-9]+")  # a range of a multiword token (1-2), an empty node (1.1)
_COMMENT = re.compile(r"#\s*(sent_id|newdoc(?:\s+id)?)\s*(?:=\s*(.*?)\s*)?$")


@dataclass
class _Sentence:
    """A sentence while its lines come in."""

    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    place: str = ""
    id: str = ""
    opens_document: bool = False
    document_id: str = ""


class ConllUReader:
    """The syntactic words of a treebank, each with its part of speech or relation as the tag.

    Ranges of multiword tokens (``1-2``) and empty nodes (``1.1``) are skipped, so French *du* is the two words *de le*.
    A document is named by its ``sent_id`` (``newdoc id`` with ``unit="document"``); where that is missing or was used
    before, by split and number: ``train-1``.

    Args:
        data_dir: directory or file; None takes the environment variable ``CONLLU_DIR``.
        column: ``upos``, ``xpos`` or ``deprel``. Where all words of a document have ``_``, there are no tags.
        unit: ``sentence``: each is a Document; ``document``: all sentences from one ``# newdoc`` to the next are.
        files: file names or patterns by split; see :func:`find_split_files`.

    Raises:
        DataError: an unknown column or unit, a missing place, or no file; later, when documents are read, a malformed
        line.
    """

    @checked("dataset", DataError)
    def __init__(
        self,
        data_dir: str | Path | None = None,
        column: Annotated[str, OneOf(TAGS)] = "upos",
        unit: Annotated[str, OneOf(UNITS)] = "sentence",
        files: Mapping[str, str | Sequence[str]] = FILES,
    ) -> None:
        """Find the files; see the class for the arguments."""
        self.place = data_directory(data_dir, "CONLLU_DIR", REMEDY)
        self._files = find_split_files(self.place, files, REMEDY)
        self._column = COLUMNS.index(column)
        self._unit = unit
        self.splits: tuple[str, ...] = tuple(self._files)

    def corpus_id(self) -> str:
        """The content of the files."""
        return files_id(self._files.values())

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split lazily and in the order of the file."""
        require_split(split, self.splits, self.place)
        return unique_names((str(self._files[split]), document) for document in self._documents(split))

    def _documents(self, split: str) -> Iterator[Document]:
        file = self._files[split]
        used: set[str] = set()
        with open_text(file) as lines:
            sentences = _parse(lines, str(file), self._column)
            for number, unit in enumerate(in_units(sentences, self._unit, DOCUMENT_MARK), start=1):
                wanted = unit[0].id if self._unit == "sentence" else unit[0].document_id
                name = wanted if wanted and wanted not in used else f"{split}-{number}"
                used.add(name)
                yield _document(name, unit)


def _parse(lines: Iterable[str], file: str, tag_column: int) -> Iterator[_Sentence]:
    """Yield the sentences of a file; raises DataError naming the line of one that is not CoNLL-U."""
    sentence = _Sentence()
    for number, line in numbered_lines(lines):
        line = line.rstrip("\r\n")
        if not line.strip():
            if sentence.words:
                yield sentence
                sentence = _Sentence()
        elif line.startswith("#"):
            if sentence.words:
                raise DataError(
                    f"{file}, line {number}: a comment inside a sentence; end the sentence with an empty line"
                )
            _take_comment(line, sentence)
        else:
            sentence.place = sentence.place or f"{file}, line {number}"
            try:
                _take_row(line.split("\t"), sentence, tag_column)
            except DataError as error:
                raise DataError(f"{file}, line {number}: {error}") from error
    if sentence.words:
        yield sentence


def _take_comment(line: str, sentence: _Sentence) -> None:
    comment = _COMMENT.match(line)
    if comment is None:
        return
    key, value = comment[1], comment[2] or ""
    if key == "sent_id":
        sentence.id = value
    else:
        sentence.opens_document, sentence.document_id = True, value


def _take_row(columns: list[str], sentence: _Sentence, tag_column: int) -> None:
    if len(columns) != len(COLUMNS):
        raise DataError(
            f"{len(columns)} columns {columns}; CoNLL-U has {len(COLUMNS)}, separated by single tabs: "
            f"{', '.join(COLUMNS)}"
        )
    if _SKIPPED_ID.fullmatch(columns[0]):
        return
    expected = len(sentence.words) + 1
    if columns[0] != str(expected):
        raise DataError(
            f"the word {columns[1]!r} has the id {columns[0]!r} where {expected} is expected; number the words of a "
            "sentence from 1 and put an empty line between sentences"
        )
    if not columns[1].strip(" ") or not columns[tag_column].strip(" "):
        raise DataError(
            f"the form or the {COLUMNS[tag_column]} of the row {columns} is empty; unknown ones are written _"
        )
    sentence.words.append(columns[1])
    sentence.tags.append(columns[tag_column])


def _document(name: str, sentences: Sequence[_Sentence]) -> Document:
    words: list[str] = []
    tags: list[str] = []
    spans: list[Span] = []
    for sentence in sentences:
        spans.append((len(words), len(words) + len(sentence.words) - 1))
        words += sentence.words
        tags += sentence.tags
    annotated = any(tag != UNSPECIFIED for tag in tags)
    return Document(name, words, spans, gold=Annotations(tags=tags if annotated else None))
