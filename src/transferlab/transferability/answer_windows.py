"""The published loss of question answering: every window of a text is an example, every position of it a choice.

Published code for SQuAD cuts a text into windows of a fixed number of subtokens, one beginning every ``doc_stride`` of
them, pads each to the full length, and takes one softmax over all positions: question, separators and padding included.
A window that does not hold the whole answer should point to its first token. The first gold answer alone counts. In
version 1 of SQuAD a question without one is left out.

Letters in shapes: R windows, T positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from transferlab.data.fine_words import covering_words, fine_words, joined_words
from transferlab.documents import Span
from transferlab.models import sampling
from transferlab.models.question_answering_model import QuestionAnsweringModel
from transferlab.taskmodules.question_answering import QuestionAnsweringTaskModule, QuestionExample
from transferlab.taskmodules.tokenization import Line, flatten
from transferlab.utils.batches import Batch, EncoderInputs


@dataclass
class WindowExample:
    """A question with one window of its text.

    Attributes:
        name: the id of the question.
        line: the row, without padding.
        answer: first and last position in the row; None where the window does not hold the answer.
    """

    name: str
    line: Line
    answer: tuple[int, int] | None

    @property
    def length(self) -> int:
        """Subtokens of the question and of the window."""
        assert self.line.pair is not None
        return len(self.line.subtokens) + len(self.line.pair[0])


@dataclass
class WindowBatch(Batch):
    """Windows of one step.

    Attributes:
        inputs: encoder inputs by tokenizer key, [R, T].
        units: 1, for the first token of each row.
        names: of the questions.
        answers: [2, R] int64, the positions where the answers start, and where they end.
    """

    inputs: dict[str, EncoderInputs]
    units: int
    names: list[str]
    answers: Tensor


class AnswerWindows:
    """Turns the questions of a taskmodule into windows.

    Args:
        taskmodule: of question answering; its ``max_segment_len``, ``max_question_length`` and ``doc_stride`` mean
            what they mean in the published code: the last is the step from one window to the next.
        version: of SQuAD, that of the model.
    """

    def __init__(self, taskmodule: QuestionAnsweringTaskModule, version: int = 2) -> None:
        self._taskmodule = taskmodule
        self._version = version
        ((self._key, self._tokenizer),) = taskmodule.tokenizers.items()

    def options(self) -> dict[str, Any]:
        """Those of the taskmodule."""
        return self._taskmodule.options()

    def examples(self, questions: Sequence[QuestionExample]) -> list[WindowExample]:
        """All windows of the questions that count, in order."""
        asked = [question for question in questions if self._version == 2 or question.question.answers]
        return [window for question in asked for window in self._windows(question)]

    def _windows(self, example: QuestionExample) -> list[WindowExample]:
        tokenizer, asked = self._tokenizer, example.question_subtokens[self._key]
        subtokens = [subtoken for word in example.subtokens[self._key] for subtoken in word]
        answer = self._first_answer(example, subtokens)
        room = self._taskmodule.max_segment_len - tokenizer.num_special_pair - len(asked)
        before = len(tokenizer.pair_prefix) + len(asked) + len(tokenizer.separator)
        found, start = [], 0
        while True:
            text = subtokens[start : start + room]
            line = Line(0, asked, [-1] * len(asked), pair=(text, [-1] * len(text)), first_unit=0)
            holds = answer is not None and start <= answer[0] and answer[1] < start + len(text)
            place = (before + answer[0] - start, before + answer[1] - start) if holds and answer else None
            found.append(WindowExample(example.question.id, line, place))
            if start + room >= len(subtokens):
                return found
            start += min(room, max(1, self._taskmodule.doc_stride))

    def _first_answer(self, example: QuestionExample, subtokens: list[int]) -> Span | None:
        """First and last subtoken, in the text, of the first gold answer; None where there is none.

        Of what stands between the blanks around the answer, that is the first place with its subtokens, or all of it.
        """
        if not example.question.answers:
            return None
        answer, text = example.question.answers[0], example.text
        start, end = answer.start, answer.start + len(answer.text)
        while start > 0 and not text[start - 1].isspace():
            start -= 1
        while end < len(text) and not text[end].isspace():
            end += 1
        words = covering_words(example.offsets, start, end)
        assert words is not None  # the taskmodule has checked it
        lengths = [len(word) for word in example.subtokens[self._key]]
        first, behind = sum(lengths[: words[0]]), sum(lengths[: words[1] + 1])
        parts, offsets = fine_words(answer.text)
        limit = self._taskmodule.max_segment_len
        wanted, _ = flatten(self._tokenizer.subtokens(parts, limit, joined_words(parts, offsets)))
        for place in range(first, behind - len(wanted) + 1):
            if subtokens[place : place + len(wanted)] == wanted:
                return place, place + len(wanted) - 1
        return first, behind - 1

    def collate(self, examples: list[WindowExample], training: bool) -> WindowBatch:
        """A batch of windows, each padded to the full length."""
        lines = [replace(example.line, sequence=row) for row, example in enumerate(examples)]
        rows = self._tokenizer.inputs(lines, units=1)
        first = rows.unit_ids.ge(0).int().argmax(1).tolist()  # [R], where the token of the whole row stands
        answers = [e.answer or (place, place) for e, place in zip(examples, first, strict=True)]
        missing = self._taskmodule.max_segment_len - rows.input_ids.shape[1]

        def padded(values: Tensor, padding: int) -> Tensor:
            return functional.pad(values, (0, missing), value=padding)

        inputs = EncoderInputs(
            input_ids=padded(rows.input_ids, self._tokenizer.pad_id),
            attention_mask=padded(rows.attention_mask, 0),
            unit_ids=padded(rows.unit_ids, -1),
            sequence_ids=rows.sequence_ids,
            token_type_ids=None if rows.token_type_ids is None else padded(rows.token_type_ids, 0),
        )
        return WindowBatch({self._key: inputs}, 1, [e.name for e in examples], torch.tensor(answers).T.contiguous())


class PositionLoss:
    """The loss of windows: the mean of the cross entropies of where the answer starts and where it ends.

    Args:
        model: of question answering, over one encoder.
    """

    def __init__(self, model: QuestionAnsweringModel) -> None:
        self._model = model

    def loss(self, batch: WindowBatch) -> Tensor:
        """The mean loss [] fp32 of the windows."""
        return self.losses(batch).mean()

    def losses(self, batch: WindowBatch) -> Tensor:
        """The loss of each window, [R] fp32."""
        scores = self._log_probabilities(batch)  # [2, R, T]
        return -scores.gather(-1, batch.answers[..., None])[..., 0].mean(0)

    @torch.no_grad()
    def sampled(self, batch: WindowBatch, generator: torch.Generator) -> WindowBatch:
        """The windows with a start and an end drawn from what is predicted of each."""
        return replace(batch, answers=sampling.categorical(self._log_probabilities(batch), generator))

    def _log_probabilities(self, batch: WindowBatch) -> Tensor:
        """[2, R, T] fp32 of starts and of ends."""
        multi_encoder = self._model.multi_encoder
        hidden = multi_encoder.hidden_states(multi_encoder.encoder_ids[0], batch.inputs)  # [R, T, hidden]
        logits: Tensor = self._model.head(hidden)
        return logits.float().movedim(-1, 0).log_softmax(-1)
