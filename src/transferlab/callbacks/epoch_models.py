"""The model as it was after every epoch, each a saved model that any other run can start from."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from transferlab.data.datamodule import TransferDataModule
from transferlab.models.base import TransferModel
from transferlab.models.saving import save_trained
from transferlab.utils.errors import UserError
from transferlab.utils.run_record import record_of

log = logging.getLogger(__name__)


class EpochModels(Callback):
    """Save the model before the first epoch (``000``) and after each (``001``, ...).

    Args:
        directory: of the saved models; each is one of its folders.
        active: all epochs, none, or the numbers of those to save, 0 for the untrained model.
        facts: what the saved models say of their run: data, seed.
    """

    def __init__(self, directory: str, active: bool | int | Sequence[int], facts: dict[str, Any]) -> None:
        self.directory = Path(directory)
        self.active = active is not False
        self.epochs = None if isinstance(active, bool) else {active} if isinstance(active, int) else set(active)
        self.facts = facts

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Refuse several probes in one run before anything is trained."""
        if self.active and not isinstance(pl_module, TransferModel):
            raise UserError("save_every_epoch=true is for a run of one model; leave out probes, or save_every_epoch")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the untrained model, unless the run is resumed."""
        if trainer.global_step == 0:
            self._save(trainer, pl_module, 0)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save what an epoch has made of it, after its validation."""
        self._save(trainer, pl_module, trainer.current_epoch + 1)

    def _save(self, trainer: Trainer, model: LightningModule, epoch: int) -> None:
        wanted = self.active and (self.epochs is None or epoch in self.epochs)
        if not wanted or not trainer.is_global_zero or getattr(trainer, "fast_dev_run", False):
            return
        assert isinstance(model, TransferModel)
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        assert isinstance(datamodule, TransferDataModule)
        known = trainer.callback_metrics if epoch else {}
        place = save_trained(
            model,
            self.directory / f"{epoch:03d}",
            datamodule.taskmodule,
            facts={
                **self.facts,
                **datamodule.facts(),
                **({} if epoch else {"trained_on": []}),
                "epoch": epoch,
                "scores": {name: float(value) for name, value in known.items()},
                "command": record_of(self.directory.parent).get("command"),
            },
        )
        log.info("epoch %d saved to %s", epoch, place)
