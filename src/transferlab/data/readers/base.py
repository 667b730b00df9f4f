"""What every reader of a corpus offers, and the refusals that all of them share.

A reader is a small class built from ``configs/dataset/<name>.yaml``. To add a corpus, write such a class
beside this file (``jsonl.py`` is the shortest example) and a config whose ``_target_`` names it.
"""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Annotated, Protocol

from transferlab.documents import Document
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import OneOf

SPLITS = ("train", "validation", "test")
Split = Annotated[str, OneOf(SPLITS)]
_SPLIT_OF_WORD = {
    "train": "train",
    "training": "train",
    "dev": "validation",
    "development": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


class DataError(UserError):
    """A corpus that is missing, incomplete or malformed; the text names the place and the remedy."""


class Reader(Protocol):
    """A corpus with splits.

    A reader may also have ``corpus_id() -> str``, which names its corpus wherever it lies: as all that have it know it
    (``litbank``), by its place on the hub, or by the content of its files (:func:`files_id`). A corpus that nobody
    names goes by the content of its training texts. Whether two corpora share documents is not told by these names but
    by the texts, see :mod:`transferlab.data.text_overlap`.

    Attributes:
        splits: the splits that this corpus has, out of ``train``, ``validation`` and ``test``.
    """

    splits: tuple[str, ...]

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split; raises DataError for a split that the corpus lacks."""
        ...


def data_directory(
    data_dir: str | Path | None, variable: str, remedy: str, others: Mapping[str, str] = MappingProxyType({})
) -> Path:
    """Return the place of a corpus: ``data_dir``, or where that is None the environment variable.

    Args:
        data_dir: value of the config key ``dataset.data_dir``.
        variable: environment variable that stands in for it, for example ``"LITBANK_DIR"``.
        remedy: what to download, from where, and how it should lie.
        others: {environment variable: dataset} for other forms of the same corpus.

    Raises:
        DataError: neither is set, or the place does not exist.
    """
    place = os.fspath(data_dir) if data_dir is not None else os.environ.get(variable, "")
    if not place:
        known = [
            f"dataset={name}, which reads what {other} names" for other, name in others.items() if os.environ.get(other)
        ]
        choice = f"choose {known[0]}, or " if known else ""
        raise DataError(
            f"no data directory is given: {choice}set the environment variable {variable} or the key dataset.data_dir. "
            f"{remedy}"
        )
    path = Path(place).expanduser()
    if not path.exists():
        source = "dataset.data_dir" if data_dir is not None else f"the environment variable {variable}"
        raise DataError(f"{path} does not exist (it comes from {source}). {remedy}")
    return path


def require_split(split: str, splits: Collection[str], place: str | Path) -> None:
    """Raise DataError unless ``split`` is one of the ``splits`` found at ``place``."""
    if split not in splits:
        raise DataError(f"{place} has no split {split!r}; choose one of {list(splits) or 'another corpus'}")


def split_of_path(path: str) -> str | None:
    """The split that a path inside a corpus names, or None.

    The innermost directory called ``train``, ``development``, ``test`` or alike decides; where there is none,
    the one such word in the file name (``dev.english.v4_gold_conll``).
    """
    *directories, name = PurePosixPath(path).parts
    for directory in reversed(directories):
        if directory in _SPLIT_OF_WORD:
            return _SPLIT_OF_WORD[directory]
    named = {_SPLIT_OF_WORD[word] for word in re.split(r"[._-]", name) if word in _SPLIT_OF_WORD}
    return named.pop() if len(named) == 1 else None


def files_id(files: Iterable[Path]) -> str:
    """Name a corpus by the content of its files, whatever they are called and wherever they lie."""
    return texts_id(file.read_bytes() for file in files)


def texts_id(contents: Iterable[bytes]) -> str:
    """Name a corpus by the contents of its files in any order; byte order marks and carriage returns do not matter."""
    plain = (content.removeprefix(BOM_UTF8).replace(b"\r", b"") for content in contents)
    return f"files:{sha256(b''.join(sorted(sha256(text).digest() for text in plain))).hexdigest()[:16]}"


def unique_names(documents: Iterable[tuple[str, Document]], remedy: str = "") -> Iterator[Document]:
    """Yield the documents of ``(file, document)`` pairs, refusing a name that was used before.

    ``remedy`` says what may be done besides renaming a document or removing it.
    """
    file_of_name: dict[str, str] = {}
    for file, document in documents:
        if document.name in file_of_name:
            raise DataError(
                f"{file}: the document name {document.name!r} was already used in "
                f"{file_of_name[document.name]}; names must be unique: "
                + ", ".join(filter(None, ["rename or remove one copy", remedy]))
            )
        file_of_name[document.name] = file
        yield document
