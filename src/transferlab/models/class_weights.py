"""Weights of classes in the loss, for corpora in which few examples have the class that matters.

Letters in shapes: c classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from transferlab.utils.errors import UserError, near
from transferlab.utils.option_kinds import Positive
from transferlab.utils.options import checked

BALANCED = "balanced"
Given = Mapping[str | int, Positive] | Literal["balanced"] | None  # YAML reads the label 1 as a number


class ClassWeights(nn.Module):
    """What the loss of an item of each class is multiplied with; scores know nothing of it.

    The loss stays the mean over items, so that the loss of a batch is the mean of those of its items.

    Args:
        class_weights: ``balanced``; or weights by label, where others weigh 1; None: all weigh the same.
        labels: the classes of the model.

    Attributes:
        values: [c] fp32, saved with the model so that losses are the same wherever it is evaluated; None where all
            classes weigh the same.

    Raises:
        UserError: anything else, an unknown label, or a weight that is no positive number.
    """

    values: Tensor | None

    @checked("model")
    def __init__(self, class_weights: Given, labels: Sequence[str]) -> None:
        super().__init__()
        self.given = class_weights
        self.labels = list(labels)
        if class_weights == BALANCED and not labels:
            raise UserError(f"model.class_weights={BALANCED}: the task has no classes, but values; set it to null")
        values = None if class_weights is None else torch.ones(len(labels))
        if isinstance(class_weights, Mapping) and values is not None:
            for label, weight in class_weights.items():
                values[self._position(str(label))] = float(weight)
        self.register_buffer("values", values)

    def _position(self, label: str) -> int:
        if label in self.labels:
            return self.labels.index(label)
        known = f"it has {', '.join(self.labels)}" if self.labels else "it has no classes, but values"
        hint = near(label, self.labels) or known
        raise UserError(f"model.class_weights names the label {label!r}, which the model does not have; {hint}")

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
