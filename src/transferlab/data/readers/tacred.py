"""Reader of relations between two marked arguments of a sentence in the JSON of TACRED."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transferlab.data.readers.base import DataError, data_directory, files_id, require_split, unique_names
from transferlab.data.readers.json_files import field, read_json, split_files
from transferlab.documents import Annotations, Document, Entity, Relation, Span
from transferlab.utils.options import checked

REMEDY = (
    "TACRED is licensed (https://catalog.ldc.upenn.edu/LDC2018T24), so no hub name exists: name the directory "
    "with train.json, dev.json and test.json, that of the LDC release with data/json/, or one such file, a JSON "
    "list of records; TACREV and Re-TACRED are files of the same kind, made from it"
)
_FILES = {"train": "train.json", "validation": "dev.json", "test": "test.json"}
_LAYOUTS = (_FILES, {split: f"data/json/{file}" for split, file in _FILES.items()})


class TacredReader:
    """TACRED (Zhang et al., EMNLP 2017), and corpora in its form: TACREV, Re-TACRED.

    One Document per record, named after the ``id`` of the record, one sentence long. ``gold.entities`` is the
    subject, then the object, with their types; ``gold.relations`` the one relation, whose head is the subject.
    Records of ``test`` may have no ``relation``: they are not annotated. Words are those of the file (brackets are
    ``-LRB-`` and ``-RRB-``); ``meta["docid"]`` names the text that the sentence comes from.

    Args:
        data_dir: see ``REMEDY``; None takes the environment variable ``TACRED_DIR``. One file alone is the split
            that its name holds as a word (``dev_rev.json``), else ``test``.

    Raises:
        DataError: the place is missing or holds no such file; later, when documents are read, a malformed record.
    """

    @checked("dataset", DataError)
    def __init__(self, data_dir: str | Path | None = None) -> None:
        """Find the files; see the class for the argument."""
        self.place = data_directory(data_dir, "TACRED_DIR", REMEDY)
        self._files = split_files(self.place, _LAYOUTS, REMEDY)
        self.splits: tuple[str, ...] = tuple(self._files)

    def corpus_id(self) -> str:
        """The content of the files."""
        return files_id(self._files.values())

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the order of its file."""
        require_split(split, self.splits, self.place)
        return unique_names(self._documents(split))

    def _documents(self, split: str) -> Iterator[tuple[str, Document]]:
        file = self._files[split]
        for number, record in enumerate(read_json(file, list, REMEDY), start=1):
            place = f"{file}, record {number}"
            yield place, _document(record, place, labelled=split != "test")


def _document(record: Any, place: str, labelled: bool) -> Document:
    name = field(record, "id", str, place)
    place = f"{place} (id {name})"
    words = field(record, "token", list, place)
    if not words or not all(isinstance(word, str) for word in words):
        raise DataError(f"{place}: 'token' must be a list of words, not {str(words)[:40]!r}")
    head, tail = (_span(record, argument, len(words), place) for argument in ("subj", "obj"))
    entities = [
        Entity(*span, field(record, f"{argument}_type", str, place))
        for argument, span in (("subj", head), ("obj", tail))
    ]
    relations = None
    if labelled or record.get("relation") is not None:
        relations = [Relation(head, tail, field(record, "relation", str, place))]
    return Document(
        name=name,
        words=words,
        sentences=[(0, len(words) - 1)],
        gold=Annotations(entities=entities, relations=relations),
        meta={"docid": record["docid"]} if "docid" in record else {},
    )


def _span(record: dict[str, Any], argument: str, n_words: int, place: str) -> Span:
    """First and last word of an argument, both inclusive as in the file."""
    start, end = (field(record, f"{argument}_{side}", int, place) for side in ("start", "end"))
    if not 0 <= start <= end < n_words:
        raise DataError(
            f"{place}: {argument}_start={start} and {argument}_end={end} are no span of the {n_words} words; give "
            f"the first and the last word, counted from 0"
        )
    return start, end
