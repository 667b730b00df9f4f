"""The CoNLL files of a corpus: a directory, one file, or a zip or tar archive that is read where it lies."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
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
_WITHOUT_GOLD = ("auto_conll", "parse_conll", "mention_boundaries_conll")

log = logging.getLogger(__name__)


def is_conll(path: str) -> bool:
    """Whether a path names a CoNLL file with gold coreference.

    The shared task has files of the same texts without it: ``*_auto_conll``, ``*_gold_parse_conll``, and
    ``*_gold_parse_mention_boundaries_conll``, which has all mentions of a document as one entity.
    """
    return path.endswith(("_conll", ".conll")) and not path.endswith(_WITHOUT_GOLD)


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
    if place.is_file() and not is_archive(place):
        paths = [place.name]
    else:
        paths = [path for path in paths_below(place, language) if is_conll(path) and fnmatch(path, pattern)]
    split_of = splits_of(paths)
    unplaced = [path for path in paths if path not in split_of]
    if len(unplaced) == len(paths):
        split_of = dict.fromkeys(paths, "test")
    elif unplaced:
        log.warning("%s: %d files name no split and are left out, the first is %s", place, len(unplaced), unplaced[0])
    found = {split: [path for path in paths if split_of.get(path) == split] for split in SPLITS}
    if any(OFFICIAL_TEST in path for path in paths):
        found["test"] = [path for path in found["test"] if OFFICIAL_TEST in path]
    return {split: members for split, members in found.items() if members}


def paths_below(place: Path, language: str) -> list[str]:
    """All files in a directory or archive by their paths below it, but for hidden ones and other languages."""
    if place.is_dir():
        paths = sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file())
    else:
        paths = members(place)
    return [path for path in paths if not _hidden(path) and not _foreign(path, language)]


def splits_of(paths: Iterable[str]) -> dict[str, str]:
    """The split of each path that names one."""
    named = {path: split_of_path(path.replace(OFFICIAL_TEST, "test")) for path in paths}
    return {path: split for path, split in named.items() if split is not None}


def open_texts(place: Path, paths: Sequence[str]) -> Iterator[tuple[str, str, TextIO]]:
    """Yield ``(path, name for messages, open text)`` for files that :func:`find_conll_files` or :func:`paths_below`
    found; nothing is unpacked.

    Files of a tar archive come in the archive's order (it cannot be read in another without reading it again
    for each), all others in the order of ``paths``.
    """
    if place.is_dir():
        for path in paths:
            with open(place / path, encoding=ENCODING) as text:
                yield path, str(place / path), text
    elif is_archive(place):
        for path, content in open_members(place, paths):
            yield path, f"{place}/{path}", io.TextIOWrapper(content, encoding=ENCODING)
    else:
        with open(place, encoding=ENCODING) as text:
            yield place.name, str(place), text


def _hidden(path: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(path).parts)


def _foreign(path: str, language: str) -> bool:
    return any(word in LANGUAGES and word != language for word in re.split(r"[/._-]", path))
