"""Span clustering (Xu and Choi 2020, https://aclanthology.org/2020.emnlp-main.686)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transferlab.models.coreference.antecedents import Antecedents
from transferlab.models.coreference.feedforward import full_precision
from transferlab.models.coreference.higher_order.base import SpanRefinement, best_antecedents


class SpanClustering(SpanRefinement):
    """Moves a span towards an attention-weighted mean of its predicted cluster, all of it; a lone span stays.

    Args:
        span_size: D.
        refinements: how often.
    """

    def __init__(self, span_size: int, refinements: int) -> None:
        super().__init__(span_size, refinements)
        self.attention = nn.Linear(span_size, 1)

    def weights(self, spans: Tensor, antecedents: Antecedents, scores: Tensor) -> Tensor:
        """See the base class."""
        first = best_antecedents(antecedents, scores)  # [K], in the end the first span of each span's cluster
        for _ in range(len(first).bit_length()):  # the way to it halves each time
            first = first[first]
        logits = full_precision(self.attention(spans).squeeze(1))  # [K]
        return torch.where(first[:, None] == first, logits, float("-inf")).softmax(dim=1)
