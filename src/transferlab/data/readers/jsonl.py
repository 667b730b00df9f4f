"""Reader of Documents as JSON lines, the form in which predictions and one's own corpora are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from transferlab.data.readers.base import (
    SPLITS,
    DataError,
    data_directory,
    files_id,
    require_split,
    split_of_path,
    unique_names,
)
from transferlab.documents import Document, read_jsonl
from transferlab.utils.options import checked

REMEDY = (
    "Name a directory with train.jsonl, validation.jsonl and test.jsonl (those that you have), or one such "
    'file; each line is a Document, at least {"name": ..., "words": [...]}'
)


class JsonLinesReader:
    """Documents exactly as :func:`transferlab.documents.write_jsonl` wrote them.

    A directory holds one file per split: ``train.jsonl``, ``validation.jsonl``, ``test.jsonl``, any of which
    may be missing. One file alone is the split that its name holds as a word (``my-train.jsonl``), else
    ``test``.

    Args:
        data_dir: directory or file; None takes the environment variable ``JSONL_DIR``.

    Raises:
        DataError: the place is missing or holds no such file.
    """

    @checked("dataset", DataError)
    def __init__(self, data_dir: str | Path | None = None) -> None:
        """Find the files; see the class for the argument."""
        self.place = data_directory(data_dir, "JSONL_DIR", REMEDY)
        if self.place.is_dir():
            files = {split: self.place / f"{split}.jsonl" for split in SPLITS}
            self._files = {split: file for split, file in files.items() if file.is_file()}
        else:
            self._files = {split_of_path(self.place.name) or "test": self.place}
        self.splits: tuple[str, ...] = tuple(self._files)
        if not self.splits:
            raise DataError(f"{self.place} holds none of train.jsonl, validation.jsonl and test.jsonl. {REMEDY}")

    def corpus_id(self) -> str:
        """The content of the files."""
        return files_id(self._files.values())

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split lazily; raises DocumentError naming file and line of a bad one."""
        require_split(split, self.splits, self.place)
        file = self._files[split]
        return unique_names((str(file), document) for document in read_jsonl(file))
