"""The one currency of the corridor: a Document, its layers, and its JSON lines round trip.

Every span is a pair ``(start, end)`` of word positions in the document, **both inclusive**, as in CoNLL
files. A layer that is ``None`` was not annotated; an empty list means "annotated, and there is none".
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from hashlib import sha256
from pathlib import Path
from typing import Any, TextIO

from transferlab.utils.errors import UserError
from transferlab.utils.json_text import JsonFile
from transferlab.utils.lines import numbered_lines
from transferlab.utils.records import RecordError, from_record

Span = tuple[int, int]
Cluster = list[Span]


class DocumentError(UserError):
    """A document, or a line of a file of documents, that breaks a rule of this module."""


@dataclass(frozen=True)
class Entity:
    """A labelled span of words; ``score`` is the probability of a predicted one."""

    start: int
    end: int
    label: str
    score: float | None = None


@dataclass(frozen=True)
class Relation:
    """A labelled, directed pair of spans of words."""

    head: Span
    tail: Span
    label: str
    score: float | None = None


@dataclass(frozen=True)
class Answer:
    """A stretch of ``Document.text``: ``start`` is its first character, ``text`` its wording."""

    start: int
    text: str
    score: float | None = None


@dataclass
class Question:
    """A question about ``Document.text``.

    Attributes:
        id: unique within the corpus.
        text: the question.
        answers: None when nobody answered it; empty when the text does not.
        no_answer_probability: what a model believes of the latter.
    """

    id: str
    text: str
    answers: list[Answer] | None = None
    no_answer_probability: float | None = None


@dataclass
class Annotations:
    """The layers that can be annotated by hand (gold) or by a model (predicted)."""

    clusters: list[Cluster] | None = None
    entities: list[Entity] | None = None
    relations: list[Relation] | None = None
    questions: list[Question] | None = None
    tags: list[str] | None = None  # one per word
    label: str | float | list[str] | None = None  # class, regression value or several classes of the text
    label_score: float | list[float] | None = None  # probability of a predicted class, or of each of several


@dataclass
class Document:
    """A text in words and sentences, with what is known (``gold``) and believed (``predicted``) about it.

    Attributes:
        name: unique within its corpus.
        words: the words; coreference, tagging and relations refer to their positions.
        sentences: consecutive word spans, both ends inclusive, that together cover all words.
        speakers: one name per word, or None when the corpus has no speakers.
        genre: for example ``"nw"``, or None when unknown.
        text: the raw text, when there is one; question answering refers to its characters.
        text_pair: the second text of a pair, of which ``text`` is the first.
        offsets: for each word its ``(first character, one past the last)`` in ``text``.
        gold: what annotators said.
        predicted: what a model said; None before prediction.
        meta: anything a reader wants to keep (strings, numbers, lists and dicts only).
    """

    name: str
    words: list[str]
    sentences: list[Span]
    speakers: list[str] | None = None
    genre: str | None = None
    text: str | None = None
    text_pair: str | None = None
    offsets: list[Span] | None = None
    gold: Annotations = field(default_factory=Annotations)
    predicted: Annotations | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse half a character (a lone surrogate), which no tokenizer takes and no file can hold."""
        for what, strings in self._strings().items():
            joined = "".join(string for string in strings if isinstance(string, str))
            try:
                joined.isascii() or joined.encode()
            except UnicodeEncodeError as error:
                around = joined[max(error.start - 20, 0) : error.end + 20]
                raise DocumentError(
                    f"{self.name!r}: {what} with half a character (a lone surrogate) in {around!r}; remove it, or "
                    "replace it by \ufffd"
                ) from error

    def _strings(self) -> dict[str, Iterable[Any]]:
        """What stands in a document, but for predictions and meta."""
        gold = self.gold
        questions = gold.questions or []
        labelled: list[Entity | Relation] = [*(gold.entities or []), *(gold.relations or [])]
        return {
            "a name": [self.name],
            "a text": [self.text, self.text_pair],
            "a word": self.words,
            "a speaker": self.speakers or [],
            "a tag": gold.tags or [],
            "a label": [item.label for item in labelled]
            + (gold.label if isinstance(gold.label, list) else [gold.label]),
            "a question": [part for question in questions for part in (question.id, question.text)],
            "an answer": [answer.text for question in questions for answer in question.answers or []],
        }

    def validate(self) -> Document:
        """Return self, or raise DocumentError naming the document and the first rule it breaks."""
        n = len(self.words)
        position = 0
        for start, end in self.sentences:
            if start != position or end < start:
                raise DocumentError(
                    f"{self.name}: sentence ({start}, {end}) does not continue at word {position}; give consecutive "
                    "spans (first word, last word)"
                )
            position = end + 1
        if position != n:
            raise DocumentError(
                f"{self.name}: the sentences cover {position} of {n} words; give spans that follow each "
                "other and together are all words"
            )
        for what, per_word in (("speakers", self.speakers), ("offsets", self.offsets)):
            if per_word is not None and len(per_word) != n:
                raise DocumentError(f"{self.name}: {len(per_word)} {what} for {n} words; give one for each")
        if self.text is not None:
            for start, end in self.offsets or []:
                if not 0 <= start <= end <= len(self.text):
                    raise DocumentError(
                        f"{self.name}: offsets ({start}, {end}) lie outside 0..{len(self.text)} of text; give the "
                        "first character of each word and one past its last"
                    )
        for side, layers in (("gold", self.gold), ("predicted", self.predicted)):
            if layers is None:
                continue
            spans = [span for cluster in layers.clusters or [] for span in cluster]
            spans += [(entity.start, entity.end) for entity in layers.entities or []]
            spans += [span for relation in layers.relations or [] for span in (relation.head, relation.tail)]
            for start, end in spans:
                if not 0 <= start <= end < n:
                    raise DocumentError(
                        f"{self.name}: {side} span ({start}, {end}) lies outside the words; give 0..{n - 1}"
                    )
            if layers.tags is not None and len(layers.tags) != n:
                raise DocumentError(f"{self.name}: {len(layers.tags)} {side} tags for {n} words; give one for each")
        return self

    def span_text(self, span: Span) -> str:
        """The wording of a span: cut from the raw text where there is one, else words joined by spaces."""
        start, end = span
        if self.text is not None and self.offsets is not None:
            return self.text[self.offsets[start][0] : self.offsets[end][1]]
        return " ".join(self.words[start : end + 1])

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict; fields that are None, and empty ``meta``, are left out."""
        content: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Annotations):
                value = {k: v for k, v in asdict(value).items() if v is not None}
            if value is not None and not (f.name == "meta" and not value):
                content[f.name] = value
        return content

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Document:
        """The inverse of :meth:`to_dict`; raises DocumentError naming the first field that is wrong."""
        values = {key: value for key, value in content.items() if value is not None}
        words = values.get("words")
        values.setdefault("sentences", [(0, len(words) - 1)] if isinstance(words, list) and words else [])
        try:
            document: Document = from_record(cls, values)
        except RecordError as error:
            raise DocumentError(f"{content.get('name', '')!s}: {error}") from error
        return document.validate()


def content_of(documents: Iterable[Document]) -> str:
    """A hash of documents in their order: text, units and annotation.

    Their names and ``meta`` do not count, as they may say where a corpus lies, nor what was predicted.
    """
    found = sha256()
    for document in documents:
        parts = {k: v for k, v in document.to_dict().items() if k not in ("name", "predicted", "meta")}
        found.update(json.dumps(parts, sort_keys=True).encode() + b"\n")
    return found.hexdigest()[:16]


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a file in UTF-8, with or without a byte order mark; raises DocumentError if it is in another encoding."""
    try:
        with open(path, encoding="utf-8-sig") as text:
            yield text
    except UnicodeDecodeError as error:
        raise DocumentError(f"{path} is not UTF-8 ({error}); convert it, for example with iconv") from error


def read_jsonl(
    path: str | Path, prepare: Callable[[dict[str, Any], int], dict[str, Any]] | None = None
) -> Iterator[Document]:
    """Documents of a JSON lines file, one per line.

    Args:
        path: the file; empty lines in it are skipped.
        prepare: makes the dict of a Document from the dict and the number of a line; None if it is one.

    Raises:
        DocumentError: naming file and line.
    """
    json_file = JsonFile(path)
    with open_text(path) as lines:
        for number, line in numbered_lines(lines):
            if not line.strip():
                continue
            try:
                content = json_file.loads(line, number)
                if not isinstance(content, dict):
                    raise DocumentError("write one JSON object a line")
                yield Document.from_dict(prepare(content, number) if prepare else content)
            except json.JSONDecodeError as error:
                raise DocumentError(
                    f"{path}, line {number}: not JSON ({error.msg}); write one JSON object a line"
                ) from error
            except DocumentError as error:
                raise DocumentError(f"{path}, line {number}: {error}") from error
    json_file.warn()


def write_jsonl(documents: Iterable[Document], path: str | Path) -> Path:
    """Write documents as JSON lines, atomically: the file appears whole or not at all."""
    path = Path(path)
    write_atomically(path, (json.dumps(d.to_dict(), ensure_ascii=False) + "\n" for d in documents))
    return path


def write_atomically(path: str | Path, pieces: Iterable[str]) -> None:
    """Write text pieces to a temporary neighbour of ``path`` and move it into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # not tempfile: its files are readable by their owner only, and stay so when moved
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}")
    try:
        with open(temporary, "x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(pieces)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
