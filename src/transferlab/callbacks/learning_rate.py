"""The learning rates of a run, wherever there is a logger to take them."""

from __future__ import annotations

from typing import Any

from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import LearningRateMonitor


class LearningRates(LearningRateMonitor):
    """Lightning's monitor, which refuses to run without a logger; this one then has nothing to do."""

    def on_train_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Find the optimizer's parameter groups, if there is a logger to write their rates to."""
        if trainer.loggers:
            super().on_train_start(trainer, *args, **kwargs)
