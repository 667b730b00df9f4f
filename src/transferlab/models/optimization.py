"""The optimizer of one model, or of several side by side: fused AdamW under a linear schedule, clipped gradients."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from pytorch_lightning import Trainer
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from transferlab.utils.errors import UserError

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
    optimizer.register_load_state_dict_pre_hook(_with_own_options)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": Schedule(optimizer, schedules), "interval": "step"}}


class Schedule(LambdaLR):
    """Takes from a checkpoint how far the training is; how high the rates are, the config says."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on at the step of the checkpoint."""
        super().load_state_dict({**state_dict, "base_lrs": self.base_lrs})
        for group, rate, factor in zip(self.optimizer.param_groups, self.base_lrs, self.lr_lambdas, strict=True):
            if group["initial_lr"] != rate:
                group.update(initial_lr=rate, lr=rate * factor(self.last_epoch))


def _with_own_options(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
    """The state of a checkpoint with the options that an optimizer has now, but for its rates.

    Raises:
        UserError: its parameters are in other groups now.
    """
    theirs, ours = state["param_groups"], optimizer.param_groups
    if [len(group["params"]) for group in theirs] != [len(group["params"]) for group in ours]:
        raise UserError(
            "the checkpoint was trained with other groups of parameters than this run has: model.bert_weight_decay is "
            "given in one of them alone; leave it as it was"
        )
    own = [{name: group[name] for name in ("weight_decay", "eps")} for group in ours]
    return {**state, "param_groups": [group | options for group, options in zip(theirs, own, strict=True)]}


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
