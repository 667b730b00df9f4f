"""Batches of examples of similar length, so that little is padded."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset, Sampler

POOL = 50  # batches whose examples are sorted together in training; more pad less, and are less random


class LengthBatches(Sampler[list[int]]):
    """Positions of examples, in batches.

    In training the examples are shuffled anew for every epoch, pools of them are sorted by length and cut into batches,
    and the batches are shuffled. In evaluation all are sorted, the longest first, so that memory runs out at once or
    never.

    Args:
        lengths: of the examples, in any unit.
        batch_size: examples per batch; the last one may be smaller.
        shuffle: for training.
        part: which of the ``parts`` of the batches this process serves.
        parts: processes that share the batches; a few batches come twice so that all have the same number.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, shuffle: bool, part: int = 0, parts: int = 1) -> None:
        self.lengths = lengths
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.part, self.parts = part, parts
        self.seed = torch.initial_seed()  # equal in all processes of a run
        self.epoch = 0

    def __len__(self) -> int:
        """Batches of this process."""
        batches = -(-len(self.lengths) // self.batch_size)
        return -(-batches // self.parts)

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the next epoch."""
        order = list(range(len(self.lengths)))
        draw = random.Random(f"{self.seed} {self.epoch}")
        if self.shuffle:
            draw.shuffle(order)
        pool = self.batch_size * POOL if self.shuffle else max(1, len(order))
        batches = []
        for start in range(0, len(order), pool):
            together = sorted(order[start : start + pool], key=lambda position: -self.lengths[position])
            batches += [together[i : i + self.batch_size] for i in range(0, len(together), self.batch_size)]
        if self.shuffle:
            draw.shuffle(batches)
        batches += batches[: len(self) * self.parts - len(batches)]
        self.epoch += 1
        return iter(batches[self.part :: self.parts])


class Drawn(Sampler[list[int]]):
    """Batches of positions, each led by a seed for what is drawn while the batch is made (windows of documents).

    So it does not matter which process makes a batch, or what else is random meanwhile.

    Args:
        batches: of positions.
    """

    def __init__(self, batches: LengthBatches) -> None:
        self.batches = batches

    def __len__(self) -> int:
        """Batches of this process."""
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        """The batches of the next epoch, the seed first in each."""
        draw = random.Random(f"{self.batches.seed} {self.batches.epoch} {self.batches.part} seeds")
        for positions in self.batches:
            yield [draw.getrandbits(63), *positions]


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

    def __getitems__(self, drawn: list[int]) -> tuple[int, list[Any]]:
        """The seed of a batch, and its examples."""
        seed, *positions = drawn
        return seed, [self.examples[position] for position in positions]
