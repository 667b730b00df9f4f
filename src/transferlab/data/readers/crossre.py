"""Reader of CrossRE: relations between entities in six domains, several of which may hold between two entities."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from transferlab.data.readers.base import DataError, data_directory, require_split, unique_names
from transferlab.data.readers.json_files import field
from transferlab.data.readers.text_rows import json_rows
from transferlab.documents import Annotations, Document, Entity, Relation, Span
from transferlab.utils.option_kinds import OneOf
from transferlab.utils.options import checked

REMEDY = (
    "Take the directory crossre_data of https://github.com/mainlp/CrossRE; it holds files like ai-train.json, "
    "ai-dev.json and ai-test.json"
)
DOMAINS = ("news", "politics", "science", "music", "literature", "ai")
_NAME_OF_SPLIT = {"train": "train", "validation": "dev", "test": "test"}


class CrossReReader:
    """CrossRE (Bassignana and Plank, Findings of EMNLP 2022), and any file in its form.

    One Document per sentence, named by its ``doc_key``, with ``gold.entities`` and ``gold.relations``. Several labels
    of one ordered pair are several relations. What annotators said of a relation beside its label (an explanation,
    whether they were sure, whether the syntax is ambiguous) is not read.

    Args:
        domain: ``politics``, ``science``, ``music``, ``literature``, ``ai`` or ``news``.
        data_dir: directory with ``<domain>-train.json``, ``<domain>-dev.json`` and ``<domain>-test.json`` (those that
            you have), one sentence per line; None takes the environment variable ``CROSSRE_DIR``.

    Raises:
        DataError: an unknown domain or a place without its files; later, when documents are read, a malformed line or a
            span that is none of the words.
    """

    @checked("dataset", DataError)
    def __init__(self, domain: Annotated[str, OneOf(DOMAINS)], data_dir: str | Path | None = None) -> None:
        """Find the files; see the class for the arguments."""
        self.domain = domain
        self.place = data_directory(data_dir, "CROSSRE_DIR", REMEDY)
        files = {split: self.place / f"{domain}-{name}.json" for split, name in _NAME_OF_SPLIT.items()}
        self._files = {split: file for split, file in files.items() if file.is_file()}
        self.splits: tuple[str, ...] = tuple(self._files)
        if not self.splits:
            raise DataError(f"{self.place} holds no file of dataset.domain={domain}. {REMEDY}")

    def corpus_id(self) -> str:
        """The name of the corpus and of its domain, whose texts no other domain has."""
        return f"crossre/{self.domain}"

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the order of its file."""
        require_split(split, self.splits, self.place)
        file = self._files[split]
        places = ((f"{file}, line {line}", record) for line, record in json_rows(file))
        return unique_names((place, _document(record, place)) for place, record in places)


def _document(record: Any, place: str) -> Document:
    name = field(record, "doc_key", str, place)
    words = field(record, "sentence", list, place)
    if not all(isinstance(word, str) for word in words):
        raise DataError(f"{place}: 'sentence' must be a list of words, not {json.dumps(words)[:60]}")
    entities = [
        Entity(*_span(start, end, words, place), label)
        for start, end, label in _items(record, "ner", (int, int, str), place)
    ]
    relations = [
        Relation(_span(a, b, words, place), _span(c, d, words, place), label)
        for a, b, c, d, label in _items(record, "relations", (int, int, int, int, str), place)
    ]
    return Document(
        name=name,
        words=words,
        sentences=[(0, len(words) - 1)] if words else [],
        gold=Annotations(entities=entities, relations=relations),
    )


def _items(record: Any, key: str, kinds: tuple[type, ...], place: str) -> Iterator[list[Any]]:
    """Lists below a key, each cut to as many values as there are kinds; raises DataError for values of other kinds."""
    for item in field(record, key, list, place):
        values = item[: len(kinds)] if isinstance(item, list) else []
        if [type(value) for value in values] != list(kinds):
            raise DataError(
                f"{place}: {key!r} holds {json.dumps(item)[:60]}; put {len(kinds) - 1} positions of words and a label "
                "at its beginning"
            )
        yield values


def _span(start: int, end: int, words: list[str], place: str) -> Span:
    """First and last word, both inclusive as in the file."""
    if not 0 <= start <= end < len(words):
        raise DataError(f"{place}: {start} to {end} is no span of the words; choose both from 0 to {len(words) - 1}")
    return start, end
