"""What reaches a terminal or a log: all of it passes here, and nothing in it is obeyed."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from transferlab.utils.escaping import visible


class VisibleConsole(Console):
    """A console on which ``[red]`` in a text is no markup, ``:smile:`` no picture, and control characters are seen."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of anything that rich shows."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


def size_of(size: float) -> str:
    """Bytes in words."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:,.4g} {unit}"
    return f"{size / 1e3:,.3g} kB"


def escape_log_records() -> None:
    """Make every log record of this process visible text.

    Further lines of a message are indented, so that none looks like a record of its own.
    """
    if logging.getLogRecordFactory() is not _visible_record:
        logging.setLogRecordFactory(_visible_record)


def _visible_record(*arguments: Any, **options: Any) -> logging.LogRecord:
    record = logging.LogRecord(*arguments, **options)
    try:
        record.msg, record.args = visible(record.getMessage()).replace("\n", "\n    "), ()
    except Exception:  # the arguments do not fit the message: logging says so where it is written
        return record
    if record.exc_info and record.exc_info[0] is not None:
        record.exc_text = visible("".join(traceback.format_exception(*record.exc_info)).rstrip())
    return record


def show_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback as Python does, in visible text; for ``sys.excepthook``."""
    print(visible("".join(traceback.format_exception(kind, error, trace))), end="", file=sys.stderr)
