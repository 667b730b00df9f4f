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
from transferlab.utils.run_contents import EARLIER, LOCK, RECORDS, own_entries

log = logging.getLogger(__name__)

_RECORDS = {"config.yaml", "hydra.yaml", "overrides.yaml", "hparams.yaml", *RECORDS}
_LOG = ".log"


@dataclass(frozen=True)
class _Aside:
    """Where the results of an earlier command are while another one runs in their directory.

    Attributes:
        place: below that directory.
        replaced: whether the results of this one, once there are any, take their place.
    """

    place: Path
    replaced: bool


_aside: dict[str, _Aside] = {}  # by directory


def keep_aside(directory: Path, replaced: bool) -> None:
    """Move what a command of ours has left in a directory into a new one below it, until this one has ended.

    Args:
        directory: of the command.
        replaced: whether what this one writes takes the place of that; else it stays there, which is said.
    """
    numbers = (number for number in count(1) if not (directory / EARLIER / str(number)).exists())
    place = directory / EARLIER / str(next(numbers))
    own = _results(directory)
    place.mkdir(parents=True)
    _aside[os.path.abspath(directory)] = _Aside(place, replaced)
    for path in own:
        path.rename(place / path.name)
    if not replaced:
        log.warning(
            "%s held the results of another command, which are now in %s", visible(str(directory)), visible(str(place))
        )


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
    directory = directory.absolute()
    aside = _aside.pop(os.path.abspath(directory), None)
    refused = error is not None and message_for(error) is not None and not is_full(error)
    if aside is not None:
        if refused and _is_unstarted(own := _results(directory)):
            _put_back(own, aside.place)
        elif error is None and aside.replaced:
            shutil.rmtree(aside.place, ignore_errors=True)
        _remove_empty(aside.place, directory)
    elif refused and made is not None and _is_unstarted(directory.glob("*")):
        shutil.rmtree(directory, ignore_errors=True)
        _remove_empty(directory.parent, made.parent)


@contextmanager
def leaving_nothing(directory: Path) -> Iterator[None]:
    """Undo the start of a run that is refused meanwhile, see :func:`end`, unless that is for an outer one to do."""
    if is_kept_aside(directory):
        yield
        return
    made = first_missing(directory)
    try:
        yield
    except BaseException as error:
        end(directory, made, error)
        raise
    end(directory, made, None)


def _results(directory: Path) -> list[Path]:
    """What the last command has written into a directory."""
    return [path for path in own_entries(directory) if path.name not in (EARLIER, LOCK)]


def _is_unstarted(entries: Iterable[Path]) -> bool:
    """Whether these, with all below them, are records of a start alone."""
    files = [path for entry in entries for path in (entry, *entry.rglob("*")) if path.is_symlink() or not path.is_dir()]
    return all(path.name in _RECORDS or path.suffix == _LOG for path in files)


def _put_back(new: Iterable[Path], place: Path) -> None:
    for path in new:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in sorted(place.iterdir()):
        path.rename(place.parents[1] / path.name)


def _remove_empty(folder: Path, above: Path) -> None:
    """Remove a folder and those that it is in, up to one that stays, as far as nothing is in them."""
    with suppress(OSError):  # one that is not empty
        while folder != above:
            with suppress(FileNotFoundError):
                folder.rmdir()
            folder = folder.parent
