"""The coreference head: words to mentions to antecedents, for one document.

Mention ranking, coarse to fine: Lee et al. 2018 (https://aclanthology.org/N18-2108), Joshi et al. 2019
(https://aclanthology.org/D19-1588), options as in Xu and Choi 2020 (https://aclanthology.org/2020.emnlp-main.686).

Words are here the units of the taskmodule, which may be subtokens.

Letters: n words, h encoder width, w widest span, K kept spans, c antecedents per span, D span width.
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from transferlab.models.coreference.antecedents import CoarseScorer, PairScorer
from transferlab.models.coreference.higher_order import CLUSTER_MERGING, METHODS, REFINEMENTS
from transferlab.models.coreference.higher_order.base import HigherOrder
from transferlab.models.coreference.higher_order.cluster_merging import ClusterMerging
from transferlab.models.coreference.higher_order.growing_clusters import Reduce
from transferlab.models.coreference.mentions import MentionScorer, keep_top_spans
from transferlab.models.coreference.ranking_head import (
    FalseNewDelta,
    HeadOutput,
    LossType,
    MentionLossSpans,
    RankingHead,
)
from transferlab.utils.batches import CoreferenceDocument
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Depth, DropoutRate, Limits, NonNegative, OneOf, Positive, Width
from transferlab.utils.options import checked


class CoreferenceHead(RankingHead):
    """Scores mentions and their antecedents from word representations.

    Args:
        hidden_size: h.
        max_span_width: w, in units.
        top_span_ratio: kept spans per unit.
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
        higher_order: how other spans take part in the score of a pair; null: they do not.
        coref_depth: how often pairs are scored, spans refined in between; null: twice with a method that refines them.
        cluster_ffnn_size: hidden width of the scorer of clusters.
        cluster_reduce: what represents a cluster: the mean of its spans, or their maximum in each dimension.
        easy_cluster_first: merge clusters in the order of their spans' best scores, not in text order.
        cluster_dloss: train the scores of pairs alone, too.
        num_genres: genres known from the training data.
        num_segment_distances: segment distances told apart.
        loss_type: of antecedents: their marginal likelihood, or a hinge on the best one.
        false_new_delta: d of the hinge loss: a missing link costs (1 + d) / 2, any other mistake (3 - d) / 2.
        mention_loss_coef: weight of the mention loss; 0 leaves it out.
        mention_loss: spans that it covers: those kept, or all candidates; null: all with keep_singletons, else kept.
        keep_singletons: the corpus annotates singletons: a positive mention score alone makes one.
        dropout: on features and hidden layers.
        gradient_checkpointing: recompute the pair scorer's hidden layers in the backward pass.
    """

    @checked("model")
    def __init__(
        self,
        hidden_size: int,
        *,
        max_span_width: Width = 30,
        top_span_ratio: Positive = 0.4,
        max_num_extracted_spans: Count = 3900,
        max_top_antecedents: Count = 50,
        ffnn_size: Width = 3000,
        ffnn_depth: Depth = 1,
        feature_emb_size: Width = 20,
        model_heads: bool = True,
        use_features: bool = True,
        use_metadata: bool = True,
        use_segment_distance: bool = True,
        use_width_prior: bool = True,
        use_distance_prior: bool = True,
        fine_grained: bool = True,
        higher_order: Annotated[str, OneOf(METHODS)] | None = None,
        coref_depth: Annotated[int, Limits(1, 100)] | None = None,
        cluster_ffnn_size: Width = 3000,
        cluster_reduce: Reduce = "mean",
        easy_cluster_first: bool = False,
        cluster_dloss: bool = False,
        num_genres: Annotated[int, Limits(0, 2**14)] = 0,
        num_segment_distances: Width = 11,
        loss_type: LossType = "marginalized",
        false_new_delta: FalseNewDelta = 1.5,
        mention_loss_coef: NonNegative = 0.0,
        mention_loss: MentionLossSpans | None = None,
        keep_singletons: bool = False,
        dropout: DropoutRate = 0.3,
        gradient_checkpointing: bool = False,
    ) -> None:
        if higher_order is None and (coref_depth or 1) > 1:
            raise UserError(
                f"model.coref_depth={coref_depth} scores pairs again after their spans are refined, but "
                f"model.higher_order=null does not refine them; choose one of {', '.join(REFINEMENTS)}"
            )
        super().__init__(
            top_span_ratio=top_span_ratio,
            max_num_extracted_spans=max_num_extracted_spans,
            loss_type=loss_type,
            false_new_delta=false_new_delta,
            mention_loss_coef=mention_loss_coef,
            mention_loss=mention_loss,
            keep_singletons=keep_singletons,
        )
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
        # the last to be made, so that the others start from the same weights with and without it
        self.higher_order: HigherOrder | None = None
        if higher_order == CLUSTER_MERGING:
            self.higher_order = ClusterMerging(
                self.mention_scorer.span_size,
                ffnn_size=cluster_ffnn_size,
                ffnn_depth=ffnn_depth,
                feature_emb_size=feature_emb_size,
                reduce=cluster_reduce,
                easy_first=easy_cluster_first,
                dropout=dropout,
                gradient_checkpointing=gradient_checkpointing,
            )
        elif higher_order is not None and coref_depth != 1:
            self.higher_order = REFINEMENTS[higher_order](self.mention_scorer.span_size, (coref_depth or 2) - 1)
        self.cluster_dloss = cluster_dloss and higher_order == CLUSTER_MERGING

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

        def scored(spans: Tensor) -> Tensor:  # [K, D] -> [K, 1 + c]
            fine = self.pair_scorer(
                spans, antecedents, document.speaker_ids[starts], document.segment_ids[starts], document.genre_id
            )  # [K, c]
            dummy = fine.new_zeros(len(fine), 1)
            return torch.cat([dummy, fine + antecedents.coarse_scores], dim=1)

        scores = pair_scores = scored(spans)
        if self.higher_order is not None:
            scores = self.higher_order(spans, antecedents, pair_scores, scored)
        return HeadOutput(
            candidate_scores=candidate_scores,
            starts=starts,
            ends=ends,
            mention_scores=mention_scores,
            antecedents=antecedents.indices,
            antecedent_exists=antecedents.exists,
            antecedent_scores=scores,
            pair_scores=pair_scores if self.cluster_dloss else None,
        )
