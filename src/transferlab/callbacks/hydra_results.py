"""Hydra callbacks: at the end of a job its result, and the sweep's, in files, and its W&B run finished.

Files, not memory: a job that ran on another node, or before one that failed, is collected like any other.
Nothing here imports torch: the process that launches a sweep never needs it.
"""

from __future__ import annotations

import functools
import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from transferlab.callbacks.searches import end_search, is_search, searched_keys, write_best_trial
from transferlab.callbacks.sweep_results import (
    JOB_FILE,
    collect,
    flatten,
    integrate,
    print_settings,
    record_interrupted_jobs,
    write_job,
)
from transferlab.utils import interruption, run_directory, search_trials
from transferlab.utils.errors import message_for, near, user_error_of
from transferlab.utils.resume import CHECKPOINT, PRIMARY, SWEEP_RESULT, command_that_goes_on, overrides_of
from transferlab.utils.run_identity import is_main_process
from transferlab.utils.run_record import FAILED, FINISHED, INTERRUPTED, is_recorded_by_us, set_status
from transferlab.utils.score_names import UnknownScoreError
from transferlab.utils.wandb_logger import finish_wandb_run

log = logging.getLogger(__name__)


class SaveJobReturn(Callback):
    """Write what a job returned to ``job_return.json`` and ``.md``, a sweep's to ``multirun_result.*``.

    A job returns its metrics as a dict (nested dicts are joined by ``/``), or one number. A job that raised
    is recorded with its error. The sweep's files are brought up to date at the end of every job, so they are
    there even when a later job fails or the launching process dies.

    With the root key ``optimized_metric`` set, a sweeper such as Optuna is given that one metric of the
    result.

    Args:
        integrate_multirun_result: False leaves only the files of each job.
    """

    def __init__(self, integrate_multirun_result: bool = True) -> None:
        self.integrate_multirun_result = integrate_multirun_result
        self._searched: list[str] | None = None  # keys of a search

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Have the sweep collected, and the way it goes on named, also where it ends early."""
        if is_search(config):
            self._searched = searched_keys(config)
        if is_resumable(config.hydra.job.config_name):
            place, overrides = config.hydra.sweep.dir, list(config.hydra.overrides.task)
            by_itself = is_search(config)
            interruption.goes_on_with(
                lambda: search_trials.commands(Path(place)) if by_itself else command_that_goes_on(place, overrides)
            )
        interruption.at_early_end(lambda: self._at_early_end(config))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Record one job; a failure here never changes what the job itself reports."""
        # a sweeper keeps what its jobs returned until the last one has ended, and with it 0.3 MB of configs of each
        job_return.cfg = job_return.hydra_cfg = None
        if not is_main_process():
            return
        directory = Path(config.hydra.runtime.output_dir)
        record = job_record(config, directory, list(job_return.overrides or []))
        returned = job_return._return_value  # the property would raise the job's exception once more
        if job_return.status == JobStatus.COMPLETED:
            record["metrics"] = flatten(returned)
        else:
            record["status"] = "failed"
            error = user_error_of(returned) or returned
            if isinstance(error, run_directory.DirectoryTakenError):
                log.error("the job failed: %s", error)
                return  # nothing in that directory is this job's
            record["error"] = f"{type(error).__name__}: {error}"
            record["traceback"] = "".join(traceback.format_exception(returned))
            if config.hydra.mode == RunMode.MULTIRUN or message_for(returned) is None:  # else it is said at the end
                log.error("the job failed: %s", record["error"])
                log.info("its traceback is in %s", (directory / JOB_FILE).with_suffix(".md"))
        if not is_recorded_by_us(directory):
            return  # refused before it was taken up: the run is what it was
        write_job(directory, record)
        set_status(directory, FINISHED if job_return.status == JobStatus.COMPLETED else FAILED)
        if config.hydra.mode == RunMode.MULTIRUN and self.integrate_multirun_result:
            integrate(config.hydra.sweep.dir)
        elif (directory.parent / SWEEP_RESULT).exists():  # a job of an earlier sweep that was resumed
            integrate(directory.parent)
        if self._searched is not None and config.hydra.mode == RunMode.MULTIRUN:
            write_best_trial(config, self._searched, collect(config.hydra.sweep.dir)["jobs"])
        if job_return.status == JobStatus.COMPLETED:
            _choose_optimized_metric(config.get("optimized_metric"), record["metrics"], job_return)
        if job_return.status == JobStatus.FAILED and config.hydra.mode == RunMode.MULTIRUN and is_search(config):
            end_search(job_return._return_value)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Collect every job directory of the sweep once more and print the table of settings."""
        if self.integrate_multirun_result:
            result = integrate(config.hydra.sweep.dir)
            print_settings(result, config.get("monitor"))
            log.info("results of the sweep: %s", Path(config.hydra.sweep.dir) / "multirun_result.md")

    def _at_early_end(self, config: DictConfig) -> None:
        """Say which jobs there are; record as interrupted those that have ended with this process."""
        sweep = Path(config.hydra.sweep.dir)
        if all(job["status"] == "not started" for job in collect(sweep)["jobs"]):
            return
        if "submitit" not in str(config.hydra.launcher.get("_target_")):
            record_interrupted_jobs(sweep)  # the workers of joblib have ended without a chance to do it
        elif any(job["status"] in ("unfinished", "not started") for job in collect(sweep)["jobs"]):
            log.warning("jobs that the scheduler has go on and leave their results in %s; scancel ends them", sweep)
        self.on_multirun_end(config)


def is_resumable(config_name: str | None) -> bool:
    """Whether ``resume=`` goes on with the runs of an entrypoint, told by its config; others are started again."""
    return config_name in ("train", PRIMARY)


def job_record(config: DictConfig, directory: Path, overrides: list[str]) -> dict[str, Any]:
    """What is recorded of every job, as if it were completed.

    Args:
        config: of the job.
        directory: of the job.
        overrides: that Hydra was given.
    """
    return {
        "status": "completed",
        "overrides": overrides_of(config.get("resume"), directory, overrides),
        "seed": _selected(config, "seed"),
        "monitor": _selected(config, "monitor"),
        "metrics": {},
    }


def _selected(config: DictConfig, key: str) -> Any:
    """The value of a key; None where it cannot be resolved, which is what the job has failed for."""
    try:
        return OmegaConf.select(config, key)
    except OmegaConfBaseException:
        return None


def interruptible(task: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Let a signal end a job, in whatever process it runs, with a record that says so.

    Hydra calls no callback at the end of such a job.
    """

    @functools.wraps(task)
    def run(config: DictConfig) -> Any:
        interruption.watch()  # in the processes of a launcher, too
        hydra = HydraConfig.get()
        if hydra.mode == RunMode.RUN and is_resumable(hydra.job.config_name):
            place = Path(hydra.runtime.output_dir)
            overrides = overrides_of(config.get("resume"), place, list(hydra.overrides.task))
            interruption.goes_on_with(lambda: command_that_goes_on(place, overrides))
        try:
            interruption.release()  # of a signal whose exception the job before has swallowed
            return task(config)
        except interruption.Interruption as end:
            _record_interruption(config, end)
            raise
        except Exception as error:
            if (number := interruption.received()) is None:
                raise
            # a further process was given the same signal, and its end was noticed first
            late = interruption.Interruption(number)
            _record_interruption(config, late)
            raise late from error

    return run


def _record_interruption(config: DictConfig, end: interruption.Interruption) -> None:
    finish_wandb_run(exit_code=128 + end.number)
    if not is_main_process():
        return
    hydra = HydraConfig.get()
    directory = Path(hydra.runtime.output_dir)
    record = job_record(config, directory, [str(override) for override in hydra.overrides.task])
    if not is_recorded_by_us(directory):
        return
    write_job(directory, {**record, "status": INTERRUPTED, "error": f"ended by {end.name}"})
    set_status(directory, INTERRUPTED)
    if is_resumable(hydra.job.config_name):
        last = directory / CHECKPOINT
        at = last.is_file() and time.strftime("%H:%M:%S", time.localtime(last.stat().st_mtime))
        log.warning(
            "ended by %s; it goes on %s", end.name,
            f"from {CHECKPOINT}, saved at {at}" if at else "from its beginning: no checkpoint has been saved yet",
        )  # fmt: skip


class FinishWandbRun(Callback):
    """Finish the W&B run that a job leaves open, so that the next job of the process starts its own."""

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Finish the run, as failed when the job failed."""
        finish_wandb_run(exit_code=int(job_return.status != JobStatus.COMPLETED))


def _choose_optimized_metric(name: str | None, metrics: dict[str, Any], job_return: JobReturn) -> None:
    if name is None:
        return
    if isinstance(metrics.get(name), float | int):
        job_return.return_value = float(metrics[name])
        return
    numbers = [key for key, value in metrics.items() if isinstance(value, float | int)]
    job_return.status = JobStatus.FAILED
    if name in metrics:
        job_return.return_value = ValueError(f"optimized_metric={name} is {metrics[name]} in this job: it has failed")
        return
    # the directory of a single run that is refused is removed, and this one has results
    kind = UnknownScoreError if HydraConfig.get().mode == RunMode.MULTIRUN else ValueError
    hint = near(name, numbers)
    job_return.return_value = kind(
        f"optimized_metric={name} is no number among the job's results; {hint}{' C' if hint else 'c'}hoose one of "
        f"{', '.join(numbers)}"
    )
