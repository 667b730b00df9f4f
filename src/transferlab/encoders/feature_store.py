"""The outputs of frozen encoders on disk: computed once, read by every later epoch, seed, depth and combination.

    <directory>/<weights>/<layer address>-<precision>-<type>/layer.json     what it is, for people and listings
                                                            /*.safetensors  shards of rows

``weights`` names what lies outside the blocks of an encoder, so that it holds the layers of an encoder and of its
truncated variants; its file ``lock`` is held by the one process that writes below it. Readers need no lock: files
appear complete and never change.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
from weakref import WeakValueDictionary

import torch
from filelock import FileLock, Timeout

from transferlab.encoders.feature_shards import SUFFIX, DamagedShardError, Shard
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.stored_layer import StoredLayer
from transferlab.utils.option_kinds import NonNegative, OneOf, Positive, Text
from transferlab.utils.options import checked

log = logging.getLogger(__name__)

DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
ABOUT = "layer.json"
LOCK = "lock"
EVICTED = ".evicted-"
FREE_SPACE = 1e9  # bytes that are left to others on the disk


@dataclass(frozen=True)
class LayerEntry:
    """A layer of the store, as it lies on disk.

    Attributes:
        folder: of its shards.
        about: what ``layer.json`` says: encoder, layer, hidden_size, precision, dtype.
        size: bytes.
        used: when it was opened last.
    """

    folder: Path
    about: Mapping[str, Any]
    size: int
    used: datetime

    @cached_property
    def rows(self) -> int:
        """Rows in files that can be read; every file is opened."""
        rows = 0
        for path in self.folder.glob(f"*{SUFFIX}"):
            with suppress(DamagedShardError, OSError):  # or it is gone meanwhile; whoever reads its rows will say so
                rows += len(Shard(path).keys)
        return rows


class FeatureStore:
    """A directory of stored layers with a limit.

    Args:
        directory: made if need be.
        dtype: in which vectors are kept: float16, bfloat16 or float32.
        limit_gb: GB that all layers may take; layers that were not used for longest go first.
        gpu_gb: GB that may be copied to a GPU to stay there.

    Raises:
        EncoderError: an unknown type, or a limit that leaves no room.
    """

    # as long as an encoder uses it: the jobs of a sweep may share a process
    _opened: ClassVar[WeakValueDictionary[str, FeatureStore]] = WeakValueDictionary()

    @checked("features", EncoderError)
    def __init__(
        self,
        directory: Text | Path,
        dtype: Annotated[str, OneOf(DTYPES)] = "float16",
        limit_gb: Positive = 50.0,
        gpu_gb: NonNegative = 8.0,
    ) -> None:
        self.directory = Path(directory)
        there = next(place for place in (self.directory, *self.directory.absolute().parents) if place.exists())
        if not there.is_dir():
            raise EncoderError(f"features.directory={directory}: {there} is a file; name a directory, or features=off")
        self.dtype = dtype
        self.limit = 1e9 * limit_gb
        self.gpu_room = int(1e9 * gpu_gb)
        self.itemsize = DTYPES[dtype].itemsize
        self._layers: dict[Path, StoredLayer] = {}

    @classmethod
    def of(cls, **options: Any) -> FeatureStore:
        """The store with these options, shared by all encoders of the process."""
        name = json.dumps({key: str(value) for key, value in options.items()}, sort_keys=True)
        store = cls._opened.get(name)
        if store is None:
            store = cls._opened[name] = cls(**options)
        return store

    def room_on(self, device: torch.device) -> int:
        """Bytes that may still be copied to a device to stay there."""
        if device.type == "cpu":
            return 0
        return self.gpu_room - sum(layer.held_on(device) for layer in self._layers.values())

    def layer(self, weights: str, address: str, precision: str, about: Mapping[str, Any]) -> StoredLayer:
        """A stored layer, empty when nothing was ever written.

        Args:
            weights: what lies outside the encoder's blocks.
            address: see feature_addresses.py.
            precision: in which the encoder computes, see its ``precision``.
            about: for listings.
        """
        folder = self.directory / weights / f"{address}-{precision}-{self.dtype}"
        if folder not in self._layers:
            described = {**about, "precision": precision, "dtype": self.dtype}
            self._layers[folder] = StoredLayer(folder, DTYPES[self.dtype], described)
            self._layers[folder].refresh()
            mark_used(folder)
        return self._layers[folder]

    @contextmanager
    def writing(self, weights: str) -> Iterator[None]:
        """Hold the lock under which layers of these weights are written; wait for a process that holds it.

        Raises:
            EncoderError: the directory cannot be written.
        """
        place = self.directory / weights
        # of a path always the same one, which counts how often this process (not the one it was forked from) holds it
        lock = FileLock(place / LOCK, is_singleton=True)
        try:
            place.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout:
            log.info("another process writes the features in %s; waiting for it", place)
            lock.acquire()
        except OSError as error:
            raise EncoderError(
                f"features.directory={self.directory} cannot be written ({error}); choose another one, or features=off"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def write(self, layer: StoredLayer) -> bool:
        """Put the unwritten rows of a layer on disk, if the limit allows. The caller holds the lock.

        Returns:
            whether they are there; else they are forgotten, which the log says.
        """
        if not layer.unwritten:
            return True
        lacking = self.lacking(layer.unwritten_bytes)
        while not lacking:
            try:
                _describe_once(layer)
                layer.write()
            except FileNotFoundError:  # another process has evicted the layer this moment
                continue
            except OSError as error:  # a quota, a disk that others have filled
                lacking = f"features cannot be written: {error}"
                break
            mark_used(layer.folder)
            return True
        log.warning(lacking)
        layer.unwritten = {}
        return False

    def lacking(self, size: int) -> str | None:
        """Make room for so many bytes, evicting layers that this process does not use; say what is in the way."""
        entries = sorted(self.entries(), key=lambda entry: entry.used)
        taken = sum(entry.size for entry in entries)
        others = [entry for entry in entries if entry.folder not in self._layers]
        own = taken - sum(entry.size for entry in others)
        if own + size > self.limit:  # evicting all others would not help
            return (
                f"features of {size / 1e9:.3g} GB do not fit into {self.directory}, which holds {own / 1e9:.3g} GB "
                f"for this run: features.limit_gb={self.limit / 1e9:g}"
            )
        for entry in others:
            if taken + size <= self.limit:
                break
            log.info("features of %s are evicted (features.limit_gb)", describe(entry))
            remove(entry.folder)
            taken -= entry.size
        for leftover in self.directory.glob(f"*/{EVICTED}*"):  # of a process that died meanwhile
            shutil.rmtree(leftover, ignore_errors=True)
        free = shutil.disk_usage(existing(self.directory)).free
        if free < size + FREE_SPACE:
            return (
                f"features of {size / 1e9:.3g} GB do not fit on the disk of {self.directory}, {free / 1e9:.3g} GB free"
            )
        return None

    def entries(self) -> list[LayerEntry]:
        """All layers of the directory."""
        return [
            entry
            for folder in sorted(self.directory.glob("*/*-*-*"))
            if folder.is_dir() and not folder.name.startswith(".") and (entry := _entry(folder))
        ]


def remove(folder: Path) -> None:
    """Delete a layer; processes that have it open go on with what they have."""
    gone = folder.with_name(f"{EVICTED}{os.urandom(4).hex()}")
    try:
        os.replace(folder, gone)
    except OSError:  # another process was faster, or it is another user's
        return
    shutil.rmtree(gone, ignore_errors=True)


def describe(entry: LayerEntry) -> str:
    """A layer in words."""
    about = entry.about
    return (
        f"{about.get('encoder', entry.folder.name)}, layer {about.get('layer', '?')}, {entry.rows} rows, "
        f"{entry.size / 1e6:.1f} MB"
    )


def existing(path: Path) -> Path:
    """The path, or the nearest folder above it that exists."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _describe_once(layer: StoredLayer) -> None:
    if not (layer.folder / ABOUT).is_file():
        layer.folder.mkdir(parents=True, exist_ok=True)
        unfinished = layer.folder / f".{ABOUT}"
        unfinished.write_text(json.dumps(layer.about, indent=2) + "\n", encoding="utf-8")
        os.replace(unfinished, layer.folder / ABOUT)


def mark_used(folder: Path) -> None:
    """Say that a layer is in use."""
    with suppress(OSError):  # nothing was written yet, or the directory may only be read
        os.utime(folder / ABOUT)


def _entry(folder: Path) -> LayerEntry | None:
    try:
        size = sum(path.stat().st_size for path in folder.glob(f"*{SUFFIX}"))
        place = folder / ABOUT if (folder / ABOUT).is_file() else folder
        used = datetime.fromtimestamp(place.stat().st_mtime)
    except FileNotFoundError:  # removed while we looked
        return None
    return LayerEntry(folder, _about(folder), size, used)


def _about(folder: Path) -> Mapping[str, Any]:
    """What is written there for people; nothing depends on it."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}
