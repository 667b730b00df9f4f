"""Clusters of spans that grow by merging.

Letters: K kept spans, D span width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Reduce = Literal["mean", "max"]


class GrowingClusters:
    """Clusters by number, at first one for each span, with the number of the span.

    A merger makes a new number, from K on. The old ones keep their meaning, so that what was scored with a cluster can
    be scored again when that has grown.

    Args:
        spans: [K, D].
        reduce: what represents a cluster: the mean of its spans, or their maximum in each dimension.

    Attributes:
        of_span: [K], the number of the cluster that each span is in now.
    """

    def __init__(self, spans: Tensor, reduce: Reduce) -> None:
        self.reduce = reduce
        self.of_span = list(range(len(spans)))
        self._members = [[span] for span in self.of_span]
        self._vectors = list(spans.unbind())  # [D] each

    def merge(self, span: int, other: int) -> None:
        """Make one cluster of those that two spans are in; nothing happens if that is the same."""
        first, second = self.of_span[span], self.of_span[other]
        if first == second:
            return
        members = self._members[first] + self._members[second]
        if self.reduce == "mean":
            share = len(self._members[second]) / len(members)
            vector = torch.lerp(self._vectors[first], self._vectors[second], share)
        else:
            vector = torch.maximum(self._vectors[first], self._vectors[second])
        for member in members:
            self.of_span[member] = len(self._vectors)
        self._members.append(members)
        self._vectors.append(vector)

    def vectors(self, clusters: list[int]) -> Tensor:
        """What represents some clusters, [clusters, D]."""
        return torch.stack([self._vectors[cluster] for cluster in clusters])

    def sizes(self, clusters: list[int]) -> Tensor:
        """How many spans some clusters have, [clusters] int64."""
        sizes = [len(self._members[cluster]) for cluster in clusters]
        return torch.tensor(sizes, device=self._vectors[0].device)
