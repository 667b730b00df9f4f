"""Antecedent scores: a cheap coarse pass over all pairs of kept spans, a fine pass over the best of them.

Letters: K kept spans in text order, c antecedents per span, P pairs that exist (row i has min(i, c)), D span width,
F pair-feature width, H hidden width of the scorer.

The fine scorer is a feed-forward network on [x_i; x_j; x_i * x_j; features] (Lee et al. 2018,
https://aclanthology.org/N18-2108). Its first layer is linear, hence
W [..] = W_i x_i + W_j x_j + W_p (x_i * x_j) + W_f features: two projections per *span*, one product per *pair*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from transferlab.models.coreference.feedforward import full_precision, hidden_layers, matmul_dtype

NUM_DISTANCE_BUCKETS = 10
PAIRS_PER_CHUNK = 2048


def distance_buckets(distances: Tensor) -> Tensor:
    """Buckets 0, 1, 2, 3, 4, 5-7, 8-15, 16-31, 32-63, 64+ of non-negative distances, same shape, int64."""
    bounds = torch.tensor([1, 2, 3, 4, 5, 8, 16, 32, 64], device=distances.device)
    return torch.bucketize(distances, bounds, right=True)


@dataclass
class Antecedents:
    """The antecedents considered for each kept span.

    Attributes:
        indices: [K, c] int64, positions among the kept spans, best first; arbitrary where ``exists`` is False.
        exists: [K, c] bool.
        coarse_scores: [K, c] fp32, ``-inf`` where there is no antecedent.
    """

    indices: Tensor
    exists: Tensor
    coarse_scores: Tensor


class CoarseScorer(nn.Module):
    """f(i, j) = m_i + m_j + (W x_i + b)·x_j + distance prior, for all j < i.

    Args:
        span_size: D.
        feature_emb_size: width of the distance embedding of the prior.
        max_top_antecedents: c.
        fine_grained: whether the bilinear term takes part and the best c antecedents are kept; otherwise, as before
            coarse-to-fine scoring, the nearest c.
        use_distance_prior: whether a score of the distance alone is added.
        dropout: on spans and features.
    """

    def __init__(
        self,
        span_size: int,
        feature_emb_size: int,
        max_top_antecedents: int,
        fine_grained: bool,
        use_distance_prior: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.max_top_antecedents = max_top_antecedents
        self.bilinear = nn.Linear(span_size, span_size) if fine_grained else None
        self.distance_prior = (
            nn.Sequential(
                nn.Embedding(NUM_DISTANCE_BUCKETS, feature_emb_size),
                nn.Dropout(dropout),
                nn.Linear(feature_emb_size, 1),
            )
            if use_distance_prior
            else None
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, spans: Tensor, mention_scores: Tensor) -> Antecedents:
        """Choose the antecedents of each span.

        Args:
            spans: [K, D] in text order.
            mention_scores: [K] fp32.
        """
        K = len(spans)
        c = min(K, self.max_top_antecedents)
        positions = torch.arange(K, device=spans.device)
        offsets = positions[:, None] - positions  # [K, K]
        scores = mention_scores[:, None] + mention_scores  # [K, K]
        if self.bilinear is not None:
            scores = scores + full_precision(self.dropout(self.bilinear(spans)) @ self.dropout(spans).T)
        if self.distance_prior is not None:
            prior = full_precision(self.distance_prior(distance_buckets(positions)).squeeze(-1))  # [K], by distance
            scores = scores + prior[offsets.clamp(min=0)]
        scores = scores.masked_fill(offsets <= 0, float("-inf"))
        ranking = scores if self.bilinear is not None else -offsets.float().masked_fill(offsets <= 0, float("inf"))
        indices = ranking.detach().topk(c, dim=1).indices  # [K, c]
        coarse = scores.gather(1, indices)  # [K, c]
        return Antecedents(indices, indices < positions[:, None], coarse)


class PairScorer(nn.Module):
    """The fine score of pairs of spans.

    Args:
        span_size: D.
        ffnn_size: H.
        ffnn_depth: number of hidden layers.
        feature_emb_size: width of each feature's embedding.
        num_genres: known genres; one more embedding stands for an unknown genre.
        num_segment_distances: segment distances told apart; larger ones count as the largest.
        use_features: whether the distance in kept spans is a feature.
        use_metadata: whether "same speaker" and the genre are features.
        use_segment_distance: whether the distance in encoder segments is a feature.
        dropout: on features and hidden layers.
        gradient_checkpointing: recompute hidden layers in the backward pass: a third more time, far less memory.
    """

    def __init__(
        self,
        span_size: int,
        ffnn_size: int,
        ffnn_depth: int,
        feature_emb_size: int,
        num_genres: int,
        num_segment_distances: int,
        use_features: bool,
        use_metadata: bool,
        use_segment_distance: bool,
        dropout: float,
        gradient_checkpointing: bool,
    ) -> None:
        super().__init__()
        sizes = {
            "same_speaker": 2 * use_metadata,
            "genre": (num_genres + 1) * use_metadata,
            "segment_distance": num_segment_distances * use_segment_distance,
            "distance": NUM_DISTANCE_BUCKETS * use_features,
        }
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(size, feature_emb_size) for name, size in sizes.items() if size}
        )
        self.from_span = nn.Linear(span_size, ffnn_size)
        self.from_antecedent = nn.Linear(span_size, ffnn_size, bias=False)
        self.from_product = nn.Linear(span_size, ffnn_size, bias=False)
        self.from_features = (
            nn.Linear(len(self.embeddings) * feature_emb_size, ffnn_size, bias=False) if self.embeddings else None
        )
        self.score = hidden_layers(ffnn_size, ffnn_depth, dropout)
        self.dropout = nn.Dropout(dropout)
        self.gradient_checkpointing = gradient_checkpointing

    def forward(
        self, spans: Tensor, antecedents: Antecedents, speaker_ids: Tensor, segment_ids: Tensor, genre_id: Tensor
    ) -> Tensor:
        """Fine scores of the antecedents.

        Args:
            spans: [K, D] in text order.
            antecedents: for each span.
            speaker_ids: [K] int64, speaker of each span's first word.
            segment_ids: [K] int64, encoder segment of each span's first word.
            genre_id: [] int64.

        Returns:
            [K, c] fp32, 0 where there is no antecedent.
        """
        rows, columns = antecedents.exists.nonzero(as_tuple=True)  # [P] each
        others = antecedents.indices[rows, columns]  # [P]
        # Under bf16 these stay fp32, so that the gradients of a span's many pairs are summed in fp32.
        from_span, from_antecedent = full_precision(self.from_span(spans)), full_precision(self.from_antecedent(spans))
        dtype = matmul_dtype(self.from_product.weight)
        features = self._features(rows, others, speaker_ids, segment_ids, genre_id).to(dtype)  # [P, features * F]
        pairs = [part.split(PAIRS_PER_CHUNK) for part in (rows, others, features)]
        # What a chunk keeps for the backward pass is allocated before, because among tensors of short life it would
        # leave the heap full of holes.
        keeps = torch.is_grad_enabled() and not self.gradient_checkpointing
        H = self.from_span.out_features
        kept = [spans.new_empty(len(i), H, dtype=dtype) if keeps else None for i in pairs[0]]
        # Results go where room was made before, for the same reason.
        scores = full_precision(spans.new_empty(len(rows)))  # [P]
        for chunk, (i, j, of_pairs, hidden) in enumerate(zip(*pairs, kept, strict=True)):
            arguments = (spans, from_span, from_antecedent, i, j, of_pairs, hidden)
            place = slice(chunk * PAIRS_PER_CHUNK, chunk * PAIRS_PER_CHUNK + len(i))
            if self.gradient_checkpointing and torch.is_grad_enabled():
                scores[place] = checkpoint(self._score_chunk, *arguments, use_reentrant=False)
            else:
                scores[place] = self._score_chunk(*arguments)
        fine = full_precision(spans.new_zeros(antecedents.exists.shape))
        return fine.index_put((rows, columns), scores)

    def _features(self, i: Tensor, j: Tensor, speaker_ids: Tensor, segment_ids: Tensor, genre_id: Tensor) -> Tensor:
        """Embedded features of the pairs (i, j), [P, features * F]."""
        values = {
            "same_speaker": (speaker_ids[i] == speaker_ids[j]).long(),
            "genre": genre_id.expand(len(i)),
            "segment_distance": segment_ids[i] - segment_ids[j],
            "distance": distance_buckets(i - j),
        }  # [P] each
        embedded = []
        for name, table in self.embeddings.items():
            assert isinstance(table, nn.Embedding)
            embedded.append(table(values[name].clamp(max=table.num_embeddings - 1)))
        return self.dropout(torch.cat(embedded, dim=1)) if embedded else self.from_span.weight.new_empty(len(i), 0)

    def _score_chunk(
        self,
        spans: Tensor,
        from_span: Tensor,
        from_antecedent: Tensor,
        i: Tensor,
        j: Tensor,
        features: Tensor,
        out: Tensor | None,
    ) -> Tensor:
        """Scores [P] fp32 of the pairs (i, j); their hidden layer goes to ``out``, if given."""
        hidden = project_products(spans, i, j, self.from_product.weight, out)  # [P, H]
        # in place: sums need nothing for the backward pass
        hidden += functional.embedding(i, from_span)
        hidden += functional.embedding(j, from_antecedent)
        if self.from_features is not None:
            hidden += self.from_features(features)
        return full_precision(self.score(hidden).squeeze(-1))


def project_products(spans: Tensor, i: Tensor, j: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
    """(x_i * x_j) W^T for pairs of rows of x, in the precision of autocast where that is on.

    The [P, D] products are made anew in the backward pass: making them costs a fraction of multiplying with them,
    keeping them would be the largest tensor of a training step.

    Args:
        spans: x, [K, D].
        i, j: [P] int64.
        weight: W, [H, D].
        out: [P, H], overwritten with the result.

    Returns:
        [P, H].
    """
    return _ProjectedProducts.apply(spans, i, j, weight, out, matmul_dtype(weight))


def _products(spans: Tensor, i: Tensor, j: Tensor) -> Tensor:
    return functional.embedding(i, spans) * functional.embedding(j, spans)  # [P, D]


class _ProjectedProducts(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, spans: Tensor, i: Tensor, j: Tensor, weight: Tensor, out: Tensor | None, dtype: torch.dtype
    ) -> Tensor:
        ctx.save_for_backward(spans, i, j, weight)
        ctx.dtype = dtype
        if out is not None:
            ctx.mark_dirty(out)
        return torch.mm(_products(spans, i, j).to(dtype), weight.to(dtype).T, out=out)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        spans, i, j, weight = ctx.saved_tensors
        left, right = functional.embedding(i, spans), functional.embedding(j, spans)  # [P, D] each
        grad_weight = (grad.T @ (left * right).to(ctx.dtype)).to(weight.dtype)
        grad_products = (grad @ weight.to(ctx.dtype)).to(spans.dtype)  # [P, D]
        grad_spans = torch.zeros_like(spans)
        grad_spans.index_add_(0, i, right.mul_(grad_products))
        grad_spans.index_add_(0, j, left.mul_(grad_products))
        return grad_spans, None, None, grad_weight, None, None
