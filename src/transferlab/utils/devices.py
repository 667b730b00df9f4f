"""Whether the devices and the processes that a run asks for can be had."""

from __future__ import annotations

import os
from typing import Any

from omegaconf import DictConfig, OmegaConf

from transferlab.utils.errors import ConfigError, near

GPUS = ("gpu", "cuda")
# what SLURM, torchrun and other launchers say of the machines of a run
STARTED_ELSEWHERE = ("SLURM_NTASKS", "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "LSB_JOBID", "JSM_NAMESPACE_SIZE")
PROCESSES_A_CORE = 4  # of a run; more only wait for each other


def check_devices(trainer: DictConfig) -> None:
    """Refuse an accelerator that is not here, and more GPUs than there are.

    Args:
        trainer: the config of Lightning's trainer.

    Raises:
        ConfigError: the key, the value, and what to choose.
    """
    from pytorch_lightning.accelerators import AcceleratorRegistry

    accelerator: Any = trainer.get("accelerator", "auto")
    if not isinstance(accelerator, str):
        return
    known = ["auto", "gpu", *AcceleratorRegistry.available_accelerators()]
    if accelerator not in known:
        hint = near(accelerator, known) or f"choose one of {', '.join(known)}"
        raise ConfigError(f"trainer.accelerator={accelerator}: there is no such accelerator; {hint}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    apple = torch.backends.mps.is_available()
    if accelerator == "auto":
        accelerator = "gpu" if count or apple else "cpu"
    here = {"gpu": count > 0 or apple, "cuda": count > 0, "mps": apple}
    if not here.get(accelerator, True):
        raise ConfigError(
            f"trainer.accelerator={accelerator}: torch finds no such device here; choose trainer=cpu, or "
            "trainer.accelerator=auto, which takes a GPU where there is one"
        )
    nodes = trainer.get("num_nodes", 1)
    if nodes > 1 and not any(variable in os.environ for variable in STARTED_ELSEWHERE):
        raise ConfigError(
            f"trainer.num_nodes={nodes}: nothing starts processes on other machines here, and this one would wait for "
            "them; start the run with SLURM or torchrun on each, or choose trainer.num_nodes=1"
        )
    devices = trainer.get("devices", "auto")
    asked = _indices(OmegaConf.to_container(devices) if OmegaConf.is_config(devices) else devices)
    cores = os.cpu_count() or 1
    if accelerator == "cpu" and len(asked) > PROCESSES_A_CORE * cores:
        raise ConfigError(
            f"trainer.devices={devices}: as many processes on {cores} processor cores; choose "
            f"trainer.devices={cores} or fewer"
        )
    if accelerator not in GPUS or not count:
        return
    if asked and max(asked) >= count:
        raise ConfigError(
            f"trainer.devices={devices}: there {'is 1 GPU' if count == 1 else f'are {count} GPUs'} here; choose "
            f"trainer.devices={count} or fewer"
        )


def check_workers(number: int | None) -> None:
    """Refuse more processes that collate batches than the processor cores have use for.

    Raises:
        ConfigError: the key, the value, and what to choose.
    """
    cores = os.cpu_count() or 1
    if number is not None and number > PROCESSES_A_CORE * cores:
        raise ConfigError(
            f"datamodule.num_workers={number}: as many processes on {cores} processor cores; choose "
            f"datamodule.num_workers={cores} or fewer, or null"
        )


def _indices(devices: Any) -> list[int]:
    """The indices of the devices that are asked for; none of those that take what there is."""
    if isinstance(devices, list):
        return [int(device) for device in devices]
    number = str(devices)
    if "," in number:
        return [int(part) for part in number.split(",") if part.strip().isdigit()]
    return list(range(int(number))) if number.isdigit() else []


def check_torch_device(device: str | int | None) -> None:
    """Refuse a device of torch that is not here; None, which takes what there is, is fine.

    Raises:
        ConfigError: the device, and what to choose.
    """
    import torch

    if device is None:
        return
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        because = str(error).partition("\n")[0]
        raise ConfigError(
            f"device={device}: torch has no such device here ({because:.120}); choose cpu, or null, which takes a GPU "
            "where there is one"
        ) from error
