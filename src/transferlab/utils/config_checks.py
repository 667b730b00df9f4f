"""Refuse a config that no class would accept, before any data is read or any weight is loaded."""

from __future__ import annotations

import difflib
import importlib
import inspect
from typing import Any

from omegaconf import DictConfig, ListConfig

from transferlab.utils.errors import UserError

RESERVED = {"_target_", "_partial_", "_recursive_", "_convert_", "_args_"}


class ConfigError(UserError):
    """A config value that cannot work; the text names the key, the value and the choices."""


def check_targets(cfg: Any, key: str = "") -> None:
    """Hold every ``_target_`` of a config against the signature of what it names.

    Raises:
        ConfigError: a key that the target does not know, with the nearest ones it does.
    """
    if isinstance(cfg, ListConfig):
        for position, entry in enumerate(cfg):
            check_targets(entry, f"{key}[{position}]")
    if not isinstance(cfg, DictConfig) or cfg._is_none():
        return
    if "_target_" in cfg:
        target = str(cfg["_target_"])
        accepted = keyword_names(_locate(target, f"{key}._target_"))
        for name in map(str, cfg.keys()):
            if accepted is not None and name not in accepted and name not in RESERVED:
                near = difflib.get_close_matches(name, accepted, n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(sorted(accepted))}"
                raise ConfigError(f"{key}.{name}: {target} knows no such key; {hint}")
    for child, value in cfg.items_ex(resolve=False):
        if isinstance(value, (DictConfig, ListConfig)) and not value._is_interpolation():
            check_targets(value, f"{key}.{child}" if key else str(child))


def keyword_names(target: Any) -> set[str] | None:
    """The keywords a callable accepts, those it hands on to its base class or lists in ``OPTIONS_OF`` included.

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
        for part in vars(kind).get("OPTIONS_OF", ()):
            names |= keyword_names(part) or set()
        if not _takes_any(parameters):
            return names
    return None


def _takes_any(parameters: Any) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


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
