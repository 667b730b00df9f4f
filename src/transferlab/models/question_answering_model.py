"""The question answering model: a multi-encoder under a head that finds where an answer starts and ends."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from transferlab.metrics.question_answering import SquadScore
from transferlab.models import sampling
from transferlab.models.base import TransferModel
from transferlab.models.heads import TaskHead
from transferlab.utils.batches import QuestionBatch
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count
from transferlab.utils.options import checked


@dataclass(frozen=True)
class BestAnswer:
    """What the model says about a question.

    Attributes:
        text: the wording of the best answer, whether it is given or not; empty where there is no span to choose.
        start: its first character.
        score: its probability, that of its start times that of its end.
        no_answer_probability: of "no answer" against the best answer; None in version 1.
        answered: the best answer is given; otherwise the text is said to have none.
    """

    text: str
    start: int
    score: float
    no_answer_probability: float | None
    answered: bool


class QuestionAnsweringModel(TransferModel):
    """Extracts answers from texts, over any combination of encoders.

    The head scores every word as the start and as the end of the answer; in version 2 unit 0 competes with the words
    for both and stands for "no answer" (Devlin et al., NAACL 2019). A span's score is the sum of its two logits.

    With :math:`s_0` the score of unit 0 and :math:`s` that of the best span, the probability that there is no answer is
    :math:`\\sigma(s_0 - s)`. A question is answered when it is not above ``no_answer_threshold``. That threshold is a
    part of the weights: 0.5 at first, where the two scores are equal, and at the end of every validation the one with
    the best F1 on the validation split. So ``val/f1`` is under the threshold of the validation before, ``val/best_f1``
    under its own, and the scores of the test split are under that of the checkpoint.

    Args:
        version: of SQuAD, whose conventions the scores follow: 1 answers every question, 2 may say that there is none.
        n_best: the best starts and the best ends that are combined to spans.
        max_answer_length: of a span, in words.
        options: those of :class:`~transferlab.models.heads.TaskHead` (but its sizes) and those of
            :class:`~transferlab.models.base.TransferModel`.

    Raises:
        UserError: an unknown version; ``n_best`` or ``max_answer_length`` below 1.
    """

    OPTIONS_OF = (TaskHead, TransferModel)

    no_answer_threshold: Tensor

    @checked("model")
    def __init__(
        self, *, version: Literal[1, 2] = 2, n_best: Count = 20, max_answer_length: Count = 30, **options: Any
    ) -> None:
        names = set(inspect.signature(TaskHead).parameters)
        super().__init__(**{name: value for name, value in options.items() if name not in names})
        own = {"version": version, "n_best": n_best, "max_answer_length": max_answer_length}
        self.save_hyperparameters(own | options)
        self.version = version
        self.reads_rows = version == 2  # unit 0, "no answer"
        self.n_best = n_best
        self.max_answer_length = max_answer_length
        head_options = {name: value for name, value in options.items() if name in names}
        self.head = TaskHead(self.multi_encoder.hidden_size, 2, **head_options)
        self.register_buffer("no_answer_threshold", torch.tensor(0.5))
        self.val_score, self.test_score = SquadScore(version), SquadScore(version)
        self.scores = {"val": self.val_score, "test": self.test_score}

    def forward(self, batch: QuestionBatch) -> Tensor:
        """Log-probabilities [2, questions, units] fp32 of starts and of ends.

        One softmax goes over unit 0 (in version 2) and the words of a text, in whatever windows they were read; all
        else is as good as impossible.
        """
        logits = self.head(self.encode(batch).embeddings).float().movedim(-1, 0)  # [2, questions, units]
        unit = torch.arange(batch.units, device=logits.device)
        possible = unit <= batch.lengths[:, None]  # [questions, units]
        if self.version == 1:
            possible = possible & (unit > 0)
        # a finite number, because a text without words leaves version 1 no unit to choose
        return logits.masked_fill(~possible, torch.finfo(logits.dtype).min).log_softmax(-1)

    def loss(self, batch: QuestionBatch) -> Tensor:
        """The mean loss [] fp32 over the batch's questions, whose answers must be known.

        It is the negative log of the probability of all distinct gold starts together, and that of all distinct gold
        ends, averaged: any gold answer will do (marginal likelihood, Clark and Gardner, ACL 2018).

        Raises:
            UserError: a question without an answer in version 1.
        """
        return self._loss(self(batch), batch)

    def predictions(self, batch: QuestionBatch) -> list[BestAnswer]:
        """The best answer to each question, and whether it is given."""
        return self._decode(self(batch), batch)

    def loss_and_predictions(self, batch: QuestionBatch) -> tuple[Tensor, list[BestAnswer]]:
        """The mean loss [] fp32, and the best answer to each question."""
        log_probabilities = self(batch)
        return self._loss(log_probabilities, batch), self._decode(log_probabilities, batch)

    def losses(self, batch: QuestionBatch) -> Tensor:
        """The loss of each question, [questions] fp32; 0 where the answers are unknown."""
        log_probabilities = self(batch)
        self._check_answers(batch)
        known = batch.answer_spans.flatten(1).ge(0).any(1)  # [questions]
        losses = log_probabilities.new_zeros(len(known))
        found = self._negative_log_likelihood(log_probabilities[:, known], batch.answer_spans[known])
        return losses.masked_scatter(known, found.mean(0))

    @torch.no_grad()
    def sampled(self, batch: QuestionBatch, generator: torch.Generator) -> QuestionBatch:
        """The batch with one answer per question, its start and its end drawn from what is predicted of each.

        The loss knows two choices that do not depend on each other, so an end may stand before its start.
        """
        starts, ends = self(batch)  # [questions, units] each
        drawn = [sampling.categorical(scores, generator) for scores in (starts, ends)]  # [questions] each
        spans = torch.stack(drawn, dim=-1)[:, None]  # [questions, 1, 2]
        return replace(batch, answer_spans=spans, gold=[None] * len(batch.names))

    def scored(self, batch: QuestionBatch, predictions: list[BestAnswer]) -> Iterator[list[tuple[Any, ...]]]:
        """The gold and the predicted wordings of each question, and how sure it is that there is no answer."""
        for gold, prediction in zip(batch.gold, predictions, strict=True):
            said = prediction.text if prediction.answered else ""
            probability = math.nan if self.version == 1 else prediction.no_answer_probability
            yield [(gold, said, probability, prediction.text)]

    def settle(self, scores: dict[str, float]) -> None:
        """Take the threshold that suits the whole split best."""
        if self.version == 2:
            self.no_answer_threshold.fill_(scores["best_f1_thresh"])

    def _loss(self, log_probabilities: Tensor, batch: QuestionBatch) -> Tensor:
        self._check_answers(batch)
        return self._negative_log_likelihood(log_probabilities, batch.answer_spans).mean()

    def _check_answers(self, batch: QuestionBatch) -> None:
        if self.version == 1:
            for name, gold in zip(batch.names, batch.gold, strict=True):
                if gold == []:
                    raise UserError(
                        f"question {name!r} has no answer, which model.version=1 does not know; use model.version=2"
                    )

    @staticmethod
    def _negative_log_likelihood(log_probabilities: Tensor, answer_spans: Tensor) -> Tensor:
        """[2, questions]: of all gold starts together, and of all gold ends."""
        questions, units = log_probabilities.shape[1:]
        gold_units = answer_spans.permute(2, 0, 1)  # [2, questions, answers]
        gold_units = torch.where(gold_units < 0, units, gold_units)  # padding goes to a spare last unit
        is_gold = gold_units.new_zeros(2, questions, units + 1).scatter(2, gold_units, 1)
        others = ~is_gold[..., :units].bool()  # [2, questions, units]
        return -log_probabilities.masked_fill(others, -torch.inf).logsumexp(-1)

    def _decode(self, log_probabilities: Tensor, batch: QuestionBatch) -> list[BestAnswer]:
        unit = torch.arange(batch.units, device=log_probabilities.device)
        is_word = (unit > 0) & (unit <= batch.lengths[:, None])  # [questions, units]
        starts, ends = log_probabilities.masked_fill(~is_word, -torch.inf)
        first, last, score = best_spans(starts, ends, self.n_best, self.max_answer_length)
        no_answer = (log_probabilities[:, :, 0].sum(0) - score).sigmoid()  # [questions]
        given = no_answer <= self.no_answer_threshold if self.version == 2 else torch.ones_like(first, dtype=torch.bool)
        # one transfer from the device; fp32 holds any position in a text
        columns = torch.stack([part.float() for part in (first, last, score, no_answer, given)], dim=1).tolist()
        predictions = []
        for text, offsets, column in zip(batch.texts, batch.offsets, columns, strict=True):
            first_unit, last_unit, log_score, no_answer_probability, is_given = column
            # nothing is found in a text without words, and where no pair of the best starts and ends is a span
            found = log_score > -math.inf
            start = offsets[int(first_unit) - 1][0] if found else 0
            end = offsets[int(last_unit) - 1][1] if found else 0
            predictions.append(
                BestAnswer(
                    text=text[start:end],
                    start=start,
                    score=math.exp(log_score),
                    no_answer_probability=no_answer_probability if self.version == 2 else None,
                    answered=found and bool(is_given),
                )
            )
        return predictions


def best_spans(starts: Tensor, ends: Tensor, n_best: int, max_length: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best span of each question: a start before its end, never the best start and the best end by themselves.

    Args:
        starts: [questions, units] scores; -inf where no span may start.
        ends: [questions, units] scores; -inf where no span may end.
        n_best: the best starts and the best ends that are combined.
        max_length: most units in a span.

    Returns:
        first and last unit and the sum of their scores, each [questions]; the sum is -inf where no pair is a span.
    """
    n_best = min(n_best, starts.shape[1])
    start_scores, first = starts.topk(n_best)  # [questions, n_best]
    end_scores, last = ends.topk(n_best)  # [questions, n_best]
    extra = last[:, None, :] - first[:, :, None]  # [questions, n_best, n_best] units behind the first
    is_span = (extra >= 0) & (extra < max_length)
    scores = (start_scores[:, :, None] + end_scores[:, None, :]).masked_fill(~is_span, -torch.inf)
    score, pair = scores.flatten(1).max(1)  # [questions]
    row = torch.arange(len(pair), device=pair.device)
    return first[row, pair // n_best], last[row, pair % n_best], score
