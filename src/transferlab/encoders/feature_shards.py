"""Files of stored features: some rows of one layer each, packed without padding, in safetensors.

A shard is written aside, flushed to the disk and renamed, so that a file with its name is complete; it is never changed
afterwards. Its index has a checksum, and so has every row, because disks, copies and people damage files.

Letters: R rows, T tokens of all rows together, h hidden size.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from transferlab.utils.new_folder import give_usual_permissions

KEY_BYTES = 16
FORMAT = "1"
SUFFIX = ".safetensors"
UNFINISHED = ".unfinished-"  # what is still being written, or was when its process died


class DamagedShardError(Exception):
    """A shard that cannot be read, or holds other bytes than were written."""


class Shard:
    """A shard on disk, mapped into memory: what is read of it stays in the system's cache while there is room.

    Attributes:
        path: of the file.
        keys: [R], the keys of its rows.
        starts, lengths: [R] int64, the place of each row's tokens among the T.
        vectors: [T, h].

    Raises:
        DamagedShardError: the file is not a shard, its index is damaged, or it lies in the folder of another layer.
        OSError: it is gone, or the system cannot open it now (no permission, too many open files).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                keys, lengths, checks = (file.get_tensor(name) for name in ("keys", "lengths", "checks"))
                self.vectors: Tensor = file.get_tensor("vectors")  # mapped, not read
        except (SafetensorError, KeyError, ValueError) as error:
            raise DamagedShardError(f"{path}: {error}") from error
        except RuntimeError as error:  # what torch says of a file that it cannot map
            raise OSError(f"{path}: {error}") from error
        layer = metadata.get("layer", "")  # not said by stores of 0.1
        index = _index_check(layer, self.vectors, keys, lengths, checks)
        if metadata.get("format") != FORMAT or metadata.get("index") != index:
            raise DamagedShardError(f"{path}: its index does not fit its checksum")
        if layer not in ("", _layer(path.parent)):
            raise DamagedShardError(f"{path}: it is of the layer {layer}, whose folder this is not")
        of_rows = {tuple(tensor.shape[1:]) for tensor in (lengths, checks)} == {()} and keys.shape[1:] == (KEY_BYTES,)
        if not of_rows or not len(keys) == len(lengths) == len(checks) or self.vectors.dim() != 2:
            raise DamagedShardError(f"{path}: its tensors are of other shapes than those of a shard")
        if any(length < 1 for length in lengths.tolist()) or int(lengths.sum()) != len(self.vectors):
            raise DamagedShardError(f"{path}: the lengths of its rows are not those of its vectors")
        packed = keys.numpy().tobytes()
        self.keys = [packed[i : i + KEY_BYTES] for i in range(0, len(packed), KEY_BYTES)]
        self.lengths = lengths.numpy()
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.lengths)[:-1]])
        self._checks = checks.numpy()
        self._checked = np.zeros(len(self.keys), bool)

    def check_kind(self, dtype: torch.dtype, hidden_size: int | None) -> None:
        """Hold the vectors against what a layer keeps.

        Args:
            dtype: of the layer.
            hidden_size: of the layer; None: not known.

        Raises:
            DamagedShardError: they are another layer's.
        """
        if self.vectors.dtype != dtype or hidden_size not in (None, self.vectors.shape[1]):
            found = f"{self.vectors.shape[1]} numbers a token in {self.vectors.dtype}"
            raise DamagedShardError(f"{self.path}: {found}, and its layer has {hidden_size} in {dtype}")

    def check(self, rows: Any) -> None:
        """Hold rows against their checksums, each once per process; their values must be numbers, as all written are.

        Args:
            rows: integers.

        Raises:
            DamagedShardError: one of them has changed, or holds nan or infinite values.
        """
        for row in np.asarray(rows)[~self._checked[rows]]:
            start = int(self.starts[row])
            vectors = self.vectors[start : start + int(self.lengths[row])]
            if _check(vectors) != self._checks[row]:
                raise DamagedShardError(f"{self.path}: row {row} does not fit its checksum")
            if not torch.isfinite(vectors).all():
                raise DamagedShardError(f"{self.path}: row {row} holds nan or infinite values")
            self._checked[row] = True


def write_shard(folder: Path, rows: Sequence[tuple[bytes, Tensor]]) -> Path:
    """Write rows into a new file of a folder.

    Args:
        folder: made if need be.
        rows: at least one; key and [tokens, h] of each, all of one type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keys = torch.frombuffer(bytearray(b"".join(key for key, _ in rows)), dtype=torch.uint8).view(-1, KEY_BYTES)
    lengths = torch.tensor([len(vectors) for _, vectors in rows])
    checks = torch.tensor([_check(vectors) for _, vectors in rows])
    with torch.autocast("cpu", enabled=False):  # it refuses to concatenate float16 for bfloat16
        vectors = torch.cat([vectors for _, vectors in rows])
    tensors = {"keys": keys, "lengths": lengths, "checks": checks, "vectors": vectors}
    name = os.urandom(8).hex()
    unfinished = folder / f"{UNFINISHED}{name}"
    layer = _layer(folder)
    index = _index_check(layer, vectors, keys, lengths, checks)
    try:
        save_file(tensors, unfinished, metadata={"format": FORMAT, "index": index, "layer": layer})
        give_usual_permissions(unfinished)
        with unfinished.open("rb+") as file:
            os.fsync(file)
        path = folder / f"{name}{SUFFIX}"
        os.replace(unfinished, path)
        _names_to_disk(folder)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return path


def _layer(folder: Path) -> str:
    """The layer that a folder holds, wherever the store lies: names are made of weights, layer and precision."""
    return f"{folder.parent.name}/{folder.name}"


def _check(vectors: Tensor) -> int:
    return zlib.crc32(vectors.contiguous().view(torch.uint8).numpy().data)


def _index_check(layer: str, vectors: Tensor, *index: Tensor) -> str:
    """Of the index, and of what the header says of layer and vectors, whose bytes have checksums of their own."""
    value = zlib.crc32(f"{layer}{vectors.dtype} {tuple(vectors.shape)}".encode())
    for tensor in index:
        value = zlib.crc32(tensor.contiguous().numpy().data, value)
    return f"{value:08x}"


def _names_to_disk(folder: Path) -> None:
    """Make the system write the names in a folder, where it can do that."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
