"""The bilinear coreference head: spans are pairs of word vectors, never vectors of their own.

Kirstain, Ram and Levy 2021 (https://aclanthology.org/2021.acl-short.3). All scores are products of hidden vectors of
*words*, so a document costs a few matrix products, where the mention-ranking head runs a network over all candidates
and pairs.

A product of two vectors of length sqrt(H) changes by up to H^2 times the learning rate in a step of the optimizer.
Products are therefore divided by H: any width trains at the same learning rate, and scores start near 0.

Letters: n words, h encoder width, H hidden width, w widest span, B starts in a block, K kept spans.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from transferlab.models.coreference.feedforward import full_precision, hidden_layers
from transferlab.models.coreference.mentions import NOT_A_SPAN, keep_top_spans, span_widths
from transferlab.models.coreference.pair_features import PairFeatureScorer
from transferlab.models.coreference.ranking_head import (
    FalseNewDelta,
    HeadOutput,
    LossType,
    MentionLossSpans,
    RankingHead,
)
from transferlab.models.dropout import Dropout
from transferlab.utils.batches import CoreferenceDocument
from transferlab.utils.option_kinds import Count, DropoutRate, Limits, NonNegative, Positive, Width
from transferlab.utils.options import checked

MIN_STARTS_PER_BLOCK = 32


class BilinearHead(RankingHead):
    """Scores mentions and their antecedents by products of word vectors.

    Args:
        hidden_size: h.
        max_span_width: w, in units.
        top_span_ratio: kept spans per unit.
        max_num_extracted_spans: the most spans kept in a document; all kept spans before one are its antecedents.
        ffnn_size: H.
        feature_emb_size: width of each feature's embedding.
        use_features: antecedent distance as a feature of pairs.
        use_metadata: speaker and genre as features of pairs.
        use_segment_distance: distance in encoder segments as a feature of pairs.
        use_width_prior: a mention score of the width alone.
        use_distance_prior: an antecedent score of the distance alone.
        num_genres: genres known from the training data.
        num_segment_distances: segment distances told apart.
        loss_type: of antecedents: their marginal likelihood, or a hinge on the best one.
        false_new_delta: d of the hinge loss: a missing link costs (1 + d) / 2, any other mistake (3 - d) / 2.
        mention_loss_coef: weight of the mention loss; 0 leaves it out.
        mention_loss: spans that it covers: those kept, or all candidates; null: all with keep_singletons, else kept.
        keep_singletons: the corpus annotates singletons: a positive mention score alone makes one.
        dropout: on features and hidden vectors.
        higher_order: null: these methods are of the mention-ranking head, for they need vectors of spans.
    """

    @checked("model")
    def __init__(
        self,
        hidden_size: int,
        *,
        max_span_width: Width = 30,
        top_span_ratio: Positive = 0.4,
        max_num_extracted_spans: Count = 3900,
        ffnn_size: Width = 3000,
        feature_emb_size: Width = 20,
        use_features: bool = True,
        use_metadata: bool = True,
        use_segment_distance: bool = True,
        use_width_prior: bool = True,
        use_distance_prior: bool = True,
        num_genres: Annotated[int, Limits(0, 2**14)] = 0,
        num_segment_distances: Width = 11,
        loss_type: LossType = "marginalized",
        false_new_delta: FalseNewDelta = 1.5,
        mention_loss_coef: NonNegative = 0.0,
        mention_loss: MentionLossSpans | None = None,
        keep_singletons: bool = False,
        dropout: DropoutRate = 0.3,
        higher_order: None = None,
    ) -> None:
        super().__init__(
            top_span_ratio=top_span_ratio,
            max_num_extracted_spans=max_num_extracted_spans,
            loss_type=loss_type,
            false_new_delta=false_new_delta,
            mention_loss_coef=mention_loss_coef,
            mention_loss=mention_loss,
            keep_singletons=keep_singletons,
        )
        self.mention_scorer = BilinearMentionScorer(
            hidden_size=hidden_size,
            max_span_width=max_span_width,
            ffnn_size=ffnn_size,
            feature_emb_size=feature_emb_size,
            use_width_prior=use_width_prior,
            dropout=dropout,
        )
        self.antecedent_scorer = BilinearAntecedentScorer(hidden_size, ffnn_size, dropout)
        self.pair_features = PairFeatureScorer(
            ffnn_size=ffnn_size,
            feature_emb_size=feature_emb_size,
            num_genres=num_genres,
            num_segment_distances=num_segment_distances,
            use_features=use_features,
            use_metadata=use_metadata,
            use_segment_distance=use_segment_distance,
            use_distance_prior=use_distance_prior,
            dropout=dropout,
        )

    def forward(self, words: Tensor, document: CoreferenceDocument) -> HeadOutput:
        """Score one document.

        Args:
            words: [n, h] representations of its words.
            document: its features.
        """
        candidate_scores = self.mention_scorer(words, document.sentence_ids)  # [n, w]
        starts, ends = keep_top_spans(candidate_scores, self.spans_to_keep(len(words)))  # [K] each
        mention_scores = candidate_scores[starts, ends - starts]  # [K]
        scores = self.antecedent_scorer(words, starts, ends) + mention_scores[:, None] + mention_scores  # [K, K]
        scores = scores + self.pair_features(
            document.speaker_ids[starts], document.segment_ids[starts], document.genre_id
        )
        exists = torch.ones_like(scores, dtype=torch.bool).tril(-1)  # [K, K]
        scores = scores.masked_fill(~exists, float("-inf"))
        K = len(starts)
        return HeadOutput(
            candidate_scores=candidate_scores,
            starts=starts,
            ends=ends,
            mention_scores=mention_scores,
            antecedents=torch.arange(K, device=words.device).expand(K, K),
            antecedent_exists=exists,
            antecedent_scores=functional.pad(scores, (1, 0)),  # the dummy's 0
        )


class HiddenVectors(nn.Module):
    """What products are made of: LayerNorm(GELU(W x + b)), then dropout.

    Args:
        hidden_size: h.
        ffnn_size: H.
        dropout: on the result.
    """

    def __init__(self, hidden_size: int, ffnn_size: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden_size, ffnn_size)
        self.norm = nn.LayerNorm(ffnn_size)
        self.dropout = Dropout(dropout)

    def forward(self, words: Tensor) -> Tensor:
        """[..., h] -> [..., H]."""
        return self.dropout(self.norm(functional.gelu(self.linear(words))))


class BilinearMentionScorer(nn.Module):
    """v_s·a_s + v_e·a_e + a_s^T B a_e for every candidate (s, e), and a prior of its width.

    Args:
        hidden_size: h.
        max_span_width: w, in words.
        ffnn_size: H.
        feature_emb_size: width of the embedding of a span's width.
        use_width_prior: whether a score of the width alone is added.
        dropout: on hidden vectors.
    """

    def __init__(
        self,
        *,
        hidden_size: int,
        max_span_width: int,
        ffnn_size: int,
        feature_emb_size: int,
        use_width_prior: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.max_span_width = max_span_width
        self.start = HiddenVectors(hidden_size, ffnn_size, dropout)
        self.end = HiddenVectors(hidden_size, ffnn_size, dropout)
        self.start_score = nn.Linear(ffnn_size, 1)
        self.end_score = nn.Linear(ffnn_size, 1, bias=False)
        self.start_to_end = nn.Linear(ffnn_size, ffnn_size, bias=False)
        self.scale = 1 / ffnn_size
        self.width_prior = (
            nn.Sequential(
                nn.Embedding(max_span_width, feature_emb_size),
                nn.Linear(feature_emb_size, ffnn_size),
                hidden_layers(ffnn_size, 1, dropout),
            )
            if use_width_prior
            else None
        )

    def forward(self, words: Tensor, sentence_ids: Tensor) -> Tensor:
        """Mention scores of all candidates.

        Args:
            words: [n, h] representations.
            sentence_ids: [n] int64, non-decreasing.

        Returns:
            [n, w] fp32, ``-inf`` where there is no candidate.
        """
        w = self.max_span_width
        starts, ends = self.start(words), self.end(words)  # [n, H] each
        wanted = self.start_to_end(starts) * self.scale + self.end_score.weight  # [n, H], in an end
        scores = full_precision(self.start_score(starts)) + banded_products(wanted, ends, w)  # [n, w]
        offsets = torch.arange(w, device=words.device)
        if self.width_prior is not None:
            scores = scores + full_precision(self.width_prior(offsets).squeeze(-1))
        return scores.masked_fill(offsets >= span_widths(sentence_ids, w)[:, None], NOT_A_SPAN)


def banded_products(left: Tensor, right: Tensor, w: int) -> Tensor:
    """x_s·y_(s+o) for the offsets o < w.

    A block of B >= w - 1 rows reaches no further than the next block, so two products per block hold all of them.

    Args:
        left, right: x and y, [n, H] each.

    Returns:
        [n, w] fp32, 0 where s + o is beyond the end.
    """
    n, H = left.shape
    B = max(w - 1, MIN_STARTS_PER_BLOCK)
    blocks = -(-n // B)
    rows = functional.pad(left, (0, 0, 0, blocks * B - n)).view(blocks, B, H)
    columns = functional.pad(right, (0, 0, 0, (blocks + 1) * B - n)).view(blocks + 1, B, H).mT
    products = torch.cat([rows @ columns[:-1], rows @ columns[1:]], dim=2).view(blocks * B, 2 * B)[:n]  # [n, 2 B]
    first = torch.arange(n, device=left.device) % B  # of the row, in its block
    return full_precision(products.gather(1, first[:, None] + torch.arange(w, device=left.device)))


class BilinearAntecedentScorer(nn.Module):
    """The four products of the start and end of a span with the start and end of another.

    [a_s; a_e]_i^T W [a_s; a_e]_j is their sum, W made of the four matrices.

    Args:
        hidden_size: h.
        ffnn_size: H.
        dropout: on hidden vectors.
    """

    def __init__(self, hidden_size: int, ffnn_size: int, dropout: float) -> None:
        super().__init__()
        self.start = HiddenVectors(hidden_size, ffnn_size, dropout)
        self.end = HiddenVectors(hidden_size, ffnn_size, dropout)
        self.bilinear = nn.Linear(2 * ffnn_size, 2 * ffnn_size, bias=False)
        self.scale = 1 / (2 * ffnn_size)

    def forward(self, words: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """[K, K] fp32 scores of the spans with first words ``starts`` and last words ``ends``, rows the anaphors."""
        spans = torch.cat([self.start(words[starts]), self.end(words[ends])], dim=1)  # [K, 2 H]
        return full_precision(self.bilinear(spans) * self.scale @ spans.T)
