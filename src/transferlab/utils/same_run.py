"""A run that goes on is the run that was started: its config is as it was written, its data and seed are the same."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from transferlab.utils.errors import UserError
from transferlab.utils.resume import CHECKPOINT, CONFIG, RECORD
from transferlab.utils.run_files import DAMAGED, RunFileError, read_json, read_yaml

CONFIG_HASHES = "config_sha256"  # in the record of a run
CHOOSING = (  # the best epoch
    "monitor",
    "monitor_mode",
    "callbacks.model_checkpoint.monitor",
    "callbacks.model_checkpoint.mode",
)
# What a run was trained on and began from, and with which random numbers
STARTING = (
    "seed",
    "encoder",
    "sources",
    "model.pretrained_models",
    "model_load_mode",
    "dataset",
    "datamodule.select_n",
    "datamodule.select_seed",
    "datamodule.select_by",
    "datamodule.train_examples",
)
_OF_PLACES = re.compile(r"dataset\.(.*_)?(dir|path|file|variable|source)")  # which may have been moved


def hash_of(file: Path) -> str | None:
    """The hash of a file; None where there is none."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


def config_of(directory: Path) -> dict[str, Any]:
    """The config of a run, unresolved, as the run itself has written it.

    Raises:
        RunFileError: it was changed since; its record knows the hash. Records of earlier versions do not.
    """
    file = directory / CONFIG
    content, found = read_yaml(file), hash_of(file)
    if not content:
        raise RunFileError(f"{file} is empty; {DAMAGED}")
    known = read_json(directory / RECORD).get(CONFIG_HASHES) if (directory / RECORD).is_file() else None
    if isinstance(known, list) and known and found not in known:  # read after the config, which is written after it
        raise RunFileError(
            f"{file} is not as the run has written it, by its hash in {RECORD}; {DAMAGED} (config_resolved.yaml beside "
            "it has the values that the run had); other values are given on the command line"
        )
    resolved = directory / "config_resolved.yaml"
    if not known and resolved.is_file() and (gone := [key for key in read_yaml(resolved) if key not in content]):
        raise RunFileError(f"{file} has no {gone[0]}, which the run had, by {resolved.name} beside it; {DAMAGED}")
    return dict(content)


def refuse_another_run(cfg: DictConfig, directory: Path) -> None:
    """Refuse to go on with a run by another score, or direction, than its best epoch was chosen by, or on other data.

    Raises:
        UserError: naming the key, and both values.
    """
    before = read_yaml(directory / CONFIG) if (directory / CONFIG).is_file() else {}
    another = f"leave it so, or start another run from where it ended: ckpt_path={directory / CHECKPOINT}"
    for key in CHOOSING:
        was, now = _text_at(before, key), OmegaConf.select(cfg, key)
        if was is not None and now is not None and now != was:
            raise UserError(f"{key}={now}: the best epoch of the run in {directory} was chosen by {was}; {another}")
    after = OmegaConf.to_container(cfg, resolve=False)
    for key in STARTING:
        now = dict(_values(_at(after, key), key))
        for name, was in _values(_at(before, key), key):
            if now.get(name) != was and not _may_be_moved(name, now.get(name)):
                raise UserError(f"{name}={now.get(name)}: the run in {directory} was started with {was}; {another}")


def _may_be_moved(key: str, value: Any) -> bool:
    """Whether a value names a place: files may have been moved, and what is in them is checked where it is read."""
    return _OF_PLACES.fullmatch(key) is not None or (isinstance(value, str) and os.path.isdir(value))


def _at(config: Any, key: str) -> Any:
    """The value at a key; an empty mapping where there is none, as in a config of an earlier version."""
    for part in key.split("."):
        config = config.get(part, {}) if isinstance(config, dict) else {}
    return config


def _values(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """``(dotted key, value)`` of everything that is no mapping."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _values(item, f"{key}.{name}")
    else:
        yield key, value


def _text_at(config: Any, key: str) -> str | None:
    """The text at a key of a config as it was written; None: there is none, or it can only be known by resolving it."""
    value = _at(config, key)
    if isinstance(value, str) and value in ("${monitor}", "${monitor_mode}"):
        value = _text_at(config, value[2:-1])
    return value if isinstance(value, str) and "${" not in value else None
