"""Entity equalization (Kantor and Globerson 2019, https://aclanthology.org/P19-1066), in closed form.

Let A_ik be the probability that span k is the antecedent of span i, and A_ii that i has none: it then starts an entity,
which is named by its first span. Span i belongs to entity j with the probability E_ij = [i = j] A_ii + sum_{k<i} A_ik
E_kj, hence E = (I - L)^-1 diag(A) with L the part of A below its diagonal.

At the time of span i, entity j is represented by the sum of all spans up to i, weighted by their membership. Span i
moves towards the sum of all entities, weighted by its own: r_i = sum_j E_ij sum_{k<=i} E_kj x_k. The weights of spans
are thus the lower triangle of E E^T. Like those of the published method they do not add up to 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from transferlab.models.coreference.antecedents import Antecedents
from transferlab.models.coreference.higher_order.base import SpanRefinement, antecedent_weights


class EntityEqualization(SpanRefinement):
    """Moves a span towards the entities that it may belong to."""

    def weights(self, spans: Tensor, antecedents: Antecedents, scores: Tensor) -> Tensor:
        """See the base class."""
        with torch.autocast(scores.device.type, enabled=False):
            links = antecedent_weights(antecedents, scores)  # A
            identity = torch.eye(len(links), dtype=links.dtype, device=links.device)
            entities = torch.linalg.solve_triangular(
                identity - links.tril(-1), links.diagonal().diag_embed(), upper=False, unitriangular=True
            )  # E
            return (entities @ entities.T).tril()
