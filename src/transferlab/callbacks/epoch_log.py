"""One line per epoch in the log: a run without a terminal (SLURM, CI, nohup) shows its progress too."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from pytorch_lightning import Callback, LightningModule, Trainer

log = logging.getLogger(__name__)


class EpochLog(Callback):
    """Log the values of ``metrics`` at the end of every training epoch, after its validation.

    Args:
        metrics: names of logged metrics, in the order of the line; those not computed in this epoch are left out.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self.metrics = tuple(dict.fromkeys(metrics))
        self._started = 0.0
        self._validated = False  # in this epoch
        self._unknown: set[str] = set()  # names of which it was said that nothing logs them

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of an epoch that is resumed, which has no start of its own."""
        self._started = time.monotonic()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock of the epoch."""
        self._started = time.monotonic()
        self._validated = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember that the values of validation are new."""
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the line, on the main process only."""
        if not trainer.is_global_zero:
            return
        known = {
            name: value
            for name, value in trainer.callback_metrics.items()
            if self._validated or not name.startswith("val/")
        }
        values = ", ".join(f"{name} {float(known[name]):.4f}" for name in self.metrics if name in known)
        seconds = time.monotonic() - self._started
        epoch, step = trainer.current_epoch, trainer.global_step
        log.info("%sepoch %d, step %d, %.1f s: %s", _job(), epoch, step, seconds, values)
        due = {name for name in self.metrics if self._validated or not name.startswith("val/")}
        for name in sorted(due.difference(trainer.callback_metrics, self._unknown)):
            log.warning("callbacks.epoch_log.metrics: nothing logs %s; choose from %s", name, ", ".join(known))
            self._unknown.add(name)


def _job() -> str:
    """Which job of a sweep this is; jobs that run side by side write to one terminal."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return ""
    return f"job {HydraConfig.get().job.num}, "
