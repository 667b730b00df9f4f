"""Folders that appear whole or not at all, with the permissions that the caller's umask gives to all of their files.

    .<name>.saving-<random>         what is being written, or was when its process died
    .<name>.saving-<random>.old     what was there before, for the moment in which the new one takes its place

Whoever writes holds a shared lock on the parent folder; who gets that lock alone knows that the writers of all such
folders are dead, and sweeps them.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from transferlab.utils.errors import ConfigError

log = logging.getLogger(__name__)

_SAVING = re.compile(r"\.(?P<name>.+)\.saving-[0-9a-f]{8}(?P<old>\.old)?")


@contextmanager
def new_folder(directory: Path) -> Iterator[Path]:
    """A folder to write to, which takes the place of ``directory`` at the end; after an error nothing has changed."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _writing_in(directory.parent):
        building = directory.with_name(f".{directory.name}.saving-{os.urandom(4).hex()}")
        building.mkdir()
        try:
            yield building
            give_usual_permissions(*(path for path in building.rglob("*") if path.is_file()))
            _put_in_place(building, directory)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise


def check_writable(place: str | Path, key: str) -> None:
    """Refuse a folder that cannot be made or written to, before the work whose results it is for.

    Args:
        place: the folder, which need not be there.
        key: of the config that names it.

    Raises:
        ConfigError: naming the key and the part of the path.
    """
    there = Path(place).absolute()
    while not (there.exists() or there.is_symlink()):
        there = there.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=there):
            pass
    except OSError as error:
        raise ConfigError(
            f"{key}={place}: nothing can be written to {there} ({error.strerror}); choose another place"
        ) from error


def give_usual_permissions(*files: Path) -> None:
    """Give files the permissions of newly made ones; safetensors writes them for their owner only."""
    mask = os.umask(0o077)
    os.umask(mask)
    for file in files:
        file.chmod(0o666 & ~mask)


def sweep(parent: Path) -> None:
    """Delete what dead processes have left unfinished in a folder; the caller knows that no other one writes there.

    Where one died between the two steps of putting a folder in its place, the second is done.
    """
    left = [(entry, found) for entry in parent.iterdir() if (found := _SAVING.fullmatch(entry.name))]
    for entry, found in sorted(
        left, key=lambda one: one[1]["old"] is None
    ):  # the old ones first: each knows its new one
        if entry.is_symlink() or not entry.is_dir():
            continue
        target, new = parent / found["name"], entry.with_suffix("")
        if found["old"] and not target.exists():
            os.replace(new if new.is_dir() else entry, target)
            log.info("%s was being replaced when its process died; it is whole", target)
        shutil.rmtree(entry, ignore_errors=True)


@contextmanager
def _writing_in(parent: Path) -> Iterator[None]:
    """Sweep a folder if nobody writes there, and say that this process does."""
    descriptor = None
    with suppress(OSError, ImportError):  # a system, or a file system, without such locks: nothing is swept
        import fcntl

        descriptor = os.open(parent, os.O_RDONLY)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sweep(parent)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _put_in_place(new: Path, directory: Path) -> None:
    """Move a finished folder to ``directory``; what lies there is only deleted once the new one is in place."""
    old = new.with_name(f"{new.name}.old")
    if directory.exists():
        os.replace(directory, old)
    try:
        os.replace(new, directory)
    except OSError:
        if old.exists():
            os.replace(old, directory)
        raise
    shutil.rmtree(old, ignore_errors=True)
