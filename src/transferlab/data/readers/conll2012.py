"""Reader of coreference in the CoNLL-2012 format: OntoNotes 5.0, and any corpus written like it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from transferlab.data.readers.base import DataError, data_directory, require_split, texts_id, unique_names
from transferlab.data.readers.conll_files import LANGUAGES, find_conll_files, open_texts
from transferlab.data.readers.conll_format import parse_conll
from transferlab.documents import Document
from transferlab.utils.option_kinds import OneOf
from transferlab.utils.options import checked

REMEDY = (
    "OntoNotes 5.0 is licensed (https://catalog.ldc.upenn.edu/LDC2013T19), so no hub name exists: bring it "
    "into the CoNLL-2012 form with scripts/prepare_coref_data.sh and name the directory that it makes, any other one "
    "that holds train/, development/ and test/, an archive of it, or one file"
)
_OTHER_FORM = {"CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR": "conll2012_ontonotesv5_preprocessed"}
_SENTENCE_ENDS = {"/.": ".", "/?": "?"}


class Conll2012Reader:
    """Gold clusters, named entities, speakers and genres of files in the CoNLL-2012 format.

    What OntoNotes writes ``/.`` and ``/?`` in transcribed speech is read as ``.`` and ``?``, as published systems do;
    brackets stay ``-LRB-`` and ``-RRB-``, there as here.

    OntoNotes 5.0 has no annotation of names for the New Testament (genre ``pt``), but its files cannot say so: they
    look as if there were none.

    The split of a file is told by the innermost directory called ``train``, ``development`` (or ``dev``,
    ``validation``) or ``test``, else by its name (``dev.english.v4_gold_conll``). Files that name no split
    are ``test``.

    Args:
        data_dir: a directory (searched for ``*_conll`` and ``*.conll``), one file, or a zip or tar archive;
            None takes the environment variable ``CONLL2012_DIR``.
        language: files whose path names another language of OntoNotes are left out.
        files: shell pattern on the paths below ``data_dir``, for an archive that holds several versions
            (``"*/v4/*"``) or for one genre (``"*/annotations/nw/*"``).

    Raises:
        DataError: the place is missing or holds no CoNLL file; later, when documents are read, a malformed
        line.
    """

    @checked("dataset", DataError)
    def __init__(
        self,
        data_dir: str | Path | None = None,
        language: Annotated[str, OneOf(LANGUAGES)] = "english",
        files: str = "*",
    ) -> None:
        """Find the files; see the class for the arguments."""
        self.place = data_directory(data_dir, "CONLL2012_DIR", REMEDY, _OTHER_FORM)
        self._paths = find_conll_files(self.place, files, language)
        self.splits: tuple[str, ...] = tuple(self._paths)
        if not self.splits:
            raise DataError(
                f"{self.place} holds no file *_conll or *.conll that matches dataset.files={files!r} and "
                f"dataset.language={language!r}. {REMEDY}"
            )

    def corpus_id(self) -> str:
        """The content of the files, in a directory or an archive."""
        paths = [path for of_split in self._paths.values() for path in of_split]
        return texts_id(text.buffer.read() for _, _, text in open_texts(self.place, paths))

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split, one per part, lazily and in the order of the files."""
        require_split(split, self.splits, self.place)
        remedy = "or choose one of several versions of the corpus with dataset.files, as in dataset.files='*/v4/*'"
        return unique_names(self._documents(split), remedy)

    def _documents(self, split: str) -> Iterator[tuple[str, Document]]:
        for _, file, text in open_texts(self.place, self._paths[split]):
            try:
                for document in parse_conll(text, file):
                    document.words = [_SENTENCE_ENDS.get(word, word) for word in document.words]
                    yield file, document
            except UnicodeDecodeError as error:
                raise DataError(f"{file} is not UTF-8 ({error}); convert it, for example with iconv") from error
