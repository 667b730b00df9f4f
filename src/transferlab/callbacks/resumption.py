"""What a resumed run needs besides Lightning's checkpoint to be, bit for bit, the run that was never interrupted."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.callbacks.early_stopping import EarlyStoppingReason
from pytorch_lightning.trainer.states import TrainerFn

from transferlab.data.datamodule import TransferDataModule
from transferlab.utils.csv_logger import RunCSVLogger
from transferlab.utils.distributed import of_all_processes
from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

KEY = "resumption"  # in a checkpoint


class Resumption(Callback):
    """Add to checkpoints, and take from the one that a run goes on from:

    * the states of all random generators, of each process;
    * the gradients of a step that is not complete (``accumulate_grad_batches``);
    * the sums behind the training metrics of an epoch that is not over;
    * the metrics that callbacks read, because some read those of an earlier validation;
    * how many rows ``metrics.csv`` had, and what is logged only after an epoch's checkpoint.

    The position in the data is the datamodule's, the generators of probes are their group's. While a checkpoint is
    evaluated, what is logged goes to the epoch and step that it was saved at, not to one more epoch.

    Args:
        begin: what writes the record of the run. A run that goes on is recorded once its checkpoint has been loaded
            and fits: whatever is refused before leaves it as it was.
    """

    def __init__(self, begin: Callable[[], object]) -> None:
        self._begin: Callable[[], object] | None = begin
        self._state: dict[str, Any] | None = None
        self._sums: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        self._trained = False
        self._max_steps = -1
        self._epochs = 0  # that the run had begun

    def begin(self) -> None:
        """Have the run recorded, if it has not been."""
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let an evaluation of the weights at hand belong to the last epoch that was trained."""
        epoch: Any = trainer.fit_loop.epoch_progress.current
        if stage != "fit" and epoch.completed:
            epoch.completed = epoch.processed - 1

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add our part to a checkpoint."""
        loop = trainer.fit_loop
        epoch: Any = loop.epoch_progress.current
        batch: Any = loop.epoch_loop.batch_progress.current
        over = epoch.processed == epoch.ready
        connector = trainer._logger_connector
        # what Lightning logs of an epoch, or a step, once all callbacks have seen its end
        pending = over or (
            batch.processed != batch.completed and connector.should_update_logs and not loop._should_accumulate()
        )
        unlogged = {name: float(value) for name, value in connector.metrics["log"].items()} if pending else {}
        of_process = {
            "generators": generator_states(),
            "gradients": {
                name: parameter.grad
                for name, parameter in pl_module.named_parameters()
                if parameter.grad is not None and loop._should_accumulate()
            },
            "sums": {
                key: (metric.value, metric.cumulated_batch_size)
                for key, metric in loop.epoch_loop._results.items()
                if metric.is_tensor and metric.meta.on_epoch and metric.meta.is_mean_reduction and not metric.has_reset
            },
        }
        checkpoint[KEY] = {
            "processes": of_all_processes(of_process),
            "callback_metrics": dict(trainer.callback_metrics),
            "csv_rows": [logger.rows for logger in trainer.loggers if isinstance(logger, RunCSVLogger)],
            "unlogged": unlogged and unlogged | {"epoch": trainer.current_epoch},
            "step": loop.epoch_loop._batches_that_stepped - over,  # as Lightning counts for that row
        }

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Keep our part until the trainer has been set up.

        Checkpoints remember the paths of others; in a run directory that was moved these are the new ones, and a run
        that starts from a checkpoint of another has none. To an evaluation callbacks bring what they have seen of the
        whole run.
        """
        epoch = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
        over = epoch["ready"] == epoch["processed"]
        if trainer.state.fn != TrainerFn.FITTING:
            trainer.fit_loop.load_state_dict(checkpoint["loops"]["fit_loop"])
            trainer.fit_loop.epoch_loop._batches_that_stepped -= over  # to the step that its validation was logged at
            checkpoint["callbacks"] = {}
            return
        self._epochs = epoch["ready"]
        _refuse_less(trainer, {"max_epochs": epoch["ready"], "max_steps": checkpoint["global_step"]})
        if over:
            self._max_steps = trainer.max_steps
        _keep_patience(trainer, checkpoint["callbacks"])
        saving = [(callback, getattr(callback, "dirpath", None)) for callback in trainer.checkpoint_callbacks]
        place = Path(trainer.ckpt_path or "").resolve().parent
        own = any(directory and Path(directory).resolve() == place for _, directory in saving)
        if own:
            _refuse_other_documents(trainer, checkpoint)
        for callback, directory in saving:
            if own:
                relocate(checkpoint["callbacks"].get(callback.state_key), directory)
            else:  # of another run, whose best epoch is none of this one
                checkpoint["callbacks"].pop(callback.state_key, None)
        # of the position Lightning only knows what loaders say, which it reads too late; ours is the datamodule's
        warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch ended")
        self._state = checkpoint.get(KEY)
        if self._state is None:
            log.warning(
                "%s was written by an older version, without the states of random generators: the run goes on, but "
                "not as it would have without the interruption", trainer.ckpt_path,
            )  # fmt: skip

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the files of metrics what they were; do not go on where early stopping has ended the run.

        With ``max_steps`` Lightning would repeat the end of an epoch that is over, so it does not see them before it
        has found out where the run goes on.
        """
        if self._max_steps != -1:
            trainer.fit_loop.epoch_loop.max_steps = -1
        state = self._state or {}
        files = [logger for logger in trainer.loggers if isinstance(logger, RunCSVLogger)]
        for position, logger in enumerate(files):
            logger.keep(dict(enumerate(state.get("csv_rows", ()))).get(position, 0))
        if state.get("unlogged"):
            for each in trainer.loggers:
                each.log_metrics(state["unlogged"], state["step"])
                each.save()
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, EarlyStopping) and callback.stopping_reason != EarlyStoppingReason.NOT_STOPPED:
                trainer.should_stop = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take up what was interrupted; nothing is drawn between this and the first batch."""
        self.begin()
        if self._max_steps != -1:
            trainer.fit_loop.epoch_loop.max_steps = self._max_steps
        self._trained = not trainer.fit_loop.done
        if self._trained and trainer.ckpt_path is not None:
            batch = trainer.fit_loop.epoch_loop.batch_progress.current.ready if trainer.fit_loop.restarting else 0
            log.info(
                "the run goes on at epoch %d, step %d%s, from %s", trainer.current_epoch, trainer.global_step,
                f", after {batch} batches of the epoch" if batch else "", trainer.ckpt_path,
            )  # fmt: skip
        if self._state is None:
            if trainer.global_rank:  # else every process would drop the same units
                torch.manual_seed(torch.initial_seed() + trainer.global_rank)
            return
        processes = self._state["processes"]
        if trainer.global_rank < len(processes):
            mine = processes[trainer.global_rank]
            set_generator_states(mine["generators"])
            for name, gradient in mine["gradients"].items():
                parameter = pl_module.get_parameter(name)
                parameter.grad = gradient.to(parameter.device)
            self._sums = mine["sums"] if trainer.fit_loop.restarting else {}
        trainer.callback_metrics.update(self._state["callback_metrics"])
        self._state = None

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Add the sums of an epoch's first part to those of its second."""
        results = trainer.fit_loop.epoch_loop._results
        for key, (value, count) in self._sums.items():
            if key in results:
                metric = results[key]
                metric.value = metric.value + value.to(metric.value.device)
                metric.cumulated_batch_size = metric.cumulated_batch_size + count.to(metric.value.device)
                metric._computed = None
        self._sums = {}

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say it when there was nothing left to train."""
        if not self._trained and trainer.ckpt_path is not None:
            log.info(
                "training had ended after epoch %d, step %d%s; its evaluation and results follow",
                self._epochs - 1, trainer.global_step,
                " (callbacks.early_stopping=null goes on)" if trainer.should_stop else "",
            )  # fmt: skip


def _refuse_less(trainer: Trainer, done: Mapping[str, int]) -> None:
    """Refuse to train no longer than a checkpoint already has been, which it cannot be brought back from.

    Args:
        trainer: of the run.
        done: of the checkpoint, by the option of the trainer: the epochs that were begun, and the steps.

    Raises:
        UserError: naming the option and what it must be at least.
    """
    for name, count in done.items():
        most = getattr(trainer, name)
        if most is not None and 0 <= most < count and not getattr(trainer, "fast_dev_run", False):
            raise UserError(
                f"trainer.{name}={most}: {trainer.ckpt_path} has been trained for {count} already; choose at least "
                f"{count}, or start another run without it"
            )


def _keep_patience(trainer: Trainer, states: Mapping[str, Any]) -> None:
    """Let early stopping have the patience of the config, not that of a checkpoint, which may have ended the run."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        state = states.get(callback.state_key) if isinstance(callback, EarlyStopping) else None
        if state is not None:
            state["patience"] = callback.patience
            ended = state.get("stopping_reason") == EarlyStoppingReason.PATIENCE_EXHAUSTED.value
            if ended and state["wait_count"] < callback.patience:
                state |= {"stopping_reason": EarlyStoppingReason.NOT_STOPPED.value, "stopped_epoch": 0}


def _refuse_other_documents(trainer: Trainer, checkpoint: Mapping[str, Any]) -> None:
    """Refuse to go on over other training documents than before, wherever they lie now.

    Raises:
        UserError: naming the corpus; checkpoints of earlier versions do not tell.
    """
    data = trainer.datamodule  # type: ignore[attr-defined]
    if isinstance(data, TransferDataModule):
        before = checkpoint.get(type(data).__qualname__, {}).get("documents")
        if before not in (None, data.content("train")):
            raise UserError(
                f"{trainer.ckpt_path} was trained on other documents than the train split of {data.corpus} holds now; "
                "give it the original ones (where they were moved: dataset.data_dir=...), or start another run"
            )


def generator_states() -> dict[str, Any]:
    """The states of the random generators of this process, of what ``torch.load(weights_only=True)`` reads."""
    algorithm, keys, *rest = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": [algorithm, np.asarray(keys).tolist(), *rest],
        "python": random.getstate(),
    }


def set_generator_states(states: dict[str, Any]) -> None:
    """Let the generators of this process go on from ``states``; those of GPUs where their number is the same."""
    torch.set_rng_state(states["torch"].cpu())
    if states["cuda"] and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])
    algorithm, keys, *rest = states["numpy"]
    np.random.set_state((algorithm, np.array(keys, dtype=np.uint32), *rest))
    version, numbers, following = states["python"]
    random.setstate((version, tuple(numbers), following))


def relocate(state: dict[str, Any] | None, directory: Any) -> None:
    """Change the paths in the state of a ModelCheckpoint to those of the same files in ``directory``."""
    old, new = (state or {}).get("dirpath"), directory and str(directory)
    if not state or not old or not new or old == new:
        return

    def moved(path: str) -> str:
        if not path:
            return path
        below = Path(path).relative_to(old) if Path(path).is_relative_to(old) else Path(path).name
        return str(Path(new, below))

    state["dirpath"] = new
    for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
        state[key] = moved(state[key])
    state["best_k_models"] = {moved(path): score for path, score in state["best_k_models"].items()}
