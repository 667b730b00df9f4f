"""Say once that the training loss is no number any more: the scores of such a model look like those of a bad one."""

from __future__ import annotations

import logging
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)


class Divergence(Callback):
    """Look at the loss where it is logged, every ``trainer.log_every_n_steps``, and at its mean over each epoch.

    Looking at every step would make the CPU wait for the GPU.
    """

    def __init__(self) -> None:
        self._said = False

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss of the step."""
        if (batch_idx + 1) % max(1, trainer.log_every_n_steps) == 0:  # type: ignore[attr-defined]
            self._look(trainer, outputs["loss"] if isinstance(outputs, dict) else outputs)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the mean."""
        self._look(trainer, trainer.callback_metrics.get("train/loss"))

    def _look(self, trainer: Trainer, loss: torch.Tensor | None) -> None:
        if self._said or loss is None or not trainer.is_global_zero or torch.isfinite(loss):
            return
        self._said = True
        log.warning(
            "the training loss is %s in epoch %d, step %d: the model has diverged, or reads no numbers. Lower "
            "model.task_learning_rate and model.bert_learning_rate, set trainer.gradient_clip_val, or choose another "
            "trainer.precision than 16-mixed", float(loss), trainer.current_epoch, trainer.global_step,
        )  # fmt: skip
