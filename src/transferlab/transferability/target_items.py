"""The items of a target task that estimators look at: chosen once, with a seed, and the same for every source.

Which they are, and what is known of them, depends on neither the encoders nor their tokenizers (but for taskmodules
that pack sentences until a row is full).
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from transferlab.documents import Document
from transferlab.taskmodules.base import TaskModule
from transferlab.transferability.item_kinds import KINDS, ItemKind
from transferlab.transferability.items import Array
from transferlab.utils.batches import row_keys
from transferlab.utils.errors import UserError

EXAMPLES_PER_BATCH = 16  # at most: all layers of a batch are in memory at once
POOL = 10  # times max_examples: so many are encoded, of random documents, and drawn from
KEPT = 2  # items of each class, however rare


class Documents(Protocol):
    """The part of a datamodule that is needed here."""

    eval_batch_size: int
    train_examples: int | None

    def documents(self, split: str) -> list[Document]:
        """The documents of a split."""

    def examples(self, split: str) -> list[Any]:
        """Its examples; of limited data, those that were drawn."""


@dataclass(frozen=True)
class ItemBatch:
    """Examples that are encoded together, and their items.

    Attributes:
        batch: one of those in utils/batches.py, its rows named for the feature store.
        spans: [n, P, 3] int64: sequence, first and last unit of the P spans of each item.
        places: [n] int64, the place of each item among all items.
    """

    batch: Any
    spans: Tensor
    places: Tensor


class TargetItems:
    """Labelled items of a split of a target task: texts, pairs of arguments, words, or pairs of mentions.

    Texts and pairs of arguments have their class, or their value in regression; words their tag. Words of a text that
    answers a question are inside a gold answer or outside of it, as many of each. Mentions come with an earlier mention
    that corefers and with one that does not, see :mod:`~transferlab.transferability.mention_pairs`. What has no label,
    or one that training has not seen, is left out.

    Args:
        taskmodule: prepared, with the tokenizers of all sources.
        datamodule: of the target.
        split: of the corpus.
        max_examples: how many random examples (documents, sentences, texts, questions) to look at, at most those that
            limited training data (``datamodule.train_examples``) consist of. In a large split
            they are drawn from those of random documents.
        max_items: how many items of these, drawn at random; of rare classes some stay where that is possible.
        seed: of all choices.

    Attributes:
        kind: what an item is.
        examples: how many were looked at.
        batches: all items in batches.
        labels: [N] int64 classes from 0, all of which occur; or [N] float64 values.
        regression: whether labels are values.
        classes: what the labels stand for; empty in regression.

    Raises:
        UserError: limits that leave nothing to compare, a task without one label per item, or a split without items.
    """

    def __init__(
        self,
        taskmodule: TaskModule[Any, Any],
        datamodule: Documents,
        split: str = "train",
        max_examples: int = 1000,
        max_items: int = 2000,
        seed: int = 0,
    ) -> None:
        if max_examples < 1 or max_items < 2:
            raise UserError(
                f"max_examples={max_examples}, max_items={max_items}: at least 1 example and 2 items are compared"
            )
        self.taskmodule = taskmodule
        self.split = split
        self.seed = seed
        draw = random.Random(f"{seed} items")
        if split == "train" and datamodule.train_examples is not None:  # what training would see
            examples = datamodule.examples(split)
            examples = examples if len(examples) <= max_examples else draw.sample(examples, max_examples)
        else:
            examples = _examples(taskmodule, datamodule.documents(split), max_examples, draw)
        self.examples = len(examples)
        self.kind = _kind(taskmodule, examples[0])
        spans, labels, owners = self._items(examples, draw)
        if not len(labels):
            raise UserError(
                f"the {split} split gives no items to estimate transferability from: none of {len(examples)} examples "
                "has a known label, an answer or two mentions of an entity; choose another split or target"
            )
        self.regression = labels.is_floating_point()
        chosen = _chosen([None] * len(labels) if self.regression else labels.tolist(), max_items, draw)
        spans, owners = spans[chosen], owners[chosen]
        self.labels, self.classes = self._classes(labels[chosen])
        self.batches = _batches(
            taskmodule, examples, spans, owners, min(datamodule.eval_batch_size, EXAMPLES_PER_BATCH)
        )

    def __len__(self) -> int:
        """The number of items."""
        return len(self.labels)

    @property
    def parts(self) -> int:
        """Spans of an item."""
        return self.batches[0].spans.shape[1]

    def describe(self) -> dict[str, Any]:
        """What was chosen, ready for JSON: items by class, or mean and standard deviation of the values."""
        described: dict[str, Any] = {
            "split": self.split,
            "seed": self.seed,
            "examples": self.examples,
            "items": len(self),
            "items_are": self.kind.wording,
        }
        if self.regression:
            return described | {"mean": float(self.labels.mean()), "std": float(self.labels.std())}
        counts = np.bincount(self.labels, minlength=len(self.classes)).tolist()
        return described | {"classes": dict(zip(self.classes, counts, strict=True))}

    def _items(self, examples: list[Any], draw: random.Random) -> tuple[Tensor, Tensor, Tensor]:
        """Spans and labels of all items, and the example of each; one example after another."""
        spans, labels, owners = [], [], []
        for number, example in enumerate(examples):
            batch = self.taskmodule.collate([example], training=False)
            found, known = self.kind.find(batch, draw)
            spans.append(found)
            labels.append(known)
            owners.append(torch.full((len(known),), number))
        return torch.cat(spans), torch.cat(labels), torch.cat(owners)

    def _classes(self, labels: Tensor) -> tuple[Array, list[str]]:
        """Labels for :class:`~transferlab.transferability.items.Items`, and what they stand for."""
        if self.regression:
            return labels.double().numpy(), []
        names = self.kind.classes or self.taskmodule.model_arguments()["labels"]
        present, classes = np.unique(labels.numpy(), return_inverse=True)
        return classes.astype(np.int64), [names[number] for number in present]


def _examples(
    taskmodule: TaskModule[Any, Any], documents: list[Document], max_examples: int, draw: random.Random
) -> list[Any]:
    """Random examples; of so many documents as give a pool of them."""
    documents = draw.sample(documents, len(documents))
    pool: list[Any] = []
    for document in documents:
        pool += taskmodule.encode(document, annotated=True)
        if len(pool) >= POOL * max_examples:
            break
    if not pool:
        raise UserError("the documents of the target hold nothing that its task asks about; choose another split")
    return pool if len(pool) <= max_examples else draw.sample(pool, max_examples)


def _kind(taskmodule: TaskModule[Any, Any], example: Any) -> ItemKind:
    batch = type(taskmodule.collate([example], training=False))
    if batch not in KINDS:
        raise UserError(
            f"what the items of a {batch.__name__} are is not known; say it in transferability/item_kinds.py, KINDS"
        )
    return KINDS[batch]


def _chosen(labels: list[Any], max_items: int, draw: random.Random) -> list[int]:
    """Positions of random items: the first ``KEPT`` of every class before all others, as far as there is room."""
    order = draw.sample(range(len(labels)), len(labels))
    if len(order) > max_items:
        seen: Counter[Any] = Counter()
        turn = {}
        for position in order:
            turn[position] = min(seen[labels[position]], KEPT)
            seen[labels[position]] += 1
        order = sorted(order, key=turn.__getitem__)[:max_items]
    return sorted(order)


def _batches(
    taskmodule: TaskModule[Any, Any], examples: list[Any], spans: Tensor, owners: Tensor, size: int
) -> list[ItemBatch]:
    """The examples that hold chosen items, those of similar length together."""
    needed = sorted(owners.unique().tolist(), key=lambda number: -examples[number].length)
    batches = []
    for start in range(0, len(needed), size):
        together = needed[start : start + size]
        batch = taskmodule.collate([examples[number] for number in together], training=False)
        for inputs in batch.inputs.values():
            inputs.row_keys = row_keys(inputs)
        own, places = [], []
        for sequence, number in enumerate(together):
            places.append((owners == number).nonzero()[:, 0])
            own.append(spans[places[-1]])
            own[-1][:, :, 0] = sequence
        batches.append(ItemBatch(batch, torch.cat(own), torch.cat(places)))
    return batches
