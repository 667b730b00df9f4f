"""A disk without room: one message that says what is safe and how to go on."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from transferlab.utils.errors import UserError
from transferlab.utils.resume import CHECKPOINT, command_that_goes_on

_NUMBERS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# of libraries that write in other languages, safetensors and torch
_WORDS = re.compile(r"No space left|Disk quota exceeded|File too large|os error (27|28|122)|file write failed")


class FullDiskError(UserError):
    """There is no room to write."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that there is no room."""
    while error is not None:
        if (isinstance(error, OSError) and error.errno in _NUMBERS) or _WORDS.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextmanager
def saying_what_is_safe(directory: Path, resumable: bool) -> Iterator[None]:
    """Let an error for want of room say what has been saved.

    Args:
        directory: of the run.
        resumable: whether it can be gone on with.

    Raises:
        FullDiskError: with the command that goes on.
    """
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        text = f"there was no room to write in {directory} ({error})"
        if resumable:
            whole = (directory / CHECKPOINT).is_file()
            safe = f"{CHECKPOINT} is whole and loses nothing" if whole else "there is no checkpoint yet"
            text += f"; {safe}: make room, then {command_that_goes_on(directory)}"
        raise FullDiskError(text) from error
