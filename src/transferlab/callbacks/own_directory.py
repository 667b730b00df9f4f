"""Hydra callbacks: before anything is written, that the directory of a run or sweep is free, and what a refusal undoes.

Nothing here imports torch: the process that launches a sweep never needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from transferlab.callbacks.searches import check_search, is_search
from transferlab.utils import run_directory
from transferlab.utils.contradictions import check_sweep_once
from transferlab.utils.errors import ConfigError, message_for
from transferlab.utils.escaping import visible
from transferlab.utils.option_kinds import FolderName, fault_of, show, words
from transferlab.utils.run_identity import is_main_process
from transferlab.utils.unstarted_runs import end, first_missing


class OwnDirectory(Callback):
    """Hold the directory of a run, or sweep, and refuse one that holds another, before Hydra writes its config there.

    Hydra makes warnings of what its callbacks raise, so the refusal ends the process.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take the directory of a run; the process of a further rank belongs to it."""
        if not is_main_process():
            return
        HydraConfig.instance().set_config(config)  # as Hydra does next; the name of the directory may need it
        with _refusing():
            directory = run_directory.named(config.hydra.run.dir, "hydra.run.dir")
            _check_task_name(config)
            overrides, repeatable = list(config.hydra.overrides.task), "resume" not in config
            if config.get("resume") is None:
                run_directory.refuse_others_files(directory, repeatable=repeatable)
            run_directory.take(directory)
            run_directory.claim(
                directory,
                overrides,
                job=config.hydra.job.name,
                resumed=config.get("resume"),
                repeatable=repeatable,
            )

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Let it go."""
        run_directory.let_go(config.hydra.run.dir)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take the directory of a sweep; the process of a further rank belongs to a job of it."""
        if not is_main_process():
            return
        HydraConfig.instance().set_config(config)
        with _refusing():
            directory = run_directory.named(config.hydra.sweep.dir, "hydra.sweep.dir")
            _check_task_name(config)
            resumed = config.get("resume")
            run_directory.check_sweep(directory, resumed)
            if resumed is None:
                run_directory.refuse_foreign(directory, run_directory.OF_SWEEP, "hydra.sweep.dir")
                check_sweep_once(config.hydra.overrides.task, is_search(config))
            check_search(config)  # which may make the database of a study there
            run_directory.take(directory)
            run_directory.check_sweep(directory, resumed)  # another one may have started meanwhile

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Let it go."""
        run_directory.let_go(config.hydra.sweep.dir)


def _check_task_name(config: DictConfig) -> None:
    """Refuse a name that would lead out of the directory of all runs."""
    name = config.get("task_name", "none")
    if fault_of(name, FolderName | int):
        raise ConfigError(f"task_name={show(name)}: choose {words(FolderName)}")


@contextmanager
def _refusing() -> Iterator[None]:
    """Whatever is wrong ends the process: Hydra would warn, and write into a directory that nobody has checked."""
    try:
        yield
    except Exception as error:
        raise SystemExit(f"\nerror: {visible(message_for(error) or repr(error))}") from error


class RemoveUnstartedRun(Callback):
    """Undo the start of a single run that was refused before it did anything; the message is on the terminal.

    The directories of sweeps stay: they tell which of the jobs failed. It is the first callback, so that it sees what
    is there before the others.
    """

    def __init__(self) -> None:
        self._made: Path | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Take note of what there is before."""
        HydraConfig.instance().set_config(config)  # the name of the directory may need it
        self._made = first_missing(Path(config.hydra.run.dir))

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Remove what was made, and put back what was there, if the run did nothing."""
        job_return: JobReturn = kwargs["job_return"]
        error = job_return._return_value if job_return.status == JobStatus.FAILED else None
        end(Path(config.hydra.run.dir), self._made, error)
