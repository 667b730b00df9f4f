"""OntoNotes 5.0, in any of its CoNLL-2012 forms, as one file for each split."""

from __future__ import annotations

import io
import logging
import re
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from transferlab.data.ontonotes.published import PARTIAL, WITHOUT_COREFERENCE, check_counts
from transferlab.data.ontonotes.release import Trees, read_trees
from transferlab.data.ontonotes.skeletons import PLACEHOLDER, filled
from transferlab.data.ontonotes.sources import SHARED_TASK, SourceFile, find_sources, some
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll_files import open_texts
from transferlab.data.readers.conll_format import parse_conll
from transferlab.documents import write_atomically
from transferlab.utils.new_folder import check_writable, new_folder

_FILE = {"train": "train", "validation": "dev", "test": "test"}
_PART = re.compile(r"(?P<document>.*)_part_(?P<number>[0-9]+)", re.DOTALL)

log = logging.getLogger(__name__)


@dataclass
class _Split:
    """What was read of a split.

    Attributes:
        pieces: where the lines of each file are, by the id of its document.
        genres: of each document, that is of each part of a file, by its name.
        left_out: how many files were not annotated for coreference.
    """

    pieces: dict[str, Path] = field(default_factory=dict)
    genres: dict[str, str | None] = field(default_factory=dict)
    left_out: int = 0


def prepare(
    places: Sequence[Path],
    output: Path,
    ontonotes: Path | None = None,
    language: str = "english",
    partial: bool = False,
) -> dict[str, int]:
    """Write ``train.english.v4_gold_conll`` and those of ``dev`` and ``test`` to a directory: all of them, or nothing.

    They are what the published scripts make: the files of all documents, by their ids. Of the whole of OntoNotes only
    what is annotated for coreference is taken.

    Args:
        places: directories and archives with skeletons (``*gold_skel``), files with words (``*gold_conll``), or both.
        output: a new directory.
        ontonotes: directory or archive of the OntoNotes 5.0 release, from which skeletons get their words.
        language: of OntoNotes.
        partial: take what there is, whatever it is.

    Returns:
        The number of documents of each split.

    Raises:
        DataError: the directory is there already; a file is missing or malformed; the documents are not the
            published ones.
        ConfigError: the directory cannot be made.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise DataError(f"{output} is there already: use it, delete it, or give another place with --output")
    if language != "english" and not partial:
        raise DataError(f"--language {language}: how many documents it should have is not known; add --partial")
    sources = find_sources(places, language)
    skeletons = [file for files in sources.values() for file in files if file.skeleton]
    trees = read_trees(skeletons, ontonotes, language, partial)
    check_writable(output, "--output")
    with new_folder(output) as building:
        pieces = building / "pieces"
        pieces.mkdir()
        read = {split: _read(files, trees, pieces, split) for split, files in sources.items()}
        if not partial:
            check_parts(name for split in read.values() for name in split.genres)
            check_counts({split: [*one.genres.values()] for split, one in read.items()})
        if not any(one.genres for one in read.values()):
            raise DataError(f"{some([*map(str, places)])}: no document is annotated for coreference; give others")
        for split, one in read.items():
            texts = (piece.read_text(encoding="utf-8") for _, piece in sorted(one.pieces.items()))
            write_atomically(building / f"{_FILE[split]}.{language}.v4_gold_conll", texts)
        shutil.rmtree(pieces)
    for split, one in read.items():
        left_out = f"; {one.left_out:,} files not annotated for coreference left out" if one.left_out else ""
        log.info("%s: %s documents in %s files%s", split, f"{len(one.genres):,}", f"{len(one.pieces):,}", left_out)
    return {split: len(one.genres) for split, one in read.items()}


def check_parts(names: Iterable[str]) -> None:
    """Refuse files that lack parts, which are numbered from 0.

    Raises:
        DataError: naming the parts that are missing.
    """
    numbers: dict[str, set[int]] = defaultdict(set)
    for name in names:
        part = _PART.fullmatch(name)
        if part:
            numbers[part["document"]].add(int(part["number"]))
    missing = [
        f"{document} part {number:03}"
        for document, found in sorted(numbers.items())
        for number in sorted(set(range(max(found) + 1)) - found)
    ]
    if missing:
        raise DataError(f"{len(missing):,} parts of documents are missing: {some(missing)}; give all of them{PARTIAL}")


def _read(files: Sequence[SourceFile], trees: Mapping[str, Trees], pieces: Path, split: str) -> _Split:
    """Read the files of a split, with words, into pieces of what is to be written."""
    read = _Split()
    file_of_name: dict[str, str] = {}
    for source, name, text in _open(files):
        if source.skeleton and source.document not in trees:
            continue
        if source.skeleton:
            words = trees[source.document]
            content = "".join(filled(text, name, words.sentences, words.file))
        else:
            content = text.read()
        documents = list(parse_conll(io.StringIO(content), name))
        if any(PLACEHOLDER in document.words for document in documents):
            raise DataError(
                f"{name}: its words are {PLACEHOLDER}, as in a skeleton; name it *gold_skel to have it filled"
            )
        annotated = source.version in SHARED_TASK or source.document in WITHOUT_COREFERENCE
        if not annotated and not any(document.gold.clusters for document in documents):
            read.left_out += 1
            continue
        for document in documents:
            known = file_of_name.setdefault(document.name, name)
            if document.name in read.genres:
                raise DataError(f"{known} and {name} hold the document {document.name}; leave out one of them")
            read.genres[document.name] = document.genre
        read.pieces[source.document] = pieces / f"{split}-{len(read.pieces)}"
        end = "" if content.endswith("\n") else "\n"
        read.pieces[source.document].write_text(content + end, encoding="utf-8", newline="\n")
    return read


def _open(files: Iterable[SourceFile]) -> Iterator[tuple[SourceFile, str, TextIO]]:
    """Open files, place by place, each with its name for messages; an archive has an order of its own."""
    of_place: dict[Path, dict[str, SourceFile]] = defaultdict(dict)
    for file in files:
        of_place[file.place][file.path] = file
    for place, of_path in of_place.items():
        for path, name, text in open_texts(place, [*of_path]):
            yield of_path[path], name, text
