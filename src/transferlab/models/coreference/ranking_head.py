"""What coreference heads share: what they say of a document, how many spans they keep, the loss of their scores.

Letters: n words, w widest span, K kept spans, c antecedents per span.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor, nn

from transferlab.models.coreference.loss import (
    antecedent_labels,
    cluster_grid,
    hinge_loss,
    marginal_likelihood_loss,
    mention_loss,
)
from transferlab.models.coreference.mentions import NOT_A_SPAN
from transferlab.utils.batches import CoreferenceDocument
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Limits

LossType = Literal["marginalized", "hinge"]
MentionLossSpans = Literal["kept", "all"]
FalseNewDelta = Annotated[float, Limits(least=0, below=3)]  # at 3 wrong links would cost nothing


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
        pair_scores: the same without what clusters add, where the loss covers these scores, too.
    """

    candidate_scores: Tensor
    starts: Tensor
    ends: Tensor
    mention_scores: Tensor
    antecedents: Tensor
    antecedent_exists: Tensor
    antecedent_scores: Tensor
    pair_scores: Tensor | None = None

    def mentions(self) -> list[tuple[int, int]]:
        """The kept spans as (first word, last word)."""
        return list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))


class RankingHead(nn.Module):
    """Keeps the best candidate spans and ranks the antecedents of each; subclasses score them.

    Args:
        top_span_ratio: kept spans per unit.
        max_num_extracted_spans: the most spans kept in a document.
        loss_type: of antecedents: their marginal likelihood, or a hinge on the best one.
        false_new_delta: d of the hinge loss: a missing link costs (1 + d) / 2, any other mistake (3 - d) / 2.
        mention_loss_coef: weight of the mention loss; 0 leaves it out.
        mention_loss: spans that it covers: those kept or all candidates; None: all with ``keep_singletons``, else kept.
        keep_singletons: the corpus annotates singletons: a positive mention score alone makes one.
    """

    def __init__(
        self,
        *,
        top_span_ratio: float,
        max_num_extracted_spans: int,
        loss_type: LossType,
        false_new_delta: float,
        mention_loss_coef: float,
        mention_loss: MentionLossSpans | None,
        keep_singletons: bool,
    ) -> None:
        super().__init__()
        if keep_singletons and mention_loss_coef <= 0:
            raise UserError(
                f"model.keep_singletons=true needs a mention loss, which decides what is a singleton, but "
                f"model.mention_loss_coef={mention_loss_coef}; set it to 1.0, for example"
            )
        if mention_loss is not None and mention_loss_coef <= 0:
            raise UserError(
                f"model.mention_loss={mention_loss} says which spans the mention loss covers, but "
                f"model.mention_loss_coef={mention_loss_coef} leaves it out; set it to 1.0, for example"
            )
        self.top_span_ratio = top_span_ratio
        self.max_num_extracted_spans = max_num_extracted_spans
        self.loss_type = loss_type
        self.false_new_delta = false_new_delta
        self.mention_loss_coef = mention_loss_coef
        self.mention_loss = mention_loss or ("all" if keep_singletons else "kept")
        self.keep_singletons = keep_singletons

    @abstractmethod
    def forward(self, words: Tensor, document: CoreferenceDocument) -> HeadOutput:
        """Score one document.

        Args:
            words: [n, h] representations of its words.
            document: its features.
        """

    def spans_to_keep(self, words: int) -> int:
        """K of a document of so many words: at least one span where there is a word."""
        return min(self.max_num_extracted_spans, max(int(self.top_span_ratio * words), min(words, 1)))

    def loss(self, output: HeadOutput, document: CoreferenceDocument) -> Tensor:
        """Loss of one document, [] fp32: that of the antecedents of kept spans, plus the weighted mention loss."""
        candidates = output.candidate_scores
        grid = cluster_grid(document.gold_mentions, document.gold_cluster_ids, *candidates.shape)
        kept = grid[output.starts, output.ends - output.starts]  # [K]
        labels = antecedent_labels(kept, output.antecedents, output.antecedent_exists)
        loss = self._antecedent_loss(output.antecedent_scores, labels)
        if output.pair_scores is not None:
            loss = loss + self._antecedent_loss(output.pair_scores, labels)
        if self.mention_loss_coef and self.mention_loss == "all":
            real = candidates != NOT_A_SPAN
            loss = loss + self.mention_loss_coef * mention_loss(candidates[real], grid[real] > 0)
        elif self.mention_loss_coef:
            loss = loss + self.mention_loss_coef * mention_loss(output.mention_scores, kept > 0)
        return loss

    def _antecedent_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Of scores and labels [K, 1 + c], [] fp32."""
        if self.loss_type == "hinge":
            return hinge_loss(scores, labels, self.false_new_delta)
        return marginal_likelihood_loss(scores, labels)
