"""A command that was refused before it did anything leaves no run directory behind, and a used one as it was."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from transferlab.utils.errors import message_for
from transferlab.utils.escaping import visible
from transferlab.utils.full_disk import is_full
from transferlab.utils.run_contents import EARLIER, LOCK, RECORDS, certain_files, files_below, own_files

log = logging.getLogger(__name__)

_RECORDS = {"config.yaml", "hydra.yaml", "overrides.yaml", "hparams.yaml", *RECORDS}
_LOG = ".log"


@dataclass(frozen=True)
class _Aside:
    """Where the results of an earlier command are while another one runs in their directory.

    Attributes:
        place: below that directory.
        replaced: those that go once this one has ended as it should.
        others: the files that are nobody's results, and stay where they are.
    """

    place: Path
    replaced: frozenset[Path]
    others: frozenset[Path]


_aside: dict[str, _Aside] = {}  # by directory


def keep_aside(directory: Path, replaced: bool) -> None:
    """Move what a command of ours has written in a directory into a new one below it, until this one has ended.

    Args:
        directory: of the command.
        replaced: whether what this one writes takes the place of that; else it stays there, which is said at the end.
            What only has the name of a result may be somebody else's, and stays there, too.
    """
    directory = Path(os.path.abspath(directory))
    numbers = (number for number in count(1) if not (directory / EARLIER / str(number)).exists())
    place = directory / EARLIER / str(next(numbers))
    own, certain = _results(directory), certain_files(directory)
    gone = frozenset(place / path.relative_to(directory) for path in own if replaced and path in certain)
    place.mkdir(parents=True)
    _aside[os.path.abspath(directory)] = _Aside(place, gone, frozenset(_of_one(directory)) - frozenset(own))
    _move(own, directory, place)


def is_kept_aside(directory: Path) -> bool:
    """Whether the command that this process runs in a directory has moved there what was in it before."""
    return os.path.abspath(directory) in _aside


def first_missing(directory: Path) -> Path | None:
    """The outermost of a directory and those above it that is not there; None where all are."""
    directory = directory.absolute()
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    return missing[-1] if missing else None


def end(directory: Path, made: Path | None, error: BaseException | None) -> None:
    """At the end of a run that was refused before it left more than records, undo what its start has done.

    A directory that was made for it is removed; one that was used gets back what it held.

    Args:
        directory: of the run.
        made: what :func:`first_missing` said before.
        error: that ended the run, if one did; of one that is ours the log tells more than the terminal.
    """
    directory = Path(os.path.abspath(directory))
    aside = _aside.pop(str(directory), None)
    refused = error is not None and message_for(error) is not None and not is_full(error)
    if aside is not None:
        new = [path for path in _of_one(directory) if path not in aside.others]
        if refused and _is_unstarted(new):
            remove_files(new, directory)
            _move(files_below(aside.place), aside.place, directory)
        elif error is None:
            remove_files(aside.replaced, directory)
        _remove_empty(aside.place, directory)
        if aside.place.exists():
            log.warning(
                "%s held the results of another command, which are now in %s",
                visible(str(directory)), visible(str(aside.place)),
            )  # fmt: skip
    elif refused and made is not None and _is_unstarted(files_below(directory)):
        shutil.rmtree(directory, ignore_errors=True)
        _remove_empty(directory.parent, made.parent)


@contextmanager
def leaving_nothing(directory: Path) -> Iterator[None]:
    """Undo the start of a run that is refused meanwhile, see :func:`end`, unless that is for an outer one to do."""
    outer = is_kept_aside(directory)
    made = first_missing(directory)
    try:
        yield
    except BaseException as error:
        if not outer or not isinstance(error, Exception):  # at the end by a signal Hydra tells nobody
            end(directory, made, error)
        raise
    if not outer:
        end(directory, made, None)


def remove_files(files: Iterable[Path], directory: Path) -> None:
    """Delete files, and the folders below a directory that nothing else is in."""
    for path in files:
        path.unlink(missing_ok=True)
        _remove_empty(path.parent, directory)


def _results(directory: Path) -> list[Path]:
    """The files that the last command has written into a directory."""
    ours = set(own_files(directory))
    return [path for path in _of_one(directory) if path in ours and path != directory / LOCK]


def _of_one(directory: Path) -> Iterator[Path]:
    """The files in a directory, without the results of earlier commands."""
    return (path for path in files_below(directory) if path.relative_to(directory).parts[0] != EARLIER)


def _is_unstarted(files: Iterable[Path]) -> bool:
    """Whether these are records of a start alone."""
    return all(path.name in _RECORDS or path.suffix == _LOG for path in files)


def _move(files: Iterable[Path], place: Path, target: Path) -> None:
    """Move files from below one directory to below another, and remove the folders that nothing else was in."""
    for path in list(files):
        there = target / path.relative_to(place)
        there.parent.mkdir(parents=True, exist_ok=True)
        path.rename(there)
        _remove_empty(path.parent, place)


def _remove_empty(folder: Path, above: Path) -> None:
    """Remove a folder and those that it is in, up to one that stays, as far as nothing is in them."""
    with suppress(OSError):  # one that is not empty
        while folder != above:
            with suppress(FileNotFoundError):
                folder.rmdir()
            folder = folder.parent
