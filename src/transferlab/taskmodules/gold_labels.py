"""Gold labels of texts: what kinds there are, as tensors, and what a constant would score against them."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor

UNKNOWN = -100  # what the loss leaves out

Label = str | float | list[str]


@dataclass(frozen=True)
class LabelKind:
    """What is particular to the gold labels of a problem.

    Attributes:
        types: of a label.
        wording: of these, for messages.
        tensor: from labels, of which some are None, the known classes and whether the batch is for training, to
            ``ClassificationBatch.labels``.
        classes: those in a label.
        constant: from gold labels to the name of a baseline and the one label that it gives to every text.
    """

    types: tuple[type, ...]
    wording: str
    tensor: Callable[[list[Any], list[str], bool], Tensor]
    classes: Callable[[Any], list[str]]
    constant: Callable[[list[Any]], tuple[str, Label]]

    def fits(self, label: Any) -> bool:
        """Whether a label is of this kind."""
        return isinstance(label, self.types) and not isinstance(label, bool)


def _class_ids(gold: list[str | None], labels: list[str], training: bool) -> Tensor:
    position = {label: index for index, label in enumerate(labels)}
    ids = [UNKNOWN if label is None else position.get(label, UNKNOWN) for label in gold]
    return torch.tensor(ids, dtype=torch.long)


def _class_sets(gold: list[list[str] | None], labels: list[str], training: bool) -> Tensor:
    """An unknown class may be another name of a known one, so that its text cannot be evaluated by a loss."""
    known = set(labels)
    rows = [
        [math.nan] * len(labels)
        if of_text is None or not (training or known.issuperset(of_text))
        else [float(label in of_text) for label in labels]
        for of_text in gold
    ]
    return torch.tensor(rows).reshape(len(gold), len(labels))


def _values(gold: list[float | None], labels: list[str], training: bool) -> Tensor:
    return torch.tensor([math.nan if value is None else float(value) for value in gold])


def _one_class(label: str) -> list[str]:
    return [label]


def _no_classes(label: float) -> list[str]:
    return []


def _commonest_class(gold: list[str]) -> tuple[str, Label]:
    return "commonest class", statistics.mode(gold)


def _commonest_alone(gold: list[list[str]]) -> tuple[str, Label]:
    counts = Counter(chain.from_iterable(gold))
    return "commonest class", [label for label, _ in counts.most_common(1)]


def _mean_value(gold: list[float]) -> tuple[str, Label]:
    return "mean value", statistics.fmean(gold)


# by problem
LABEL_KINDS = {
    "multi_class": LabelKind((str,), "a class (a string)", _class_ids, _one_class, _commonest_class),
    "multi_label": LabelKind((list,), "a list of classes", _class_sets, list, _commonest_alone),
    "regression": LabelKind((float, int), "a number", _values, _no_classes, _mean_value),
}
