"""Refuse a config that no class would accept, before any data is read or any weight is loaded."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from transferlab.utils.errors import UserError, near
from transferlab.utils.targets import check_class, check_name, trusted_by

ADDED_KEYS = {"wandb_watch", "optimized_metric"}  # of configs that are added to any root
RESERVED = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


class ConfigError(UserError):
    """A config value that cannot work; the text names the key, the value and the choices."""


def check_targets(cfg: Any, key: str = "") -> None:
    """Hold every ``_target_`` of a config against the signature of what it names.

    In a config with parts that were read from a run, it must be a class that :mod:`transferlab.utils.targets` allows.

    Raises:
        ConfigError: a key that the target does not know, with the nearest ones it does.
        UntrustedError: a target that is not allowed.
    """
    if isinstance(cfg, ListConfig):
        for position, entry in enumerate(cfg):
            check_targets(entry, f"{key}[{position}]")
    if not isinstance(cfg, DictConfig) or cfg._is_none():
        return
    if "_target_" in cfg:
        target = str(cfg["_target_"])
        accepted = keyword_names(_found(cfg, target, key))
        for name in map(str, cfg.keys()):
            if accepted is not None and name not in accepted and name not in RESERVED:
                hint = near(name, accepted) or f"known: {', '.join(sorted(accepted))}"
                raise ConfigError(f"{key}.{name}: {target} knows no such key; {hint}")
    for child, value in cfg.items_ex(resolve=False):
        if isinstance(value, (DictConfig, ListConfig)) and not value._is_interpolation():
            check_targets(value, f"{key}.{child!s}" if key else str(child))


def check_root_keys(cfg: DictConfig, known: set[str]) -> None:
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
            hint = f"did you mean {' or '.join(places)}?" if places else near(name, known) or f"known: {sorted(known)}"
            raise ConfigError(f"{name}: nothing reads this key; {hint}")


def root_keys(file: Path) -> set[str]:
    """The keys that a root config such as ``configs/train.yaml`` may have: its own, its groups and ``ADDED_KEYS``."""
    root = OmegaConf.load(file)
    assert isinstance(root, DictConfig)
    groups = {str(key).split()[-1] for entry in root.defaults if isinstance(entry, DictConfig) for key in entry}
    return {str(key) for key in root} - {"defaults"} | groups | ADDED_KEYS


def keyword_names(target: Any) -> set[str] | None:
    """The keywords a callable accepts.

    A class that takes ``**options`` says in ``OPTIONS_OF`` whose they are; else they are its base class's.

    Returns:
        the names, or None when it accepts anything.
    """
    if not inspect.isclass(target):
        parameters = inspect.signature(target).parameters.values()
        return None if _takes_any(parameters) else {p.name for p in parameters}
    names: set[str] = set()
    for kind in target.__mro__:
        if "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
        names |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)} - {"self"}
        if "OPTIONS_OF" in vars(kind):
            return names.union(*(keyword_names(part) or set() for part in vars(kind)["OPTIONS_OF"]))
        if not _takes_any(parameters):
            return names
    return None


def _takes_any(parameters: Any) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


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
    found = _locate(target, f"{key}._target_")
    if trusted is not None:
        check_class(found, target, key, trusted)
    return found


def _locate(target: str, key: str) -> Any:
    parts = target.split(".")
    for split in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError as error:
            if error.name and not ".".join(parts[:split]).startswith(error.name):
                raise ConfigError(f"{key}: {target} needs the package {error.name}, which is not installed") from error
            continue
        try:
            for name in parts[split:]:
                found = getattr(found, name)
        except AttributeError as error:
            raise ConfigError(f"{key}: {target} does not exist") from error
        return found
    raise ConfigError(f"{key}: {target} does not exist")
