"""The directory of a search by Optuna, which keeps no record of its trials to come: what of it goes on, and how."""

from __future__ import annotations

import os
import re
import shlex
from itertools import count
from pathlib import Path
from typing import Any

from transferlab.utils import run_identity
from transferlab.utils.errors import UserError
from transferlab.utils.resume import CONFIG, RESULT, SWEEP, SWEEP_RESULT, command_that_goes_on, quoted, started_with
from transferlab.utils.run_files import read_json, read_yaml

_PLAIN = re.compile(r"[\w./+-]+")  # needs no quotes in Hydra's grammar
_ENDED = ("completed", "failed")


def is_search(directory: Path) -> bool:
    """Whether a directory is that of a sweep that its sweeper alone can go on with."""
    return (
        not (directory / SWEEP).is_file()
        and (directory / SWEEP_RESULT).is_file()
        and next(directory.glob(f"*/{CONFIG}"), None) is not None
    )


def trials_to_go_on(directory: Path) -> list[Path]:
    """The directories of trials that have begun and not ended, by number."""
    trials = [file.parents[1] for file in directory.glob(f"*/{CONFIG}")]
    trials.sort(key=lambda trial: (len(trial.name), trial.name))
    return [trial for trial in trials if _json(trial / RESULT).get("status") not in _ENDED]


def advice(directory: Path) -> str:
    """What can be done about a search that was interrupted, as the end of a message."""
    own = _commands_of_trials(directory)
    trials = f"its interrupted trial does: {' ; '.join(own)}" if own else "all trials that it began have ended"
    more = (
        "its own command, with another hydra.sweep.dir, adds trials to its study"
        if has_study(directory)
        else "start another search for more (with hydra.sweeper.storage and study_name it can be added to)"
    )
    return f"a search does not go on as a whole; {trials}; {more}"


def commands(directory: Path) -> str:
    """What to type after a search was interrupted, for the terminal: the commands, and a remark below them."""
    more = (
        "adds trials to its study"
        if has_study(directory)
        else "is another search, as its study is in no database under a name"
    )
    again = _started_again(directory)
    if not (own := _commands_of_trials(directory)):
        return f"{again}\n(all trials that were begun have ended; this {more})"
    return "\n    ".join(own) + f"\n(that trial alone; {again} {more})"


def _commands_of_trials(directory: Path) -> list[str]:
    return [command_that_goes_on(trial, started_with(trial) or []) for trial in trials_to_go_on(directory)]


def _started_again(directory: Path) -> str:
    """The command of this process, with a directory that is free where it names one."""
    parts = shlex.split(os.environ.get(run_identity.COMMAND, ""))
    free = next(place for n in count(2) if not (place := directory.with_name(f"{directory.name}-{n}")).exists())
    key, named = "hydra.sweep.dir=", str(free) if _PLAIN.fullmatch(str(free)) else quoted(free)
    return shlex.join([f"{key}{named}" if part.startswith(key) else part for part in parts])


def has_study(directory: Path) -> bool:
    """Whether the study of a search is kept in a database under a name, by the configs of its trials."""
    for file in sorted(directory.glob(f"*/{CONFIG.with_name('hydra.yaml')}"))[:1]:
        content: Any = _yaml(file)
        for key in ("hydra", "sweeper"):
            content = content.get(key) if isinstance(content, dict) else None
        return isinstance(content, dict) and None not in (content.get("storage"), content.get("study_name"))
    return False


def _json(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except (UserError, OSError):
        return {}


def _yaml(file: Path) -> Any:
    try:
        return read_yaml(file)
    except (UserError, OSError):
        return {}
