"""Reader of questions about paragraphs in the JSON of SQuAD 1.1 and 2.0, or from the hub."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from transferlab.data.fine_words import fine_words
from transferlab.data.readers.base import DataError, files_id, require_split
from transferlab.data.readers.hub import hub_rows, local_directory
from transferlab.data.readers.json_files import field, read_json, split_files
from transferlab.documents import Annotations, Answer, Document, Question
from transferlab.utils.options import checked

log = logging.getLogger(__name__)

HUB_NAMES = {"2.0": "rajpurkar/squad_v2", "1.1": "rajpurkar/squad"}
REMEDY = (
    "Take train-v2.0.json and dev-v2.0.json (or -v1.1.json) from https://rajpurkar.github.io/SQuAD-explorer and name "
    "their directory, or one file of that kind, with SQUAD_DIR or dataset.data_dir"
)
_NAME_OF_SPLIT = {"train": "train", "validation": "dev", "test": "test"}


class SquadReader:
    """SQuAD 1.1 and 2.0 (Rajpurkar et al., EMNLP 2016 and ACL 2018), and any file in their form.

    One Document per paragraph, named ``<title>/<number>``. ``text`` is the context to the character, and its words are
    those of :func:`fine_words`. ``gold.questions`` holds every gold answer, repeated ones too, as characters; answers
    may end inside a word (see :func:`covering_words`). An answer that does not stand at its ``answer_start`` is taken
    where its wording stands nearest, and a warning counts these. ``plausible_answers`` are not gold and not read.

    A question without answers is unanswerable (``answers=[]``) only where ``is_impossible`` says so; else nobody has
    answered it (``answers=None``). The hub has no such column: there, no answers in version 2.0 means unanswerable.

    Args:
        data_dir: directory with ``train-v2.0.json``, ``dev-v2.0.json`` and ``test-v2.0.json`` or, where there are
            none of the version, ``train.json``, ``dev.json`` and ``test.json`` (those that you have), or one file: the
            split that its name holds as a word, else ``test``. None takes the environment variable ``SQUAD_DIR``;
            where that is not set either, the hub is asked: splits ``train`` and ``validation``.
        version: ``"2.0"`` or ``"1.1"``: which files, or which dataset of the hub.

    Raises:
        DataError: an unknown version or a place without such files; later, when documents are read, a malformed
            record, an answer that is not in its paragraph or a question id that was used before.
    """

    @checked("dataset", DataError)
    def __init__(self, data_dir: str | Path | None = None, version: str | float = "2.0") -> None:
        """Find the files; see the class for the arguments."""
        self.version = str(version)  # a number when it comes from the command line
        if self.version not in HUB_NAMES:
            raise DataError(f"dataset.version={version!r} is unknown; choose one of {list(HUB_NAMES)}")
        self.place = local_directory(data_dir, "SQUAD_DIR", REMEDY)
        self._files: dict[str, Path] = {}
        if self.place is not None:
            layouts = [
                {split: f"{name}{ending}.json" for split, name in _NAME_OF_SPLIT.items()}
                for ending in (f"-v{self.version}", "")
            ]
            self._files = split_files(self.place, layouts, f"dataset.version={self.version}. {REMEDY}")
        self.splits: tuple[str, ...] = tuple(self._files) or ("train", "validation")

    def corpus_id(self) -> str:
        """The content of the files, or the place on the hub."""
        return files_id(self._files.values()) if self._files else f"hub:{HUB_NAMES[self.version]}"

    def read(self, split: str) -> Iterator[Document]:
        """Yield the documents of a split in the order of its file."""
        require_split(split, self.splits, self.place or HUB_NAMES[self.version])
        if self.place is not None:
            return _documents(_paragraphs_of_file(self._files[split]), str(self._files[split]))
        name = HUB_NAMES[self.version]
        rows = hub_rows(name, split=split, remedy=REMEDY)
        return _documents(_paragraphs_of_rows(rows, f"{name}, {split}", self.version), f"{name}, {split}")


class _Paragraph(NamedTuple):
    title: str
    context: str
    questions: list[Any]  # in the form of "qas" in the files
    place: str


def _paragraphs_of_file(file: Path) -> Iterator[_Paragraph]:
    articles = field(read_json(file, dict, REMEDY), "data", list, str(file))
    for article_number, article in enumerate(articles, start=1):
        place = f"{file}, article {article_number}"
        for number, paragraph in enumerate(field(article, "paragraphs", list, place), start=1):
            where = f"{place}, paragraph {number}"
            context = field(paragraph, "context", str, where)
            title = str(article.get("title", article_number))
            yield _Paragraph(title, context, field(paragraph, "qas", list, where), where)


def _paragraphs_of_rows(rows: Iterable[dict[str, Any]], place: str, version: str) -> Iterator[_Paragraph]:
    """The rows of the hub, one per question, put together by paragraph."""
    paragraphs: dict[tuple[str, str], _Paragraph] = {}
    for row in rows:
        title, context = row["title"], row["context"]
        answers = [
            {"text": text, "answer_start": start}
            for text, start in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True)
        ]
        question = {
            "id": row["id"],
            "question": row["question"],
            "answers": answers,
            "is_impossible": version == "2.0" and not answers,
        }
        paragraphs.setdefault((title, context), _Paragraph(title, context, [], place)).questions.append(question)
    yield from paragraphs.values()


def _documents(paragraphs: Iterable[_Paragraph], place: str) -> Iterator[Document]:
    paragraphs_of_title: Counter[str] = Counter()
    place_of_id: dict[str, str] = {}
    n_moved = 0
    for paragraph in paragraphs:
        questions = []
        for record in paragraph.questions:
            question, moved = _question(record, paragraph)
            if question.id in place_of_id:
                raise DataError(
                    f"{paragraph.place}: the question id {question.id!r} was already used in "
                    f"{place_of_id[question.id]}; ids must be unique, because answers are scored by them"
                )
            place_of_id[question.id] = paragraph.place
            questions.append(question)
            n_moved += moved
        words, offsets = fine_words(paragraph.context)
        yield Document(
            name=f"{paragraph.title}/{paragraphs_of_title[paragraph.title]}",
            words=words,
            sentences=[(0, len(words) - 1)] if words else [],
            text=paragraph.context,
            offsets=offsets,
            gold=Annotations(questions=questions),
            meta={"title": paragraph.title},
        )
        paragraphs_of_title[paragraph.title] += 1
    if n_moved:
        log.warning(
            "%s: %d gold answers do not stand at their answer_start; each was taken where its wording stands nearest",
            place,
            n_moved,
        )


def _question(record: Any, paragraph: _Paragraph) -> tuple[Question, int]:
    """A question, and how many of its answers stand elsewhere than the record says."""
    identity = str(field(record, "id", object, paragraph.place))  # some tools write numbers
    place = f"{paragraph.place}, question {identity}"
    text = field(record, "question", str, place)
    if record.get("is_impossible"):
        if record.get("answers"):
            raise DataError(f"{place}: is_impossible is true, and there are answers; keep one of both")
        return Question(identity, text, answers=[]), 0
    if not record.get("answers"):
        return Question(identity, text, answers=None), 0
    answers, n_moved = [], 0
    for answer in field(record, "answers", list, place):
        wording, stated = field(answer, "text", str, place), field(answer, "answer_start", int, place)
        start = _nearest(paragraph.context, wording, stated)
        if start is None:
            raise DataError(
                f"{place}: the answer {wording!r} does not stand at answer_start={stated}, nor anywhere else in the "
                "context; mend the record or remove the question"
            )
        answers.append(Answer(start, wording))
        n_moved += start != stated
    return Question(identity, text, answers), n_moved


def _nearest(context: str, wording: str, position: int) -> int | None:
    """Where ``wording`` begins in ``context``, as near to ``position`` as possible; None: nowhere."""
    before = context.rfind(wording, 0, max(position, 0) + len(wording))  # begins at position or before it
    after = context.find(wording, max(position, 0))
    found = [start for start in (before, after) if start >= 0]
    return min(found, key=lambda start: abs(start - position), default=None)
