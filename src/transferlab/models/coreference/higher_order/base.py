"""What methods of higher order share: what they are given, and the refinement of spans.

A pair is scored by its two spans alone. Methods of higher order let other spans take part: four of them refine spans by
those that they seem to corefer with, and score all pairs again (Lee et al. 2018, https://aclanthology.org/N18-2108);
one scores spans with clusters. Xu and Choi 2020 (https://aclanthology.org/2020.emnlp-main.686) compare them.

Letters: K kept spans, c antecedents per span, D span width.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from transferlab.models.coreference.antecedents import Antecedents, chosen_antecedents
from transferlab.models.coreference.feedforward import full_precision


class HigherOrder(nn.Module):
    """Turns the scores of pairs into scores that depend on other spans, too."""

    @abstractmethod
    def forward(
        self, spans: Tensor, antecedents: Antecedents, scores: Tensor, rescored: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Scores like those given, [K, 1 + c].

        Args:
            spans: [K, D] in text order.
            antecedents: for each span.
            scores: [K, 1 + c] fp32 of its antecedents, the dummy's 0 first, ``-inf`` where there is no antecedent.
            rescored: from spans [K, D] to their scores.
        """


class SpanRefinement(HigherOrder):
    """Moves every span x towards a sum r of spans, x <- f * r + (1 - f) * x with f = sigmoid(W [x; r] + b).

    Subclasses say which sum.

    Args:
        span_size: D.
        refinements: how often; pairs are scored again after each.
    """

    def __init__(self, span_size: int, refinements: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * span_size, span_size)
        self.refinements = refinements

    @abstractmethod
    def weights(self, spans: Tensor, antecedents: Antecedents, scores: Tensor) -> Tensor:
        """[K, K] fp32, the weight of every span (column) in the sum of every span (row); arguments as in forward."""

    def forward(
        self, spans: Tensor, antecedents: Antecedents, scores: Tensor, rescored: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The scores of refined spans."""
        for _ in range(self.refinements):
            weights = self.weights(spans, antecedents, scores)
            with torch.autocast(spans.device.type, enabled=False):
                sums = (weights @ full_precision(spans)).to(spans.dtype)  # [K, D]
            gate = self.gate(torch.cat([spans, sums], dim=1)).sigmoid()  # [K, D]
            spans = spans + gate * (sums - spans)
            scores = rescored(spans)
        return scores


def antecedent_weights(antecedents: Antecedents, scores: Tensor) -> Tensor:
    """The probability [K, K] of every span (column) to be the antecedent of every span (row).

    That of the dummy stands on the diagonal: a span without antecedent is its own.
    """
    probabilities = scores.softmax(dim=1)
    return probabilities[:, 0].diag_embed().scatter_add(1, antecedents.indices, probabilities[:, 1:])


def best_antecedents(antecedents: Antecedents, scores: Tensor) -> Tensor:
    """The antecedent [K] int64 with the best score of every span; the span itself where that is the dummy."""
    best = chosen_antecedents(antecedents.indices, scores.argmax(dim=1))
    return torch.where(best < 0, torch.arange(len(best), device=best.device), best)
