"""What coreference heads share: what they say of a document, how many spans they keep, the loss of their scores.

Letters: n words, w widest span, K kept spans, c antecedents per span.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from transferlab.models.coreference.loss import antecedent_labels, cluster_grid, marginal_likelihood_loss, mention_loss
from transferlab.models.coreference.mentions import NOT_A_SPAN
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


class RankingHead(nn.Module):
    """Keeps the best candidate spans and ranks the antecedents of each; subclasses score them.

    Args:
        top_span_ratio: kept spans per word.
        max_num_extracted_spans: the most spans kept in a document.
        mention_loss_coef: weight of the mention loss; 0 leaves it out.
        keep_singletons: the corpus annotates singletons: the mention loss then covers *all* candidates, because a
            positive mention score alone makes a singleton.
    """

    def __init__(
        self,
        *,
        top_span_ratio: float,
        max_num_extracted_spans: int,
        mention_loss_coef: float,
        keep_singletons: bool,
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
