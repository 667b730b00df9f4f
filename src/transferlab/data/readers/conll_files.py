"""The CoNLL files of a corpus: a directory, one file, or a zip or tar archive that is read where it lies."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import TextIO

from transferlab.data.readers.archives import is_archive, members, open_members
from transferlab.data.readers.base import SPLITS, split_of_path

ENCODING = "utf-8-sig"  # UTF-8, with or without a byte order mark
LANGUAGES = ("arabic", "chinese", "english")  # of OntoNotes
# v12 of the release keeps the shared task's test documents apart from its own, larger test split that repeats
# them
OFFICIAL_TEST = "conll-2012-test"

log = logging.getLogger(__name__)


def is_conll(path: str) -> bool:
    """Whether a path names a CoNLL file with gold columns (``*_auto_conll`` holds the same texts without
    them)."""
    return path.endswith(("_conll", ".conll")) and not path.endswith("auto_conll")


def find_conll_files(place: Path, pattern: str, language: str) -> dict[str, list[str]]:
    """The CoNLL files at a place, by split.

    Directories and archives are searched recursively, hidden files left out. Where no path names a split, all
    files are ``test``; where only some do, the others are left out with a warning.

    Args:
        place: directory, file or archive.
        pattern: shell pattern that paths inside ``place`` must match.
        language: files whose path names another language of OntoNotes are left out.

    Returns:
        Paths relative to ``place`` for each split that has any, splits in their usual order.
    """
    single = place.is_file() and not is_archive(place)
    paths = [
        path
        for path in _paths(place)
        if single or (is_conll(path) and fnmatch(path, pattern) and not _hidden(path) and not _foreign(path, language))
    ]
    split_of = {path: split_of_path(path.replace(OFFICIAL_TEST, "test")) for path in paths}
    unplaced = [path for path, split in split_of.items() if split is None]
    if len(unplaced) == len(paths):
        split_of = dict.fromkeys(paths, "test")
    elif unplaced:
        log.warning("%s: %d files name no split and are left out, the first is %s", place, len(unplaced), unplaced[0])
    if any(OFFICIAL_TEST in path for path in paths):
        paths = [path for path in paths if split_of[path] != "test" or OFFICIAL_TEST in path]
    found = {split: [path for path in paths if split_of[path] == split] for split in SPLITS}
    return {split: members for split, members in found.items() if members}


def open_texts(place: Path, paths: Sequence[str]) -> Iterator[tuple[str, TextIO]]:
    """Yield ``(name for messages, open text)`` for files that :func:`find_conll_files` found; nothing is
    unpacked.

    Files of a tar archive come in the archive's order (it cannot be read in another without reading it again
    for each), all others in the order of ``paths``.
    """
    if place.is_dir():
        for path in paths:
            with open(place / path, encoding=ENCODING) as text:
                yield str(place / path), text
    elif is_archive(place):
        for path, content in open_members(place, paths):
            yield f"{place}/{path}", io.TextIOWrapper(content, encoding=ENCODING)
    else:
        with open(place, encoding=ENCODING) as text:
            yield str(place), text


def _paths(place: Path) -> list[str]:
    """All files at a place, relative to it."""
    if place.is_dir():
        return sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    return members(place) if is_archive(place) else [place.name]


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(path).parts)


def _foreign(path: str, language: str) -> bool:
    return any(word in LANGUAGES and word != language for word in re.split(r"[/._-]", path))
