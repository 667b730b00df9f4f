"""Batches of examples of similar length, so that little is padded."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

POOL = 50  # batches whose examples are sorted together in training; more pad less, and are less random


class LengthBatches(Sampler[list[int]]):
    """Positions of examples, in batches.

    In training the examples are shuffled anew for every epoch, pools of them are sorted by length and cut into batches,
    and the batches are shuffled. In evaluation all are sorted, the longest first, so that memory runs out at once or
    never.

    Several processes read at each step what one process would with ``parts`` times the batch size: they divide every
    such batch. Each example comes once. Of the last batch some processes may get nothing: for them it is empty, so that
    all have the same number.

    Args:
        lengths: of the examples, in any unit.
        batch_size: examples per batch and process; the last one may be smaller.
        shuffle: for training.
        part: which of the ``parts`` of each batch this process serves.
        parts: processes that divide the batches.
        seed: of the order; None: that of torch, which is equal in all processes of a run.

    Attributes:
        epoch: whose batches come next, counted from 0; Lightning sets it.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        shuffle: bool,
        part: int = 0,
        parts: int = 1,
        seed: int | None = None,
    ) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.part, self.parts = part, parts
        self.seed = torch.initial_seed() if seed is None else seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Serve the batches of this epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of this process, and of each other."""
        return -(-len(self.lengths) // (self.batch_size * self.parts))

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the epoch."""
        order = list(range(len(self.lengths)))
        draw = random.Random(f"{self.seed} {self.epoch}")
        if self.shuffle:
            draw.shuffle(order)
        size = self.batch_size * self.parts
        pool = size * POOL if self.shuffle else max(1, len(order))
        batches = []
        for start in range(0, len(order), pool):
            together = sorted(order[start : start + pool], key=lambda position: -self.lengths[position])
            batches += [together[i : i + size] for i in range(0, len(together), size)]
        if self.shuffle:
            draw.shuffle(batches)
        return iter([batch[self.part :: self.parts] for batch in batches])


class Drawn(Sampler[list[int]]):
    """Batches of positions, each led by a seed for what is drawn while the batch is made (windows of documents).

    So it does not matter which process makes a batch, or what else is random meanwhile.

    Args:
        sampler: of batches of positions; Lightning looks for it under this name to set its epoch.
        epoch: the first to be served.
        served: batches of that epoch that were served before, by a run that is resumed.
    """

    def __init__(self, sampler: LengthBatches, epoch: int = 0, served: int = 0) -> None:
        self.sampler = sampler
        self.sampler.set_epoch(epoch)
        self.served = {epoch: served}

    def __len__(self) -> int:
        """Batches of a whole epoch, of this process."""
        return len(self.sampler)

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the epoch that were not served before, the seed first in each."""
        epoch = self.sampler.epoch
        draw = random.Random(f"{self.sampler.seed} {epoch} {self.sampler.part} seeds")
        batches = ([draw.getrandbits(63), *positions] for positions in self.sampler)
        return islice(batches, self.served.get(epoch, 0), None)


class Examples(Dataset[Any]):
    """Encoded examples, handed out in the batches of :class:`Drawn`.

    Args:
        examples: those of a split.
        gold_labels: that they have, each once.
    """

    def __init__(self, examples: Sequence[Any], gold_labels: Collection[str] = ()) -> None:
        self.examples = examples
        self.gold_labels = gold_labels

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.examples)

    def __getitems__(self, drawn: list[int]) -> tuple[int, list[int], list[Any]]:
        """The seed of a batch, the positions of its examples, and these; none of an empty one."""
        seed, *positions = drawn
        return seed, positions, [self.examples[position] for position in positions]
