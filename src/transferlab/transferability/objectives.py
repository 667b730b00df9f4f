"""What a task embedding differentiates: the loss of the model itself or a published one, and in which state of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.models.base import TransferModel
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.heads import TaskHead
from transferlab.models.problems import Regression
from transferlab.models.question_answering_model import QuestionAnsweringModel
from transferlab.transferability.answer_windows import PositionLoss
from transferlab.utils.batches import EncoderInputs
from transferlab.utils.errors import UserError


class Objective(Protocol):
    """A loss of batches; a :class:`~transferlab.models.base.TransferModel` is one."""

    def loss(self, batch: Any) -> Tensor:
        """The mean loss [] fp32 of a batch."""

    def losses(self, batch: Any) -> Tensor:
        """The losses [examples] fp32."""

    def sampled(self, batch: Any, generator: torch.Generator) -> Any:
        """A copy of a batch whose gold is drawn from what the model predicts."""


class FreshClassifiers:
    """The mean loss of several classifiers that nobody has trained, over one encoder.

    Args:
        model: whose classifier they stand in for, one of text, words or questions.
        objective: the loss that reads ``model.head``.
        count: of classifiers.
        seed: of their weights.

    Raises:
        UserError: a model without a soft-max classifier.
    """

    def __init__(self, model: TransferModel, objective: Objective, count: int, seed: int) -> None:
        if not isinstance(model.head, TaskHead):
            raise UserError(
                f"num_softmax_classifiers={count}: a {type(model).__name__} has no soft-max classifier; choose 1"
            )
        self._model = model
        self._objective = objective
        self._heads = []
        with torch.random.fork_rng([]):
            torch.default_generator.manual_seed(seed)
            for _ in range(count):
                head = copy.deepcopy(model.head).requires_grad_(False)
                for layer in head.modules():
                    if isinstance(layer, nn.Linear):
                        fresh = nn.Linear(layer.in_features, layer.out_features)
                        layer.load_state_dict(fresh.state_dict())
                self._heads.append(head)

    def loss(self, batch: Any) -> Tensor:
        """The mean over the classifiers, [] fp32."""
        return self._mean(self._objective.loss, batch)

    def losses(self, batch: Any) -> Tensor:
        """The mean over the classifiers of each example, [examples] fp32."""
        return self._mean(self._objective.losses, batch)

    def sampled(self, batch: Any, generator: torch.Generator) -> Any:
        """Labels drawn as the trained classifier predicts them."""
        return self._objective.sampled(batch, generator)

    def _mean(self, loss_of: Callable[[Any], Tensor], batch: Any) -> Tensor:
        trained, losses = self._model.head, []
        with encoded_once(self._model.multi_encoder):
            try:
                for head in self._heads:
                    self._model.head = head.train(self._model.training)
                    losses.append(loss_of(batch))
            finally:
                self._model.head = trained
        return torch.stack(losses).mean(0)


@contextmanager
def encoded_once(multi_encoder: MultiEncoder) -> Iterator[None]:
    """While this lasts, one batch is encoded the first time it is asked for, and remembered."""
    known: dict[str, Tensor] = {}
    compute = multi_encoder.hidden_states

    def recall(encoder_id: str, inputs: Mapping[str, EncoderInputs]) -> Tensor:
        if encoder_id not in known:
            known[encoder_id] = compute(encoder_id, inputs)
        return known[encoder_id]

    multi_encoder.hidden_states = recall  # type: ignore[method-assign]
    try:
        yield
    finally:
        del multi_encoder.hidden_states


def objective_of(model: TransferModel, question_loss: str, classifiers: int, seed: int) -> Objective:
    """The loss that the options of a task embedding name.

    Raises:
        UserError: one that the model does not have.
    """
    objective: Objective = model
    if question_loss == "parity":
        if not isinstance(model, QuestionAnsweringModel):
            raise UserError(f"question_loss=parity is of question answering, and the model is a {type(model).__name__}")
        objective = PositionLoss(model)
    return objective if classifiers == 1 else FreshClassifiers(model, objective, classifiers, seed)


def gradient_scale(model: TransferModel, labels: str, fim_scale: float | None) -> float:
    """The factor that makes gradients of the squared error those of the log-likelihood with another variance.

    With values in standard deviations s of training the squared error of a draw is the negative log-likelihood of a
    normal distribution with the standard deviation s / sqrt(2), the one that draws come from. The gradient of a draw
    from another one falls with its standard deviation, and depends on it in no other way.

    Raises:
        UserError: a scale where nothing is drawn around a value.
    """
    if fim_scale is None:
        return 1.0
    problem = model.problem if isinstance(model, ClassificationModel) else None
    if labels != "sampled" or not isinstance(problem, Regression):
        raise UserError(f"fim_scale={fim_scale}: of regression with labels=sampled only; choose null")
    return float(problem.value_std / (2**0.5 * fim_scale))


@contextmanager
def computed_as(model: TransferModel, encoder: Encoder, *, pooling: bool, dropout: bool, seed: int) -> Iterator[None]:
    """While this lasts, a model computes with or without pooler and dropout; nothing comes from a feature store.

    Args:
        model: in ``eval()`` afterwards.
        encoder: its only one, frozen or not.
        pooling: use the pooler, if there is one.
        dropout: leave it on.
        seed: of the global generators, which are put back.
    """
    before = {name: getattr(encoder, name) for name in ("pooler", "frozen_dropout", "features")}
    device = next(model.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        encoder.pooler = encoder.pooler and pooling
        encoder.frozen_dropout = dropout
        encoder.features = None
        model.train(dropout)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(encoder, name, value)
            model.eval()
