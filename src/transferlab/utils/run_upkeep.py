"""Old runs: what they take, and what became of them. Links are never followed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
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
from transferlab.utils.run_contents import LOCK, own_files
from transferlab.utils.run_directory import is_being_written
from transferlab.utils.run_files import read_json
from transferlab.utils.run_record import FAILED, FINISHED, INTERRUPTED, RUNNING
from transferlab.utils.terminal import size_of

CRITERIA = ("older_than_days", "status", "path")
KILLED, UNKNOWN = "killed", "unknown"
STATES = (RUNNING, KILLED, INTERRUPTED, FAILED, UNKNOWN, FINISHED)
_MAY_BE_ALIVE = timedelta(days=1)  # a run of another machine, whose lock need not be seen here


@dataclass(frozen=True)
class Run:
    """The directory of a run or a sweep.

    Attributes:
        directory: of it.
        name: its path below that of all runs.
        jobs: the directories of its jobs; of a run, its own.
        size: bytes of what is ours in it.
        checkpoints: bytes of those in folders of checkpoints.
        changed: when a file of that was written last.
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
    record, result = json_of(job / RECORD), json_of(job / RESULT)
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
            found.append(Run(directory, directory.relative_to(place).as_posix(), jobs, *_measured(directory, jobs)))
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
        "run_id" in json_of(directory / RECORD)
        or "overrides" in json_of(directory / RESULT)
        or (directory / LOCK).is_file()
    )


def own_parts(directory: Path, jobs: Iterable[Path]) -> list[Path]:
    """The files that commands of ours have written in the directory of a run, or of a sweep and its jobs."""
    return list(dict.fromkeys(path for place in dict.fromkeys((*jobs, directory)) for path in own_files(place)))


def _measured(directory: Path, jobs: Iterable[Path]) -> tuple[int, int, datetime]:
    size = states = 0
    newest = directory.lstat().st_mtime
    for path in own_parts(directory, jobs):
        try:
            entry = path.lstat()
        except FileNotFoundError:  # it was replaced meanwhile
            continue
        size += entry.st_size
        states += entry.st_size * (path.parent.name == CHECKPOINT.parent.name)
        newest = max(newest, entry.st_mtime)
    return size, states, datetime.fromtimestamp(newest)


def json_of(file: Path) -> dict[str, Any]:
    """What a record says; of one that is damaged or a link, nothing."""
    try:
        return read_json(file) if file.is_file() and not file.is_symlink() else {}
    except (UserError, OSError):  # a damaged record says nothing
        return {}
