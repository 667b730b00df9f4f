"""Attended antecedent (Lee et al. 2018, https://aclanthology.org/N18-2108)."""

from __future__ import annotations

from torch import Tensor

from transferlab.models.coreference.antecedents import Antecedents
from transferlab.models.coreference.higher_order.base import SpanRefinement, antecedent_weights


class AttendedAntecedent(SpanRefinement):
    """Moves a span towards the mean of its antecedents and itself, weighted by their probability."""

    def weights(self, spans: Tensor, antecedents: Antecedents, scores: Tensor) -> Tensor:
        """See the base class."""
        return antecedent_weights(antecedents, scores)
