"""The content hashes that a saved model records of its files, and the check of the files against them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferlab.encoders.source_files import EncoderError
from transferlab.utils.saved_models import DESCRIPTION

RECORDED = "files"  # {name: sha256} in the description of a saved model
_READ = (".json", ".safetensors", ".txt", ".model")  # a model card is for people, who change it
_sound: dict[Path, tuple[int, int, str]] = {}  # files of this process that were read: size, time of change, hash


def hashes(directory: Path) -> dict[str, str]:
    """The sha256 of every file of a saved model that is read, but for its description, by name."""
    files = [path for path in sorted(directory.rglob("*")) if path.suffix in _READ and path.is_file()]
    names = [(path.relative_to(directory).as_posix(), path) for path in files]
    return {name: _sha256(path) for name, path in names if name != DESCRIPTION}


def verify(directory: Path, description: Mapping[str, Any], folder: Path | None = None) -> None:
    """Refuse a saved model with a file that is not as it was saved; one that records no hashes passes.

    Args:
        directory: of the saved model.
        description: of it.
        folder: of one of its encoders, if only that one is read.

    Raises:
        EncoderError: naming the file.
    """
    recorded = description.get(RECORDED)
    if recorded is None:
        return
    place = directory / DESCRIPTION
    if not isinstance(recorded, dict) or not all(isinstance(digest, str) for digest in recorded.values()):
        raise EncoderError(f"{place}: {RECORDED!r} should map names to hashes; restore the file from a copy")
    within = directory if folder is None else folder
    for name, digest in recorded.items():
        file = directory / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise EncoderError(f"{place}: {RECORDED} names {name!r}, which is not inside; restore the file from a copy")
        if not file.resolve().is_relative_to(within.resolve()) and not file.is_symlink():
            continue
        if not file.is_file():
            raise EncoderError(f"{file} is missing; copy the saved model again, or save it again")
        if _sha256(file) != digest:
            raise EncoderError(
                f"{file} is damaged: it has other content than when it was saved; copy the saved model again, or, if "
                f"you changed the file yourself, delete its entry in {RECORDED!r} of {place}"
            )


def _sha256(file: Path) -> str:
    status = file.stat()
    state = (status.st_size, status.st_mtime_ns)
    known = _sound.get(file.resolve())
    if known is None or known[:2] != state:
        with file.open("rb") as stream:
            known = _sound[file.resolve()] = (*state, hashlib.file_digest(stream, "sha256").hexdigest())
    return known[2]
