"""Refuse, before anything is loaded, the one combination of trainer and launcher that goes wrong quietly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from transferlab.utils.config_checks import ConfigError

# Strategies for which Lightning starts the further processes by running the command line once more.
RERUNS_COMMAND = ("auto", "ddp", "fsdp", "deepspeed")


def check_strategy(cfg: DictConfig) -> None:
    """Raise ConfigError for several processes per job in a local sweep.

    Lightning starts the further processes of a job with the command line of the *sweep*: they would run the
    sweep again, in a second directory and, under Optuna, with other values. On SLURM the processes are
    started by the scheduler, so a sweep there may use them.
    """
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return
    strategy = cfg.trainer.get("strategy", "auto")
    devices = cfg.trainer.get("devices", "auto")
    if "SLURM_NTASKS" in os.environ or not _reruns_command(strategy):
        return
    if _processes(devices, cfg.trainer.get("accelerator", "auto")) > 1:
        raise ConfigError(
            f"trainer.strategy={strategy} with trainer.devices={devices} cannot run under --multirun: each "
            "further process would start the whole sweep again. Use trainer.devices=1, or start one run per "
            "setting, or sweep with hydra/launcher=submitit_slurm and hydra.launcher.tasks_per_node equal to "
            "trainer.devices."
        )


def _reruns_command(strategy: Any) -> bool:
    if not isinstance(strategy, str):  # a strategy object from a config uses the same launcher
        return True
    return strategy.startswith(RERUNS_COMMAND) and "spawn" not in strategy and "notebook" not in strategy


def _processes(devices: Any, accelerator: str) -> int:
    if isinstance(devices, Sequence) and not isinstance(devices, str):
        return len(devices)
    if str(devices).lstrip("-").isdigit() and int(devices) >= 0:
        return int(devices)
    if accelerator in ("cpu", "mps"):  # "auto" and -1 take what there is
        return 1
    import torch

    return torch.cuda.device_count()
