"""A callback that writes down when the first training step begins and ends; the start-up benchmark adds it to a run."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from pytorch_lightning import Callback


class FirstStep(Callback):
    """Writes the times of the first step, in seconds since 1970, as JSON.

    Args:
        file: to write to.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.times: dict[str, float] = {}

    def on_train_batch_start(self, *_: Any) -> None:
        """The step begins."""
        self.times.setdefault("begins", time.time())

    def on_train_batch_end(self, *_: Any) -> None:
        """The step has ended, its update included."""
        self.times.setdefault("ends", time.time())
        self.file.write_text(json.dumps(self.times), encoding="utf-8")
