"""Files of CoNLL-2012 in directories and archives: which documents there are, in which form, of which version."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from transferlab.data.readers.archives import is_archive
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll_files import OFFICIAL_TEST, paths_below, splits_of

# of the shared task, in which every document is annotated; all others hold the whole of OntoNotes
SHARED_TASK = ("v4", "v9")
REMEDY = (
    "Give the directory conll-formatted-ontonotes-5.0, conll-2012.zip or what it holds, or the archives "
    "conll-2012-train.v4.tar.gz, conll-2012-development.v4.tar.gz and conll-2012-test-key.tar.gz"
)
NAMED = 5  # of what is missing; the rest is counted
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_NAME = re.compile(r"(?:.*\bannotations/)?(?P<document>.+)\.(?:(?P<version>v[0-9]+)_)?gold_(?P<kind>conll|skel)")
_VERSION = re.compile(r"(?:\A|.*/)(v[0-9]+)/")


@dataclass(frozen=True)
class SourceFile:
    """One file of a document, with all of its parts.

    Attributes:
        place: the directory or archive that it lies in.
        path: below that place.
        split: ``train``, ``validation`` or ``test``.
        document: its id, such as ``nw/wsj/23/wsj_2367``.
        version: ``v4``, ``v9`` ..., empty where neither file nor directory says it.
        skeleton: whether it lacks the words.
    """

    place: Path
    path: str
    split: str
    document: str
    version: str
    skeleton: bool

    def __str__(self) -> str:
        """The file, for messages."""
        return f"{self.place}/{self.path}"


def find_sources(places: Sequence[Path], language: str) -> dict[str, list[SourceFile]]:
    """The files to read for each split, one for each document, by their ids.

    Of several versions that of the shared task is taken (v4, then v9), of the two forms of a document the one with
    words, and of the test documents those of the shared task.

    Args:
        places: directories, and zip or tar archives, which are read where they lie.
        language: files whose path names another one are left out.

    Raises:
        DataError: a place that is missing or neither of the two, none of these files in any, or a document twice.
    """
    found: dict[str, list[SourceFile]] = defaultdict(list)
    archives: list[str] = []
    for place in places:
        paths = _paths(place, language)
        archives += [f"{place}/{path}" for path in paths if path.endswith(_ARCHIVES)]
        for file in _files(place, paths):
            found[file.split].append(file)
    if not found:
        inside = f", but archives: {some(archives)}; give these, unpacked from what holds them" if archives else ""
        raise DataError(f"{some([*map(str, places)])}: no file *gold_skel or *gold_conll{inside}. {REMEDY}")
    return {split: _chosen(found[split]) for split in ("train", "validation", "test") if split in found}


def _paths(place: Path, language: str) -> list[str]:
    if not place.exists():
        raise DataError(f"{place} does not exist. {REMEDY}")
    if not (place.is_dir() or is_archive(place)):
        raise DataError(f"{place} is neither a directory nor a zip or tar archive. {REMEDY}")
    return paths_below(place, language)


def _files(place: Path, paths: Iterable[str]) -> Iterator[SourceFile]:
    for path, split in splits_of(paths).items():
        name = _NAME.fullmatch(path)
        if name is not None:
            directory = _VERSION.match(path)
            version = name["version"] or (directory[1] if directory else "")
            yield SourceFile(place, path, split, name["document"], version, name["kind"] == "skel")


def _chosen(files: Sequence[SourceFile]) -> list[SourceFile]:
    version = min({file.version for file in files}, key=lambda name: (name not in SHARED_TASK, name))
    files = [file for file in files if file.version == version]
    if any(OFFICIAL_TEST in file.path for file in files):
        files = [file for file in files if OFFICIAL_TEST in file.path]
    of_document: dict[str, SourceFile] = {}
    for file in sorted(files, key=lambda file: (file.document, file.skeleton)):
        known = of_document.setdefault(file.document, file)
        if known is not file and known.skeleton == file.skeleton:
            raise DataError(f"{known} and {file} are the same document; leave out one of them")
    return list(of_document.values())


def some(names: Sequence[str]) -> str:
    """The first of many names, for messages."""
    return f"{', '.join(names[:NAMED])}{' ...' if len(names) > NAMED else ''}"
