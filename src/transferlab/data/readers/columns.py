"""Reader of tagged words in columns: CoNLL-2003 names, CoNLL-2000 chunks, WNUT-17, and any file like them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from transferlab.data.readers.base import SPLITS, DataError, data_directory, files_id, require_split
from transferlab.data.readers.column_format import DOCUMENT_MARK, UNITS, in_units, parse_columns
from transferlab.data.readers.hub import hub_id, hub_rows, local_directory
from transferlab.data.readers.split_files import find_split_files
from transferlab.documents import Annotations, Document, Entity, open_text
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Filled, OneOf
from transferlab.utils.options import checked
from transferlab.utils.tagging import Scheme, spans_of_tags, tags_of_spans

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Sentence:
    """Words and tags as they are written; ``place`` is for messages."""

    words: list[str]
    tags: list[str]
    place: str
    opens_document: bool = False


class ColumnReader:
    """Words with one tag each, out of files with one word per line, or out of a dataset on the hub.

    Tags in a scheme are decoded as conlleval does (a stray ``I-`` begins a span) and written anew in
    ``target_scheme``, with the spans as ``gold.entities``; how many tags that repaired is said in a warning. Documents
    are named by split and number: ``train-1``.

    Args:
        files: file names or patterns by split; see :func:`find_split_files`.
        data_dir: directory or file; None takes the environment variable, and where that is not set either, the hub.
        variable: environment variable that stands in for ``data_dir``.
        word_column: of the word, counted from 0; negative numbers count from the last column.
        tag_column: of the tag, likewise.
        delimiter: what separates columns; None: runs of spaces and tabs.
        comment: lines that begin with it are skipped; None: there are none.
        scheme: in which spans are written, one of ``SCHEMES``; None: each tag stands for itself, such as a part of
            speech.
        target_scheme: of ``gold.tags``, where ``scheme`` is not None.
        unit: ``sentence``: each is a Document; ``document``: all sentences from one ``-DOCSTART-`` to the next are.
        hub: ``name``, ``revision``, ``words``, ``tags`` (columns) and ``scheme`` of a copy on the hub; None: there is
            none.
        source: where the corpus can be had, for messages.

    Raises:
        DataError: an unknown scheme or unit, a missing place, or no file; later, when documents are read, a malformed
        row.
    """

    @checked("dataset", DataError)
    def __init__(
        self,
        files: Mapping[str, str | Sequence[str]],
        data_dir: str | Path | None = None,
        variable: str = "COLUMNS_DIR",
        word_column: int = 0,
        tag_column: int = -1,
        delimiter: Annotated[str, Filled()] | None = None,
        comment: str | None = None,
        scheme: Scheme | None = "IOB2",
        target_scheme: Scheme = "IOB2",
        unit: Annotated[str, OneOf(UNITS)] = "sentence",
        hub: Mapping[str, Any] | None = None,
        source: str = "",
    ) -> None:
        """Find the files, or settle for the hub; see the class for the arguments."""
        names = [name for split in files.values() for name in ([split] if isinstance(split, str) else split)]
        self.remedy = f"Name a directory with {', '.join(names)} (those that you have), or one such file. {source}"
        self._hub = hub
        self._variable = variable
        self._unit = unit
        self._columns = (word_column, tag_column)
        self._format = {"delimiter": delimiter, "comment": comment}
        self._target_scheme = target_scheme
        place = (local_directory if hub else data_directory)(data_dir, variable, self.remedy)
        if place is not None:
            self._files = find_split_files(place, files, self.remedy)
            self.place: str | Path = place
            self.splits: tuple[str, ...] = tuple(self._files)
            self._scheme = scheme
        elif hub is not None:
            if unit == "document":
                raise DataError(
                    "dataset.unit=document: the copy on the hub does not say where documents begin; name the files "
                    f"with dataset.data_dir or {variable}, or choose dataset.unit=sentence. {self.remedy}"
                )
            self.place = str(hub["name"])
            self.splits = SPLITS
            self._scheme = hub["scheme"]

    def corpus_id(self) -> str:
        """The content of the files, or the place on the hub."""
        return files_id(self._files.values()) if isinstance(self.place, Path) else hub_id(**self._hub or {})

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split lazily."""
        require_split(split, self.splits, self.place)
        return self._documents(split)

    def _documents(self, split: str) -> Iterator[Document]:
        sentences = self._from_files(split) if isinstance(self.place, Path) else self._from_hub(split)
        repaired: list[str] = []  # the place of each malformed tag
        for number, unit in enumerate(in_units(sentences, self._unit, DOCUMENT_MARK), start=1):
            yield self._document(f"{split}-{number}", unit, repaired)
        if repaired:
            log.warning(
                "%s: repaired %d tags that are not written in %s, the first in the sentence at %s; if the whole corpus "
                "is written in another scheme, name it in dataset.scheme",
                split,
                len(repaired),
                self._scheme,
                repaired[0],
            )

    def _document(self, name: str, sentences: Iterable[_Sentence], repaired: list[str]) -> Document:
        document = Document(name, [], [])
        tags: list[str] = []
        entities: list[Entity] = []
        for sentence in sentences:
            start = len(document.words)
            document.words += sentence.words
            document.sentences.append((start, len(document.words) - 1))
            if self._scheme is None:
                tags += sentence.tags
                continue
            try:
                spans = spans_of_tags(sentence.tags, self._scheme)
            except UserError as error:
                raise DataError(f"{sentence.place}: {error}") from error
            well_formed = tags_of_spans(spans, len(sentence.words), self._scheme)
            repaired += [sentence.place for tag, good in zip(sentence.tags, well_formed, strict=True) if tag != good]
            tags += tags_of_spans(spans, len(sentence.words), self._target_scheme)
            entities += [Entity(start + first, start + last, label) for first, last, label in spans]
        document.gold = Annotations(tags=tags, entities=None if self._scheme is None else entities)
        return document

    def _from_files(self, split: str) -> Iterator[_Sentence]:
        file = self._files[split]
        with open_text(file) as lines:
            for sentence in parse_columns(lines, str(file), **self._format):
                words, tags = map(sentence.column, self._columns)
                yield _Sentence(words, tags, sentence.place, sentence.opens_document)

    def _from_hub(self, split: str) -> Iterator[_Sentence]:
        hub = self._hub or {}
        remedy = f"Or name your own copy with dataset.data_dir or {self._variable}. {self.remedy}"
        rows = hub_rows(hub["name"], revision=hub.get("revision"), split=split, remedy=remedy)
        for number, row in enumerate(rows):
            place = f"{hub['name']}, row {number} of {split}"
            for key in ("words", "tags"):
                if row.get(hub[key]) is None:
                    raise DataError(
                        f"{place}: dataset.hub.{key}={hub[key]!r} is no column; choose one of {sorted(row)}"
                    )
            if row[hub["words"]]:  # earlier copies of CoNLL-2003 had a sentence without words
                yield _Sentence(row[hub["words"]], row[hub["tags"]], place)
