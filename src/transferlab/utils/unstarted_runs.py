"""A command that was refused before it did anything leaves no run directory behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transferlab.utils.errors import message_for
from transferlab.utils.full_disk import is_full
from transferlab.utils.resume import RECORD, RESULT

# what the start of a run writes: its config, its record, that it failed, and its log
_RECORDS = {
    ".lock",
    "config.yaml",
    "hydra.yaml",
    "overrides.yaml",
    "config_resolved.yaml",
    "hparams.yaml",
    RECORD,
    RESULT,
}
_RECORDS |= {str(Path(RESULT).with_suffix(".md"))}
_LOG = ".log"


def first_missing(directory: Path) -> Path | None:
    """The outermost of a directory and those above it that is not there; None where all are."""
    directory = directory.absolute()
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    return missing[-1] if missing else None


def remove_unstarted(directory: Path, made: Path | None, error: BaseException) -> None:
    """Remove a run's directory if it ended in a refusal, was made for the run, and holds nothing but records.

    Args:
        directory: of the run.
        made: what :func:`first_missing` said before.
        error: that ended the run; of one that is ours the log tells more than the terminal.
    """
    directory = directory.absolute()
    if made is None or message_for(error) is None or is_full(error):
        return
    files = [path for path in directory.rglob("*") if not path.is_dir()]
    if any(path.name not in _RECORDS and path.suffix != _LOG for path in files):
        return
    shutil.rmtree(directory, ignore_errors=True)
    place = directory
    while place != made and not any(place.parent.iterdir()):
        place = place.parent
        place.rmdir()


@contextmanager
def leaving_nothing(directory: Path) -> Iterator[None]:
    """Remove the directory of a run that is refused meanwhile; see :func:`remove_unstarted`."""
    made = first_missing(directory)
    try:
        yield
    except Exception as error:
        remove_unstarted(directory, made, error)
        raise
