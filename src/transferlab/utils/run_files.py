"""Files that a run has left behind, read as data: whoever wrote them, nothing in them is resolved or executed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from transferlab.utils.errors import UserError

LARGEST = 16 * 2**20  # bytes of a file that is read; the result of a sweep of thousands of jobs has fewer
OF_WANDB = "wandb"  # W&B links its logs from its cache


class RunFileError(UserError):
    """A file of a run's directory that no run of ours would have written."""


def read_yaml(file: Path) -> Any:
    """The plain containers of a YAML file, interpolations as the text that they are.

    Raises:
        RunFileError: it is no YAML, larger than ``LARGEST``, or holds tags (``!!python/...``) or aliases, which none of
            our files does.
    """
    import yaml
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    text = _text(file)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
                line = event.start_mark.line + 1
                raise RunFileError(f"{file}, line {line}: a tag or an alias, which no file of a run holds")
        return OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, RecursionError, TypeError) as error:
        raise RunFileError(f"{file} is no YAML of a run: {error}") from error


def read_json(file: Path) -> Any:
    """The content of a JSON file.

    Raises:
        RunFileError: it is no JSON, or larger than ``LARGEST``.
    """
    try:
        return json.loads(_text(file))
    except (json.JSONDecodeError, RecursionError) as error:
        raise RunFileError(f"{file} is no JSON: {error}") from error


def job_directory(sweep: Path, name: str) -> Path:
    """The directory of a job, which a file of its sweep names.

    Raises:
        RunFileError: it would not be below that of the sweep.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise RunFileError(f"{sweep}: the job {name!r} is not below the directory of its sweep")
    return sweep / name


def refuse_links(directory: Path) -> None:
    """Raise RunFileError for a link in a run's directory that leads out of it: what a run writes would go there."""
    inside = directory.resolve()
    for path, folders, files in os.walk(directory):
        for name in (*folders, *files):
            entry = Path(path, name)
            if entry.is_symlink() and not entry.resolve().is_relative_to(inside):
                raise RunFileError(
                    f"{entry} is a link to {entry.resolve()}, outside of the run's directory; put what it leads to in "
                    "its place"
                )
        if OF_WANDB in folders:
            folders.remove(OF_WANDB)


def _text(file: Path) -> str:
    try:
        if (size := file.stat().st_size) > LARGEST:
            raise RunFileError(f"{file} has {size} bytes, more than the {LARGEST} that are read of such a file")
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RunFileError(f"{file} is not UTF-8 ({error})") from error
