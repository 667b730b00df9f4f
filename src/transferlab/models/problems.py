"""What a text is asked for: one class, any number of classes, or a value. Losses and decoding of each.

Letters in shapes: n examples, c classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from transferlab.models import sampling

UNKNOWN = -100  # the class of an example whose gold label is not known


@dataclass(frozen=True)
class Prediction:
    """What a model says about one example.

    Attributes:
        label: its class, its classes or its value.
        score: the probability of the class, or of each of the classes; None for a value.
    """

    label: str | float | list[str]
    score: float | list[float] | None = None


class Problem(ABC):
    """How the outputs of a head are trained and read.

    Args:
        labels: the classes; none in regression.
        value_mean: of the training values, in regression.
        value_std: their standard deviation, in regression.
    """

    def __init__(self, labels: list[str], value_mean: float = 0.0, value_std: float = 1.0) -> None:
        self.labels = labels
        self.value_mean = value_mean
        self.value_std = value_std

    @property
    def outputs(self) -> int:
        """Outputs of the head for one example."""
        return len(self.labels)

    @abstractmethod
    def known(self, labels: Tensor) -> Tensor:
        """Whether the label of each example is known, [n] bool.

        Args:
            labels: those of :class:`~transferlab.utils.batches.ClassificationBatch`.
        """

    @abstractmethod
    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """The loss of each example, [n] fp32; 0 where the label is unknown.

        Args:
            logits: [n, outputs] fp32.
            labels: those of :class:`~transferlab.utils.batches.ClassificationBatch`.
            weights: [c] fp32 of the classes, see :class:`~transferlab.models.class_weights.ClassWeights`; None: equal.
        """

    @abstractmethod
    def class_counts(self, labels: Tensor) -> Tensor:
        """How many examples have each class, [c] int64, those with unknown labels left out."""

    @abstractmethod
    def predictions(self, logits: Tensor) -> list[Prediction]:
        """Read the outputs [n, outputs] fp32 of the head."""

    @abstractmethod
    def sampled(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """Labels drawn from what the outputs [n, outputs] fp32 predict, in the form that ``losses`` reads."""


class MultiClass(Problem):
    """One of several classes: softmax and cross entropy."""

    def known(self, labels: Tensor) -> Tensor:
        """Of classes [n] int64."""
        return labels != UNKNOWN

    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Cross entropy, times the weight of the class."""
        return F.cross_entropy(logits, labels, weights, ignore_index=UNKNOWN, reduction="none")

    def class_counts(self, labels: Tensor) -> Tensor:
        """Of classes [n] int64."""
        return labels[self.known(labels)].bincount(minlength=len(self.labels))

    def predictions(self, logits: Tensor) -> list[Prediction]:
        """The most probable class."""
        scores, classes = logits.softmax(-1).max(-1)  # [n] each
        pairs = zip(classes.tolist(), scores.tolist(), strict=True)
        return [Prediction(self.labels[position], score) for position, score in pairs]

    def sampled(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """A class [n] int64 from the softmax."""
        return sampling.categorical(logits, generator)


class MultiLabel(Problem):
    """Any number of classes, none included: each is a question of its own."""

    def known(self, labels: Tensor) -> Tensor:
        """Of classes [n, c] fp32."""
        return ~labels.isnan().any(-1)

    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Binary cross entropy, the mean over classes; that of a class an example has is times its weight."""
        wanted = labels.float().nan_to_num()
        by_class = F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=weights, reduction="none")  # [n, c]
        return by_class.mean(-1) * self.known(labels)

    def class_counts(self, labels: Tensor) -> Tensor:
        """Of classes [n, c] fp32."""
        return labels[self.known(labels)].sum(0).long()

    def predictions(self, logits: Tensor) -> list[Prediction]:
        """The classes that are more probable than not."""
        found = []
        for scores in logits.sigmoid().tolist():  # [c]
            chosen = [(label, score) for label, score in zip(self.labels, scores, strict=True) if score > 0.5]
            found.append(Prediction([label for label, _ in chosen], [score for _, score in chosen]))
        return found

    def sampled(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """Each class by itself, [n, c] fp32."""
        return sampling.bernoulli(logits, generator).float()


class Regression(Problem):
    """A value: the head learns it in standard deviations from the mean of the training values."""

    @property
    def outputs(self) -> int:
        """Outputs of the head for one example."""
        return 1

    def known(self, labels: Tensor) -> Tensor:
        """Of values [n] fp32."""
        return ~labels.isnan()

    def losses(self, logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
        """Squared error, in variances of the training values; there are no classes to weigh."""
        wanted = ((labels.float() - self.value_mean) / self.value_std).nan_to_num()
        return F.mse_loss(logits[:, 0], wanted, reduction="none") * self.known(labels)

    def class_counts(self, labels: Tensor) -> Tensor:
        """There are no classes."""
        return labels.new_zeros(0, dtype=torch.long)

    def predictions(self, logits: Tensor) -> list[Prediction]:
        """The value, put back to its scale."""
        outputs: list[float] = logits[:, 0].tolist()
        return [Prediction(output * self.value_std + self.value_mean) for output in outputs]

    def sampled(self, logits: Tensor, generator: torch.Generator) -> Tensor:
        """A value [n] fp32, normal around the predicted one with half the variance of the training values.

        That is the distribution whose negative log-likelihood is the squared error, up to a constant.
        """
        means = logits[:, 0].detach()
        drawn = means + (sampling.normal(means, generator) - means) * 0.5**0.5
        return drawn * self.value_std + self.value_mean


PROBLEMS: dict[str, type[Problem]] = {"multi_class": MultiClass, "multi_label": MultiLabel, "regression": Regression}
