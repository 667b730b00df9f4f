"""What frozen encoders said about rows they have read before.

A frozen encoder in eval mode is a pure function of a row's tokens, so on the CPU every row is encoded once per process:
later epochs, and the later runs of a sweep in the same process, find it here. Kept in the precision in which it was
computed, without padding.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor

log = logging.getLogger(__name__)


class RowMemory:
    """The output of one set of frozen weights, by row.

    Args:
        limit: bytes that all memories of the process may hold together; what comes later is computed every time.
    """

    held: ClassVar[int] = 0  # bytes, over all memories
    _of_weights: ClassVar[dict[str, RowMemory]] = {}

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._full = False
        self._rows: dict[tuple[bytes, torch.dtype], Tensor] = {}

    @classmethod
    def of(cls, weights: str, limit: float) -> RowMemory:
        """The memory of these weights and settings, shared by all encoders of the process that have them."""
        memory = cls._of_weights.setdefault(weights, cls(limit))
        memory.limit = limit
        return memory

    @classmethod
    def forget(cls) -> None:
        """Free all memories."""
        cls._of_weights.clear()
        cls.held = 0

    def recall(
        self, inputs: dict[str, Tensor], encode: Callable[[dict[str, Tensor]], Tensor], dtype: torch.dtype
    ) -> Tensor:
        """Encode rows, but those that were read before.

        Args:
            inputs: keyword arguments of ``encode``, each [rows, subtokens], ``attention_mask`` among them.
            encode: returns [rows, subtokens, size] for some of the rows.
            dtype: of the weights; rows computed in another precision are other rows.

        Returns:
            [rows, subtokens, size], zero on padding.
        """
        mask = inputs["attention_mask"].bool()  # [rows, subtokens]
        wide = torch.stack([tensor for name, tensor in inputs.items() if name != "attention_mask"], dim=-1)
        precision = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else dtype
        keys = [(wide[row][mask[row]].numpy().tobytes(), precision) for row in range(len(mask))]
        missing = [row for row, key in enumerate(keys) if key not in self._rows]
        new: dict[tuple[bytes, torch.dtype], Tensor] = {}
        if missing:
            width = int(mask[missing].any(dim=0).nonzero()[-1]) + 1
            start = int(mask[missing].any(dim=0).nonzero()[0])  # of padding on the left
            encoded = encode({name: tensor[missing, start:width] for name, tensor in inputs.items()})
            for place, row in enumerate(missing):
                new[keys[row]] = encoded[place][mask[row, start:width]].clone()
        first = next(iter(new.values())) if new else self._rows[keys[0]]
        output = first.new_zeros(*mask.shape, first.shape[-1])
        for row, key in enumerate(keys):
            output[row, mask[row]] = new[key] if key in new else self._rows[key]
        self._keep(new)
        return output

    def _keep(self, new: dict[tuple[bytes, torch.dtype], Tensor]) -> None:
        for key, vectors in new.items():
            size = vectors.element_size() * vectors.nelement()
            if RowMemory.held + size > self.limit:
                if not self._full:
                    log.info("%.1f GB of frozen encoders' outputs are kept in memory, no more", RowMemory.held / 1e9)
                self._full = True
                return
            self._rows[key] = vectors
            RowMemory.held += size
