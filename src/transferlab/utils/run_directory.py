"""A run's directory belongs to one run, and one process at a time writes in it.

The record that a run writes there, ``run.json``, says whose it is. While a process writes, it holds the lock of the
directory; a process that dies lets go of it, so a run whose record says ``running`` without anyone holding the lock was
killed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig

from transferlab.utils import run_contents, run_identity
from transferlab.utils.errors import ConfigError, UserError
from transferlab.utils.full_disk import saying_what_is_safe
from transferlab.utils.resume import RECORD, SWEEP, SWEEP_RESULT, command_that_goes_on, overrides_of
from transferlab.utils.run_contents import LOCK
from transferlab.utils.run_files import RunFileError, read_json
from transferlab.utils.saved_models import DESCRIPTION
from transferlab.utils.search_trials import advice, is_search
from transferlab.utils.unstarted_runs import is_kept_aside, keep_aside, leaving_nothing

OF_SWEEP = (LOCK, ".submitit")  # what may be in a directory before its sweep starts
PATIENCE = 5.0  # seconds for a process to die whose run is resumed
_held: dict[str, FileLock] = {}  # of this process, by directory


class DirectoryTakenError(UserError):
    """The directory holds another run, or another process writes there."""


def take(directory: str | Path) -> None:
    """Hold the lock of a directory, which is made if need be; the main process of a run alone needs it.

    Raises:
        DirectoryTakenError: another process holds it, or it is a saved model, which nothing is written into.
        UserError: the directory cannot be made.
    """
    directory = Path(os.path.abspath(directory))
    _refuse_saved_model(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = _held[str(directory)] = FileLock(directory / LOCK, is_singleton=True)
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise DirectoryTakenError(
            f"{directory} is being written by {_writer(directory)}; wait until that has ended, or choose another "
            "directory"
        ) from None
    except NotImplementedError:  # a file system without locks
        return
    except OSError as error:
        raise UserError(
            f"the directory {directory} cannot be written ({error.strerror or error}); choose another one with "
            "paths.log_dir=... or hydra.run.dir=..."
        ) from error


def named(value: Any, key: str) -> Path:
    """The directory that a key names.

    Raises:
        ConfigError: it names none; an empty name would be the working directory.
    """
    if value is None or not str(value).strip():
        raise ConfigError(f"{key}={value or ''}: names no directory; give one, or leave {key} out")
    return Path(value)


def _refuse_saved_model(directory: Path) -> None:
    if (directory / DESCRIPTION).is_file() and not (directory / RECORD).is_file():
        raise DirectoryTakenError(f"{directory} holds a saved model; choose another directory")


def let_go(directory: str | Path) -> None:
    """Release the lock of a directory as often as it was taken."""
    lock = _held.get(os.path.abspath(directory))
    if lock is not None:
        lock.release()


def is_being_written(directory: Path) -> bool:
    """Whether a process holds the lock of a directory."""
    if not (directory / LOCK).is_file():
        return False
    try:
        with FileLock(directory / LOCK, timeout=0):
            return False
    except Timeout:
        return True
    except (OSError, NotImplementedError):  # it cannot be told
        return False


@contextmanager
def writing(directory: str | Path) -> Iterator[None]:
    """Hold the lock of a directory meanwhile."""
    take(directory)
    try:
        yield
    finally:
        let_go(directory)


def in_its_own_directory(job: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Let what runs a composed config hold its output directory, and refuse one that holds another run.

    Raises:
        DirectoryTakenError: see :func:`claim` and :func:`take`.
        FullDiskError: there is no room.
    """

    @wraps(job)
    def held(cfg: Any) -> Any:
        if not run_identity.is_main_process():
            return job(cfg)
        directory = named(cfg.paths.output_dir, "paths.output_dir")
        if cfg.get("resume") is None:
            refuse_others_files(directory, repeatable="resume" not in cfg)
        full = saying_what_is_safe(directory, resumable="resume" in cfg)
        with leaving_nothing(directory), writing(directory), full:
            known = HydraConfig.initialized()
            overrides = list(HydraConfig.get().overrides.task) if known else []
            claim(
                directory,
                overrides,
                job=HydraConfig.get().job.name if known else None,
                resumed=cfg.get("resume"),
                repeatable="resume" not in cfg,
            )
            with run_contents.recording(directory) as returned:
                result = job(cfg)
                returned += result.values() if isinstance(result, dict) else ()
                return result

    return held


def claim(directory: Path, overrides: Sequence[str], *, job: str | None, resumed: str | None, repeatable: bool) -> None:
    """Refuse a directory with a run that is not the one that is started now, or keep aside what is there.

    A run that is resumed may write there, and so may the same start of it: a job that a scheduler has put back into its
    queue. What takes no training, such as an evaluation, replaces what it has written there with the same overrides;
    what it has written with others is moved into ``earlier/<number>``. Where no run has written there may be nothing: a
    run among somebody's files would overwrite them.

    Args:
        directory: to be written.
        overrides: of what is started.
        job: the name of its entrypoint.
        resumed: the value of ``resume``.
        repeatable: whether it trains nothing.

    Raises:
        DirectoryTakenError: naming the directory, what it holds and the ways to go on.
    """
    if resumed is not None:
        if not _goes_on_in(directory, Path(resumed)):
            raise DirectoryTakenError(
                f"resume={resumed} goes on in its own directory, not in {directory}: give resume=<directory> on the "
                "command line, without a directory to write to (ckpt_path=... starts another run from its checkpoint)"
            )
        return
    refuse_others_files(directory, repeatable=repeatable)
    if is_kept_aside(directory) or not (directory / RECORD).is_file():
        return
    record = read_json(directory / RECORD)
    same = record.get("overrides") == overrides_of(None, directory, list(overrides))
    if same and is_same_start(record):
        return
    if repeatable and job is not None and record.get("job") == job:
        keep_aside(directory, replaced=same)
        return
    training = (directory / "checkpoints").is_dir()
    raise DirectoryTakenError(
        f"{directory} holds another run{_started(record)}; choose another directory"
        + (f", or go on with that run: {command_that_goes_on(directory)}" if training else "")
    )


def refuse_others_files(directory: Path, *, repeatable: bool) -> None:
    """Refuse a directory for a run with files that no run has written; before its lock is made there, too.

    Args:
        directory: of the run that is to start.
        repeatable: whether it trains nothing.

    Raises:
        DirectoryTakenError: naming them, or a saved model, which nothing is written into.
    """
    _refuse_saved_model(directory)
    if not is_kept_aside(directory) and not (directory / RECORD).is_file():
        names: tuple[str, ...] = (LOCK,)
        if run_contents.is_begun(directory):
            names = run_contents.STARTED + (run_contents.names_of(directory) if repeatable else ())
        refuse_foreign(directory, names, "hydra.run.dir")


def refuse_foreign(directory: Path, names: Sequence[str], key: str) -> None:
    """Refuse a directory with files that no run has written.

    Args:
        directory: to be written.
        names: of what may be there.
        key: that names the directory.

    Raises:
        DirectoryTakenError: naming them.
    """
    if foreign := run_contents.in_the_way(directory, names):
        found = run_contents.words(foreign, directory)
        raise DirectoryTakenError(
            f"{os.path.abspath(directory)} holds {found}, which no run has written; choose an empty directory with "
            f"{key}=..., or one that is not there yet"
        )


def check_sweep(directory: Path, resumed: str | None) -> None:
    """Refuse a directory that holds a run or another sweep.

    Raises:
        DirectoryTakenError: naming it.
    """
    if resumed is not None and _goes_on_in(directory, Path(resumed)):
        return
    of_sweeps = [name for name in (SWEEP, SWEEP_RESULT) if (directory / name).is_file()]
    if of_sweeps or next(directory.glob("*/.hydra"), None) is not None:
        further = advice(directory) if is_search(directory) else f"that one goes on: {command_that_goes_on(directory)}"
        raise DirectoryTakenError(
            f"{directory} holds another sweep; choose another directory with hydra.sweep.dir=...; {further}"
        )
    if (directory / RECORD).is_file():
        raise DirectoryTakenError(f"{directory} holds a run; choose another directory with hydra.sweep.dir=...")


def is_same_start(record: Mapping[str, Any]) -> bool:
    """Whether a record was written by the start of the run that this process belongs to.

    A job that is requeued inherits the id of its run, or, of a script of its own, the number of its SLURM job.
    """
    if record.get("run_id") is not None and record["run_id"] == os.environ.get(run_identity.RUN_ID):
        return True
    number = os.environ.get("SLURM_JOB_ID")
    return "SLURM_RESTART_COUNT" in os.environ and number is not None and record.get("slurm_job") == number


def _goes_on_in(directory: Path, resumed: Path) -> bool:
    """Whether a directory is that of a resumed run or sweep, or of a job of a resumed sweep."""
    own, place = Path(os.path.abspath(directory)), Path(os.path.abspath(resumed))
    return own == place or (own.is_relative_to(place) and not (place / RECORD).is_file())


def _started(record: Mapping[str, Any]) -> str:
    when = record.get("started")
    return f", started {when}" if when else ""


def _writer(directory: Path) -> str:
    try:
        process = read_json(directory / RECORD).get("process")
    except (OSError, RunFileError):
        process = None
    if not isinstance(process, dict):
        return "another process"
    return f"process {process.get('pid')} on {process.get('host')}"
