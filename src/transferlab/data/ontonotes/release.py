"""The words that skeletons lack, from the ``.parse`` files of the OntoNotes 5.0 release."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transferlab.data.ontonotes.published import PARTIAL
from transferlab.data.ontonotes.sources import SourceFile, some
from transferlab.data.ontonotes.treebank import words_of_trees
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll_files import open_texts, paths_below
from transferlab.utils.lines import numbered_lines

REMEDY = "give the directory, or the archive, of the OntoNotes 5.0 release (LDC2013T19) with --ontonotes"
_PARSE = re.compile(r"(?:.*/)?annotations/(?P<document>.+)\.parse")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trees:
    """The words of a document, tree by tree.

    Attributes:
        file: where they come from, for messages.
        sentences: the words of each tree.
    """

    file: str
    sentences: list[list[str]]


def read_trees(skeletons: Sequence[SourceFile], place: Path | None, language: str, partial: bool) -> dict[str, Trees]:
    """Read the words of documents that are there as skeletons only.

    Args:
        skeletons: of all splits.
        place: directory or archive of the release.
        language: of the documents.
        partial: leave out those that the release lacks, with a warning.

    Raises:
        DataError: there is no release, it lacks documents, or one of its files is malformed.
    """
    if not skeletons:
        return {}
    if language == "arabic":
        raise DataError(f"{skeletons[0]}: skeletons of Arabic cannot be filled; give files *gold_conll instead")
    if place is None:
        raise DataError(f"{skeletons[0]} and {len(skeletons) - 1:,} others are skeletons without words; {REMEDY}")
    if not place.exists():
        raise DataError(f"--ontonotes {place} does not exist; {REMEDY}")
    document_of = {path: name["document"] for path in paths_below(place, language) if (name := _PARSE.fullmatch(path))}
    wanted = {file.document for file in skeletons}
    missing = sorted(wanted.difference(document_of.values()))
    if missing:
        what = f"{place} lacks the .parse files of {len(missing):,} of {len(wanted):,} documents: {some(missing)}"
        if not partial or len(missing) == len(wanted):
            raise DataError(f"{what}; {REMEDY}{PARTIAL if len(missing) < len(wanted) else ''}")
        log.warning("%s; they are left out", what)
    paths = [path for path, document in document_of.items() if document in wanted]
    trees: dict[str, Trees] = {}
    for path, file, text in open_texts(place, paths):
        sentences = words_of_trees(numbered_lines(text), file, edited=language != "english")
        trees[document_of[path]] = Trees(file, [[*map(sys.intern, words)] for words in sentences])
    return trees
