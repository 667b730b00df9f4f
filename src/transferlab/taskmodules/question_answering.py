"""Extractive question answering: questions and texts to rows of pairs, predicted answers back to documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from transferlab.data.fine_words import covering_words, fine_words, joined_words
from transferlab.documents import Annotations, Answer, Document, Question, Span
from transferlab.metrics.one_process import compute_alone
from transferlab.metrics.question_answering import SquadScore
from transferlab.taskmodules.base import TaskModule, predicted
from transferlab.taskmodules.tokenization import Line, Window, flatten, windows
from transferlab.utils.batches import EncoderInputs, QuestionBatch
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Natural
from transferlab.utils.options import checked

NO_ANSWER = (0, 0)  # first and last unit


@dataclass(frozen=True)
class AnswerInText:
    """An answer in a raw text: its wording, its characters ``text[start:end]``, and its probability."""

    text: str
    start: int
    end: int
    score: float


class Prediction(Protocol):
    """What a model says about a question; see :class:`transferlab.models.question_answering_model.BestAnswer`."""

    @property
    def text(self) -> str:
        """The wording of the best answer."""

    @property
    def start(self) -> int:
        """Its first character."""

    @property
    def score(self) -> float:
        """Its probability."""

    @property
    def no_answer_probability(self) -> float | None:
        """How likely it is that the text has none."""

    @property
    def answered(self) -> bool:
        """Whether the best answer is given."""


@dataclass
class QuestionExample:
    """A question in subtokens, with its text.

    Attributes:
        question: with its gold answers, if any.
        text: what may answer it.
        offsets: characters of each word of the text.
        answer_spans: first and last unit of each distinct gold answer; (0, 0) alone where there is none, and nothing
            where nobody said.
        question_subtokens: by tokenizer key.
        subtokens: by tokenizer key, the subtoken ids of each word of the text; shared by the questions of a text.
        windows: by tokenizer key, the stretches of words that are read at once.
    """

    question: Question
    text: str
    offsets: list[Span]
    answer_spans: list[Span]
    question_subtokens: dict[str, list[int]]
    subtokens: dict[str, list[list[int]]]
    windows: dict[str, list[Window]]

    @property
    def length(self) -> int:
        """Words of the text."""
        return len(self.offsets)


class QuestionAnsweringTaskModule(TaskModule[QuestionExample, QuestionBatch]):
    """Prepares questions about texts; there is one example for each question.

    A row holds the question, a separator and the text. A text that is too long for one row is cut, by each tokenizer
    for itself, into overlapping windows, each behind the whole question; a word is represented by the window in which
    it has most context. Unit 0, "no answer", is the first token of every row of a question: with ``alignment: first``
    that of its first row counts, with ``mean`` and ``max`` those of all rows.

    Args:
        tokenizers: fast Hugging Face tokenizers by key.
        max_segment_len: the most subtokens in a row, question and special tokens included.
        doc_stride: the most subtokens of the text that consecutive windows share.
        max_question_length: the most subtokens of a question; what is longer is cut off at its end.
    """

    reads = "questions and the texts to answer them from"
    needs = ("questions",)
    gives = ("questions",)

    @checked("taskmodule")
    def __init__(
        self,
        tokenizers: dict[str, Any],
        max_segment_len: Count = 384,
        doc_stride: Natural = 128,
        max_question_length: Count = 64,
    ) -> None:
        super().__init__(tokenizers)
        for tokenizer in self.tokenizers.values():
            room = max_segment_len - tokenizer.num_special_pair - max_question_length
            if room <= doc_stride:
                raise UserError(
                    f"taskmodule.max_segment_len={max_segment_len} leaves {room} subtokens for a window of the text, "
                    f"beside {tokenizer.num_special_pair} special tokens and max_question_length="
                    f"{max_question_length}; that must be more than taskmodule.doc_stride={doc_stride}"
                )
        self.max_segment_len = max_segment_len
        self.doc_stride = doc_stride
        self.max_question_length = max_question_length

    def prepare(self, documents: list[Document]) -> dict[str, Any]:
        """Nothing is learned from the training documents."""
        return self.model_arguments()

    def model_arguments(self) -> dict[str, Any]:
        """Nothing: the model needs to know nothing of the data."""
        return {}

    def options(self) -> dict[str, Any]:
        """Keyword arguments, without the tokenizers, that make an equal taskmodule."""
        return {
            "max_segment_len": self.max_segment_len,
            "doc_stride": self.doc_stride,
            "max_question_length": self.max_question_length,
        }

    def two_rows(self) -> dict[str, EncoderInputs]:
        """By tokenizer, rows of a question and a text."""
        return {key: tokenizer.two_rows(paired=True) for key, tokenizer in self.tokenizers.items()}

    def row_remedy(self) -> str | None:
        """What to change where the token of "no answer" tells nothing of its row."""
        return "set model.version=1, where every question has an answer, or take an encoder that reads both ways"

    def encode(self, document: Document, annotated: bool = False) -> list[QuestionExample]:
        """Tokenize the questions of a document and its text.

        Args:
            document: with ``text`` and, to be asked anything, ``gold.questions``. Words and their offsets are made
                where it has none.
            annotated: refuse a document without questions, and one with a question that nobody answered.

        Raises:
            UserError: also for a document without text, and a gold answer that does not stand where it says.
        """
        questions = document.gold.questions
        if annotated and questions is None:
            raise UserError(
                f"{document.name} has no questions to train on or to score; choose data with gold.questions"
            )
        if document.text is None:
            raise UserError(f"{document.name} has no text, in whose characters answers are given; add its field text")
        words, offsets = _words(document)
        joined = joined_words(words, offsets)
        subtokens, lengths = {}, {}
        for key, tokenizer in self.tokenizers.items():
            # the longest question leaves so much room for a word
            limit = self.max_segment_len - tokenizer.num_special_pair - self.max_question_length
            subtokens[key] = tokenizer.subtokens(words, limit, joined)
            lengths[key] = [len(word) for word in subtokens[key]]
        examples = []
        for question in questions or []:
            if annotated and question.answers is None:
                raise UserError(
                    f"{document.name}, question {question.id!r}: its answers are unknown (null), so it can be "
                    "predicted, not trained on or scored; add them, or [] if the text does not answer it"
                )
            asked, read = {}, {}
            for key, tokenizer in self.tokenizers.items():
                of_question, _ = flatten(tokenizer.subtokens(question.text.split(), self.max_question_length))
                asked[key] = of_question[: self.max_question_length]
                limit = self.max_segment_len - tokenizer.num_special_pair - len(asked[key])
                read[key] = windows(lengths[key], limit, self.doc_stride)
            spans = _answer_spans(document, question, offsets)
            examples.append(QuestionExample(question, document.text, offsets, spans, asked, subtokens, read))
        return examples

    def collate(self, examples: list[QuestionExample], training: bool) -> QuestionBatch:
        """A batch of questions; the same in training and in evaluation."""
        units = 1 + max((example.length for example in examples), default=0)
        inputs = {}
        for key, tokenizer in self.tokenizers.items():
            lines = [line for sequence, example in enumerate(examples) for line in _lines(sequence, example, key)]
            inputs[key] = tokenizer.inputs(lines, units)
        answers = max((len(example.answer_spans) for example in examples), default=0)
        answer_spans = torch.full((len(examples), answers, 2), -1)
        for e, example in enumerate(examples):
            if example.answer_spans:
                answer_spans[e, : len(example.answer_spans)] = torch.tensor(example.answer_spans)
        return QuestionBatch(
            inputs=inputs,
            units=units,
            names=[example.question.id for example in examples],
            lengths=torch.tensor([example.length for example in examples], dtype=torch.long),
            answer_spans=answer_spans,
            texts=[example.text for example in examples],
            offsets=[example.offsets for example in examples],
            gold=[_wordings(example.question) for example in examples],
        )

    def decode(self, document: Document, examples: list[QuestionExample], predictions: list[Prediction]) -> Document:
        """Put the best answer to each question beside the gold ones, or none where "no answer" wins."""
        predicted(document).questions = [
            Question(
                example.question.id,
                example.question.text,
                [Answer(prediction.start, prediction.text, prediction.score)] if prediction.answered else [],
                prediction.no_answer_probability,
            )
            for example, prediction in zip(examples, predictions, strict=True)
        ]
        return document

    def document(self, name: str, given: tuple[str, str]) -> Document:
        """The document of a question and the text to answer it from."""
        if not (isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(part, str) for part in given)):
            raise UserError(f"{name}: give a pair (question, text), not {str(given)[:60]!r}")
        question, text = given
        words, offsets = fine_words(text)
        return Document(
            name=name,
            words=words,
            sentences=[(0, len(words) - 1)] if words else [],
            text=text,
            offsets=offsets,
            gold=Annotations(questions=[Question(name, question)]),
        )

    def answer(self, document: Document) -> AnswerInText | None:
        """The predicted answer to the one question of a document; None for "the text has no answer"."""
        (question,) = predicted(document).questions or []
        if not question.answers:
            return None
        (best,) = question.answers
        assert best.score is not None
        return AnswerInText(best.text, best.start, best.start + len(best.text), best.score)

    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Scores that a model should beat: those of never giving an answer, with the conventions of SQuAD 2.0."""
        score = SquadScore(version=2)
        for document in documents:
            golds = [_wordings(question) for question in document.gold.questions or []]
            known = [gold for gold in golds if gold is not None]
            score.update(known, [""] * len(known), [1.0] * len(known))
        return {"no answer to any question": compute_alone(score)}


def _words(document: Document) -> tuple[list[str], list[Span]]:
    """Words of a document and their characters; given to the document too if it has no words."""
    assert document.text is not None
    if document.offsets:
        return document.words, document.offsets
    words, offsets = fine_words(document.text)
    if not document.words:
        document.words, document.offsets = words, offsets
        document.sentences = [(0, len(words) - 1)] if words else []
    return words, offsets


def _answer_spans(document: Document, question: Question, offsets: list[Span]) -> list[Span]:
    """The distinct gold answers of a question in units, each covering all words it has characters of."""
    if question.answers is None:
        return []
    spans = set()
    for answer in question.answers:
        end = answer.start + len(answer.text)
        words = covering_words(offsets, answer.start, end)
        if words is None or (document.text or "")[answer.start : end] != answer.text:
            raise UserError(
                f"{document.name}, question {question.id!r}: the answer {answer.text!r} does not stand at character "
                f"{answer.start} of the text; correct its start, the position of its first character counted from 0"
            )
        spans.add((words[0] + 1, words[1] + 1))
    return sorted(spans) or [NO_ANSWER]


def _lines(sequence: int, example: QuestionExample, key: str) -> list[Line]:
    """The rows of a question for one tokenizer: one for each window, and one for a text without words."""
    question = example.question_subtokens[key]
    lines = []
    for window in example.windows[key] or [Window(0, -1, (0, -1))]:
        first, last = window.represented
        text = flatten(example.subtokens[key][window.start : window.end + 1], window.start + 1, (first + 1, last + 1))
        lines.append(Line(sequence, question, [-1] * len(question), pair=text, first_unit=0))
    return lines


def _wordings(question: Question) -> list[str] | None:
    """The gold answers as the corpus writes them."""
    return None if question.answers is None else [answer.text for answer in question.answers]
