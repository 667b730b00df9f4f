"""Old runs are deleted: what their owner asks for, and nothing else.

Nothing is deleted that is not a run of ours, that is still being written, or that another place refers to: frozen
encoders of saved models, encoders of runs that may go on, and the caller's own configs. Of the directory of a run only
what commands of ours have written is deleted, see :mod:`transferlab.utils.run_contents`. Links are never followed.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.errors import UserError
from transferlab.utils.resume import CHECKPOINT, SCORES
from transferlab.utils.run_contents import files_below, remove_states, words
from transferlab.utils.run_directory import DirectoryTakenError, is_being_written, writing
from transferlab.utils.run_files import read_yaml
from transferlab.utils.run_record import FINISHED, RUNNING
from transferlab.utils.run_upkeep import Run, json_of, own_parts
from transferlab.utils.saved_models import DESCRIPTION
from transferlab.utils.unstarted_runs import remove_files

_LEFT = re.compile(r"\.deleted-[0-9a-f]{8}")  # of what a process that was killed was deleting
PARTS = ("run", "checkpoints")
log = logging.getLogger(__name__)


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
        for left in run.directory.parent.iterdir():
            if _LEFT.fullmatch(left.name):
                shutil.rmtree(left, ignore_errors=True)
        if any(is_being_written(job) for job in run.jobs):
            continue
        try:
            with writing(run.directory):
                if part == "checkpoints":
                    for job in run.jobs:
                        remove_states(job)
                else:
                    _remove_run(run)
        except DirectoryTakenError:
            continue
        freed += run.part(part)
    return freed


def _references(runs: Iterable[Path], models: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """``(what is needed, the file that says so)`` of saved models, and of runs that may go on."""
    for place in {*runs, *models}:
        for file in place.rglob(DESCRIPTION):
            encoders = json_of(file).get("encoders")
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


def kept(run: Run) -> list[Path]:
    """The files in the directory of a run or sweep that no command of ours has written."""
    own = set(own_parts(run.directory, run.jobs))
    return sorted(path for path in files_below(run.directory) if path not in own)


def _remove_run(run: Run) -> None:
    """Delete what is ours of a run or sweep: its directory at once, so that no half is left, where all of it is."""
    if left := kept(run):
        remove_files(own_parts(run.directory, run.jobs), run.directory)
        log.warning("%s keeps %s, which no command of ours has written", run.directory, words(left, run.directory))
        return
    gone = run.directory.with_name(f".deleted-{os.urandom(4).hex()}")
    os.replace(run.directory, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _yaml(file: Path) -> Any:
    try:
        return read_yaml(file)
    except (UserError, OSError):
        return {}
