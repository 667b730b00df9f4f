"""Reader of the GLUE tasks, SNLI and SciTail: one text or a pair of them with one label."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from transferlab.data.readers.base import SPLITS, DataError, require_split, unique_names
from transferlab.data.readers.hub import hub_rows, local_directory
from transferlab.data.readers.text_rows import Column, Row, cell, delimited_rows, json_rows, number, text_document
from transferlab.documents import Document
from transferlab.utils.option_kinds import OneOf
from transferlab.utils.options import checked

log = logging.getLogger(__name__)

_WORDS = {"train": "train", "validation": "dev", "test": "test"}
_NO_MAJORITY = "-"  # what SNLI and MNLI write where the annotators did not agree


@dataclass(frozen=True)
class Task:
    """Where a task has its texts and labels.

    Attributes:
        texts: columns of the one text or the two in its files; the hub's are ``hub_texts`` (None: the same names).
        label, hub_label: column of the label in its files and on the hub.
        labels: the class names, as the files write them; empty for a number from 0 to 5.
        hub_labels: the hub's names of the same classes in the same order; None: the same names.
        folders: directory names of the task below ``data_dir``, besides that of the task itself.
        files: file names, where ``{}`` stands for train, dev or test; the first that exists is read.
        header: whether the files name their columns (CoLA's test file does in any case).
        labelled_test: whether the test split is published with labels.
        leave_out_broken: whether the official files hold rows that line ends in the texts broke.
        hub, hub_config: name and configuration on the hub.
        variable: environment variable that stands in for ``data_dir``.
        source: where to download the files.
    """

    texts: tuple[Column, ...]
    label: Column = "label"
    labels: tuple[str, ...] = ("0", "1")
    hub_texts: tuple[str, ...] | None = None
    hub_label: str = "label"
    hub_labels: tuple[str, ...] | None = None
    folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ("{}.tsv",)
    header: bool = True
    labelled_test: bool = False
    leave_out_broken: bool = False
    hub: str = "nyu-mll/glue"
    hub_config: str | None = None
    variable: str = "GLUE_DIR"
    source: str = "https://gluebenchmark.com/tasks"


_PAIR = ("sentence1", "sentence2")
_RTE = ("entailment", "not_entailment")
_NLI = ("entailment", "neutral", "contradiction")
TASKS = {
    "cola": Task((3,), 1, hub_texts=("sentence",), hub_labels=("unacceptable", "acceptable"), header=False),
    "sst2": Task(("sentence",), hub_labels=("negative", "positive")),
    "mrpc": Task(
        ("#1 String", "#2 String"),
        "Quality",
        hub_texts=_PAIR,
        hub_labels=("not_equivalent", "equivalent"),
        files=("{}.tsv", "msr_paraphrase_{}.txt"),
    ),
    "qqp": Task(
        ("question1", "question2"), "is_duplicate", hub_labels=("not_duplicate", "duplicate"), leave_out_broken=True
    ),
    "stsb": Task(_PAIR, "score", labels=()),
    "mnli": Task(_PAIR, "gold_label", _NLI, hub_texts=("premise", "hypothesis")),
    "qnli": Task(("question", "sentence"), labels=_RTE),
    "rte": Task(_PAIR, labels=_RTE),
    "wnli": Task(_PAIR, hub_labels=("not_entailment", "entailment")),
    "snli": Task(
        _PAIR,
        "gold_label",
        _NLI,
        hub_texts=("premise", "hypothesis"),
        folders=("snli_1.0", "original", "SNLI/original"),
        files=("snli_1.0_{}.jsonl", "snli_1.0_{}.txt"),
        labelled_test=True,
        hub="stanfordnlp/snli",
        hub_config="plain_text",
        variable="SNLI_DIR",
        source="https://nlp.stanford.edu/projects/snli/",
    ),
    "scitail": Task(
        (0, 1),
        2,
        ("entails", "neutral"),
        hub_texts=_PAIR,
        hub_label="gold_label",
        hub_labels=("entailment", "neutral"),
        folders=("tsv_format", "SciTailV1.1/tsv_format"),
        files=("scitail_1.0_{}.tsv",),
        header=False,
        labelled_test=True,
        hub="allenai/scitail",
        hub_config="snli_format",  # the hub's tsv_format was read with quoting and lacks 499 training pairs
        variable="SCITAIL_DIR",
        source="https://allenai.org/data/scitail",
    ),
}


class GlueReader:
    """One Document per example: the first text, the second one as ``text_pair``, and ``gold.label``.

    Labels are those of the corpus's files, also for rows of the hub, so that one model serves both: ``"0"`` and
    ``"1"`` for MRPC, QQP, SST-2, CoLA and WNLI, ``"entailment"`` and so on for inference, ``"entails"`` and
    ``"neutral"`` for SciTail, a number from 0 to 5 for STS-B. ``gold.label`` is None in a test split that is published
    without labels. Pairs on which annotators did not agree (``-`` in SNLI) are left out and counted in the log.

    Documents are called ``<task>-<split>-<row>``, rows counted from 1 in the order of the file or the hub; in GLUE's
    test files that is GLUE's index plus 1.

    Args:
        task: cola, sst2, mrpc, qqp, stsb, mnli, qnli, rte, wnli, snli or scitail.
        data_dir: directory of all tasks (``MRPC/train.tsv``) or of this one (``train.tsv``); None takes the
            environment variable (GLUE_DIR, SNLI_DIR, SCITAIL_DIR), and where that is not set either, the hub.
        mismatched: of MNLI: validation and test from genres that the training split lacks, rather than from its own.
        hub_name: another dataset of the hub with the columns of the usual one; None takes that.
        hub_revision: branch, tag or commit on the hub; None for the newest.

    Raises:
        DataError: an unknown task, ``mismatched`` of another one than MNLI, a place without its files, or files without
            its columns.
    """

    @checked("dataset", DataError)
    def __init__(
        self,
        task: Annotated[str, OneOf(TASKS)],
        data_dir: str | Path | None = None,
        mismatched: bool = False,
        hub_name: str | None = None,
        hub_revision: str | None = None,
    ) -> None:
        """Find the files and their columns; see the class for the arguments."""
        if mismatched and task != "mnli":
            raise DataError(f"dataset.mismatched is for dataset.task=mnli, not {task}: set it to false")
        self.task = task
        self._task = TASKS[task]
        self._genres = "" if task != "mnli" else "_mismatched" if mismatched else "_matched"
        self._hub: dict[str, Any] = {"name": hub_name or self._task.hub, "config": self._task.hub_config or task}
        remedy = (
            f"Download it from {self._task.source} and name the directory with "
            f"{', '.join(self._names(self._task.files[0]).values())}, or the one above it, in {self._task.variable} or "
            "dataset.data_dir"
        )
        self._hub |= {"revision": hub_revision, "remedy": f"Or: {remedy}"}
        place = local_directory(data_dir, self._task.variable, remedy)
        self.place = str(place or self._hub["name"])
        self._files = self._find(place) if place is not None else {}
        if place is not None and not self._files:
            raise DataError(f"{place} holds no files of {task}. {remedy}")
        self.splits: tuple[str, ...] = tuple(self._files or SPLITS)
        for split in self._files:
            for where, row in self._rows(split):
                self._texts(split, row, where)
                self._label(split, row, where)
                break

    def corpus_id(self) -> str:
        """The task's name, in files and on the hub."""
        return f"glue/{self.task}" if self._task.variable == "GLUE_DIR" else self.task

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in their order.

        Raises:
            DataError: a split that is not there; file and line of a row with a wrong number of columns or a label that
                is not one of the task.
        """
        require_split(split, self.splits, self.place)
        return unique_names(self._documents(split))

    def _names(self, pattern: str) -> dict[str, str]:
        """File name of each split."""
        return {split: pattern.format(word + self._genres * (split != "train")) for split, word in _WORDS.items()}

    def _find(self, place: Path) -> dict[str, Path]:
        """The files of the first directory that has any, all named after one pattern."""
        beside = sorted(path for path in place.glob("*") if re.sub(r"\W|_", "", path.name.lower()) == self.task)
        for directory in [*beside, *(place / folder for folder in self._task.folders), place]:
            for pattern in self._task.files:
                files = {split: directory / name for split, name in self._names(pattern).items()}
                files = {split: file for split, file in files.items() if file.is_file()}
                if files:
                    return files
        return {}

    def _documents(self, split: str) -> Iterator[tuple[str, Document]]:
        undecided = 0
        for count, (where, row) in enumerate(self._rows(split), start=1):
            label = self._label(split, row, where)
            if label == _NO_MAJORITY:
                undecided += 1
                continue
            name = f"{self.task}-{split}-{count}"
            text, text_pair = self._texts(split, row, where)
            yield where, text_document(name, text, text_pair, label)
        if undecided:
            log.info("%s, %s: left out %d pairs on which the annotators did not agree", self.place, split, undecided)

    def _rows(self, split: str) -> Iterator[tuple[str, Row]]:
        """Rows of a split, each with its place."""
        if not self._files:
            rows = hub_rows(**self._hub, split=split + self._genres * (split != "train"))
            yield from ((f"{self.place}, {split}, row {count}", row) for count, row in enumerate(rows, start=1))
            return
        file = self._files[split]
        if file.suffix == ".jsonl":
            lines = json_rows(file)
        else:
            header = self._task.header or self._hides_labels(split)
            lines = delimited_rows(file, header=header, leave_out_broken=self._task.leave_out_broken)
        yield from ((f"{file}, line {line}", row) for line, row in lines)

    def _hides_labels(self, split: str) -> bool:
        return split == "test" and not self._task.labelled_test

    def _texts(self, split: str, row: Row, where: str) -> tuple[str, str | None]:
        # where files have no header, a test file without labels has one, with the names of the hub
        as_hub = not self._files or (not self._task.header and self._hides_labels(split))
        columns = self._task.hub_texts if as_hub and self._task.hub_texts else self._task.texts
        text, *rest = (cell(row, column, where) for column in columns)
        return text, rest[0] if rest else None

    def _label(self, split: str, row: Row, where: str) -> str | float | None:
        """The label as the files write it, ``-`` where the annotators did not agree; None where it is not public."""
        task, on_hub = self._task, not self._files
        column = task.hub_label if on_hub else task.label
        if not on_hub and self._hides_labels(split) and column not in row:
            return None
        raw = cell(row, column, where)
        where = f"{where}, column {column!r}"
        if not task.labels:
            score = round(number(raw, where), 3)  # the hub keeps single precision
            if self._hides_labels(split) and score < 0:
                return None
            if not 0 <= score <= 5:
                raise DataError(f"{where}: the score {raw!r} must be from 0 to 5")
            return score
        if raw is None:
            return None if self._hides_labels(split) else _NO_MAJORITY
        label = dict(zip(task.hub_labels or (), task.labels, strict=False)).get(raw, raw) if on_hub else raw
        if label not in (*task.labels, _NO_MAJORITY):
            raise DataError(f"{where}: the label {raw!r} of {self.task} must be one of {', '.join(task.labels)}")
        return label
