"""Runs in a child process that is killed at a chosen point, and what is left of a run to be compared."""

from __future__ import annotations

import csv
import importlib
import json
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(place: str, call: int, after: bool = False) -> None:
    """Let the process die when a function is called for the ``call``-th time, or when that returns."""
    act_at(place, call, die, after)


def act_at(place: str, call: int, act: Callable[[], None], after: bool = False) -> None:
    """Replace a function so that something is done when it is called for the ``call``-th time, or when that returns."""
    module, _, name = place.partition(":")
    owner: Any = importlib.import_module(module)
    *classes, name = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    whole, calls = getattr(owner, name), 0

    def cut(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            act()
        returned = whole(*arguments, **options)
        if calls == call and after:
            act()
        return returned

    setattr(owner, name, cut)


def half_a_file(call: int) -> None:
    """Die when half of the ``call``-th file of a checkpoint is written."""
    whole, calls = torch.save, 0

    def cut(content: Any, file: Any, *arguments: Any, **options: Any) -> None:
        nonlocal calls
        calls += 1
        whole(content, file, *arguments, **options)
        if calls == call:
            file.flush()
            os.truncate(file.name, file.tell() // 2)
            die()

    torch.save = cut


def killed(run: Callable[[], object], prepare: Callable[[], None]) -> None:
    """Run in a child process that ``prepare`` lets die on the way."""
    child = os.fork()
    if child == 0:
        try:
            prepare()
            run()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "it ended before it was killed"


def outcome(run: Path) -> dict[str, Any]:
    """Scores, weights and metrics of every step of a finished run, and the names of its checkpoints."""
    found: dict[str, Any] = {}
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run).as_posix()
        if file.name in ("metrics.json", "attention_weights.json"):
            found[name] = json.loads(file.read_text())
        elif file.suffix == ".safetensors":
            found[name] = {key: (value.dtype, value.tolist()) for key, value in load_file(file).items()}
        elif file.name == "metrics.csv":
            rows = [{key: text for key, text in row.items() if text} for row in csv.DictReader(file.open())]
            found[name] = rows
        elif file.suffix == ".ckpt":
            found[name] = None
    return found
