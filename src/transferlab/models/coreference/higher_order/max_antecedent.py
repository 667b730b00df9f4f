"""Max antecedent: the attended antecedent with all its weight on the best one."""

from __future__ import annotations

import torch
from torch import Tensor

from transferlab.models.coreference.antecedents import Antecedents
from transferlab.models.coreference.higher_order.base import SpanRefinement, best_antecedents


class MaxAntecedent(SpanRefinement):
    """Moves a span towards its best antecedent; leaves it where it is when that is the dummy."""

    def weights(self, spans: Tensor, antecedents: Antecedents, scores: Tensor) -> Tensor:
        """See the base class."""
        best = best_antecedents(antecedents, scores)  # [K]
        return (best[:, None] == torch.arange(len(best), device=best.device)).to(scores.dtype)
