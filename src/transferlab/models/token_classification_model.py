"""The token classification model: a multi-encoder under a head that gives every word the scores of its tags."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from torchmetrics import Metric

from transferlab.metrics.span_f1 import SpanScore, TagAccuracy
from transferlab.models import sampling
from transferlab.models.base import TransferModel
from transferlab.models.class_weights import ClassWeights, Given
from transferlab.models.heads import TaskHead
from transferlab.utils.batches import TokenBatch
from transferlab.utils.errors import UserError
from transferlab.utils.options import checked
from transferlab.utils.tagging import types_of


@dataclass(frozen=True)
class TagPrediction:
    """The tags of the words of an example, and the probability of each."""

    tags: list[str]
    probabilities: list[float]


class TokenClassificationModel(TransferModel):
    """Tags words, over any combination of encoders.

    Args:
        labels: the tags, as the taskmodule learned them.
        metric: ``span_f1``: precision, recall and F1 of the spans that the tags of a sentence stand for;
            ``accuracy``: the share of words with the right tag.
        scheme: of tags that stand for spans, one of ``transferlab.utils.tagging.SCHEMES``; None where they do not.
        class_weights: what the loss of a word with each tag is multiplied with, see
            :class:`~transferlab.models.class_weights.ClassWeights`: ``balanced``, weights by tag, or None.
        options: those of :class:`~transferlab.models.heads.TaskHead` (but its two sizes, which encoders and labels
            give) and those of :class:`~transferlab.models.base.TransferModel`.

    Raises:
        UserError: an unknown metric, or ``span_f1`` without a scheme.
    """

    OPTIONS_OF = (TaskHead, TransferModel)

    @checked("model")
    def __init__(
        self,
        *,
        labels: list[str],
        metric: str = "span_f1",
        scheme: str | None = "IOB2",
        class_weights: Given = None,
        **options: Any,
    ) -> None:
        scores = [_make_score(metric, labels, scheme) for _ in range(2)]  # before any weights are read
        weights = ClassWeights(class_weights, labels)
        of_head = set(inspect.signature(TaskHead).parameters)
        super().__init__(**{name: value for name, value in options.items() if name not in of_head})
        own = {"labels": labels, "metric": metric, "scheme": scheme, "class_weights": class_weights}
        self.save_hyperparameters(own | options)
        self.labels = labels
        self.class_weights = weights
        self.head = TaskHead(
            self.multi_encoder.hidden_size,
            len(labels),
            **{name: value for name, value in options.items() if name in of_head},
        )
        self.val_score, self.test_score = scores
        self.scores = {"val": self.val_score, "test": self.test_score}

    def forward(self, batch: TokenBatch) -> Tensor:
        """The scores of the tags of each word, [examples, words, tags]."""
        return self.head(self.encode(batch).embeddings)

    def loss(self, batch: TokenBatch) -> Tensor:
        """The mean cross entropy [] fp32 over the words of the batch whose gold tag is known; 0 if none is."""
        return self._mean_loss(self(batch), batch)

    def predictions(self, batch: TokenBatch) -> list[TagPrediction]:
        """The best tag of each word of each example."""
        return self._decode(self(batch), batch)

    def loss_and_predictions(self, batch: TokenBatch) -> tuple[Tensor, list[TagPrediction]]:
        """Both of one pass."""
        logits = self(batch)
        return self._mean_loss(logits, batch), self._decode(logits, batch)

    def losses(self, batch: TokenBatch) -> Tensor:
        """The mean cross entropy of the words of each example whose gold tag is known, [examples] fp32."""
        logits = self(batch).float().movedim(-1, 1)  # [examples, tags, words]
        per_word = F.cross_entropy(
            logits, batch.tag_ids, self.class_weights.values, ignore_index=-100, reduction="none"
        )  # [examples, words]
        return per_word.sum(1) / batch.tag_ids.ne(-100).sum(1).clamp(min=1)

    @torch.no_grad()
    def sampled(self, batch: TokenBatch, generator: torch.Generator) -> TokenBatch:
        """The batch with a tag for every word, drawn from what is predicted."""
        drawn = sampling.categorical(self(batch), generator)  # [examples, words]
        beyond = torch.arange(batch.units, device=drawn.device) >= batch.lengths[:, None]
        return replace(batch, tag_ids=drawn.masked_fill(beyond, -100), gold=[None] * len(batch.gold))

    def known_items(self, batch: TokenBatch) -> int:
        """The words whose tag is known, and can be predicted."""
        return int(batch.tag_ids.ne(-100).sum())

    def expect_labels(self, stage: str, gold: Iterable[str]) -> None:
        """List the types of the gold tags of the split that is to be evaluated."""
        super().expect_labels(stage, types_of(gold))

    def class_counts(self, batch: TokenBatch) -> Tensor:
        """How many words have each tag, [tags] int64."""
        return batch.tag_ids[batch.tag_ids.ne(-100)].bincount(minlength=len(self.labels))

    def _mean_loss(self, logits: Tensor, batch: TokenBatch) -> Tensor:
        total = F.cross_entropy(
            logits.flatten(0, 1).float(),
            batch.tag_ids.flatten(),
            self.class_weights.values,
            ignore_index=-100,
            reduction="sum",
        )
        return total / batch.tag_ids.ne(-100).sum().clamp(min=1)

    def _decode(self, logits: Tensor, batch: TokenBatch) -> list[TagPrediction]:
        probabilities, best = logits.float().softmax(dim=-1).max(dim=-1)  # each [examples, words]
        return [
            TagPrediction([self.labels[tag] for tag in tags[:length]], values[:length])
            for tags, values, length in zip(best.tolist(), probabilities.tolist(), batch.lengths.tolist(), strict=True)
        ]

    def scored(self, batch: TokenBatch, predictions: list[TagPrediction]) -> Iterator[list[tuple[Any, ...]]]:
        """The gold and the predicted tags of each sentence; ``batch.gold`` says where they end."""
        sentences = iter(batch.gold)
        for prediction in predictions:
            items: list[tuple[Any, ...]] = []
            place = 0
            while place < len(prediction.tags) and (gold := next(sentences)) is not None:
                items.append((gold, prediction.tags[place : place + len(gold)]))
                place += len(gold)
            yield items


def _make_score(metric: str, labels: list[str], scheme: str | None) -> Metric:
    if metric == "accuracy":
        return TagAccuracy()
    if metric != "span_f1":
        raise UserError(f"model.metric={metric!r}: choose span_f1 or accuracy")
    if scheme is None:
        raise UserError("model.metric=span_f1 needs a scheme: set taskmodule.scheme, or model.metric=accuracy")
    return SpanScore(types_of(labels), scheme)
