"""Cluster merging (Xu and Choi 2020, https://aclanthology.org/2020.emnlp-main.686).

Spans are linked one after the other. The score of an antecedent that is in a cluster by then grows by a score of the
span and that cluster, a feed-forward network on [x; cluster; x * cluster; size of the cluster].

Who is in which cluster depends on all decisions before, which needs a call of the network for every span. These calls
serve the decisions alone: once per span and cluster rather than antecedent, without gradients and without dropout. All
that took part is then scored once more, at once.

Letters: K kept spans, c antecedents per span, P pairs of a span and a cluster, V clusters, D span width, H hidden width
of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from transferlab.models.coreference.antecedents import (
    NUM_DISTANCE_BUCKETS,
    PAIRS_PER_BLOCK,
    Antecedents,
    distance_buckets,
)
from transferlab.models.coreference.feedforward import full_precision, hidden_layers, matmul_dtype
from transferlab.models.coreference.higher_order.base import HigherOrder
from transferlab.models.coreference.higher_order.growing_clusters import GrowingClusters, Reduce
from transferlab.models.dropout import Dropout


class ClusterMerging(HigherOrder):
    """Adds scores of spans with the clusters of their antecedents.

    Args:
        span_size: D.
        ffnn_size: H.
        ffnn_depth: number of hidden layers.
        feature_emb_size: width of the embedding of a cluster's size.
        reduce: what represents a cluster: the mean of its spans, or their maximum in each dimension.
        easy_first: link spans in the order of their best scores, so that clusters merge; False: in text order.
        dropout: on features and hidden layers.
        gradient_checkpointing: recompute hidden layers in the backward pass.
    """

    def __init__(
        self,
        span_size: int,
        *,
        ffnn_size: int,
        ffnn_depth: int,
        feature_emb_size: int,
        reduce: Reduce,
        easy_first: bool,
        dropout: float,
        gradient_checkpointing: bool,
    ) -> None:
        super().__init__()
        self.network = ClusterScorer(span_size, ffnn_size, ffnn_depth, feature_emb_size, dropout)
        self.reduce: Reduce = reduce
        self.easy_first = easy_first
        self.gradient_checkpointing = gradient_checkpointing

    def forward(
        self, spans: Tensor, antecedents: Antecedents, scores: Tensor, rescored: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The scores of antecedents with those of their clusters added."""
        clusters = GrowingClusters(spans, self.reduce)
        pairs, pair_of = self._link(spans, antecedents, scores, clusters)
        if not pairs:
            return scores
        of_pairs = functional.pad(self._scores(spans, clusters, pairs), (1, 0))  # [1 + P], 0 where there is no cluster
        added = of_pairs[torch.tensor(pair_of, device=spans.device)]  # [K, c]
        return scores + functional.pad(added, (1, 0))

    def _link(
        self, spans: Tensor, antecedents: Antecedents, scores: Tensor, clusters: GrowingClusters
    ) -> tuple[list[tuple[int, int]], list[list[int]]]:
        """Link every span to its best antecedent, if that beats the dummy; ``clusters`` grow.

        Returns:
            the [P] pairs of span and cluster that take part, and for every antecedent [K, c] its pair, counted from 1,
            or 0.
        """
        K = len(spans)
        indices, exists = antecedents.indices.tolist(), antecedents.exists.tolist()  # [K, c] each
        of_antecedents = scores[:, 1:].tolist()  # [K, c]
        order = sorted(range(K), key=lambda i: -max(of_antecedents[i])) if self.easy_first else range(K)
        deciding = _Deciding(self.network, spans, clusters)
        pairs: list[tuple[int, int]] = []
        pair_of: list[list[int]] = [[]] * K
        for i in order:
            # of every antecedent its cluster; a span alone, which is what numbers below K mean, is none
            found = [clusters.of_span[j] if real else 0 for j, real in zip(indices[i], exists[i], strict=True)]
            distinct = sorted({cluster for cluster in found if cluster >= K})
            of_clusters = deciding.scores(i, distinct)
            numbers = {cluster: number for number, cluster in enumerate(distinct, len(pairs) + 1)}
            pairs += [(i, cluster) for cluster in distinct]
            pair_of[i] = [numbers.get(cluster, 0) for cluster in found]
            totals = [
                score + of_clusters.get(cluster, 0.0) for score, cluster in zip(of_antecedents[i], found, strict=True)
            ]
            best = max(range(len(totals)), key=totals.__getitem__)
            if totals[best] > 0:
                clusters.merge(i, indices[i][best])
        return pairs, pair_of

    def _scores(self, spans: Tensor, clusters: GrowingClusters, pairs: list[tuple[int, int]]) -> Tensor:
        """Scores [P] fp32 of the pairs, in blocks."""
        used = sorted({cluster for _, cluster in pairs})
        position = {cluster: number for number, cluster in enumerate(used)}
        vectors = clusters.vectors(used)  # [V, D]
        tensors = (spans, self.network.from_span(spans), vectors, self.network.from_cluster(vectors))
        sizes = clusters.sizes(used)  # [V]
        rows = torch.tensor([(i, position[cluster]) for i, cluster in pairs], device=spans.device)  # [P, 2]
        block = max(PAIRS_PER_BLOCK, self.network.from_span.out_features // 2)
        scores = []
        for of_block in rows.split(block):
            arguments = (*tensors, sizes, of_block)
            if self.gradient_checkpointing and torch.is_grad_enabled():
                scores.append(checkpoint(self._score_block, *arguments, use_reentrant=False))
            else:
                scores.append(self._score_block(*arguments))
        return torch.cat(scores)

    def _score_block(
        self, spans: Tensor, of_spans: Tensor, vectors: Tensor, of_clusters: Tensor, sizes: Tensor, rows: Tensor
    ) -> Tensor:
        """Scores of a block of pairs, rows [block, 2] of spans and clusters."""
        i, j = rows.unbind(1)
        scores: Tensor = self.network(spans[i], of_spans[i], vectors[j], of_clusters[j], sizes[j])
        return scores


class ClusterScorer(nn.Module):
    """The score of a span and a cluster; its first layer is kept in parts, cut along its input.

    Args:
        span_size: D.
        ffnn_size: H.
        ffnn_depth: number of hidden layers.
        feature_emb_size: width of the embedding of a cluster's size.
        dropout: on features and hidden layers.
    """

    def __init__(self, span_size: int, ffnn_size: int, ffnn_depth: int, feature_emb_size: int, dropout: float) -> None:
        super().__init__()
        self.from_span = nn.Linear(span_size, ffnn_size)
        self.from_cluster = nn.Linear(span_size, ffnn_size, bias=False)
        self.from_product = nn.Linear(span_size, ffnn_size, bias=False)
        self.size_embedding = nn.Embedding(NUM_DISTANCE_BUCKETS, feature_emb_size)
        self.from_size = nn.Linear(feature_emb_size, ffnn_size, bias=False)
        self.score = hidden_layers(ffnn_size, ffnn_depth, dropout)
        self.dropout = Dropout(dropout)

    def forward(self, spans: Tensor, of_spans: Tensor, vectors: Tensor, of_clusters: Tensor, sizes: Tensor) -> Tensor:
        """Scores [P] fp32.

        Args:
            spans: [P, D].
            of_spans: [P, H], ``from_span`` of them.
            vectors: [P, D] of the clusters.
            of_clusters: [P, H], ``from_cluster`` of them.
            sizes: [P] int64, spans in the clusters; they share the buckets of distances.
        """
        features = self.dropout(self.size_embedding(distance_buckets(sizes)))
        hidden = self.from_product(spans * vectors) + of_spans + of_clusters + self.from_size(features)
        return full_precision(self.score(hidden).squeeze(1))


class _Deciding:
    """The scores that decide who joins which cluster, one span at a time, without gradients and without dropout.

    Args:
        network: is copied, in the precision of its products: autocast may keep rounded weights that were made without
            gradients, and use them again where gradients are needed.
        spans: [K, D].
        clusters: that grow meanwhile.
    """

    @torch.no_grad()
    def __init__(self, network: ClusterScorer, spans: Tensor, clusters: GrowingClusters) -> None:
        self.network = deepcopy(network).eval().to(matmul_dtype(network.from_product.weight))
        self.spans, self.clusters = spans, clusters
        self.of_spans = self.network.from_span(spans)  # [K, H]
        self.of_clusters: dict[int, Tensor] = {}  # [1, H] each

    @torch.no_grad()
    def scores(self, span: int, clusters: list[int]) -> dict[int, float]:
        """Of one span and some clusters."""
        if not clusters:
            return {}
        for cluster in clusters:
            if cluster not in self.of_clusters:
                self.of_clusters[cluster] = self.network.from_cluster(self.clusters.vectors([cluster]))
        scores = self.network(
            self.spans[span, None],
            self.of_spans[span, None],
            self.clusters.vectors(clusters),
            torch.cat([self.of_clusters[cluster] for cluster in clusters]),
            self.clusters.sizes(clusters),
        )
        return dict(zip(clusters, scores.tolist(), strict=True))
