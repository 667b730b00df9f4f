"""Antecedent scores: a cheap coarse pass over all pairs of kept spans, a fine pass over the best of them.

Letters: K kept spans in text order, c antecedents per span, P pairs that exist (row i has min(i, c)), D span width,
F pair-feature width, H hidden width of the scorer.

The fine scorer is a feed-forward network on [x_i; x_j; x_i * x_j; features] (Lee et al. 2018,
https://aclanthology.org/N18-2108). Its first layer is linear, hence
W [..] = W_i x_i + W_j x_j + W_p (x_i * x_j) + W_f features: two projections per *span*, one product per *pair*.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from transferlab.models.coreference.feedforward import full_precision, hidden_layers, matmul_dtype
from transferlab.models.coreference.first_layer import FirstLayer
from transferlab.models.dropout import Dropout

NUM_DISTANCE_BUCKETS = 10
PAIRS_PER_BLOCK = 512  # as many as stay in the cache of a processor; more when weights outweigh them


def distance_buckets(distances: Tensor) -> Tensor:
    """Buckets 0, 1, 2, 3, 4, 5-7, 8-15, 16-31, 32-63, 64+ of non-negative distances, same shape, int64."""
    bounds = torch.tensor([1, 2, 3, 4, 5, 8, 16, 32, 64], device=distances.device)
    return torch.bucketize(distances, bounds, right=True)


def distance_prior(feature_emb_size: int, dropout: float) -> nn.Sequential:
    """A score of a distance bucket alone: int64 of any shape -> the same shape and one more dimension of size 1."""
    return nn.Sequential(
        nn.Embedding(NUM_DISTANCE_BUCKETS, feature_emb_size), Dropout(dropout), nn.Linear(feature_emb_size, 1)
    )


def chosen_antecedents(indices: Tensor, columns: Tensor) -> Tensor:
    """The antecedents in some columns of the scores.

    Args:
        indices: [K, c] int64, positions among the kept spans.
        columns: [K] int64, one for each span; 0 is that of the dummy.

    Returns:
        [K] int64 positions, -1 for the dummy.
    """
    chosen = indices.gather(1, (columns - 1).clamp(min=0)[:, None]).squeeze(1)
    return chosen.masked_fill(columns == 0, -1)


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
        self.distance_prior = distance_prior(feature_emb_size, dropout) if use_distance_prior else None
        self.dropout = Dropout(dropout)

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
        self.dropout = Dropout(dropout)
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
        K, c = antecedents.indices.shape
        dtype = matmul_dtype(self.from_product.weight)
        summed = (spans, self.from_span(spans), self.from_antecedent(spans), self.from_product.weight)
        exact = tuple(map(full_precision, summed))
        rounded = [tensor.detach().to(dtype) for tensor in exact]
        features = self._features(antecedents.indices, speaker_ids, segment_ids, genre_id).to(dtype)
        # The existing antecedents of a row come first, at most as many as there are spans before it: none in row 0.
        H = self.from_span.out_features
        size = max(1, max(PAIRS_PER_BLOCK, H // 2) // max(1, c))  # rows of a block
        first_rows = range(1, K, size)
        indices = list(antecedents.indices[1:].split(size)) if first_rows else []  # blocks x [rows, c]
        of_pairs = list(features[1:].split(size)) if first_rows else []  # blocks x [rows, c, features * F]
        for block, row in enumerate(first_rows):
            width = min(row + len(indices[block]) - 1, c)
            indices[block] = indices[block][:, :width].contiguous()
            of_pairs[block] = of_pairs[block][:, :width].flatten(0, 1)
        # What a block keeps for the backward pass is allocated before, because among tensors of short life it would
        # leave the heap full of holes.
        keeps = torch.is_grad_enabled() and not self.gradient_checkpointing
        kept = [spans.new_empty(j.numel(), H, dtype=dtype) if keeps else None for j in indices]
        # Results go where room was made before, for the same reason.
        fine = full_precision(spans.new_zeros(K, c))
        for row, j, of_block, hidden in zip(first_rows, indices, of_pairs, kept, strict=True):
            arguments = (exact, rounded, row, j, of_block, hidden)
            if self.gradient_checkpointing and torch.is_grad_enabled():
                scores, exact = checkpoint(self._score_block, *arguments, use_reentrant=False)
            else:
                scores, exact = self._score_block(*arguments)
            fine[row : row + len(scores), : scores.shape[1]] = scores
        return fine.masked_fill(~antecedents.exists, 0)

    def _features(self, antecedents: Tensor, speaker_ids: Tensor, segment_ids: Tensor, genre_id: Tensor) -> Tensor:
        """Embedded features of the spans' pairs with their ``antecedents`` [K, c], as [K, c, features * F]."""
        positions = torch.arange(len(antecedents), device=antecedents.device)[:, None]
        values = {
            "same_speaker": (speaker_ids[:, None] == speaker_ids[antecedents]).long(),
            "genre": genre_id.expand_as(antecedents),
            "segment_distance": segment_ids[:, None] - segment_ids[antecedents],
            "distance": distance_buckets(positions - antecedents),
        }  # [K, c] each
        embedded = []
        for name, table in self.embeddings.items():
            assert isinstance(table, nn.Embedding)
            embedded.append(table(values[name].clamp(min=0, max=table.num_embeddings - 1)))
        if not embedded:
            return self.from_span.weight.new_empty(*antecedents.shape, 0)
        return self.dropout(torch.cat(embedded, dim=-1))

    def _score_block(
        self,
        exact: tuple[Tensor, ...],
        rounded: list[Tensor],
        row: int,
        antecedents: Tensor,
        features: Tensor,
        out: Tensor | None,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Scores [rows, width] fp32 of a block of rows; the hidden layer of its pairs goes to ``out``, if given.

        For the other arguments and the second result see ``FirstLayer``.
        """
        hidden, *exact_again = FirstLayer.apply(*exact, rounded, row, antecedents, out)  # [P, H]
        if self.from_features is not None:
            hidden += self.from_features(features)  # in place: a sum needs nothing for the backward pass
        return full_precision(self.score(hidden).view(antecedents.shape)), tuple(exact_again)
