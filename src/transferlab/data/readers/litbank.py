"""Reader of LitBank: coreference with singletons in 100 stretches of English fiction of about 2,000 words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from transferlab.data.readers.base import SPLITS, DataError, data_directory, require_split, unique_names
from transferlab.data.readers.conll_format import parse_conll
from transferlab.documents import Document, open_text
from transferlab.utils.option_kinds import Limits
from transferlab.utils.options import checked

CORPUS = "litbank"
FOLDS = 10
Fold = Annotated[int, Limits(0, FOLDS - 1)]
REMEDY = (
    "Run `git clone https://github.com/dbamman/lrec2020-coref` and name that clone, or a directory with "
    "LitBank's files in conll/ and the ten-fold splits in splits/0 to splits/9"
)
FOLD_DIRECTORIES = ("splits", "data/litbank_tenfold_splits")  # ours, that of the clone
_IDS = {"train": "train.ids", "validation": "dev.ids", "test": "test.ids"}
_TEXTS = ("conll", "data/original/conll")


class LitBankReader:
    """The official ten-fold split of Bamman, Lewke and Mansoor (LREC 2020): 80, 10 and 10 documents.

    Documents are named after their files (``1342_pride_and_prejudice_brat``). Clusters include singletons;
    there are no speakers and no genres.

    Args:
        data_dir: see ``REMEDY`` for the two layouts; None takes the environment variable ``LITBANK_DIR``.
        fold: 0 to 9; the test parts of the ten folds together are the corpus.

    Raises:
        DataError: an unknown fold, a missing directory, or documents of the fold that are missing.
    """

    splits: tuple[str, ...] = SPLITS

    @checked("dataset", DataError)
    def __init__(self, data_dir: str | Path | None = None, fold: Fold = 0) -> None:
        """Check the fold and that all its files are there; see the class for the arguments."""
        place = data_directory(data_dir, "LITBANK_DIR", REMEDY)
        layouts = [(place / texts, place / folds) for texts, folds in zip(_TEXTS, FOLD_DIRECTORIES, strict=True)]
        complete = [layout for layout in layouts if all(directory.is_dir() for directory in layout)]
        if not complete:
            raise DataError(f"{place} has not the two directories of LitBank, conll and splits. {REMEDY}")
        texts, folds = complete[0]
        self.place = folds / str(fold)
        self._files = files_of_fold(texts, self.place, ".conll", REMEDY)

    def corpus_id(self) -> str:
        """The documents' name, whatever is annotated in them and whichever the fold."""
        return CORPUS

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the official order, lazily."""
        require_split(split, self.splits, self.place)
        return unique_names(self._documents(split))

    def _documents(self, split: str) -> Iterator[tuple[str, Document]]:
        for file in self._files[split]:
            with open_text(file) as lines:
                documents = list(parse_conll(lines, str(file)))
            if len(documents) != 1:
                raise DataError(f"{file} holds {len(documents)} documents; LitBank has one in each file. {REMEDY}")
            documents[0].name = file.stem
            yield str(file), documents[0]


def files_of_fold(texts: Path, fold: Path, suffix: str, remedy: str) -> dict[str, list[Path]]:
    """The files ``texts/<name><suffix>`` of each split, in the official order.

    Args:
        texts: directory of the documents.
        fold: directory with ``train.ids``, ``dev.ids`` and ``test.ids``.
        suffix: of the documents, for example ``".conll"``.
        remedy: ends the messages.

    Raises:
        DataError: a list or a document that it names is missing.
    """
    files = {split: [texts / f"{name}{suffix}" for name in _names(fold / ids, remedy)] for split, ids in _IDS.items()}
    missing = [file.name for split in SPLITS for file in files[split] if not file.is_file()]
    if missing:
        raise DataError(
            f"{texts} lacks {len(missing)} files that {fold} names: {', '.join(missing[:5])}"
            f"{' ...' if len(missing) > 5 else ''}. {remedy}"
        )
    return files


def _names(ids: Path, remedy: str) -> list[str]:
    """Document names listed in a file of a split; the official lists end each in ``.tsv``."""
    if not ids.is_file():
        raise DataError(f"{ids} is missing. {remedy}")
    return [line.strip().removesuffix(".tsv") for line in ids.read_text(encoding="utf-8").splitlines() if line.strip()]
