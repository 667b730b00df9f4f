"""What the feature store does for one frozen encoder: rows that were read before are looked up, others are computed.

Letters: R rows, T subtokens, h hidden size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from transferlab.encoders.feature_shards import DamagedShardError
from transferlab.encoders.feature_store import FeatureStore, mark_used
from transferlab.encoders.stored_layer import StoredLayer

Inputs = dict[str, Tensor]  # keyword arguments of an encoder, [R, T] each; attention_mask among them
Encode = Callable[[Inputs, Sequence[int]], list[Tensor]]  # [R, T, h] of each of these layers
UNWRITTEN_BYTES = 2**28  # a shard is written when so much is waiting


class FrozenFeatures:
    """The stored layers of an encoder.

    Args:
        store: where they are.
        weights: what lies outside the encoder's blocks.
        addresses: of its layers, the first layer first.
        used: the layers that the encoder returns, from 1.
        about: for listings; ``hidden_size`` among it.

    Attributes:
        kept: layers that are stored when a row is computed: those that are used, and more on demand.
        full: whether the store had no room; then it is read, but nothing is added.
    """

    def __init__(
        self, store: FeatureStore, weights: str, addresses: Sequence[str], used: Sequence[int], about: dict[str, Any]
    ) -> None:
        self.store = store
        self.weights = weights
        self.addresses = list(addresses)
        self.used = list(used)
        self.kept = list(used)
        self.about = about
        self.full = False
        self._opened: dict[tuple[int, str], StoredLayer] = {}

    def layer(self, number: int, precision: str) -> StoredLayer:
        """One stored layer of what is computed in a precision."""
        if (number, precision) not in self._opened:
            address, about = self.addresses[number - 1], {**self.about, "layer": number}
            self._opened[number, precision] = self.store.layer(self.weights, address, precision, about)
        return self._opened[number, precision]

    def refresh(self, precision: str, clean: bool = False) -> None:
        """See what other processes have written.

        Args:
            precision: of the layers.
            clean: delete what died while it was written; the caller holds the lock of ``store.writing``.
        """
        for number in self.kept:
            if clean:
                self.layer(number, precision).clean()
            self.layer(number, precision).refresh()

    def missing(self, keys: Sequence[bytes], precision: str) -> list[int]:
        """Positions of rows that lack a layer; of equal rows the first."""
        layers = [self.layer(number, precision) for number in (self.used if self.full else self.kept)]
        rows = {key: row for row, key in reversed(list(enumerate(keys))) if key}
        return sorted(row for key, row in rows.items() if any(key not in layer for layer in layers))

    def compute(
        self, inputs: Inputs, keys: Sequence[bytes], encode: Encode, precision: str
    ) -> dict[bytes, list[Tensor]]:
        """Encode the rows that are missing, and keep them.

        Args:
            inputs: of the encoder, for all rows.
            keys: of the rows; the empty one for a row of padding.
            encode: computes layers of some of the rows.
            precision: in which it does.

        Returns:
            {key: [tokens, h] of each used layer} of the rows that were missing, rounded as if read from the store.
        """
        rows = self.missing(keys, precision)
        if not rows:
            return {}
        layers = self.used if self.full else self.kept
        lengths: list[int] = inputs["attention_mask"][rows].sum(dim=1).tolist()
        outputs = encode({name: tensor[rows, : max(lengths)] for name, tensor in inputs.items()}, layers)
        computed: dict[bytes, list[Tensor]] = {keys[row]: [] for row in rows}
        for number, output in zip(layers, outputs, strict=True):
            for row, length, vectors in zip(rows, lengths, output, strict=True):
                kept = None if self.full else self.layer(number, precision).add(keys[row], vectors[:length])
                if number in self.used:
                    computed[keys[row]].append(vectors[:length] if kept is None else kept)
        if sum(layer.unwritten_bytes for layer in self._opened.values()) > UNWRITTEN_BYTES:
            self.write()
        return computed

    def write(self) -> None:
        """Put on disk what is not there; where there is no room, it is forgotten and nothing more is kept."""
        for layer in self._opened.values():
            mark_used(layer.folder)  # others evict what was not used for longest
        layers = [layer for layer in self._opened.values() if layer.unwritten]
        if layers:
            with self.store.writing(self.weights):
                written = [self.store.write(layer) for layer in layers]
            self.full = not all(written)

    def recall(
        self, inputs: Inputs, keys: Sequence[bytes], encode: Encode, precision: str, dtype: torch.dtype
    ) -> list[Tensor]:
        """The used layers of rows, looked up or computed.

        Args:
            inputs, keys, encode, precision: see ``compute``.
            dtype: of the result.

        Returns:
            [R, T, h] each; arbitrary finite numbers on padding.
        """
        width, device = inputs["attention_mask"].shape[1], inputs["attention_mask"].device
        layers = [self.layer(number, precision) for number in self.used]
        while True:
            computed = self.compute(inputs, keys, encode, precision)
            unwritten = {key for layer in layers for key in keys if key in layer.unwritten}.difference(computed)
            try:
                computed |= {key: [layer.row(key) for layer in layers] for key in unwritten}
                known = [row for row, key in enumerate(keys) if key and key not in computed]
                wanted = [keys[row] for row in known]
                found = [layer.gather(wanted, width, device, self.store.room_on(device)) for layer in layers if known]
            except DamagedShardError:  # its rows are missing now
                continue
            break
        if len(known) == len(keys):
            return [vectors.to(dtype) for vectors in found]
        outputs = []
        for position in range(len(self.used)):
            output = torch.zeros(len(keys), width, self.about["hidden_size"], dtype=dtype, device=device)
            if known:
                output[torch.tensor(known, device=device)] = found[position].to(dtype)
            for row, key in enumerate(keys):
                if key in computed:
                    vectors = computed[key][position]
                    output[row, : len(vectors)] = vectors.to(device, dtype)
            outputs.append(output)
        return outputs
