"""Reader of the ``*.jsonlines`` files of published coreference systems, documents that are already in subtokens."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from transferlab.data.readers.base import DataError, data_directory, files_id, require_split, unique_names
from transferlab.data.readers.conll_files import LANGUAGES
from transferlab.data.readers.split_files import find_split_files
from transferlab.data.readers.subtoken_records import NO_TEXT, UNKNOWN_PIECE, document_of
from transferlab.data.readers.text_rows import json_rows
from transferlab.documents import Document
from transferlab.utils.option_kinds import Count, OneOf
from transferlab.utils.options import checked

REMEDY = (
    "Name a directory with train.english.384.jsonlines, dev.english.384.jsonlines and test.english.384.jsonlines (or "
    "another number, with dataset.segment_length), or one such file; CoNLL files are read with dataset=conll2012"
)
_OTHER_FORM = {"CONLL2012_DIR": "conll2012"}
_FILES = {"train": "train", "validation": "dev", "test": "test"}

log = logging.getLogger(__name__)


class CorefJsonLinesReader:
    """Gold clusters, speakers and genres of ``<split>.<language>.<segment length>.jsonlines``.

    Joshi et al. (2019), Xu and Choi (2020) and systems built on theirs train on these files. Names, sentences, speakers
    and clusters are those of the CoNLL files that they were made from; two clusters of a document that shared a mention
    were merged when they were made. How they were cut into segments has no effect here.

    Words are those of ``tokens``, where the file has them. Otherwise they are put together from WordPiece: the pieces
    that ``subtoken_map`` gives to a word, in their order, without the ``##`` in front of all but the first. That is the
    word as it was, with three exceptions: an uncased tokenizer has taken away capitals and accents; a piece that its
    vocabulary lacked is ``[UNK]``; a word of which it left nothing is U+FFFD. Every BERT of that vocabulary cuts these
    words into the same pieces again. Words of other tokenizers cannot be put together.

    Args:
        data_dir: directory with the files (or with ``<language>.<segment length>.bert-base-cased/``, which holds them),
            or one file; None takes the environment variable ``CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR``.
        language: in the names of the files.
        segment_length: in the names of the files.

    Raises:
        DataError: the place is missing or holds no such file; later, when documents are read, a line that is malformed,
            or without ``tokens`` and of another tokenizer.
    """

    @checked("dataset", DataError)
    def __init__(
        self,
        data_dir: str | Path | None = None,
        language: Annotated[str, OneOf(LANGUAGES)] = "english",
        segment_length: Count = 384,
    ) -> None:
        """Find the files; see the class for the arguments."""
        self.place = data_directory(data_dir, "CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR", REMEDY, _OTHER_FORM)
        below = f"{language}.{segment_length}.bert-base-cased"
        files = {split: f"{name}.{language}.{segment_length}.jsonlines" for split, name in _FILES.items()}
        self._files = find_split_files(
            self.place, {split: [file, f"{below}/{file}"] for split, file in files.items()}, REMEDY
        )
        self.splits: tuple[str, ...] = tuple(self._files)

    def corpus_id(self) -> str:
        """The content of the files."""
        return files_id(self._files.values())

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the order of its file, named as in ``Conll2012Reader``."""
        require_split(split, self.splits, self.place)
        return unique_names(self._documents(self._files[split]))

    def _documents(self, file: Path) -> Iterator[tuple[str, Document]]:
        unknown = 0
        for line, record in json_rows(file):
            place = f"{file}, line {line}"
            document = document_of(record, place)
            unknown += sum(NO_TEXT in word or UNKNOWN_PIECE in word for word in document.words)
            yield place, document
        if unknown:
            log.warning("%s: the text of %d words is not known in full, they hold %s", file, unknown, UNKNOWN_PIECE)
