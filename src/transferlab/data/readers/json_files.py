"""Corpora that are one JSON file per split: which files there are, and what a malformed one is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transferlab.data.readers.base import DataError, split_of_path
from transferlab.documents import open_text
from transferlab.utils.json_text import JsonFile

_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}


def split_files(place: Path, layouts: Sequence[Mapping[str, str]], remedy: str) -> dict[str, Path]:
    """The file of each split.

    Args:
        place: a directory, or one file: the split that its name holds as a word, else ``test``.
        layouts: paths below the directory by split. The first layout of which there is any file is taken, alone.
        remedy: what to do when there is none.

    Raises:
        DataError: the directory has no file of any layout.
    """
    if not place.is_dir():
        return {split_of_path(place.name) or "test": place}
    for layout in layouts:
        files = {split: place / path for split, path in layout.items() if (place / path).is_file()}
        if files:
            return files
    wanted = "; ".join(", ".join(layout.values()) for layout in layouts)
    raise DataError(f"{place} holds none of the files {wanted}. {remedy}")


def read_json(file: Path, kind: type, remedy: str) -> Any:
    """The content of a JSON file; raises DataError unless it is JSON and of the ``kind`` list or dict."""
    json_file = JsonFile(file)
    try:
        with open_text(file) as text:
            content = json_file.loads(text.read())
    except json.JSONDecodeError as error:
        raise DataError(f"{file}, line {error.lineno}: not JSON ({error.msg}). {remedy}") from error
    json_file.warn()
    if not isinstance(content, kind):
        raise DataError(f"{file}: not {_NAMES[kind]} but {str(content)[:40]!r}. {remedy}")
    return content


def field(record: Any, key: str, kind: type, place: str) -> Any:
    """``record[key]``; raises DataError naming ``place`` where it is missing or not of the ``kind``."""
    if not isinstance(record, dict):
        raise DataError(f"{place}: write an object with the key {key!r}, not {str(record)[:40]!r}")
    if key not in record:
        raise DataError(f"{place}: the key {key!r} is missing; there are {sorted(record)}")
    value = record[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(f"{place}: {key!r} must be {_NAMES[kind]}, not {str(value)[:40]!r}")
    return value
