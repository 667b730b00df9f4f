"""What an item of each task family is: texts, words, or pairs of mentions, and what is known of each.

An item is one or several spans of the units that encoders represent; its vector is made of theirs. Letters: n items of
a batch, P spans of an item.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from transferlab.transferability.mention_pairs import mention_pairs
from transferlab.utils.batches import ClassificationBatch, CoreferenceBatch, QuestionBatch, TokenBatch
from transferlab.utils.errors import UserError

# [n, P, 3] int64: sequence of the batch, first and last unit; and [n], classes or values
Found = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class ItemKind:
    """The items of a kind of batch.

    Attributes:
        wording: what they are, for people.
        find: those of a batch whose label is known; it may draw among them.
        classes: what the labels stand for; None: the labels of the taskmodule.
        pairs: whether an item is a pair whose vector also has the product of its two parts.
        heads: the models whose heads choose a class of such an item.
    """

    wording: str
    find: Callable[[Any, random.Random], Found]
    classes: tuple[str, ...] | None = None
    pairs: bool = False
    heads: tuple[str, ...] = ()


def _examples(batch: ClassificationBatch, draw: random.Random) -> Found:
    """Every text, or pair of arguments, with the units that the head would read."""
    if batch.labels.ndim > 1:
        raise UserError(
            "estimators of transferability need one class or value for each example, and those of this target may have "
            "several classes (a multi_label problem); choose another target, or a taskmodule and metric with one class"
        )
    known = ~batch.labels.isnan() if batch.labels.is_floating_point() else batch.labels >= 0  # [examples]
    sequences = known.nonzero()  # [n, 1]
    units = torch.arange(batch.units).expand(len(sequences), -1)  # [n, P]
    return torch.stack([sequences.expand_as(units), units, units], dim=-1), batch.labels[known]


def _words(batch: TokenBatch, draw: random.Random) -> Found:
    """Every word whose tag is known."""
    known = batch.tag_ids >= 0  # [examples, units]
    sequences, units = known.nonzero(as_tuple=True)  # [n] each
    return torch.stack([sequences, units, units], dim=-1)[:, None], batch.tag_ids[known]


def _words_of_texts(batch: QuestionBatch, draw: random.Random) -> Found:
    """Of each text that answers its question as many words inside gold answers as outside of them."""
    spans, labels = [], []
    for sequence, (length, answers) in enumerate(zip(batch.lengths.tolist(), batch.answer_spans.tolist(), strict=True)):
        inside = sorted({unit for first, last in answers if first > 0 for unit in range(first, last + 1)})
        outside = sorted(set(range(1, length + 1)).difference(inside))
        each = min(len(inside), len(outside))
        for label, units in enumerate((outside, inside)):
            spans += [[[sequence, unit, unit]] for unit in sorted(draw.sample(units, each))]
            labels += [label] * each
    return _tensors(spans, labels, parts=1)


def _mention_pairs(batch: CoreferenceBatch, draw: random.Random) -> Found:
    """Pairs of mentions of each document."""
    spans, labels = [], []
    for sequence, document in enumerate(batch.documents):
        for mention, earlier, label in mention_pairs(document, draw):
            spans.append([[sequence, *mention], [sequence, *earlier]])
            labels.append(label)
    return _tensors(spans, labels, parts=2)


def _tensors(spans: list[list[list[int]]], labels: list[int], parts: int) -> Found:
    return torch.tensor(spans, dtype=torch.long).view(-1, parts, 3), torch.tensor(labels, dtype=torch.long)


KINDS: dict[type, ItemKind] = {
    ClassificationBatch: ItemKind("texts or pairs of arguments", _examples, heads=("ClassificationModel",)),
    TokenBatch: ItemKind("words", _words, heads=("TokenClassificationModel",)),
    QuestionBatch: ItemKind(
        "words of texts",
        _words_of_texts,
        ("outside of answers", "in an answer"),
        heads=("TokenClassificationModel",),
    ),
    CoreferenceBatch: ItemKind("pairs of mentions", _mention_pairs, ("different entities", "coreferent"), pairs=True),
}
