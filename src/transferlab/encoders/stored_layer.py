"""The stored rows of one layer of one set of weights: a folder of shards, and the rows that are not written yet.

Letters: R rows, h hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from transferlab.encoders.feature_shards import SUFFIX, UNFINISHED, DamagedShardError, Shard, write_shard

log = logging.getLogger(__name__)

Rows = np.ndarray[Any, np.dtype[np.int64]]


class StoredLayer:
    """Rows by key, mapped into memory and, on a GPU, copied there while they fit.

    Args:
        folder: of its shards; need not exist.
        dtype: in which vectors are kept.
        about: what it is, for listings; ``hidden_size`` is that of every shard.
    """

    def __init__(self, folder: Path, dtype: torch.dtype, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.dtype = dtype
        self.about = about
        self.unwritten: dict[bytes, Tensor] = {}  # [tokens, h] each
        self._shards: list[Shard] = []
        self._files: set[str] = set()
        self._place: dict[bytes, tuple[int, int]] = {}  # shard, row
        self._copies: dict[tuple[int, torch.device], Tensor] = {}
        self._said: set[str] = set()

    def refresh(self) -> None:
        """Open what other processes have written meanwhile; a damaged shard is deleted, its rows are missing then."""
        for path in sorted(self.folder.glob(f"*{SUFFIX}")):
            if path.name in self._files:
                continue
            try:
                shard = Shard(path)
                shard.check_kind(self.dtype, self.about.get("hidden_size"))
            except DamagedShardError as error:
                if path.exists():
                    log.warning("damaged features are deleted, and will be computed again: %s", error)
                    _delete(path)
                continue
            except OSError as error:
                if path.exists():  # else it was evicted meanwhile
                    log.warning("features cannot be read, and are computed again: %s", error)
                continue
            self._files.add(path.name)
            for row, key in enumerate(shard.keys):
                self._place.setdefault(key, (len(self._shards), row))
            self._shards.append(shard)

    def held_on(self, device: torch.device) -> int:
        """Bytes of the copies on a device."""
        return sum(copy.nbytes for (_, place), copy in self._copies.items() if place == device)

    def clean(self) -> None:
        """Delete what died while it was written. The caller holds the lock that writers hold."""
        for path in self.folder.glob(f"{UNFINISHED}*"):
            _delete(path)

    def __contains__(self, key: bytes) -> bool:
        """Whether the row can be gathered."""
        return key in self._place or key in self.unwritten

    def __len__(self) -> int:
        """Rows."""
        return len(self._place) + len(self.unwritten)

    def add(self, key: bytes, vectors: Tensor) -> Tensor | None:
        """Take in the vectors [tokens, h] of a row, which are on disk after the next ``write``.

        Returns:
            the vectors as they are kept; None when their values are too large for the type, or are no numbers, and
            they are not kept.
        """
        kept = vectors.detach().to("cpu", self.dtype, copy=True)
        if not torch.isfinite(kept).all():
            if torch.isfinite(vectors).all():
                self._say_once(
                    f"features.dtype={str(self.dtype).removeprefix('torch.')} cannot hold some outputs: their rows are "
                    "computed every time; bfloat16 and float32 can hold them"
                )
            else:
                self._say_once(
                    f"the encoder {self.about.get('encoder', self.folder.parent.name)} gives nan or infinite values "
                    "for some rows, which are not stored, and so will the loss be nan; choose another encoder, or "
                    "trainer.precision=32-true"
                )
            return None
        if key not in self._place:  # a row that lacked another layer only is not written twice
            self.unwritten[key] = kept
        return kept

    def _say_once(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            log.warning(message)

    @property
    def unwritten_bytes(self) -> int:
        """The size of what is not on disk."""
        return sum(vectors.nbytes for vectors in self.unwritten.values())

    def write(self) -> None:
        """Put on disk what is not there. The caller holds the lock that writers hold."""
        if not self.unwritten:
            return
        write_shard(self.folder, list(self.unwritten.items()))
        self.unwritten = {}
        self.refresh()

    def gather(self, keys: Sequence[bytes], width: int, device: torch.device, room: int = 0) -> Tensor:
        """The vectors of rows that are on disk.

        Args:
            keys: of R rows that it contains, none of them unwritten.
            width: of the result; no row is longer.
            device: of the result.
            room: bytes that may be copied to another device to stay there.

        Returns:
            [R, width, h] in the type of the store; arbitrary numbers after the end of a row.

        Raises:
            DamagedShardError: a row does not fit its checksum; the shard is deleted, its rows are missing then.
        """
        places = np.array([self._place[key] for key in keys])  # [R, 2]
        shards = np.unique(places[:, 0]).tolist()
        if len(shards) == 1:
            return self._gather_from(shards[0], places[:, 1], width, device, room)
        hidden = self._shards[shards[0]].vectors.shape[1]
        gathered = torch.empty(len(keys), width, hidden, dtype=self.dtype, device=device)
        for shard in shards:  # autocast would refuse to concatenate float16 for bfloat16
            members = np.flatnonzero(places[:, 0] == shard)
            part = self._gather_from(shard, places[members, 1], width, device, room)
            gathered[torch.from_numpy(members).to(device)] = part
        return gathered

    def row(self, key: bytes) -> Tensor:
        """The vectors [tokens, h] of one row that it contains, on disk or not, on the CPU; raises like ``gather``."""
        if key in self.unwritten:
            return self.unwritten[key]
        shard, row = self._place[key]
        return self.gather([key], int(self._shards[shard].lengths[row]), torch.device("cpu"))[0]

    def _gather_from(self, number: int, rows: Rows, width: int, device: torch.device, room: int) -> Tensor:
        shard = self._shards[number]
        try:
            shard.check(rows)
        except DamagedShardError as error:
            log.warning("damaged features are deleted, and will be computed again: %s", error)
            _delete(shard.path)
            self._place = {key: place for key, place in self._place.items() if place[0] != number}
            raise
        steps = np.minimum(np.arange(width), shard.lengths[rows, None] - 1)  # [R, width], the last token again
        index = torch.from_numpy(shard.starts[rows, None] + steps).flatten()
        vectors = self._near(number, device, room)
        gathered = vectors.index_select(0, index.to(vectors.device))
        return gathered.view(len(rows), width, -1).to(device, non_blocking=True)

    def _near(self, number: int, device: torch.device, room: int) -> Tensor:
        """The vectors of a shard on a device if there is room for them, else where they are."""
        vectors = self._shards[number].vectors
        if device.type == "cpu":
            return vectors
        if (number, device) not in self._copies:
            if vectors.nbytes > room:
                return vectors
            self._copies[number, device] = vectors.to(device)
        return self._copies[number, device]


def _delete(path: Path) -> None:
    """Delete a file, where that is allowed and nobody was faster."""
    with suppress(OSError):
        path.unlink()
