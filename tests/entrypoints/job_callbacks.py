"""Callbacks of jobs that a scheduler starts in processes of their own."""

from __future__ import annotations

import os
import time
from typing import Any

from pytorch_lightning import Callback


class SlowSteps(Callback):
    """Make every training step take so many seconds, until the scheduler starts the job again."""

    def __init__(self, seconds: float) -> None:
        self.seconds = 0 if int(os.environ.get("SLURM_RESTART_COUNT", 0)) else seconds

    def on_before_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        time.sleep(self.seconds)


class FailingSeed(Callback):
    """Fail, once data and model are there, for the unlucky seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_fit_start(self, *args: Any, **kwargs: Any) -> None:
        if self.seed == 13:
            raise RuntimeError("no luck with seed 13")
