"""A Hydra callback that writes down what the process holds after each job; the benchmark of sweeps adds it to one."""

from __future__ import annotations

import gc
import json
import logging
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from measuring import resident


class Census(Callback):
    """Appends a line of JSON for each job: what grows in a process that never lets go of something.

    Args:
        file: to append to.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)

    def on_job_end(self, **_: Any) -> None:
        """The job has ended."""
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(counted()) + "\n")


def counted() -> dict[str, float]:
    """Memory and what is open or registered in this process."""
    gc.collect()
    loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    known = [logger for logger in loggers if isinstance(logger, logging.Logger)]
    pyplot = sys.modules.get("matplotlib.pyplot")
    torch = sys.modules["torch"]
    return {
        "MiB": resident(),
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "children": len(Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()),
        "handlers": sum(len(logger.handlers) + len(logger.filters) for logger in known),
        "warning filters": len(warnings.filters),
        "figures": len(pyplot.get_fignums()) if pyplot else 0,
        "objects": len(gc.get_objects()),
        "tensors": sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects()),
    }
