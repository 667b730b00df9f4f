"""The coreference head: words to mentions to antecedents, for one document.

Mention ranking, coarse to fine: Lee et al. 2018 (https://aclanthology.org/N18-2108), Joshi et al. 2019
(https://aclanthology.org/D19-1588), options as in Xu and Choi 2020 (https://aclanthology.org/2020.emnlp-main.686).

Letters: n words, h encoder width, w widest span, K kept spans, c antecedents per span, D span width.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from transferlab.models.coreference.antecedents import CoarseScorer, PairScorer
from transferlab.models.coreference.loss import antecedent_labels, cluster_grid, marginal_likelihood_loss, mention_loss
from transferlab.models.coreference.mentions import NOT_A_SPAN, MentionScorer, keep_top_spans
from transferlab.utils.batches import CoreferenceDocument
from transferlab.utils.errors import UserError


@dataclass
class HeadOutput:
    """Scores of one document.

    Attributes:
        candidate_scores: [n, w] fp32, mention scores of all candidates, ``-inf`` where there is none.
        starts, ends: [K] int64, first and last words of the kept spans, in text order.
        mention_scores: [K] fp32.
        antecedents: [K, c] int64, positions among the kept spans.
        antecedent_exists: [K, c] bool.
        antecedent_scores: [K, 1 + c] fp32, the dummy's 0 first, ``-inf`` where there is no antecedent.
    """

    candidate_scores: Tensor
    starts: Tensor
    ends: Tensor
    mention_scores: Tensor
    antecedents: Tensor
    antecedent_exists: Tensor
    antecedent_scores: Tensor

    def mentions(self) -> list[tuple[int, int]]:
        """The kept spans as (first word, last word)."""
        return list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))


class CoreferenceHead(nn.Module):
    """Scores mentions and their antecedents from word representations.

    Args:
        hidden_size: h.
        max_span_width: w, in words.
        top_span_ratio: kept spans per word.
        max_num_extracted_spans: the most spans kept in a document.
        max_top_antecedents: c, antecedents the fine scorer sees per span.
        ffnn_size: hidden width of all scorers.
        ffnn_depth: hidden layers of all scorers.
        feature_emb_size: width of each feature's embedding.
        model_heads: attend to a span's head word.
        use_features: span width and antecedent distance as features.
        use_metadata: speaker and genre as features.
        use_segment_distance: distance in encoder segments as a feature.
        use_width_prior: a mention score of the width alone.
        use_distance_prior: a coarse antecedent score of the distance alone.
        fine_grained: bilinear coarse scores; False keeps the nearest antecedents.
        num_genres: genres known from the training data.
        num_segment_distances: segment distances told apart.
        mention_loss_coef: weight of the mention loss; 0 leaves it out.
        keep_singletons: the corpus annotates singletons: the mention loss then covers *all* candidates, because a
            positive mention score alone makes a singleton.
        dropout: on features and hidden layers.
        gradient_checkpointing: recompute the pair scorer's hidden layers in the backward pass.
    """

    def __init__(
        self,
        hidden_size: int,
        *,
        max_span_width: int = 30,
        top_span_ratio: float = 0.4,
        max_num_extracted_spans: int = 3900,
        max_top_antecedents: int = 50,
        ffnn_size: int = 3000,
        ffnn_depth: int = 1,
        feature_emb_size: int = 20,
        model_heads: bool = True,
        use_features: bool = True,
        use_metadata: bool = True,
        use_segment_distance: bool = True,
        use_width_prior: bool = True,
        use_distance_prior: bool = True,
        fine_grained: bool = True,
        num_genres: int = 0,
        num_segment_distances: int = 11,
        mention_loss_coef: float = 0.0,
        keep_singletons: bool = False,
        dropout: float = 0.3,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        if keep_singletons and mention_loss_coef <= 0:
            raise UserError(
                f"model.keep_singletons=true needs a mention loss, which decides what is a singleton, but "
                f"model.mention_loss_coef={mention_loss_coef}; set it to 1.0, for example"
            )
        self.top_span_ratio = top_span_ratio
        self.max_num_extracted_spans = max_num_extracted_spans
        self.mention_loss_coef = mention_loss_coef
        self.keep_singletons = keep_singletons
        self.mention_scorer = MentionScorer(
            hidden_size=hidden_size,
            max_span_width=max_span_width,
            ffnn_size=ffnn_size,
            ffnn_depth=ffnn_depth,
            feature_emb_size=feature_emb_size,
            model_heads=model_heads,
            use_features=use_features,
            use_width_prior=use_width_prior,
            dropout=dropout,
        )
        self.coarse_scorer = CoarseScorer(
            span_size=self.mention_scorer.span_size,
            feature_emb_size=feature_emb_size,
            max_top_antecedents=max_top_antecedents,
            fine_grained=fine_grained,
            use_distance_prior=use_distance_prior,
            dropout=dropout,
        )
        self.pair_scorer = PairScorer(
            span_size=self.mention_scorer.span_size,
            ffnn_size=ffnn_size,
            ffnn_depth=ffnn_depth,
            feature_emb_size=feature_emb_size,
            num_genres=num_genres,
            num_segment_distances=num_segment_distances,
            use_features=use_features,
            use_metadata=use_metadata,
            use_segment_distance=use_segment_distance,
            dropout=dropout,
            gradient_checkpointing=gradient_checkpointing,
        )

    def forward(self, words: Tensor, document: CoreferenceDocument) -> HeadOutput:
        """Score one document.

        Args:
            words: [n, h] representations of its words.
            document: its features.
        """
        candidate_scores = self.mention_scorer(words, document.sentence_ids)  # [n, w]
        starts, ends = keep_top_spans(candidate_scores, self.spans_to_keep(len(words)))  # [K] each
        spans = self.mention_scorer.spans(words, starts, ends)  # [K, D]
        mention_scores = candidate_scores[starts, ends - starts]  # [K]
        antecedents = self.coarse_scorer(spans, mention_scores)
        fine = self.pair_scorer(
            spans, antecedents, document.speaker_ids[starts], document.segment_ids[starts], document.genre_id
        )  # [K, c]
        dummy = fine.new_zeros(len(fine), 1)
        return HeadOutput(
            candidate_scores=candidate_scores,
            starts=starts,
            ends=ends,
            mention_scores=mention_scores,
            antecedents=antecedents.indices,
            antecedent_exists=antecedents.exists,
            antecedent_scores=torch.cat([dummy, fine + antecedents.coarse_scores], dim=1),
        )

    def spans_to_keep(self, words: int) -> int:
        """K of a document of so many words: at least one span where there is a word."""
        return min(self.max_num_extracted_spans, max(int(self.top_span_ratio * words), min(words, 1)))

    def loss(self, output: HeadOutput, document: CoreferenceDocument) -> Tensor:
        """Loss of one document, [] fp32: marginal likelihood over kept spans, plus the weighted mention loss."""
        candidates = output.candidate_scores
        grid = cluster_grid(document.gold_mentions, document.gold_cluster_ids, *candidates.shape)
        kept = grid[output.starts, output.ends - output.starts]  # [K]
        labels = antecedent_labels(kept, output.antecedents, output.antecedent_exists)
        loss = marginal_likelihood_loss(output.antecedent_scores, labels)
        if self.mention_loss_coef and self.keep_singletons:
            real = candidates != NOT_A_SPAN
            loss = loss + self.mention_loss_coef * mention_loss(candidates[real], grid[real] > 0)
        elif self.mention_loss_coef:
            loss = loss + self.mention_loss_coef * mention_loss(output.mention_scores, kept > 0)
        return loss
