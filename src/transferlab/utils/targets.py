"""Which classes a config may name that was read from a run: its ``_target_``s decide what is executed.

A config that was composed from the caller's own files may name anything; it is hers. One that a run's directory holds
may have been written by anybody.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Collection
from typing import Any

from transferlab.utils.errors import UserError

READERS = "transferlab.data.readers."  # the only classes in the part "dataset", whose values are paths to anywhere
# where in our package the classes are defined that configs are made for
ROOMS = (
    READERS,
    "transferlab.data.datamodule.",
    "transferlab.taskmodules.",
    "transferlab.models.",
    "transferlab.callbacks.",
)
WANDB = "transferlab.utils.wandb_logger.wandb_logger"
LOGGERS = (
    WANDB,
    "transferlab.utils.csv_logger.RunCSVLogger",
    "transferlab.utils.mlflow_logger.RunMLFlowLogger",
)
# Bases of the classes of others. Further loggers send what they are given to any address.
KINDS = {
    "pytorch_lightning.": (
        "pytorch_lightning.Trainer",
        "pytorch_lightning.Callback",
        "pytorch_lightning.loggers.CSVLogger",
        "pytorch_lightning.loggers.TensorBoardLogger",
        "pytorch_lightning.strategies.Strategy",
        "pytorch_lightning.profilers.Profiler",
        "pytorch_lightning.plugins.Precision",
    ),
    "torch.optim.": ("torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler"),
}


class UntrustedError(UserError):
    """Something that a run's directory asks for and its caller has not: a class, a variable, a place to write to."""


def is_trusted(target: str, trusted: Collection[str]) -> bool:
    """Whether a ``_target_`` lies in a package that the caller trusts."""
    return any(target.startswith(f"{package}.") for package in trusted)


def check_name(target: Any, key: str, trusted: Collection[str]) -> None:
    """Refuse a target by its name, before anything is imported.

    Args:
        target: value of the ``_target_``.
        key: of the config that has it, for the message.
        trusted: packages that the caller names.

    Raises:
        UntrustedError: it is not a name, or of no package that a run's config may name in this place.
    """
    packages = READERS if key.partition(".")[0] == "dataset" else (*ROOMS, *KINDS, *LOGGERS)
    named = isinstance(target, str) and all(part.isidentifier() for part in target.split("."))
    if named and (is_trusted(target, trusted) or target.startswith(packages)):
        return
    raise _untrusted(target, key)


def check_class(found: Any, target: str, key: str, trusted: Collection[str]) -> None:
    """Refuse what a target that passed :func:`check_name` leads to, unless it is of the kinds that configs name.

    Raises:
        UntrustedError: a function, a class that its module only imports, or one of another kind.
    """
    if is_trusted(target, trusted) or target in LOGGERS:
        return
    if inspect.isclass(found):
        name = f"{found.__module__}.{found.__qualname__}"
        if name.startswith(ROOMS):
            return
        for package, kinds in KINDS.items():
            if name.startswith(package) and issubclass(found, tuple(map(_class, kinds))):
                return
    raise _untrusted(target, key)


def trusted_by(cfg: Any) -> tuple[str, ...] | None:
    """The names that the caller trusts, for a config with parts that were read from a run; None for one of her own.

    Args:
        cfg: a composed config, or a node of one.
    """
    from omegaconf import OmegaConf

    root: Any = cfg._get_root() if OmegaConf.is_config(cfg) else None
    if not OmegaConf.is_dict(root) or root._is_none() or root.get("resume") is None:
        return None
    given = root.get("trust") or []
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def _class(name: str) -> type:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def _untrusted(target: Any, key: str) -> UntrustedError:
    return UntrustedError(
        f"{key}._target_={target!r} comes from a run's directory, which may only name our readers, taskmodules, models "
        "and callbacks, the trainer, callbacks, strategies, profilers, CSV and TensorBoard loggers of "
        "pytorch_lightning, and optimizers of torch; trust=[<package>] allows those of a package of yours"
    )
