"""Reader of SemEval-2010 Task 8: the relation between two nominals that are marked in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from transferlab.data.fine_words import covering_words, fine_words
from transferlab.data.readers.base import SPLITS, DataError, data_directory, require_split, unique_names
from transferlab.data.selection import select
from transferlab.documents import Annotations, Document, Entity, Relation, open_text
from transferlab.utils.lines import numbered_lines
from transferlab.utils.option_kinds import Natural, Seed
from transferlab.utils.options import checked

REMEDY = (
    "Unpack SemEval2010_task8_all_data.zip (CC BY 3.0), or collect TRAIN_FILE.TXT and TEST_FILE_FULL.TXT from it, "
    "and name that directory"
)
MARKERS = ("<e1>", "</e1>", "<e2>", "</e2>")
_MARKER = re.compile("(" + "|".join(MARKERS) + ")")
_SENTENCE = re.compile(r"(\d+)\t(.+)")
_LABEL = re.compile(r"Other|[\w-]+\((?:e1,e2|e2,e1)\)")


class SemEval2010Task8Reader:
    """SemEval-2010 Task 8 (Hendrickx et al.): 8,000 training and 2,717 test sentences, nine relations and Other.

    One Document per sentence, named after its number. ``text`` is the sentence without quotation marks around it
    and without markers; its words are those of :func:`fine_words`, and also end where a marker stands, because
    markers are glued to text. ``gold.entities`` are the two nominals (without types); the one relation has e1 as
    its head, e2 as its tail and the label of the corpus, direction included: ``"Cause-Effect(e2,e1)"``, ``"Other"``.

    The files are found below ``data_dir`` whatever the case of their names. Where TEST_FILE_FULL.TXT is missing, the
    test split is TEST_FILE.TXT with the labels of TEST_FILE_KEY.TXT, or without labels where that is missing too.

    Args:
        data_dir: see ``REMEDY``; None takes the environment variable ``SEMEVAL2010_TASK8_DIR``.
        validation_size: the corpus has no validation split: so many random sentences of the training file are
            taken for it. 0: there is none and ``train`` is the whole file.
        validation_seed: of that choice, independent of the seed of training.

    Raises:
        DataError: a missing file, a validation split that leaves nothing to train on, a malformed line, or a key
            whose labels lack directions.
    """

    @checked("dataset", DataError)
    def __init__(
        self, data_dir: str | Path | None = None, validation_size: Natural = 800, validation_seed: Seed = 0
    ) -> None:
        """Find the files and read the key, if there is one; see the class for the arguments."""
        self.place = data_directory(data_dir, "SEMEVAL2010_TASK8_DIR", REMEDY)
        self.validation_size = validation_size
        self.validation_seed = validation_seed
        # the innermost first, so that the outermost of several copies remains
        paths = sorted(self.place.rglob("*.[tT][xX][tT]"), key=lambda path: (len(path.parts), path), reverse=True)
        files = {path.name.upper(): path for path in paths}
        self._train = files.get("TRAIN_FILE.TXT")
        self._test = files.get("TEST_FILE_FULL.TXT") or files.get("TEST_FILE.TXT")
        self._test_is_labelled = "TEST_FILE_FULL.TXT" in files
        self._key: dict[str, str] | None = None
        if not self._test_is_labelled and "TEST_FILE_KEY.TXT" in files:
            self._key = _read_key(files["TEST_FILE_KEY.TXT"])
        present = {
            "train": self._train is not None,
            "validation": self._train is not None and validation_size > 0,
            "test": self._test is not None,
        }
        self.splits: tuple[str, ...] = tuple(split for split in SPLITS if present[split])
        if not self.splits:
            raise DataError(f"{self.place} holds none of TRAIN_FILE.TXT, TEST_FILE_FULL.TXT, TEST_FILE.TXT. {REMEDY}")

    def corpus_id(self) -> str:
        """The name of the corpus."""
        return "semeval2010_task8"

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the order of its file."""
        require_split(split, self.splits, self.place)
        if split == "test":
            assert self._test is not None
            return _read_file(self._test, self._test_is_labelled, self._key)
        assert self._train is not None
        documents = list(_read_file(self._train, labelled=True))
        size = self.validation_size
        if size >= len(documents):
            raise DataError(
                f"dataset.validation_size={size} leaves nothing of the {len(documents)} sentences of "
                f"{self._train} to train on; choose a smaller one"
            )
        held_out = {d.name for d in select(documents, size, self.validation_seed)} if size else set()
        return (document for document in documents if (document.name in held_out) == (split == "validation"))


class _Record(NamedTuple):
    number: str
    sentence: str
    label: str | None
    place: str


def _read_file(file: Path, labelled: bool, key: dict[str, str] | None = None) -> Iterator[Document]:
    """The documents of a file; those of a file without labels take them from ``key``."""

    def documents() -> Iterator[tuple[str, Document]]:
        for record in _records(file):
            label = record.label if key is None else key.get(record.number)
            if label is None and (labelled or key is not None):
                where = "in the line below it" if key is None else "in TEST_FILE_KEY.TXT"
                raise DataError(
                    f"{record.place}: sentence {record.number} has no label {where}; add such a line, 'Other' or like "
                    "'Cause-Effect(e1,e2)'"
                )
            yield record.place, _document(record, label)

    return unique_names(documents())


def _records(file: Path) -> Iterator[_Record]:
    """The numbered sentences of a file, each with the label in the line below it, if there is one."""
    with open_text(file) as lines:  # which also turns CRLF into LF
        rows = [line.strip() for line in lines]
    after_sentence = False
    for position, row in enumerate(rows):
        match = _SENTENCE.fullmatch(row)
        if match:
            below = rows[position + 1] if position + 1 < len(rows) else ""
            label = below if _LABEL.fullmatch(below) else None
            yield _Record(match[1], match[2], label, f"{file}, line {position + 1}")
        elif row and not row.startswith("Comment") and not (after_sentence and _LABEL.fullmatch(row)):
            raise DataError(
                f"{file}, line {position + 1}: {row[:60]!r} is no sentence, no label below one, and no comment; "
                "write number, tab, and the sentence in quotation marks"
            )
        after_sentence = match is not None


def _document(record: _Record, label: str | None) -> Document:
    sentence = record.sentence
    if len(sentence) > 1 and sentence[0] == sentence[-1] == '"':
        sentence = sentence[1:-1]
    pieces = _MARKER.split(sentence)  # text, marker, text, marker ...
    if sorted(pieces[1::2]) != sorted(MARKERS):
        raise DataError(f"{record.place}: each of {', '.join(MARKERS)} must stand once in {sentence!r}")
    text, position = "", {}
    for piece in pieces:
        if piece in MARKERS:
            position[piece] = len(text)
        else:
            text += piece
    words, offsets = fine_words(text, borders=position.values())
    head = covering_words(offsets, position["<e1>"], position["</e1>"])
    tail = covering_words(offsets, position["<e2>"], position["</e2>"])
    if head is None or tail is None:
        raise DataError(
            f"{record.place}: there is no word between the markers of a nominal in {sentence!r}; put one there"
        )
    return Document(
        name=record.number,
        words=words,
        sentences=[(0, len(words) - 1)],
        text=text,
        offsets=offsets,
        gold=Annotations(
            entities=[Entity(*head, ""), Entity(*tail, "")],
            relations=None if label is None else [Relation(head, tail, label)],
        ),
    )


def _read_key(file: Path) -> dict[str, str]:
    """Labels by the number of their sentence."""
    labels = {}
    with open_text(file) as lines:
        for line_number, line in numbered_lines(lines):
            number, _, label = line.strip().partition("\t")
            if number and not _LABEL.fullmatch(label):
                raise DataError(
                    f"{file}, line {line_number}: {label!r} is neither 'Other' nor a relation with its direction, like "
                    "'Cause-Effect(e1,e2)'; some copies of this file leave the directions out: put TEST_FILE_FULL.TXT "
                    "beside it, or remove it to read the test sentences without labels"
                )
            if number:
                labels[number] = label
    return labels
