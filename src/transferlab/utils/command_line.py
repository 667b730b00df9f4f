"""The command line, before Hydra reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from transferlab.utils.errors import ConfigError

_NO_CONFIG = re.compile(r"(?P<group>[a-z_]+)=(null|None)?")
_LISTED = re.compile(r"\[([\w, /'\"-]*)\]")
_TASK = re.compile(r"^\s*- override /(model|taskmodule):", re.MULTILINE)  # of an experiment that chooses a task
_BASE = re.compile(r"^  - (\w+)\s*$", re.MULTILINE)  # an experiment that another starts from


def understood(argv: Sequence[str], configs: Path) -> list[str]:
    """A command line as it is meant: ``logger=null``, which Hydra refuses, leaves out a group.

    Args:
        argv: the command line.
        configs: the directory of the groups. Where one has a config ``off``, that is how it is left out.

    Raises:
        ConfigError: experiments in an order in which one undoes what another is for.
    """
    for argument in argv:
        if argument.startswith("experiment="):
            _check_order(argument, configs / "experiment")
    return [_left_out(argument, configs) for argument in argv]


def _left_out(argument: str, configs: Path) -> str:
    found = _NO_CONFIG.fullmatch(argument)
    if found is None or not any((configs / found["group"]).glob("*.yaml")):
        return argument
    group = found["group"]
    return f"{group}=off" if (configs / group / "off.yaml").is_file() else f"~{group}"


def _check_order(argument: str, experiments: Path) -> None:
    """Refuse an experiment that chooses a task behind one that does not: its settings would replace those before it."""
    for listed in _LISTED.findall(argument):
        names = [name.strip(" '\"") for name in listed.split(",")]
        tasks = [name for name in names if _chooses_task(name, experiments)]
        ordered = [*tasks, *(name for name in names if name not in tasks)]
        if names != ordered:
            raise ConfigError(
                f"experiment=[{','.join(names)}]: {tasks[-1]} chooses a task with its settings, which would replace "
                f"those of {names[0]}; write experiment=[{','.join(ordered)}]"
            )


def _chooses_task(name: str, experiments: Path) -> bool:
    """Whether an experiment, or one that it starts from, chooses a model or taskmodule."""
    file = experiments / f"{name}.yaml"
    if not file.is_file():
        return False
    text = file.read_text(encoding="utf-8")
    return bool(_TASK.search(text)) or any(_chooses_task(base, experiments) for base in _BASE.findall(text))
