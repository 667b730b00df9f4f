"""Rows of corpora in which a text, or a pair of texts, has one label: from the file to the Document."""

from __future__ import annotations

import csv
import json
import logging
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from transferlab.data.readers.base import DataError
from transferlab.documents import Annotations, Document
from transferlab.utils.json_text import JsonFile
from transferlab.utils.lines import numbered_lines

log = logging.getLogger(__name__)

Column = str | int
# by column names where the file has them, else by column numbers from 0
Row = Mapping[Any, Any]


def delimited_rows(
    file: Path, delimiter: str = "\t", quoting: bool = False, header: bool = True, leave_out_broken: bool = False
) -> Iterator[tuple[int, Row]]:
    """Yield ``(line, row)`` of a CSV or TSV file, line numbers from 1; empty lines are skipped.

    Args:
        file: in UTF-8, with or without a byte order mark; lines end in LF or CRLF.
        delimiter: one character.
        quoting: whether ``"`` encloses cells, which may then hold delimiters, line ends and doubled quotes. Without it
            a quote is a character like any other: in most TSV corpora a lone quote would swallow rows.
        header: whether the first line names the columns; else they are numbered from 0.
        leave_out_broken: skip rows with a wrong number of columns, with a warning, rather than refuse them.

    Raises:
        DataError: naming file and line of a row with more or fewer columns than the first one, or of a broken quote; a
            column name that occurs twice; another encoding.
    """
    rows = _quoted_cells(file, delimiter) if quoting else _plain_cells(file, delimiter)
    columns: list[Any] | None = None
    broken = []
    for line, cells in rows:
        if columns is None:
            columns = cells if header else list(range(len(cells)))
            if len(set(columns)) < len(columns):
                raise DataError(f"{file}, line {line}: the header names a column twice: {columns}")
            if header:
                continue
        if len(cells) == len(columns):
            yield line, dict(zip(columns, cells, strict=True))
        elif leave_out_broken:
            broken.append(line)
        else:
            first = f"the header names {len(columns)}: {columns}" if header else f"the first row has {len(columns)}"
            raise DataError(f"{file}, line {line}: {len(cells)} columns where {first}")
    if broken:
        log.warning("%s: left out %d rows with a wrong number of columns, first line %d", file, len(broken), broken[0])


def json_rows(file: Path) -> Iterator[tuple[int, Row]]:
    """Yield ``(line, row)`` of a file with one JSON object per line; raises DataError naming file and line."""
    json_file = JsonFile(file)
    for line, text in _lines(file):
        try:
            row = json_file.loads(text, line)
        except json.JSONDecodeError as error:
            raise DataError(f"{file}, line {line}: not JSON ({error.msg}); write one JSON object a line") from error
        if not isinstance(row, dict):
            raise DataError(f"{file}, line {line}: write one JSON object a line, not {text[:40]!r}")
        yield line, row
    json_file.warn()


def cell(row: Row, column: Column, where: str) -> Any:
    """The value of a column by its name, or by its number from 0; raises DataError with the columns there are."""
    if column in row:
        return row[column]
    values = list(row.values())
    if isinstance(column, int) and 0 <= column < len(values):
        return values[column]
    raise DataError(f"{where}: there is no column {column!r}; the columns are {list(row)}")


def number(raw: Any, where: str) -> float:
    """``raw`` as a finite number; raises DataError with ``where``."""
    try:
        value = float(raw)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: {raw!r} must be a finite number")
    return value


def text_document(
    name: str, text: str, text_pair: str | None = None, label: str | float | list[str] | None = None
) -> Document:
    """A Document of a raw text, or a pair of them, with a label; the words are those between white space."""
    offsets = [match.span() for match in re.finditer(r"\S+", text)]
    return Document(
        name=name,
        words=[text[start:end] for start, end in offsets],
        sentences=[(0, len(offsets) - 1)] if offsets else [],
        text=text,
        text_pair=text_pair,
        offsets=offsets,
        gold=Annotations(label=label),
    )


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not empty, without their ends, each with its number."""
    try:
        # newline="\n": a lone carriage return inside a text ends no row
        with open(file, encoding="utf-8-sig", newline="\n") as lines:
            for number, line in numbered_lines(lines):
                if line.strip():
                    yield number, line.removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from error


def _plain_cells(file: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    return ((line, text.split(delimiter)) for line, text in _lines(file))


def _quoted_cells(file: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their first line."""
    csv.field_size_limit(2**31 - 1)  # else a cell may hold 131,072 characters
    line = 1
    try:
        with open(file, encoding="utf-8-sig", newline="") as lines:
            # strict: a quote that nobody closes is an error instead of a cell with the rest of the file
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            for cells in reader:
                if any(text.strip() for text in cells):
                    yield line, cells
                line = reader.line_num + 1
    except csv.Error as error:
        remedy = "if quotes are characters of the texts, set dataset.quoting=false"
        raise DataError(f"{file}, line {line}: {error}; {remedy}") from error
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from error


def _not_utf8(file: Path, error: UnicodeDecodeError) -> DataError:
    return DataError(f"{file} is not UTF-8 ({error}); convert it, for example with iconv")
