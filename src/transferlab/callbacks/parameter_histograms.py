"""Watch the parameters of the head in W&B."""

from __future__ import annotations

import logging

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from transferlab.utils.option_kinds import Count
from transferlab.utils.options import checked

log = logging.getLogger(__name__)


class ParameterHistograms(Callback):
    """Send histograms of the parameters of ``pl_module.head`` to W&B while it is trained.

    Args:
        log_freq: a histogram every so many batches; None sends none. ``+wandb_watch=classifier_parameters`` sets it.
    """

    @checked("callbacks.parameter_histograms")
    def __init__(self, log_freq: Count | None = None) -> None:
        self.log_freq = log_freq

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let W&B look at the head, or say at once that nothing would take the histograms."""
        from pytorch_lightning.loggers import WandbLogger

        if self.log_freq is None:
            return
        head = getattr(pl_module, "head", None)
        loggers = [logger for logger in trainer.loggers if isinstance(logger, WandbLogger)]
        if not loggers:
            log.warning("wandb_watch is set, but no W&B logger takes the histograms; add logger=wandb")
        elif not isinstance(head, nn.Module):
            log.warning(
                "wandb_watch=classifier_parameters: a run of several probes has no one head, and none is watched"
            )
        elif trainer.is_global_zero:
            for logger in loggers:
                logger.watch(head, log="parameters", log_freq=self.log_freq, log_graph=False)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let go of the head."""
        from pytorch_lightning.loggers import WandbLogger

        head = getattr(pl_module, "head", None)
        for logger in trainer.loggers if self.log_freq is not None and trainer.is_global_zero else ():
            if isinstance(logger, WandbLogger) and isinstance(head, nn.Module):
                logger.experiment.unwatch(head)
