"""One pass over a split that adds up a task embedding: progress on the terminal, and a file to go on from."""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transferlab.utils.batches import row_keys
from transferlab.utils.errors import UserError
from transferlab.utils.new_folder import give_usual_permissions
from transferlab.utils.terminal import VisibleConsole

log = logging.getLogger(__name__)

SAVE_EVERY = 60.0  # seconds between two writes of what is done


class Embedder(Protocol):
    """What adds up an embedding: :class:`TextEmbedding` or :class:`TaskEmbedding`."""

    shuffled: bool
    examples: int

    def settings(self) -> dict[str, Any]:
        """What changes the meaning of the numbers."""

    def begin(self, batches: int) -> None:
        """Take note of how many batches there will be, those of an earlier process included."""

    def update(self, batch: Any) -> None:
        """Add the examples of a batch."""

    def state(self) -> dict[str, Tensor]:
        """The sums so far."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from them."""


def batches_of(lengths: Sequence[int], batch_size: int, shuffled: bool, seed: int, epochs: int) -> list[list[int]]:
    """Positions of examples in batches, for all epochs.

    Args:
        lengths: of the examples, in any unit.
        batch_size: examples per batch.
        shuffled: at random, anew in each epoch, where it matters who shares a batch; else the longest together.
        seed: of the order.
        epochs: passes over all examples.

    Raises:
        UserError: sizes below 1.
    """
    for name, value in (("batch_size", batch_size), ("epochs", epochs)):
        if value < 1:
            raise UserError(f"{name}={value}: at least 1")
    found = []
    for epoch in range(epochs):
        order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
        if shuffled:
            random.Random(f"{seed} {epoch}").shuffle(order)
        found += [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    return found


def embed(
    embedder: Embedder,
    taskmodule: Any,
    examples: Sequence[Any],
    batches: Sequence[Sequence[int]],
    unfinished: Path,
    identity: dict[str, Any],
    device: torch.device | str = "cpu",
) -> None:
    """Add up all batches, going on from where an earlier process was stopped.

    Args:
        embedder: takes the batches.
        taskmodule: collates them.
        examples: of the split.
        batches: positions of examples.
        unfinished: the file of what is done, written every minute and deleted at the end.
        identity: what makes the pass this one; a file of another pass is not used.
        device: where batches go.
    """
    name = sha256(json.dumps([identity, list(map(list, batches))], sort_keys=True, default=str).encode()).hexdigest()
    embedder.begin(len(batches))
    done = _resume(embedder, unfinished, name)
    if done:
        log.info("going on from batch %d of %d, found in %s", done, len(batches), unfinished)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    written = time.monotonic()
    with Progress(*columns, console=VisibleConsole()) as progress:
        task = progress.add_task("batches embedded", total=len(batches), completed=done)
        for number in range(done, len(batches)):
            batch = taskmodule.collate([examples[position] for position in batches[number]], training=False)
            for inputs in batch.inputs.values():
                inputs.row_keys = row_keys(inputs)
            embedder.update(batch.to(device))
            progress.advance(task)
            if time.monotonic() - written > SAVE_EVERY and number + 1 < len(batches):
                _save(embedder, unfinished, name, number + 1)
                written = time.monotonic()


def _save(embedder: Embedder, unfinished: Path, name: str, done: int) -> None:
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    writing = unfinished.with_name(f"{unfinished.name}.{os.urandom(4).hex()}")
    save_file(embedder.state(), writing, metadata={"pass": name, "done": str(done)})
    give_usual_permissions(writing)
    os.replace(writing, unfinished)


def _resume(embedder: Embedder, unfinished: Path, name: str) -> int:
    """Take over the sums of an earlier process; return how many batches they hold."""
    if not unfinished.is_file():
        return 0
    try:
        with safe_open(unfinished, framework="pt") as file:
            about = file.metadata() or {}
            if about.get("pass") != name:
                log.info("%s is of a pass with other settings or data and is not used", unfinished)
                return 0
            embedder.load_state({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        log.warning("%s cannot be read, the pass starts anew: %s", unfinished, error)
        return 0
    return int(about["done"])
