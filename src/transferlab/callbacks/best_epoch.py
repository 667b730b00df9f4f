"""The best epoch of a run, from wherever the run has kept it: its checkpoint, or the saved model of a finished run."""

from __future__ import annotations

import logging
from pathlib import Path

import pytorch_lightning
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from transferlab.callbacks.checkpoints import WholeFiles, loops_of, read_checkpoint
from transferlab.models.base import TransferModel
from transferlab.models.probe_group import ProbeGroup
from transferlab.models.saving import trained_state
from transferlab.utils.errors import UserError
from transferlab.utils.resume import RECORD
from transferlab.utils.run_record import record_of
from transferlab.utils.saved_models import checkpoint_of_model, saved_model_of

log = logging.getLogger(__name__)


class BestEpoch(Callback):
    """Find the best epoch when training is over; of a run that goes on, see that it can before its first step.

    A finished run that is extended may have had its best epoch before: of that it has kept the saved model.

    Args:
        run: its directory.
    """

    def __init__(self, run: Path) -> None:
        self.run = run

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what is left of the best epoch so far, as it will be read if no later one is better.

        Raises:
            UserError: nothing is left, or it is damaged or of another model.
        """
        best = best_checkpoint(trainer)
        if best is None or not isinstance(pl_module, TransferModel):
            return
        if not best.is_file():
            trained_state(pl_module, self._saved(best, trainer))
            return
        saved = saved_model_of(self.run)
        if saved is not None and checkpoint_of_model(saved) == best.name:
            remedy = f"delete it: the model in {saved} is of the same epoch"
        else:
            remedy = f"restore it from a copy, or {_another(trainer)}"
        pl_module.on_load_checkpoint(read_checkpoint(best, remedy, map_location="cpu", weights_only=True))

    def checkpoint(self, trainer: Trainer) -> str | None:
        """The path of the best checkpoint after training, see :func:`best_checkpoint`.

        Where the saved model is what the run has kept, the checkpoint is made from it once more.
        """
        best = best_checkpoint(trainer)
        if best is None or trainer.strategy.broadcast(best.is_file()):  # all processes do as the first one finds
            return None if best is None else str(best)
        if trainer.is_global_zero:
            model = trainer.lightning_module
            assert isinstance(model, TransferModel)
            place = self._saved(best, trainer)
            known = getattr(trainer.checkpoint_callback, "loops", {})
            checkpoint = {
                "state_dict": trained_state(model, place),
                "loops": known.get(best.name) or loops_of(trainer),
                "callbacks": {},
                "pytorch-lightning_version": pytorch_lightning.__version__,
            }
            model.on_save_checkpoint(checkpoint)
            WholeFiles().save_checkpoint(checkpoint, best)
            log.info("no epoch was better than the one whose model is in %s", place)
        trainer.strategy.barrier()
        return str(best)

    def _saved(self, best: Path, trainer: Trainer) -> Path:
        """The saved model of the epoch whose checkpoint is gone."""
        place = saved_model_of(self.run)
        of = None if place is None else checkpoint_of_model(place)
        if place is not None and of in (best.name, None):
            return place
        if place is not None:
            fault = f"the model in {place} is of {of}; put the checkpoint back"
        elif "model" in record_of(self.run):
            fault = "the model of that run is not there; put one of them back"
        else:
            fault = (
                f"{self.run / RECORD}, which says where the model of that run is, is missing or says nothing of it; "
            )
            fault += "restore one of them"
        raise UserError(
            f"{best}, the best epoch so far of the run in {self.run}, is gone, and {fault}, or {_another(trainer)}"
        )


def best_checkpoint(trainer: Trainer) -> Path | None:
    """The path of the best checkpoint; None, for the weights at hand, when the run keeps none, or keeps several.

    It lies in the run's own directory, whatever place a checkpoint that was resumed names: the run may have been moved.
    """
    if isinstance(trainer.lightning_module, ProbeGroup):
        return None  # each probe has a best epoch of its own
    callback = trainer.checkpoint_callback
    if not isinstance(callback, ModelCheckpoint) or not callback.best_model_path:
        return None
    assert callback.dirpath is not None
    return Path(callback.dirpath, Path(callback.best_model_path).name)


def _another(trainer: Trainer) -> str:
    return f"start another run from where it ended: ckpt_path={trainer.ckpt_path}"
