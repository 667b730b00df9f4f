"""Reader of tables: any CSV, TSV or JSON lines with a text, or a pair of texts, and a label in named columns."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from transferlab.data.readers.base import (
    SPLITS,
    DataError,
    Split,
    data_directory,
    files_id,
    require_split,
    split_of_path,
    unique_names,
)
from transferlab.data.readers.hub import hub_id, hub_rows, local_directory
from transferlab.data.readers.text_rows import Column, Row, cell, delimited_rows, json_rows, number, text_document
from transferlab.documents import Document
from transferlab.utils.json_text import JsonFile
from transferlab.utils.option_kinds import Filled, OneOf
from transferlab.utils.options import checked

log = logging.getLogger(__name__)

LABEL_KINDS = ("class", "value", "several")
_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_JSON_LINES = (".jsonl", ".ndjson", ".json")


class TableReader:
    """One Document per row, for classification and regression of texts and of pairs of texts.

    ``Document.words`` are the words of the first text between white space; documents without a ``name`` column are
    called ``<split>-<row>``, rows counted from 1. An empty label (of ``several``: a missing one) is None: not
    labelled. How a file is read follows from its ending: ``.csv`` (commas, quotes enclose cells), ``.tsv``, ``.tab``
    and ``.txt`` (tabs, quotes are characters), ``.jsonl``, ``.ndjson`` and ``.json`` (one object per line).

    Args:
        files: for each of ``train``, ``validation`` and ``test`` a file name below ``data_dir``, or a shell pattern for
            several; a split whose pattern is None or matches nothing is not there.
        text: column of the text: its name, or its number from 0.
        data_dir: directory, or one file, which then is the split that its name holds as a word (``my-train.csv``),
            else ``test``; None takes the environment variable.
        text_pair: column of the second text; None where there is one text only.
        label: column of the label; None reads texts without labels.
        label_kind: ``class`` (a string), ``value`` (a number), or ``several`` (any number of classes).
        label_names: class names for what stands in the label column (``{"0": "negative"}``); None keeps that.
        separator: of ``several`` classes in a cell, white space around them is dropped; None expects a JSON list.
        name: column of unique document names; None numbers the rows.
        header: whether the first line of a CSV or TSV file names the columns.
        delimiter: one character; None as the ending says.
        quoting: whether quotes enclose cells; None as the ending says.
        variable: environment variable that stands in for ``data_dir``.
        hub: keyword arguments of :func:`~transferlab.data.readers.hub.hub_rows` (name, config, revision), for when
            neither ``data_dir`` nor the variable is set; None where the corpus is not on the hub.
        source: where to download the files, for messages.

    Raises:
        DataError: an unknown option; a missing place; no file at it; a file without one of the columns.
    """

    @checked("dataset", DataError)
    def __init__(
        self,
        files: Mapping[Split, str | None],
        text: Column,
        data_dir: str | Path | None = None,
        text_pair: Column | None = None,
        label: Column | None = "label",
        label_kind: Annotated[str, OneOf(LABEL_KINDS)] = "class",
        label_names: Mapping[Any, str] | None = None,
        separator: Annotated[str, Filled()] | None = ",",
        name: Column | None = None,
        header: bool = True,
        delimiter: str | None = None,
        quoting: bool | None = None,
        variable: str = "TABLE_DIR",
        hub: Mapping[str, str | None] | None = None,
        source: str = "",
    ) -> None:
        """Find the files and their columns; see the class for the arguments."""
        self.text, self.text_pair, self.label, self.name = text, text_pair, label, name
        self.label_kind, self.separator = label_kind, separator
        self.label_names = None if label_names is None else {str(raw): to for raw, to in label_names.items()}
        self.header, self.delimiter, self.quoting = header, delimiter, quoting
        patterns = {split: pattern for split in SPLITS if (pattern := files.get(split))}
        remedy = f"Name a directory with {', '.join(patterns.values())}." + f" {source}" * bool(source)
        self._hub: dict[str, Any] = {**hub, "remedy": f"Or set {variable} or dataset.data_dir. {remedy}"} if hub else {}
        place = (local_directory if hub else data_directory)(data_dir, variable, remedy)
        self.place = str(place or self._hub["name"])
        self._files: dict[str, list[Path]] = {}
        self.splits: tuple[str, ...] = tuple(patterns)  # of the hub's dataset
        if place is not None:
            self._files = _find(place, patterns)
            if not self._files:
                raise DataError(f"{place} holds none of {', '.join(patterns.values())}. {remedy}")
            self.splits = tuple(self._files)
        for file in [file for files in self._files.values() for file in files]:
            for line, row in self._rows_of(file):
                for column in self._columns:
                    cell(row, column, f"{file}, line {line}")
                break

    def corpus_id(self) -> str:
        """The content of the files, or the place on the hub."""
        files = [file for of_split in self._files.values() for file in of_split]
        return files_id(files) if files else hub_id(**self._hub)

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the order of its rows; files of a pattern come sorted by name.

        Raises:
            DataError: a split that is not there, a row that is broken, a label that is not of ``label_kind``, or a name
                that occurs twice.
        """
        require_split(split, self.splits, self.place)
        return unique_names(self._documents(split), "or dataset.name=null numbers the rows")

    @property
    def _columns(self) -> list[Column]:
        return [c for c in (self.text, self.text_pair, self.label, self.name) if c is not None]

    def _documents(self, split: str) -> Iterator[tuple[str, Document]]:
        for count, (where, row) in enumerate(self._rows(split), start=1):
            text = _string(row, self.text, where)
            text_pair = None if self.text_pair is None else _string(row, self.text_pair, where)
            name = f"{split}-{count}" if self.name is None else str(cell(row, self.name, where))
            label = None if self.label is None else self._label(cell(row, self.label, where), where)
            yield where, text_document(name, text, text_pair, label)

    def _rows(self, split: str) -> Iterator[tuple[str, Row]]:
        """Rows of a split, each with its place."""
        if not self._files:
            rows = hub_rows(**self._hub, split=split)
            yield from ((f"{self.place}, {split}, row {count}", row) for count, row in enumerate(rows, start=1))
        for file in self._files.get(split, []):
            yield from ((f"{file}, line {line}", row) for line, row in self._rows_of(file))

    def _rows_of(self, file: Path) -> Iterator[tuple[int, Row]]:
        ending = file.suffix.lower()
        if ending in _JSON_LINES:
            return json_rows(file)
        delimiter = self.delimiter or _DELIMITERS.get(ending)
        if delimiter is None:
            known = ", ".join([*_DELIMITERS, *_JSON_LINES])
            raise DataError(f"{file} ends in none of {known}; set dataset.delimiter")
        quoting = ending == ".csv" if self.quoting is None else self.quoting
        return delimited_rows(file, delimiter, quoting, self.header)

    def _label(self, raw: Any, where: str) -> str | float | list[str] | None:
        """The label of a cell as ``label_kind`` wants it."""
        where = f"{where}, column {self.label!r}"
        if isinstance(raw, str):
            raw = raw.strip()  # blanks around a label never make it another one
        if raw is None or (raw == "" and self.label_kind != "several"):
            return None
        if self.label_kind == "value":
            return number(raw, where)
        if self.label_kind == "several":
            return [self._class(item, where) for item in _items(raw, self.separator, where)]
        return self._class(raw, where)

    def _class(self, raw: Any, where: str) -> str:
        if isinstance(raw, list | dict):
            raise DataError(f"{where}: {raw!r} is not one class; dataset.label_kind=several reads lists of them")
        if isinstance(raw, float) and not math.isfinite(raw):
            raise DataError(f"{where}: {raw} is no class; write null where there is no label")
        label = raw if isinstance(raw, str) else json.dumps(raw)
        if self.label_names is None:
            return label
        # the hub has the names themselves
        if label not in self.label_names and label not in self.label_names.values():
            raise DataError(f"{where}: {label!r} must be one of {list(self.label_names)} (dataset.label_names)")
        return self.label_names.get(label, label)


def _find(place: Path, patterns: Mapping[str, str]) -> dict[str, list[Path]]:
    """Files of each split; warns of a file that serves two."""
    if place.is_file():
        return {split_of_path(place.name) or "test": [place]}
    files = {split: sorted(filter(Path.is_file, place.glob(pattern))) for split, pattern in patterns.items()}
    files = {split: found for split, found in files.items() if found}
    split_of_file: dict[Path, str] = {}
    for split, found in files.items():
        for file in found:
            if file in split_of_file:
                log.warning("%s serves both %s and %s: scores on it say little", file, split_of_file[file], split)
            split_of_file[file] = split
    return files


def _string(row: Row, column: Column, where: str) -> str:
    text = cell(row, column, where)
    if not isinstance(text, str):
        raise DataError(f"{where}, column {column!r}: {text!r} must be a text")
    return text


def _items(raw: Any, separator: str | None, where: str) -> list[Any]:
    """The classes of a cell: of a list, of a JSON list, or of a string with separators."""
    if isinstance(raw, str) and separator is not None:
        return [item.strip() for item in raw.split(separator) if item.strip()]
    if isinstance(raw, str):
        try:
            raw = JsonFile(where).loads(raw or "[]")
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: {raw!r} is not a JSON list; dataset.separator splits other lists") from error
    if not isinstance(raw, list):
        raise DataError(f"{where}: {raw!r} must be a list of classes, as dataset.label_kind=several says")
    return raw
