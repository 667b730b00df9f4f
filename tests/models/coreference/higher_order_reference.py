"""Methods of higher order and losses written plainly: one span at a time, as the papers state them.

Letters: K kept spans, c antecedents per span, D span width.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from transferlab.models.coreference import higher_order


def attended_antecedent(spans: Tensor, antecedents: Tensor, exists: Tensor, scores: Tensor) -> Tensor:
    """r [K, D] of spans [K, D], antecedents [K, c] and scores [K, 1 + c]: the mean of the span and its antecedents."""
    vectors = torch.cat([spans[:, None], spans[antecedents]], dim=1)  # [K, 1 + c, D]
    return (scores.softmax(dim=1)[:, :, None] * vectors).sum(dim=1)


def max_antecedent(spans: Tensor, antecedents: Tensor, exists: Tensor, scores: Tensor) -> Tensor:
    """r [K, D]: the best antecedent, or the span itself."""
    linked = best_antecedents(antecedents, scores)
    return torch.stack([spans[i if j is None else j] for i, j in enumerate(linked)])


def entity_equalization(spans: Tensor, antecedents: Tensor, exists: Tensor, scores: Tensor) -> Tensor:
    """r [K, D] by the recursion over spans: the entities as they are at the time of a span, by its membership."""
    probabilities = scores.softmax(dim=1)
    K = len(spans)
    member: list[list[Tensor]] = []  # [i][j]: that span i belongs to the entity that starts with span j <= i
    rows = []
    for i in range(K):
        row = [spans.new_zeros(()) for _ in range(i)] + [probabilities[i, 0]]
        for column, k in enumerate(antecedents[i].tolist()):
            if exists[i, column]:
                for j in range(k + 1):
                    row[j] = row[j] + probabilities[i, 1 + column] * member[k][j]
        member.append(row)
        total = torch.zeros_like(spans[0])
        for j in range(i + 1):
            entity = sum((member[k][j] * spans[k] for k in range(j, i + 1)), torch.zeros_like(spans[0]))
            total = total + row[j] * entity
        rows.append(total)
    return torch.stack(rows)


class SpanClustering(nn.Module):
    """r [K, D]: the attended mean of the predicted cluster of each span."""

    def __init__(self, attention: nn.Linear) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, spans: Tensor, antecedents: Tensor, exists: Tensor, scores: Tensor) -> Tensor:
        """See the functions above."""
        clusters: list[set[int]] = []
        for i, j in enumerate(best_antecedents(antecedents, scores)):
            if j is None:
                clusters.append({i})
            else:
                next(cluster for cluster in clusters if j in cluster).add(i)
        rows = []
        for i in range(len(spans)):
            members = spans[sorted(next(cluster for cluster in clusters if i in cluster))]  # [members, D]
            weights = self.attention(members).softmax(dim=0)  # [members, 1]
            rows.append((weights * members).sum(dim=0))
        return torch.stack(rows)


REFINED: dict[type[nn.Module], Callable[..., Tensor]] = {
    higher_order.AttendedAntecedent: attended_antecedent,
    higher_order.MaxAntecedent: max_antecedent,
    higher_order.EntityEqualization: entity_equalization,
}


class PlainMerging(nn.Module):
    """Adds the score of a span with the cluster of each antecedent, deciding span after span.

    Attributes:
        mergers: how often two clusters became one in the last document.
    """

    def __init__(self, ffnn: nn.Module, size_embedding: nn.Module, reduce: str, easy_first: bool) -> None:
        super().__init__()
        self.ffnn, self.size_embedding = ffnn, size_embedding
        self.reduce, self.easy_first = reduce, easy_first
        self.mergers = 0

    def forward(self, spans: Tensor, antecedents: Tensor, exists: Tensor, scores: Tensor) -> Tensor:
        """Scores [K, 1 + c]."""
        order = list(range(len(spans)))
        if self.easy_first:
            order.sort(key=lambda i: scores[i, 1:].max().item(), reverse=True)
        clusters: list[set[int]] = []
        self.mergers = 0
        rows: dict[int, Tensor] = {}
        for i in order:
            row = [scores[i, 0]]
            for column, j in enumerate(antecedents[i].tolist()):
                score = scores[i, 1 + column]
                cluster = next((cluster for cluster in clusters if j in cluster), None)
                if cluster is not None and exists[i, column]:
                    score = score + self.score(spans[i], spans[sorted(cluster)])
                row.append(score)
            rows[i] = torch.stack(row)
            best = int(rows[i].argmax())
            if best > 0:
                j = int(antecedents[i, best - 1])
                touched = [cluster for cluster in clusters if i in cluster or j in cluster]
                self.mergers += len(touched) > 1
                clusters = [cluster for cluster in clusters if cluster not in touched]
                clusters.append({i, j}.union(*touched))
        return torch.stack([rows[i] for i in range(len(spans))])

    def score(self, span: Tensor, members: Tensor) -> Tensor:
        """[] of a span [D] and the members [members, D] of a cluster."""
        cluster = members.mean(dim=0) if self.reduce == "mean" else members.amax(dim=0)
        n = len(members)
        bucket = n if n <= 4 else next(b for b, bound in enumerate((8, 16, 32, 64, n + 1), 5) if n < bound)
        size = self.size_embedding(torch.tensor(bucket))
        return self.ffnn(torch.cat([span, cluster, span * cluster, size])).squeeze(0)


def best_antecedents(antecedents: Tensor, scores: Tensor) -> list[int | None]:
    """The best antecedent of each span, None for the dummy."""
    columns = [int(row.argmax()) for row in scores]
    return [int(antecedents[i, column - 1]) if column else None for i, column in enumerate(columns)]


def plain_hinge(scores: Tensor, labels: Tensor, false_new_delta: float) -> Tensor:
    """[] of scores and labels [K, 1 + c]."""
    total = scores.new_zeros(())
    for row, gold in zip(scores, labels, strict=True):
        best = int(row.argmax())
        if not gold[best]:
            delta = (1 + false_new_delta) / 2 if best == 0 else (3 - false_new_delta) / 2
            total = total + delta * (1 + row[best] - row[gold].max())
    return total
