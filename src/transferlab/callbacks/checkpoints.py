"""The checkpoints of a run: when they are saved, under which names, and as files that no kill leaves half-written."""

from __future__ import annotations

import logging
import os
import zipfile
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric.plugins import TorchCheckpointIO
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from transferlab.utils import interruption
from transferlab.utils.errors import ConfigError, UserError
from transferlab.utils.option_kinds import Count, FolderName, Minutes, Natural, Text, fault_of
from transferlab.utils.options import checked
from transferlab.utils.resume import CHECKPOINT, is_finished

LAST: Literal["last"] = "last"
NONE, ALL = "none", "all"
KEPT = (LAST, NONE, ALL)  # of the checkpoints of a finished run


def kept(value: Any) -> str:
    """Which checkpoints a finished run keeps, as ``keep_checkpoints`` says it; once it was true or false.

    Raises:
        UserError: naming the choices.
    """
    said = {True: ALL, False: NONE}.get(value, value) if isinstance(value, bool) else value
    if said not in KEPT:
        raise UserError(f"keep_checkpoints={value}: choose one of {', '.join(KEPT)}")
    return str(said)


log = logging.getLogger(__name__)


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, but a file that a killed process left is written again instead of getting a second name.

    Only when this run itself keeps a checkpoint of that name (of another validation of the epoch) a version is added.
    A finished run may keep of its best epoch the saved model alone; what else an evaluation needs of that checkpoint is
    in the state of this callback.

    Attributes:
        loops: of each checkpoint that is kept, by file name, where in the training it was saved.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        given = [f"{name}={options[name]}" for name in ("every_n_epochs", "every_n_train_steps") if options.get(name)]
        given += ["train_time_interval"] if options.get("train_time_interval") else []
        if len(given) > 1:
            raise ConfigError(f"callbacks.model_checkpoint: {' and '.join(given)} exclude each other; leave one out")
        super().__init__(*args, **options)
        if self.filename in (LAST, f"{LAST}.ckpt"):
            raise ConfigError(
                f"callbacks.model_checkpoint.filename={self.filename}: that is the last checkpoint's name; choose "
                "another one, such as epoch_{epoch:03d}"
            )
        if self.filename is not None and fault_of(self.filename, FolderName):
            raise ConfigError(
                f"callbacks.model_checkpoint.filename={self.filename}: it names files of one folder; choose it without "
                "/, and the folder with callbacks.model_checkpoint.dirpath"
            )
        self.loops: dict[str, dict[str, Any]] = {}

    def file_exists(self, filepath: str | os.PathLike[str], trainer: Trainer) -> bool:
        """Whether the name is taken by a checkpoint that is to be kept."""
        return str(filepath) in self.best_k_models

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        kept = {Path(path).name for path in self.best_k_models}
        self.loops = {name: loops for name, loops in self.loops.items() if name in kept}
        self.loops[Path(filepath).name] = loops_of(trainer)
        super()._save_checkpoint(trainer, filepath)

    def state_dict(self) -> dict[str, Any]:
        """Lightning's state, and ours."""
        return {**super().state_dict(), "loops": self.loops}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take both up."""
        super().load_state_dict(state_dict)
        self.loops = state_dict.get("loops", {})


def loops_of(trainer: Trainer) -> dict[str, Any]:
    """The part of a checkpoint that says where in the training a trainer is."""
    return {name: getattr(trainer, name).state_dict() for name in ("fit_loop", "validate_loop", "test_loop")}


class LastCheckpoint(ModelCheckpoint):
    """Where a run that was stopped goes on: saved after each validation within an epoch, and once an epoch is over.

    ``every_minutes`` (of wall time) or ``every_n_train_steps`` add others between these. After a batch that a
    validation or the end of the epoch follows nothing is saved before these are over: Lightning would not make up for
    what is then missing. A signal that ends the run waits for the end of its step, and the run is saved there, too;
    where that cannot be, the checkpoint that there is stands.

    Of Lightning's options it takes those that leave one file, with the whole state, where ``resume=`` looks for it.

    Args:
        dirpath: checkpoints/ of the run.
        filename: by which a run that goes on finds it.
        every_minutes: 0 saves after each step; None, or ``every_n_train_steps``, leaves out those by time.
        every_n_train_steps: of the optimizer.
        every_n_epochs: saves at the end of so many epochs.
        verbose: whether each is logged.
        enable_version_counter: a second file would not be found.
    """

    @checked("callbacks.last_checkpoint")
    def __init__(
        self,
        dirpath: Text | Path,
        filename: Literal["last"] = LAST,
        *,
        every_minutes: Minutes | None = None,
        every_n_train_steps: Natural | None = None,
        every_n_epochs: Count | None = None,
        verbose: bool = False,
        enable_version_counter: Literal[False] = False,
    ) -> None:
        by_time = None if every_minutes is None or every_n_train_steps else timedelta(minutes=every_minutes)
        super().__init__(
            dirpath,
            filename,
            verbose=verbose,
            every_n_train_steps=every_n_train_steps,
            train_time_interval=by_time,
            enable_version_counter=enable_version_counter,
        )
        self._every_n_epochs = every_n_epochs or 1  # beside them: Lightning's triggers exclude each other

    @property
    def state_key(self) -> str:
        """One name in checkpoints, so that a resumed run may save more or less often."""
        return type(self).__name__

    def _should_save_on_train_epoch_end(self, trainer: Trainer) -> bool:
        """Whether the epoch is over, or will be once its last validation is."""
        epoch: Any = trainer.fit_loop.epoch_progress.current
        return epoch.processed == epoch.ready or ends_epoch(trainer)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Let signals wait for the end of the step; of several processes each would wait for another one."""
        if trainer.world_size == 1:
            interruption.hold()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any) -> None:
        """Save where ``every_minutes`` or ``every_n_train_steps`` ask for it, or a signal ends the run."""
        fetcher: Any = trainer.fit_loop._data_fetcher
        if not ends_epoch(trainer) and not trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher):
            super().on_train_batch_end(trainer, pl_module, *args, **kwargs)
            if interruption.received() is not None and not self._should_skip_saving_checkpoint(trainer):
                self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))
                log.info(
                    "a signal ends the run; saved at epoch %d, step %d", trainer.current_epoch, trainer.global_step
                )
        interruption.release()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let no further signal wait, and keep what the last checkpoint refers to: it may be older than the best."""
        interruption.drop_hold()
        if isinstance(files := trainer.strategy.checkpoint_io, WholeFiles):
            files.keep_all()
        super().on_exception(trainer, pl_module, exception)


def ends_epoch(trainer: Trainer) -> bool:
    """Whether the batch at hand is the last of its epoch, or of the training.

    In the first batch of a resumed run Lightning's own ``done`` denies it until there was a validation.
    """
    loop = trainer.fit_loop
    return loop.epoch_loop._is_training_done or (trainer.should_stop and loop._can_stop_early)


class WholeFiles(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all, and deletes one only when the next is in place.

    Lightning writes to the system's folder of temporary files and moves from there: between two file systems that is a
    copy, which a kill cuts short. It also deletes the former best checkpoint while the last one still refers to it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._superfluous: list[Path] = []
        self._places: set[Path] = set()  # in which it has written

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write beside the file, then put it in place; what was to be removed before is removed."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self._places.add(target.parent.resolve())
        partial = target.with_name(f".{target.name}.partial")  # one name: what a killed process left is overwritten
        try:
            with partial.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
        except Exception:  # a disk without room has no use for a part
            partial.unlink(missing_ok=True)
            raise
        os.replace(partial, target)
        self._superfluous = [old for old in self._superfluous if old != target]
        self.teardown()

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        """The content of a checkpoint.

        Raises:
            UserError: the file is damaged, or holds more than tensors and plain values.
        """
        return read_checkpoint(Path(path), _remedy(Path(path)), *args, **options)

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Remember a checkpoint that is not needed any more.

        Which one that is, a checkpoint that is resumed says: whatever it says, only files beside those that are written
        here are removed.
        """
        if Path(path).parent.resolve() in self._places:
            self._superfluous.append(Path(path))

    def keep_all(self) -> None:
        """Remove nothing: the run has ended before the checkpoint that needs less was in place."""
        self._superfluous = []

    def teardown(self) -> None:
        """Remove what is not needed."""
        for old in self._superfluous:
            old.unlink(missing_ok=True)
        self._superfluous = []


def read_checkpoint(path: Path, remedy: str, *args: Any, **options: Any) -> dict[str, Any]:
    """The content of a checkpoint.

    Args:
        path: of the file.
        remedy: what to do about one that is damaged.
        args, options: of Lightning's reader.

    Raises:
        UserError: the file is damaged, or holds more than tensors and plain values.
    """
    _check_sums(path, remedy)
    try:
        checkpoint = TorchCheckpointIO().load_checkpoint(path, *args, **options)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # a damaged file may raise anything; torch's own message advises to run its code
        raise UserError(f"{path} cannot be read as a checkpoint ({type(error).__name__}); {remedy}") from None
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise UserError(f"{path} is no checkpoint of a run; {remedy}")
    return checkpoint


def _remedy(path: Path) -> str:
    """What to do about a damaged checkpoint: without its last one a run starts anew, unless it is finished."""
    run = path.absolute().parents[1]
    remedy = "restore it from a copy, or name another one with ckpt_path=..."
    if path.absolute() != run / CHECKPOINT:
        return remedy
    if is_finished(run):
        return f"{remedy}; without it the finished run in {run} keeps its scores and its model, but cannot be extended"
    return f"{remedy}, or move it away: the run in {run} then starts anew"


def _check_sums(path: Path, remedy: str) -> None:
    """Hold the parts of a checkpoint, which is a zip archive, against their checksums; torch does not.

    Raises:
        UserError: naming the file and the part.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
        raise UserError(f"{path} cannot be read as a checkpoint ({error}); {remedy}") from None
    if damaged is not None:
        raise UserError(f"{path} is damaged: the checksum of its part {damaged} is another one; {remedy}")
