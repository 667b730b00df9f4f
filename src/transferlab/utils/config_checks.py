"""Refuse a config that no class would accept, before any data is read or any weight is loaded."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError

from transferlab.utils.errors import ConfigError, near
from transferlab.utils.options import Options, options_of
from transferlab.utils.targets import check_class, check_name, trusted_by

ADDED_KEYS = {"wandb_watch", "optimized_metric"}  # of configs that are added to any root
_MOST_KEYS = 15  # that a message lists
RESERVED = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


def check_targets(cfg: Any, key: str = "") -> None:
    """Hold every ``_target_`` of a config against the signature of what it names: its keys, and their values.

    In a config with parts that were read from a run, it must be a class that :mod:`transferlab.utils.targets` allows.

    Raises:
        ConfigError: a key that the target does not know, with the nearest ones it does; a value of another kind than
            the option takes.
        UntrustedError: a target that is not allowed.
    """
    if isinstance(cfg, ListConfig):
        for position, entry in enumerate(cfg):
            check_targets(entry, f"{key}[{position}]")
    if not isinstance(cfg, DictConfig) or cfg._is_none():
        return
    if "_target_" in cfg:
        target = str(cfg["_target_"])
        options = options_of(_found(cfg, target, key))
        check_section(cfg, options, key, target)
    for child, value in cfg.items_ex(resolve=False):
        if isinstance(value, (DictConfig, ListConfig)) and not value._is_interpolation():
            check_targets(value, f"{key}.{child!s}" if key else str(child))


def check_section(cfg: DictConfig, options: Options, key: str, owner: str) -> None:
    """Hold the keys and values of a mapping against the options that its owner takes.

    Args:
        cfg: the mapping.
        options: of the owner.
        key: of the mapping.
        owner: for messages.

    Raises:
        ConfigError: an unknown key, or a value of another kind.
    """
    for name in map(str, cfg.keys()):
        if not options.others and name not in options.named and name not in RESERVED:
            hint = near(name, options.named) or _known(options.named)
            raise ConfigError(f"{key}.{name}: {owner} knows no such key; {hint}")
    options.check(_plain(cfg, key), key)


def _plain(cfg: DictConfig, key: str) -> dict[str, Any]:
    """The values of a mapping, resolved, but for those that are to be given and what Hydra alone knows."""
    values: dict[str, Any] = {}
    for name in cfg:
        if OmegaConf.is_missing(cfg, name):
            continue
        try:
            value = cfg[name]
            values[str(name)] = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        except InterpolationResolutionError as error:
            if "HydraConfig was not set" not in str(error):  # composed outside of a job of Hydra
                reason = str(error.msg).splitlines()[0]
                raise ConfigError(f"{error.full_key or key} cannot be resolved: {reason}; give it a value") from error
    return values


def check_root_keys(cfg: DictConfig, known: Collection[str]) -> None:
    """Refuse a root key that nothing would read, such as that of ``+sed=3`` or ``+early_stopping.patience=2``.

    Args:
        cfg: a composed config.
        known: see :func:`root_keys`.

    Raises:
        ConfigError: the key, with the places where such a key exists or the nearest root keys.
    """
    groups = {
        str(key): node
        for key, node in cfg.items_ex(resolve=False)
        if isinstance(node, DictConfig) and not (node._is_none() or node._is_interpolation())
    }
    for name in map(str, cfg.keys()):
        if name not in known:
            places = [f"{key}.{name}" for key, node in groups.items() if name in node and key != name]
            hint = f"did you mean {' or '.join(places)}?" if places else near(name, known) or _known(known)
            raise ConfigError(f"{name}: nothing reads this key; {hint}")


def _known(keys: Collection[str]) -> str:
    """The keys that there are, unless they are too many for a message."""
    return f"known: {', '.join(sorted(keys))}" if len(keys) <= _MOST_KEYS else "--cfg job shows those that there are"


@cache
def root_keys(file: Path) -> frozenset[str]:
    """The keys that a root config such as ``configs/train.yaml`` may have: its own, its groups and ``ADDED_KEYS``."""
    root = OmegaConf.load(file)
    assert isinstance(root, DictConfig)
    groups = {str(key).split()[-1] for entry in root.defaults if isinstance(entry, DictConfig) for key in entry}
    return frozenset({str(key) for key in root} - {"defaults"} | groups | ADDED_KEYS)


def keyword_names(target: Any) -> set[str] | None:
    """The keywords a callable accepts, or None when it accepts anything; see :func:`options_of`."""
    options = options_of(target)
    return None if options.others else set(options.named)


def require_allowed(cfg: Any, key: str = "") -> None:
    """Raise UntrustedError for a ``_target_``, at any depth, that is not allowed where the config is of a run."""
    if isinstance(cfg, ListConfig):
        for entry in cfg:
            require_allowed(entry, key)
    if not isinstance(cfg, DictConfig) or cfg._is_none() or trusted_by(cfg) is None:
        return
    if "_target_" in cfg:
        _found(cfg, str(cfg["_target_"]), key)
    for child, value in cfg.items():
        require_allowed(value, f"{key}.{child!s}")


def _found(cfg: DictConfig, target: str, key: str) -> Any:
    """What a target names, if it is allowed."""
    trusted = trusted_by(cfg)
    if trusted is not None:
        check_name(target, key, trusted)
    found = locate(target, f"{key}._target_")
    if trusted is not None:
        check_class(found, target, key, trusted)
    return found


def locate(target: str, key: str) -> Any:
    """What an import path leads to.

    Raises:
        ConfigError: nothing, or a package that is not installed; naming the key.
    """
    parts = target.split(".")
    for split in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError as error:
            if error.name and not ".".join(parts[:split]).startswith(error.name):
                raise ConfigError(
                    f"{key}: {target} needs the package {error.name}, which is not installed: pip install {error.name}"
                ) from error
            continue
        try:
            for name in parts[split:]:
                found = getattr(found, name)
        except AttributeError as error:
            raise ConfigError(f"{key}={target} does not exist; name a class that there is") from error
        return found
    if importlib.util.find_spec(parts[0]) is None:
        raise ConfigError(f"{key}={target}: the package {parts[0]} is not installed; install it, or name another class")
    raise ConfigError(f"{key}={target} does not exist; name a class that there is")
