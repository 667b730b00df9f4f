"""The model of text classification, regression and relation extraction: a multi-encoder under a small head."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import torch
from torch import Tensor

from transferlab.metrics.classification import SCORES, make_score
from transferlab.models.base import TransferModel
from transferlab.models.class_weights import ClassWeights, Given
from transferlab.models.heads import TaskHead
from transferlab.models.problems import PROBLEMS, Prediction
from transferlab.utils.batches import ClassificationBatch
from transferlab.utils.option_kinds import OneOf, Positive, Width
from transferlab.utils.options import checked


class ClassificationModel(TransferModel):
    """Gives a text, a pair of texts or a pair of arguments a class, several classes or a value.

    Args:
        problem: ``multi_class``, ``multi_label`` or ``regression``.
        labels: the classes, in the order of the head's outputs; none in regression.
        num_units: vectors of an example, which the head reads side by side: 1 for texts, 2 for two arguments.
        metric: the official score, one of ``metrics.classification.SCORES``.
        metric_options: of the score, for example ``{"positive": "1"}``.
        value_mean: mean of the training values, in regression. The head learns values in standard deviations from it,
            and predictions are put back to scale, so that learning rates suit values of any unit.
        value_std: standard deviation of the training values, in regression.
        class_weights: what the loss of an example of each class is multiplied with, see
            :class:`~transferlab.models.class_weights.ClassWeights`: ``balanced``, weights by label, or None.
        options: those of :class:`~transferlab.models.heads.TaskHead` (but ``input_size`` and ``output_size``) and those
            of :class:`~transferlab.models.base.TransferModel`.

    Raises:
        UserError: a metric that does not exist, or that does not score the problem; see the messages.
    """

    OPTIONS_OF = (TaskHead, TransferModel)

    @checked("model")
    def __init__(
        self,
        *,
        problem: Annotated[str, OneOf(PROBLEMS)] = "multi_class",
        labels: Sequence[str] = (),
        num_units: Width = 1,
        metric: Annotated[str, OneOf(SCORES)] = "classification",
        metric_options: Mapping[str, Any] | None = None,
        value_mean: float = 0.0,
        value_std: Positive = 1.0,
        class_weights: Given = None,
        **options: Any,
    ) -> None:
        # before any weights are read
        scores = [make_score(metric, problem, labels, metric_options) for _ in range(2)]
        weights = ClassWeights(class_weights, labels)
        of_head = set(inspect.signature(TaskHead).parameters)
        super().__init__(**{name: value for name, value in options.items() if name not in of_head})
        task = {
            "problem": problem,
            "labels": list(labels),
            "num_units": num_units,
            "metric": metric,
            "metric_options": dict(metric_options or {}),
            "value_mean": value_mean,
            "value_std": value_std,
            "class_weights": class_weights,
        }
        self.save_hyperparameters(task | options)
        self.class_weights = weights
        self.problem = PROBLEMS[problem](list(labels), value_mean, value_std)
        self.head = TaskHead(
            num_units * self.multi_encoder.hidden_size,
            self.problem.outputs,
            **{name: value for name, value in options.items() if name in of_head},
        )
        self.val_score, self.test_score = scores
        self.scores = {"val": self.val_score, "test": self.test_score}

    def forward(self, batch: ClassificationBatch) -> Tensor:
        """Logits [examples, outputs] fp32."""
        vectors = self.encode(batch).embeddings  # [examples, units, hidden]
        return self.head(vectors.flatten(1)).float()

    def loss(self, batch: ClassificationBatch) -> Tensor:
        """The mean loss [] fp32 over the examples whose label is known; 0 if there are none."""
        return self._mean_loss(self(batch), batch.labels)

    def predictions(self, batch: ClassificationBatch) -> list[Prediction]:
        """A label for each example."""
        return self.problem.predictions(self(batch))

    def loss_and_predictions(self, batch: ClassificationBatch) -> tuple[Tensor, list[Prediction]]:
        """The mean loss [] fp32, and a label for each example."""
        logits = self(batch)
        return self._mean_loss(logits, batch.labels), self.problem.predictions(logits)

    def losses(self, batch: ClassificationBatch) -> Tensor:
        """The loss of each example, [examples] fp32; 0 where the label is unknown."""
        return self.problem.losses(self(batch), batch.labels, self.class_weights.values)

    @torch.no_grad()
    def sampled(self, batch: ClassificationBatch, generator: torch.Generator) -> ClassificationBatch:
        """The batch with labels drawn from what is predicted."""
        labels = self.problem.sampled(self(batch), generator)
        return replace(batch, labels=labels, gold=[None] * len(batch.names))

    def known_items(self, batch: ClassificationBatch) -> int:
        """The examples whose label is known, and can be predicted."""
        return int(self.problem.known(batch.labels).sum())

    def class_counts(self, batch: ClassificationBatch) -> Tensor:
        """How many examples have each class, [classes] int64."""
        return self.problem.class_counts(batch.labels)

    def _mean_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        losses = self.problem.losses(logits, labels, self.class_weights.values)  # [examples]
        return losses.sum() / self.problem.known(labels).sum().clamp(min=1)

    def scored(self, batch: ClassificationBatch, predictions: list[Prediction]) -> Iterator[list[tuple[Any, ...]]]:
        """The gold label and the predicted one of each example that has gold."""
        answers = batch.answers or [None] * len(predictions)
        for gold, prediction, answer in zip(batch.gold, predictions, answers, strict=True):
            yield [] if gold is None else [(gold, prediction.label if answer is None else answer)]
