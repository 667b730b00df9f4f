"""Build the callbacks and loggers that the config lists."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from transferlab.utils.config_checks import ConfigError

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback
    from pytorch_lightning.loggers import Logger

log = logging.getLogger(__name__)


def instantiate_callbacks(cfg: DictConfig | None) -> list[Callback]:
    """The callbacks of ``cfg.callbacks``, a mapping of names to configs; see :func:`_instantiate_all`."""
    return _instantiate_all(cfg, "callbacks")


def instantiate_loggers(cfg: DictConfig | None) -> list[Logger]:
    """The loggers of ``cfg.logger``, a mapping of names to configs; see :func:`_instantiate_all`."""
    return _instantiate_all(cfg, "logger")


def _instantiate_all(cfg: DictConfig | None, group: str) -> list[Any]:
    """One object per entry, in order; a null entry is switched off (``callbacks.early_stopping=null``).

    Arguments become plain containers, because checkpoints hold some of them and are loaded weights-only.
    Raises ConfigError naming the key of an entry that says nothing to build.
    """
    built = []
    for key, entry in (cfg or {}).items():
        name = str(key)
        if entry is None:
            continue
        if not isinstance(entry, DictConfig) or "_target_" not in entry:
            raise ConfigError(
                f"{group}.{name} names no _target_; its value is {entry!r}. "
                f"A config of configs/{group}/ sets it, and {group}.{name}=null leaves it out."
            )
        log.debug("building %s.%s: %s", group, name, entry["_target_"])
        built.append(instantiate(entry, _convert_="all"))
    return built
