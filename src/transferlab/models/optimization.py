"""The optimizer of one model, or of several side by side: fused AdamW under a linear schedule, clipped gradients."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from pytorch_lightning import Trainer
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

if TYPE_CHECKING:
    from transferlab.models.base import TransferModel

log = logging.getLogger(__name__)

FUSED_DEVICES = ("cpu", "cuda")
WarmUp = Literal["all", "encoders"]  # whose learning rates rise before they fall


def adamw(models: Sequence[TransferModel], trainer: Trainer) -> dict[str, Any]:
    """AdamW with groups for each model's encoders and its task, each under a linear schedule; in Lightning's terms.

    The update is one fused pass over all parameters where there is such a kernel, and no loss scaling of fp16.
    """
    total = max(1, int(trainer.estimated_stepping_batches))
    groups: list[dict[str, Any]] = []
    schedules: list[Callable[[int], float]] = []
    for model in models:
        warmup = int(model.warmup_proportion * total) if model.warmup_steps is None else model.warmup_steps
        if warmup > total:
            log.warning(
                "model.warmup_steps=%d: the training has %d steps, so that no learning rate gets to its full value",
                warmup, total,
            )  # fmt: skip
        encoders = encoder_groups(model)
        task = {"params": model.task_parameters(), "lr": model.task_learning_rate, "weight_decay": model.weight_decay}
        groups += [{**group, "eps": model.adam_epsilon} for group in (*encoders, task)]
        schedules += [linear_schedule(total, warmup)] * len(encoders)
        schedules.append(linear_schedule(total, warmup if model.warmup_on == "all" else 0))
    fused = trainer.strategy.root_device.type in FUSED_DEVICES and trainer.precision != "16-mixed"
    optimizer = torch.optim.AdamW(groups, fused=fused)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": LambdaLR(optimizer, schedules), "interval": "step"}}


def encoder_groups(model: TransferModel) -> list[dict[str, Any]]:
    """The trained parameters of a model's encoders, apart where their weight decay differs; none are empty."""
    parameters = list(model.multi_encoder.encoder_parameters())
    parts = [(parameters, model.weight_decay)]
    if model.bert_weight_decay is not None:  # as BERT was trained: not of biases and norms, which are vectors
        vectors, matrices = ([p for p in parameters if (p.ndim > 1) is wanted] for wanted in (False, True))
        parts = [(matrices, model.bert_weight_decay), (vectors, 0.0)]
    return [{"params": p, "lr": model.bert_learning_rate, "weight_decay": decay} for p, decay in parts if p]


def linear_schedule(total: int, warmup: int) -> Callable[[int], float]:
    """The share of the learning rate at a step: up to 1 within ``warmup`` steps, down to 0 at ``total``."""

    def factor(step: int) -> float:
        return (step + 1) / (warmup + 1) if step < warmup else max(0.0, (total - step) / max(1, total - warmup))

    return factor


def clip_gradients(parameters: Iterable[nn.Parameter], value: float | None, algorithm: str | None) -> None:
    """Clip as Lightning does.

    Args:
        parameters: whose gradients have one norm.
        value: the largest norm, or the largest entry; None or 0 leaves them as they are.
        algorithm: ``norm`` (also None) or ``value``.
    """
    if not value:
        return
    if algorithm == "value":
        nn.utils.clip_grad_value_(parameters, value)
    else:
        nn.utils.clip_grad_norm_(parameters, value)
