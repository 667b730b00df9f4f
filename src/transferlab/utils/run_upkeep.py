"""What people do with old runs: look at what they take and what became of them, throw some away.

Nothing is deleted that is not a run of ours, that is still being written, or that another place refers to: frozen
encoders of saved models, encoders of runs that may go on, and the caller's own configs. Links are never followed.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.errors import UserError
from transferlab.utils.resume import CHECKPOINT, CONFIG, RECORD, RESULT, SCORES, SWEEP, SWEEP_RESULT
from transferlab.utils.run_directory import LOCK, DirectoryTakenError, is_being_written, writing
from transferlab.utils.run_files import read_json, read_yaml
from transferlab.utils.run_record import FAILED, FINISHED, INTERRUPTED, RUNNING
from transferlab.utils.saved_models import DESCRIPTION
from transferlab.utils.terminal import size_of

CRITERIA = ("older_than_days", "status", "path")
KILLED, UNKNOWN = "killed", "unknown"
STATES = (RUNNING, KILLED, INTERRUPTED, FAILED, UNKNOWN, FINISHED)
PARTS = ("run", "checkpoints")
DELETED = ".deleted-"
_MAY_BE_ALIVE = timedelta(days=1)  # a run of another machine, whose lock need not be seen here


@dataclass(frozen=True)
class Run:
    """The directory of a run or a sweep.

    Attributes:
        directory: of it.
        name: its path below that of all runs.
        jobs: the directories of its jobs; of a run, its own.
        size: bytes of its files.
        checkpoints: bytes of those in folders of checkpoints.
        changed: when a file in it was written last.
    """

    directory: Path
    name: str
    jobs: tuple[Path, ...]
    size: int
    checkpoints: int
    changed: datetime

    @cached_property
    def status(self) -> str:
        """One of ``STATES``; a sweep is finished when all of its jobs are."""
        if is_being_written(self.directory):
            return RUNNING
        found = {status_of(job, self.changed) for job in self.jobs}
        return next(status for status in STATES if status in found)

    def part(self, name: str) -> int:
        """Bytes that deleting a part frees."""
        return self.checkpoints if name == "checkpoints" else self.size


def status_of(job: Path, changed: datetime) -> str:
    """What became of a run, by its record, its lock and, of one of an earlier version, its files."""
    if is_being_written(job):
        return RUNNING
    record, result = _json(job / RECORD), _json(job / RESULT)
    status = record.get("status")
    if status == RUNNING:
        process = record.get("process")
        elsewhere = isinstance(process, dict) and process.get("host") != socket.gethostname()
        return RUNNING if elsewhere and datetime.now() - changed < _MAY_BE_ALIVE else KILLED
    if status in STATES:
        return str(status)
    if (job / SCORES).is_file() or result.get("status") == "completed":
        return FINISHED
    return FAILED if result.get("status") == "failed" else UNKNOWN


def runs_below(place: Path) -> list[Run]:
    """All runs and sweeps below a folder, by name; links are not followed, and what is no run of ours is left out."""
    found = []
    for path, folders, _ in os.walk(place):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and not Path(path, f).is_symlink())
        directory = Path(path)
        jobs = _jobs(directory, folders)
        if jobs and directory != place:
            folders.clear()
            found.append(Run(directory, directory.relative_to(place).as_posix(), jobs, *_measured(directory)))
    return found


def select(
    found: Iterable[Run],
    older_than_days: float | None = None,
    status: str | None = None,
    path: str | None = None,
) -> list[Run]:
    """The runs that meet all criteria that are given.

    Raises:
        ConfigError: an unknown status, or a number of days that is none.
    """
    if status is not None and status not in STATES:
        raise ConfigError(f"status={status}: choose one of {', '.join(STATES)}")
    if older_than_days is not None and (isinstance(older_than_days, str) or not older_than_days >= 0):
        raise ConfigError(f"older_than_days={older_than_days}: a number of days, 0 or more")
    latest = None if older_than_days is None else datetime.now() - timedelta(days=older_than_days)
    return [
        run
        for run in found
        if (latest is None or run.changed < latest)
        and (path is None or fnmatchcase(run.name, str(path)))
        and (status is None or run.status == status)
    ]


def deletable(
    found: Sequence[Run], chosen: Sequence[Run], part: str, models: Iterable[Path], configs: Path
) -> tuple[list[Run], list[str]]:
    """Which of the chosen runs may be deleted, and why the others may not.

    Args:
        found: all runs.
        chosen: some of them.
        part: one of ``PARTS``.
        models: further folders with saved models.
        configs: our folder of that name, in which people write their own, too.

    Raises:
        ConfigError: an unknown part.
    """
    if part not in PARTS:
        raise ConfigError(f"part={part}: choose one of {', '.join(PARTS)}")
    alive = [run for run in chosen if run.status == RUNNING]
    refusals = [f"{run.name} is being written; it is left" for run in alive]
    kept = [run for run in chosen if run not in alive]
    if part == "checkpoints":
        unfinished = [run for run in kept if run.status != FINISHED and run.checkpoints]
        refusals += [
            f"{run.name} is not finished ({run.status}) and could not go on without; it is left" for run in unfinished
        ]
        return [run for run in kept if run.checkpoints and run not in unfinished], refusals
    places = [run.directory for run in found]
    references = [*_references(places, models), *_in_configs(configs)]
    while True:  # what is kept after all may refer to others
        leaving = [run.directory for run in kept]
        named = {
            run.directory: place
            for run in kept
            for target, place in references
            if target.is_relative_to(run.directory) and not any(place.is_relative_to(gone) for gone in leaving)
        }
        if not named:
            return kept, refusals
        refusals += [
            f"{run.name} is used by {named[run.directory]}; it is left" for run in kept if run.directory in named
        ]
        kept = [run for run in kept if run.directory not in named]


def delete(chosen: Iterable[Run], part: str) -> int:
    """Delete runs, or their checkpoints; return the bytes that were freed.

    A process that would write there meanwhile is kept out; a run that one writes to is left.
    """
    freed = 0
    for run in chosen:
        for left in run.directory.parent.glob(f"{DELETED}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        if any(is_being_written(job) for job in run.jobs):
            continue
        try:
            with writing(run.directory):
                if part == "checkpoints":
                    for job in run.jobs:
                        _remove(job / CHECKPOINT.parent)
                else:
                    _remove(run.directory)
        except DirectoryTakenError:
            continue
        freed += run.part(part)
    return freed


def listing(place: Path, found: Sequence[Run]) -> Table:
    """Runs as a table, below it what they take together."""
    total, states = (sum(sizes) for sizes in ((r.size for r in found), (r.checkpoints for r in found)))
    caption = f"{size_of(total)} in {len(found)} runs, {size_of(states)} of it checkpoints"
    table = Table(title=f"runs in {place}", caption=caption, title_justify="left", caption_justify="left", box=SIMPLE)
    table.add_column("run", overflow="fold")
    for name in ("jobs", "status", "size", "checkpoints", "last change"):
        table.add_column(name, no_wrap=True, justify="left" if name == "status" else "right")
    for run in sorted(found, key=lambda run: run.name):
        jobs = str(len(run.jobs)) if run.jobs != (run.directory,) else ""
        sizes = size_of(run.size), size_of(run.checkpoints) if run.checkpoints else ""
        table.add_row(run.name, jobs, run.status, *sizes, f"{run.changed:%Y-%m-%d %H:%M}")
    return table


def _jobs(directory: Path, folders: Sequence[str]) -> tuple[Path, ...]:
    """The jobs of a sweep, or a run itself; none where a directory is neither."""
    if _is_run(directory):
        return (directory,)
    if not any((directory / name).is_file() for name in (SWEEP, SWEEP_RESULT)):
        return ()
    return tuple(file.parents[1] for file in sorted(directory.rglob(str(CONFIG))) if _is_run(file.parents[1]))


def _is_run(directory: Path) -> bool:
    """Whether one of our commands has written there."""
    if not (directory / CONFIG.parent).is_dir():
        return False
    return (
        "run_id" in _json(directory / RECORD)
        or "overrides" in _json(directory / RESULT)
        or (directory / LOCK).is_file()
    )


def _measured(directory: Path) -> tuple[int, int, datetime]:
    size = states = 0
    newest = directory.lstat().st_mtime
    for path, _, files in os.walk(directory):
        for name in files:
            try:
                entry = Path(path, name).lstat()
            except FileNotFoundError:  # it was replaced meanwhile
                continue
            size += entry.st_size
            states += entry.st_size * (Path(path).name == CHECKPOINT.parent.name)
            newest = max(newest, entry.st_mtime)
    return size, states, datetime.fromtimestamp(newest)


def _references(runs: Iterable[Path], models: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """``(what is needed, the file that says so)`` of saved models, and of runs that may go on."""
    for place in {*runs, *models}:
        for file in place.rglob(DESCRIPTION):
            encoders = _json(file).get("encoders")
            for encoder in encoders.values() if isinstance(encoders, dict) else ():
                if isinstance(encoder, dict) and isinstance(encoder.get("source"), str):
                    yield Path(os.path.abspath(encoder["source"])), file
    for place in runs:
        for file in place.rglob("config_resolved.yaml"):
            over = (file.parent / SCORES).is_file() and not (file.parent / CHECKPOINT).is_file()
            if not over and "resume" in (config := _yaml(file)):  # of a training
                yield from ((target, file) for target in _paths(config))


def _in_configs(configs: Path) -> Iterator[tuple[Path, Path]]:
    for file in configs.rglob("*.yaml"):
        yield from ((target, file) for target in _paths(_yaml(file)))


def _paths(content: Any) -> Iterator[Path]:
    """The places that are named anywhere in a config."""
    if isinstance(content, dict | list):
        for item in content.values() if isinstance(content, dict) else content:
            yield from _paths(item)
    elif isinstance(content, str) and "/" in content and "${" not in content:
        yield Path(os.path.abspath(content))


def _remove(folder: Path) -> None:
    if not folder.is_dir() or folder.is_symlink():
        return
    gone = folder.with_name(f"{DELETED}{os.urandom(4).hex()}")
    os.replace(folder, gone)  # at once, so that no half of a run is left under its name
    shutil.rmtree(gone, ignore_errors=True)


def _json(file: Path) -> dict[str, Any]:
    try:
        return read_json(file) if file.is_file() and not file.is_symlink() else {}
    except (UserError, OSError):  # a damaged record says nothing
        return {}


def _yaml(file: Path) -> Any:
    try:
        return read_yaml(file)
    except (UserError, OSError):
        return {}
