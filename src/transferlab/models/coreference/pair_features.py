"""Scores of the features of pairs of spans: speakers, distances, the genre.

Letters: K kept spans, F feature width, H hidden width of the scorer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from transferlab.models.coreference.antecedents import NUM_DISTANCE_BUCKETS, distance_buckets, distance_prior
from transferlab.models.coreference.feedforward import full_precision, hidden_layers
from transferlab.models.dropout import Dropout


class PairFeatureScorer(nn.Module):
    """A score of the features of a pair of spans.

    A document has few different combinations of features, so a network scores all that there can be, and pairs look
    their score up.

    Args:
        ffnn_size: H, hidden width of the network.
        feature_emb_size: F, width of each feature's embedding.
        num_genres: known genres; one more embedding stands for an unknown genre.
        num_segment_distances: segment distances told apart; larger ones count as the largest.
        use_features: whether the distance in kept spans is a feature.
        use_metadata: whether "same speaker" and the genre are features.
        use_segment_distance: whether the distance in encoder segments is a feature.
        use_distance_prior: whether a score of the distance in kept spans alone is added.
        dropout: on embeddings and the hidden layer.
    """

    def __init__(
        self,
        *,
        ffnn_size: int,
        feature_emb_size: int,
        num_genres: int,
        num_segment_distances: int,
        use_features: bool,
        use_metadata: bool,
        use_segment_distance: bool,
        use_distance_prior: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        features = {
            "same_speaker": 2 * use_metadata,
            "segment_distance": num_segment_distances * use_segment_distance,
            "distance": NUM_DISTANCE_BUCKETS * use_features,
        }
        self.embeddings = nn.ModuleDict(
            {name: nn.Embedding(size, feature_emb_size) for name, size in features.items() if size}
        )
        self.genre_embedding = nn.Embedding(num_genres + 1, feature_emb_size) if use_metadata else None
        self.score = (
            nn.Sequential(
                Dropout(dropout),
                nn.Linear((len(self.embeddings) + use_metadata) * feature_emb_size, ffnn_size),
                hidden_layers(ffnn_size, 1, dropout),
            )
            if self.embeddings
            else None
        )
        self.distance_prior = distance_prior(feature_emb_size, dropout) if use_distance_prior else None
        # how many values each feature has that tells pairs apart
        self.sizes = {name: size for name, size in features.items() if size} | (
            {"distance": NUM_DISTANCE_BUCKETS} if use_distance_prior else {}
        )

    def forward(self, speaker_ids: Tensor, segment_ids: Tensor, genre_id: Tensor) -> Tensor:
        """Scores of all pairs.

        Args:
            speaker_ids: [K] int64, speaker of each span's first word.
            segment_ids: [K] int64, encoder segment of each span's first word.
            genre_id: [] int64.

        Returns:
            [K, K] fp32, rows the anaphors; meaningless where the column is not before the row.
        """
        K = len(speaker_ids)
        if not self.sizes:
            return torch.zeros(K, K, device=speaker_ids.device)
        positions = torch.arange(K, dtype=torch.int32, device=speaker_ids.device)
        index = positions.new_zeros(K, K)  # of the combination, the last feature running fastest
        for name, size in self.sizes.items():
            index = index * size + self._values(name, size, positions, speaker_ids, segment_ids)
        return self._table(genre_id).index_select(0, index.view(-1)).view(K, K)

    def _values(self, name: str, size: int, positions: Tensor, speaker_ids: Tensor, segment_ids: Tensor) -> Tensor:
        """A feature of all pairs, [K, K] int32 or bool."""
        if name == "same_speaker":
            return speaker_ids[:, None] == speaker_ids
        if name == "segment_distance":
            segments = segment_ids.int()
            return (segments[:, None] - segments).clamp(0, size - 1)
        offsets = (positions[:, None] - positions).clamp(min=0)  # [K, K]
        return distance_buckets(positions).int().index_select(0, offsets.view(-1)).view_as(offsets)

    def _table(self, genre_id: Tensor) -> Tensor:
        """The score of every combination of features, [combinations] fp32."""
        combinations = torch.cartesian_prod(
            *(torch.arange(size, device=genre_id.device) for size in self.sizes.values())
        ).view(-1, len(self.sizes))
        values = dict(zip(self.sizes, combinations.unbind(1), strict=True))  # [combinations] each
        parts = []
        if self.score is not None:
            embedded = [embedding(values[name]) for name, embedding in self.embeddings.items()]
            if self.genre_embedding is not None:
                embedded.append(self.genre_embedding(genre_id).expand_as(embedded[0]))
            parts.append(self.score(torch.cat(embedded, dim=1)))
        if self.distance_prior is not None:
            parts.append(self.distance_prior(values["distance"]))
        return torch.stack([full_precision(part.squeeze(1)) for part in parts]).sum(0)
