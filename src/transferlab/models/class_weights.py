"""Weights of classes in the loss, for corpora in which few examples have the class that matters.

Letters in shapes: c classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from transferlab.utils.errors import UserError, near

BALANCED = "balanced"


class ClassWeights(nn.Module):
    """What the loss of an item of each class is multiplied with; scores know nothing of it.

    The loss stays the mean over items, so that the loss of a batch is the mean of those of its items.

    Args:
        given: ``balanced``; or weights by label, where labels that are not named weigh 1; None: all weigh the same.
        labels: the classes of the model.

    Attributes:
        values: [c] fp32, saved with the model so that losses are the same wherever it is evaluated; None where all
            classes weigh the same.

    Raises:
        UserError: anything else, an unknown label, or a weight that is no positive number.
    """

    values: Tensor | None

    def __init__(self, given: Mapping[str, float] | str | None, labels: Sequence[str]) -> None:
        super().__init__()
        self.given = given
        self.labels = list(labels)
        values = None if given is None else torch.ones(len(labels))
        if isinstance(given, Mapping) and values is not None:
            for label, weight in given.items():
                values[_position(str(label), labels)] = _weight(label, weight)
        elif given is not None and given != BALANCED:
            example = labels[-1] if labels else "label"
            raise UserError(
                f"model.class_weights={given!r}: choose {BALANCED}, weights by label such as {{{example}: 5.0}}, or "
                "null for equal weights"
            )
        elif given is not None and not labels:
            raise UserError(f"model.class_weights={given}: the task has no classes, but values; set it to null")
        self.register_buffer("values", values)

    @property
    def by_counts(self) -> bool:
        """Whether the weights come from how often the training examples have each class."""
        return self.given == BALANCED

    def by_label(self) -> dict[str, float]:
        """The weights, to three digits."""
        values = [] if self.values is None else self.values.tolist()
        return {label: float(f"{value:.3g}") for label, value in zip(self.labels, values, strict=True)}

    def balance(self, counts: Tensor) -> None:
        """Weigh classes so that all weigh the same in the sum over the training items.

        That is ``n / (k * count)`` for n items of the k classes that occur, as ``balanced`` of scikit-learn; classes
        that do not occur weigh 1.

        Args:
            counts: [c] int64, items of each class.
        """
        assert self.values is not None
        occur = counts > 0
        balanced = counts.sum() / (occur.sum().clamp(min=1) * counts.clamp(min=1))
        self.values.copy_(torch.where(occur, balanced, 1.0))


def _position(label: str, labels: Sequence[str]) -> int:
    if label not in labels:
        known = f"it has {', '.join(labels)}" if labels else "it has no classes, but values"
        hint = near(label, labels)
        raise UserError(
            f"model.class_weights names the label {label!r}, which the model does not have; {hint or known}"
        )
    return list(labels).index(label)


def _weight(label: Any, weight: Any) -> float:
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not (0 < weight < math.inf):
        raise UserError(f"model.class_weights.{label}={weight!r}: a positive number is expected")
    return float(weight)
