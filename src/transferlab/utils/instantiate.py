"""From a ``_target_`` of a config to the object: every object that a config names is built here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.config_checks import ConfigError, require_allowed

if TYPE_CHECKING:
    from pytorch_lightning.callbacks import Callback
    from pytorch_lightning.loggers import Logger

log = logging.getLogger(__name__)


def build(config: Any, **arguments: Any) -> Any:
    """The object that a config names, its arguments as plain containers; None for None.

    Args:
        config: node of a composed config.
        arguments: beside, or instead of, those of the config. They are handed over as they are: a label such as
            ``${oc.env:HOME}`` is no interpolation.

    Raises:
        UntrustedError: the config is of a run, and names what such a config may not.
    """
    if OmegaConf.is_config(config):
        require_allowed(config, str(config._get_full_key("")))
    if not arguments:
        return instantiate(config, _convert_="all")
    return instantiate(config, _convert_="all", _partial_=True)(**arguments)


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
        built.append(build(entry))
    return built
