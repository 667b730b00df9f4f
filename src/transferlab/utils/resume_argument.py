"""Which run or sweep ``resume=...`` of a command line means, however it is quoted, or why it is none."""

from __future__ import annotations

import os
import re
import shlex
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from transferlab.utils.errors import UserError, near
from transferlab.utils.resume import CHECKPOINT, CONFIG, PREFIX, SWEEP, command_that_goes_on
from transferlab.utils.run_contents import COMMANDS
from transferlab.utils.run_files import read_yaml
from transferlab.utils.saved_models import DESCRIPTION
from transferlab.utils.search_trials import advice, is_search

_ARGUMENT = re.compile(r"\s*\+{0,2}resume\s*=(.*)", re.DOTALL)  # as Hydra reads it, too
_NOTHING = ("", "null", "Null", "NULL", "None", "''", '""')
LOGGER = "logger"  # the group that a run that goes on may choose again
_SHOWN = 3  # runs that a message names


def resumed_directory(arguments: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The directory of the run or sweep to go on with, None where none is asked for, and the other arguments.

    Raises:
        UserError: there is no such directory, or it is neither a run nor a sweep of train.py.
    """
    named = [match.group(1) for argument in arguments if (match := _ARGUMENT.fullmatch(argument))]
    others = [argument for argument in arguments if not _ARGUMENT.fullmatch(argument)]
    if not named:
        return None, others
    for text in named:
        if text.strip() in _NOTHING:
            raise UserError(f"{PREFIX}{text} names no directory; leave it out to start a new run")
    places = {_existing(text) for text in named}
    if len(places) > 1:
        raise UserError(f"{PREFIX} is given {len(places)} times, with {' and '.join(map(str, sorted(places)))}")
    return _run_at(places.pop()), others


def of_going_on(arguments: Sequence[str], configs: Path) -> tuple[list[str], bool]:
    """The overrides of a run that goes on, as Hydra takes them for its composed config, and whether loggers are new.

    Groups were chosen when the run was started. Its loggers alone, which change nothing of what is trained, may be
    chosen again: ``logger=csv``, ``~logger`` for none; a callback may be added: ``+callbacks=learning_rate``.

    Args:
        arguments: of the command line, or what this has made of them.
        configs: our folder of that name.

    Raises:
        UserError: another group is chosen.
    """
    from transferlab.utils.foreign_overrides import parsed

    given, new_loggers = [], False
    for argument in arguments:
        override = parsed(argument)
        key = "" if override is None else override.key_or_group
        value = None if override is None or override.is_delete() else override.value()
        if (
            not (configs / key).is_dir()
            or key.partition("/")[0] in ("", "hydra")
            or (isinstance(value, dict) and value)
            or argument.startswith("+callbacks=")  # merged with those that there are
        ):
            given.append(argument)
        elif key == LOGGER:
            new_loggers = True
            given.append(f"{LOGGER}={{}}" if not value else f"+{argument.lstrip('+')}")
        else:
            raise UserError(
                f"{argument}: a run that goes on has the {key} that it was started with; its keys can be changed, "
                f"{key}.<key>=..., and with another choice another run is started (from this one's weights with "
                "ckpt_path=...)"
            )
    return given, new_loggers


def _existing(text: str) -> Path:
    """What a value names: a path as it stands, or one in quotes for Hydra."""
    for spelled in _spellings(text):
        path = os.path.abspath(os.path.expanduser(spelled))
        if spelled.strip() and "\0" not in spelled and os.path.lexists(path):
            if "${" in path:
                raise UserError(f"{PREFIX}{text}: Hydra would resolve the name of this directory; rename it")
            return Path(path)
    place = Path(os.path.abspath(os.path.expanduser(text.strip().strip("'\""))))
    beside = [entry.name for entry in place.parent.iterdir()] if place.parent.is_dir() else []
    hint = near(place.name, beside, f"{place.parent}/") or "name the directory of a run or a sweep"
    raise UserError(f"{PREFIX}{text}: there is no such directory ({place}); {hint}")


def _spellings(text: str) -> Iterator[str]:
    from transferlab.utils.foreign_overrides import parsed

    yield text
    yield text.lstrip()
    if (override := parsed(PREFIX + text.strip())) is not None and isinstance(value := override.value(), str):
        yield value
    bare = text.strip()
    yield bare
    if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in "'\"":
        yield bare[1:-1]
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
    for form in forms:
        yield unicodedata.normalize(form, bare)


def _is_run(place: Path) -> bool:
    return (place / SWEEP).is_file() or (place / CONFIG).is_file()


def _run_at(place: Path) -> Path:
    """The run or sweep that a path names, or lies in where that says the same.

    Raises:
        UserError: it is none, with the command that goes on with what may be meant.
    """
    if _is_run(place):
        job = _job(place)
        if job in COMMANDS and job != "train":
            raise UserError(f"{PREFIX}{place} is of {job}.py; only what train.py has started can be resumed")
        return place
    for run in islice(place.parents, 4):
        if _is_run(run):
            return _whole(run, place)
    jobs = sorted(file.parents[1] for file in place.glob(f"*/{CONFIG}"))
    if is_search(place):
        raise UserError(f"{PREFIX}{place}: {advice(place)}")
    runs = jobs + [file.parent for file in place.glob(f"*/{SWEEP}")]
    newest = sorted(runs, key=lambda run: run.stat().st_mtime, reverse=True)[:_SHOWN]
    raise UserError(
        f"{PREFIX}{place}: there is neither {CONFIG} nor {SWEEP} in it to go on from; "
        + (f"did you mean {' or '.join(map(str, newest))}?" if newest else "name the directory of a run or a sweep")
    )


def _whole(run: Path, place: Path) -> Path:
    """The run that a path lies in, where going on from there is going on with the run."""
    part = place.relative_to(run)
    own_file = len(part.parts) == 1 and place.is_file()
    if own_file or part in (CHECKPOINT, CHECKPOINT.parent) or part.parts[0] == CONFIG.parts[0]:
        return _run_at(run)
    key = "ckpt_path" if part.suffix == ".ckpt" else "encoder" if (place / DESCRIPTION).is_file() else None
    start = f"; {shlex.quote(f'{key}={place}')} starts another run from it" if key else ""
    raise UserError(f"{PREFIX}{place} is a part of {run}; the whole goes on with: {command_that_goes_on(run)}{start}")


def _job(run: Path) -> str | None:
    """The name of the entrypoint that a directory is of, as Hydra says it there."""
    file = run / SWEEP if (run / SWEEP).is_file() else run / CONFIG.with_name("hydra.yaml")
    content = read_yaml(file) if file.is_file() else {}
    for key in ("hydra", "job", "name"):
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, str) else None
