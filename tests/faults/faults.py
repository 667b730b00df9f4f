"""A fault, what its message must name, and the check that it is refused as it should be."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from transferlab.utils.errors import run_entrypoint

# what to do (an imperative and what it is done to), or what would be right
REMEDY = re.compile(
    r"\b(did you mean|(choose|name|give|set|restore|copy|save|train|write|add|delete|remove|leave|mend|make|install|"
    r"run|start|use|put|check|divide|take|clone|fill|wait|free|raise|lower|repeat|rename|ask|close|drop) "
    r"|(known|there are|choices|columns|names|fields) ?(are|is)?:?|(must|needs to|has to|may) be "
    r"|allows |takes |at least |expected )",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Fault:
    """One row of a table.

    Attributes:
        change: what is wrong: an override, a text, or a damage that is done to a folder.
        named: place and value, as the message says them.
    """

    change: Any
    named: tuple[str, ...]

    @property
    def id(self) -> str:
        """Of the row."""
        return str(getattr(self.change, "__name__", self.change))[:70]


def rows(*faults: tuple[Any, ...]) -> list[Any]:
    """The parameters of a table, each row (change, *named)."""
    made = [Fault(change, tuple(map(str, named))) for change, *named in faults]
    return [pytest.param(fault, id=f"{number}-{fault.id}") for number, fault in enumerate(made)]


def contents(place: Path) -> dict[str, str]:
    """Every file below a place by its hash, and every folder."""
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(place.rglob("*"))
    }


class Refusal:
    """Runs what should be refused, as an entrypoint does."""

    def __init__(self, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.place = place  # where nothing may change
        self._capsys = capsys
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # so that it is restored afterwards
        monkeypatch.setattr(sys, "excepthook", sys.excepthook)
        monkeypatch.setattr(sys, "argv", ["train.py"])
        monkeypatch.setattr(logging, "raiseExceptions", False)  # of handlers on the streams of earlier tests

    def of(self, run: Callable[[], Any], *named: str, **options: Any) -> str:
        """The message; asserts that it is one, names what it must, and that nothing has changed.

        Args:
            run: the main function.
            named: what the message holds.
            options: of ``run_entrypoint``.
        """
        os.environ.pop("HYDRA_FULL_ERROR", None)
        before = contents(self.place)
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            run_entrypoint(run, **options)
        shown = self._capsys.readouterr().err
        if isinstance(end.value.code, str):  # which Python shows, and exits with 1
            shown += end.value.code
        else:
            assert end.value.code == 1, shown
        assert "Traceback" not in shown
        assert shown.count("error: ") == 1 and "Error executing job" not in shown, "said once"
        message = shown.partition("error: ")[2].partition("\n(HYDRA_FULL_ERROR=1")[0]
        assert "\n" not in message.strip(), shown
        assert len(message) < 1000, message
        for part in named:
            assert part in message, message
        assert REMEDY.search(message), message
        assert contents(self.place) == before, "something was written"
        return message
