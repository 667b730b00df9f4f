"""What makes a run itself: a directory name that no other run has, its command, its setting without the seed.

Every entrypoint calls :func:`start` before Hydra. All of it travels in environment variables, because a job
on another node or in another process inherits them and so resolves the same directories. Nothing here imports
torch: ``--help`` and ``--cfg job`` must answer at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from datetime import datetime
from pathlib import Path

RUN_ID = "TRANSFERLAB_RUN_ID"
COMMAND = "TRANSFERLAB_COMMAND"
PROGRAM = "TRANSFERLAB_PROGRAM"  # the command without its arguments, as a JSON list
PROJECT_ROOT = "PROJECT_ROOT"
# oneDNN keeps compiled kernels and their buffers for so many shapes of operands. Rows of every length make new shapes
# in every step, so its default of 1024 lets the memory of a run in bf16 grow for hours.
KERNEL_CACHE = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # the first that is set tells which process of a run this is


def start() -> str:
    """Give this run its identity and its environment (``.env`` of the project root), and return the run's id.

    The id is a time for people and random digits for uniqueness (from the system, so seeding does not repeat
    them). A process that Lightning starts as a further rank keeps the id of the run it belongs to.
    """
    from dotenv import load_dotenv

    root = Path(__file__).resolve().parents[3]
    os.environ[PROJECT_ROOT] = str(root)
    load_dotenv(root / ".env")
    os.environ.setdefault(*KERNEL_CACHE)
    if is_main_process() or RUN_ID not in os.environ:
        os.environ[RUN_ID] = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{os.urandom(4).hex()}"
        os.environ[COMMAND] = shlex.join(sys.orig_argv)
        os.environ[PROGRAM] = json.dumps([sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]])
    return os.environ[RUN_ID]


def is_main_process() -> bool:
    """Whether this is the process of a run that writes files: rank 0, or the only one."""
    return next((int(os.environ[key]) for key in RANKS if key in os.environ), 0) == 0


def setting_name(limit: int = 128) -> str | None:
    """The job and its overrides without the seed: the same name for all seeds of one setting.

    Hydra builds the overrides (``hydra.job.config.override_dirname.exclude_keys`` lists what is left out). A
    name longer than ``limit`` characters, W&B's for groups, ends in a hash of the whole. None outside a Hydra
    job.
    """
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return None
    job = HydraConfig.get().job
    name = ",".join(part for part in (job.name, job.override_dirname) if part)
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: limit - len(digest) - 1]}-{digest}"


def run_name() -> str | None:
    """The name of the run's directory: its id, and in a sweep its id and the number of the job."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    run_id = os.environ.get(RUN_ID)
    if run_id and HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        return f"{run_id}-{HydraConfig.get().job.num}"
    return run_id
