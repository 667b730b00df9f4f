"""Reader of LitBank's entities: nested names and descriptions in 100 stretches of English fiction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from transferlab.data.readers.base import SPLITS, DataError, data_directory, require_split, unique_names
from transferlab.data.readers.column_format import ColumnSentence, parse_columns
from transferlab.data.readers.litbank import CORPUS, FOLD_DIRECTORIES, Fold, files_of_fold
from transferlab.documents import Annotations, Document, Entity, open_text
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Limits, OneOf
from transferlab.utils.options import checked
from transferlab.utils.tagging import spans_of_tags, tags_of_spans

LAYERS = 4  # columns that hold entities in some file; a fifth, where there is one, holds none
SELECTIONS = ("outermost", "all")
REMEDY = (
    "Run `git clone https://github.com/dbamman/litbank` and name that clone, or a directory with LitBank's files in "
    "tsv/. The ten folds are in another repository: run `git clone https://github.com/dbamman/lrec2020-coref` and name "
    "that clone with dataset.folds_dir or the environment variable LITBANK_DIR, or put its folds 0 to 9 into splits/ "
    "beside tsv/"
)
_TEXTS = ("tsv", "entities/tsv")  # our layout, that of the clone


class LitBankEntityReader:
    """Entities of six types, PER, FAC, LOC, GPE, VEH and ORG (Bamman, Popat and Shen, NAACL 2019).

    Entities nest, and a file has one column of IOB2 tags for each layer. The first column holds the *innermost*
    entities, those that contain no other; an entity in column k + 1 contains one of column k. So no column is the
    outermost layer, which is made from all of them: the entities that no other contains.

    The folds are those of LitBank's coreference (80, 10 and 10 documents), so that both tasks can share models.
    Documents are named after their files (``1342_pride_and_prejudice_brat``), as there.

    Args:
        data_dir: see ``REMEDY`` for the two layouts; None takes the environment variable ``LITBANK_NER_DIR``.
        folds_dir: where the folds lie, ``splits`` or ``data/litbank_tenfold_splits`` below it; None looks beside the
            texts, then below the environment variable ``LITBANK_DIR``.
        fold: 0 to 9; the test parts of the ten folds together are the corpus.
        layer: what ``gold.entities`` and ``gold.tags`` (IOB2) are: ``outermost``, or the number of a column, 0 being
            the innermost; ``all``: all entities, and the tags of the outermost.

    Raises:
        DataError: an unknown fold or layer, a missing directory, or documents of the fold that are missing; later,
        when documents are read, a malformed row.
    """

    splits: tuple[str, ...] = SPLITS

    @checked("dataset", DataError)
    def __init__(
        self,
        data_dir: str | Path | None = None,
        folds_dir: str | Path | None = None,
        fold: Fold = 0,
        layer: Annotated[str, OneOf(SELECTIONS)] | Annotated[int, Limits(0, LAYERS - 1)] = "outermost",
    ) -> None:
        """Check the options and that all files of the fold are there; see the class for the arguments."""
        place = data_directory(data_dir, "LITBANK_NER_DIR", REMEDY)
        texts = _first_directory([place / name for name in _TEXTS])
        if folds_dir is not None:
            roots = [Path(folds_dir).expanduser()]
        else:
            roots = [place, *(Path(root).expanduser() for root in [os.environ.get("LITBANK_DIR")] if root)]
        self.place = _first_directory([root / name / str(fold) for root in roots for name in FOLD_DIRECTORIES])
        self._files = files_of_fold(texts, self.place, ".tsv", REMEDY)
        self._layer = layer

    def corpus_id(self) -> str:
        """The documents' name, which they share with LitBank's coreference."""
        return CORPUS

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the official order, lazily."""
        require_split(split, self.splits, self.place)
        return unique_names((str(file), self._document(file)) for file in self._files[split])

    def _document(self, file: Path) -> Document:
        document = Document(file.stem, [], [])
        layers: list[list[Entity]] = []
        with open_text(file) as lines:
            for sentence in parse_columns(lines, str(file), "\t"):
                start = len(document.words)
                document.words += sentence.column(0)
                document.sentences.append((start, len(document.words) - 1))
                for number, entities in enumerate(_layers(sentence, start)):
                    if number == len(layers):
                        layers.append([])
                    layers[number] += entities
        outer = _outermost(entity for entities in reversed(layers) for entity in entities)
        if isinstance(self._layer, int):
            entities = flat = layers[self._layer] if self._layer < len(layers) else []
        else:
            flat = outer
            entities = sorted((e for es in layers for e in es), key=_position) if self._layer == "all" else outer
        tags = tags_of_spans([(e.start, e.end, e.label) for e in flat], len(document.words))
        document.gold = Annotations(entities=entities, tags=tags)
        return document


def _layers(sentence: ColumnSentence, start: int) -> list[list[Entity]]:
    """The entities of each column of a sentence whose first word is ``start``; the empty last column is none."""
    width = len(sentence.rows[0])
    if not any(row[-1] for row in sentence.rows):
        width -= 1
    columns = [sentence.column(column) for column in range(1, width)]
    try:
        return [
            [Entity(start + first, start + last, label) for first, last, label in spans_of_tags(tags)]
            for tags in columns
        ]
    except UserError as error:
        raise DataError(f"{sentence.place}: {error}") from error


def _outermost(entities: Iterable[Entity]) -> list[Entity]:
    """Entities that no other contains; of two with the same words the one that comes first."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=_position):
        if not kept or entity.start > kept[-1].end:
            kept.append(entity)
    return kept


def _position(entity: Entity) -> tuple[int, int]:
    """By the first word, longer ones first."""
    return entity.start, -entity.end


def _first_directory(places: list[Path]) -> Path:
    """The first of several places that is a directory."""
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise DataError(f"none of {', '.join(map(str, places))} is a directory. {REMEDY}")
    return found
