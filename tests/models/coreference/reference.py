"""The coreference head written plainly, as published PyTorch ports write it: slow, large and easy to check.

Every tensor is made whole: the representations of all candidates, the attention of every candidate over all words, the
concatenated representation of every pair. The parity tests compare the real head with this, and the benchmark measures
the distance.

Letters: n words, h encoder width, w widest span, C candidates, G gold mentions, K kept spans, c antecedents per span,
D span width, F width of all pair features.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from transferlab.models.coreference import higher_order
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.models.coreference.higher_order.cluster_merging import ClusterMerging
from transferlab.utils.batches import CoreferenceDocument

from .higher_order_reference import REFINED, PlainMerging, SpanClustering, plain_hinge


@dataclass
class PlainOutput:
    """What is compared: [K] kept spans in text order, [K, c] antecedents, [K, 1 + c] scores, [] loss."""

    starts: Tensor
    ends: Tensor
    mention_scores: Tensor
    antecedents: Tensor
    exists: Tensor
    scores: Tensor
    loss: Tensor


class PlainHead(nn.Module):
    """The same function as ``head``, with a copy of its parameters.

    Where the head keeps the first layer of a scorer in parts, here it is one matrix over the concatenated input.

    Attributes:
        counterparts: for every parameter of the head: that parameter, ours, and the columns of ours that mean the same.
    """

    def __init__(self, head: CoreferenceHead, dropout: float = 0.0) -> None:
        super().__init__()
        mention, coarse, pair = head.mention_scorer, head.coarse_scorer, head.pair_scorer
        self.max_span_width = mention.max_span_width
        self.top_span_ratio = head.top_span_ratio
        self.max_num_extracted_spans = head.max_num_extracted_spans
        self.max_top_antecedents = coarse.max_top_antecedents
        self.mention_loss_coef = head.mention_loss_coef
        self.mention_loss = head.mention_loss
        self.loss_type, self.false_new_delta = head.loss_type, head.false_new_delta
        self.cluster_dloss = head.cluster_dloss
        self.dropout = nn.Dropout(dropout)

        self.counterparts: list[tuple[nn.Parameter, nn.Parameter, slice]] = []
        self.head_attention = self._copy(mention.head_attention)
        self.width_embedding = self._copy(mention.width_embedding)
        self.mention_ffnn = self._ffnn(
            [mention.from_start, mention.from_end, mention.from_width, mention.from_head], mention.score
        )
        self.use_width_prior = mention.width_prior is not None
        if self.use_width_prior:
            self.width_prior_embedding = self._copy(mention.width_prior[0])
            self.width_prior_ffnn = self._ffnn([mention.width_prior[1]], mention.width_prior[2])
        self.bilinear = self._copy(coarse.bilinear)
        self.use_distance_prior = coarse.distance_prior is not None
        if self.use_distance_prior:
            self.distance_prior_embedding = self._copy(coarse.distance_prior[0])
            self.distance_prior_linear = self._copy(coarse.distance_prior[-1])
        self.pair_embeddings = self._copy(pair.embeddings)
        self.pair_ffnn = self._ffnn(
            [pair.from_span, pair.from_antecedent, pair.from_product, pair.from_features], pair.score
        )
        self._higher_order(head.higher_order)

    def _higher_order(self, theirs: nn.Module | None) -> None:
        self.merging: PlainMerging | None = None
        self.refinements = 0
        if isinstance(theirs, ClusterMerging):
            network = theirs.network
            ffnn = self._ffnn(
                [network.from_span, network.from_cluster, network.from_product, network.from_size], network.score
            )
            self.merging = PlainMerging(ffnn, self._copy(network.size_embedding), theirs.reduce, theirs.easy_first)
        elif theirs is not None:
            self.refinements = theirs.refinements
            self.gate = self._copy(theirs.gate)
            if isinstance(theirs, higher_order.SpanClustering):
                self.refined = SpanClustering(self._copy(theirs.attention))
            else:
                self.refined = REFINED[type(theirs)]

    def _copy(self, module: nn.Module | None) -> nn.Module | None:
        if module is None:
            return None
        ours = deepcopy(module)
        pairs = zip(module.parameters(), ours.parameters(), strict=True)
        self.counterparts += [(parameter, copied, slice(None)) for parameter, copied in pairs]
        return ours

    def _ffnn(self, parts: list[nn.Linear | None], score: nn.Module) -> nn.Sequential:
        """The parts side by side as first layer, then the linear layers of ``score``; ReLU and dropout between."""
        parts = [part for part in parts if part is not None]
        first = nn.Linear(sum(part.in_features for part in parts), parts[0].out_features).to(parts[0].weight)
        first.weight.data = torch.cat([part.weight.data for part in parts], dim=1)
        first.bias.data = parts[0].bias.data.clone()
        self.counterparts.append((parts[0].bias, first.bias, slice(None)))
        column = 0
        for part in parts:
            self.counterparts.append((part.weight, first.weight, slice(column, column + part.in_features)))
            column += part.in_features
        layers: list[nn.Module] = [first]
        for linear in score.modules():
            if isinstance(linear, nn.Linear):
                layers += [nn.ReLU(), self.dropout, self._copy(linear)]
        return nn.Sequential(*layers)

    def forward(self, words: Tensor, document: CoreferenceDocument) -> PlainOutput:
        """Score one document, words [n, h], and take its loss."""
        starts, ends = self.candidates(document.sentence_ids)  # [C] each
        cluster_ids = gold_cluster_ids(starts, ends, document)  # [C]
        spans = self.span_representations(words, starts, ends)  # [C, D]
        candidate_scores = self.mention_scores(spans, starts, ends)  # [C]

        K = min(self.max_num_extracted_spans, int(self.top_span_ratio * len(words)))
        K = max(K, min(len(words), 1))  # a one-word document is a document
        kept = greedy_without_crossing(candidate_scores, starts, ends, K)  # [K]
        starts, ends, kept_clusters = starts[kept], ends[kept], cluster_ids[kept]  # [K] each
        spans, mention_scores = spans[kept], candidate_scores[kept]  # [K, D], [K]

        coarse, antecedents, exists = self.coarse_antecedents(spans, mention_scores)  # [K, c] each
        dummy = coarse.new_zeros(len(coarse), 1)
        fine = self.fine_scores(spans, antecedents, starts, document)  # [K, c]
        scores = pair_scores = torch.cat([dummy, fine + coarse], dim=1)  # [K, 1 + c]
        for _ in range(self.refinements):
            refined = self.refined(spans, antecedents, exists, scores)  # [K, D]
            gate = torch.sigmoid(self.gate(torch.cat([spans, refined], dim=1)))
            spans = gate * refined + (1 - gate) * spans
            fine = self.fine_scores(spans, antecedents, starts, document)
            scores = torch.cat([dummy, fine + coarse], dim=1)
        if self.merging is not None:
            scores = self.merging(spans, antecedents, exists, pair_scores)

        same_cluster = kept_clusters[antecedents] == kept_clusters[:, None]
        labels = same_cluster & (kept_clusters > 0)[:, None] & exists  # [K, c]
        labels = torch.cat([~labels.any(dim=1, keepdim=True), labels], dim=1)  # [K, 1 + c]
        loss = self.antecedent_loss(scores, labels)
        if self.cluster_dloss:
            loss = loss + self.antecedent_loss(pair_scores, labels)
        if self.mention_loss_coef:
            every = self.mention_loss == "all"
            logits, ids = (candidate_scores, cluster_ids) if every else (mention_scores, kept_clusters)
            gold, others = functional.logsigmoid(logits[ids > 0]), functional.logsigmoid(-logits[ids == 0])
            loss = loss - self.mention_loss_coef * (gold.sum() + others.sum())
        return PlainOutput(starts, ends, mention_scores, antecedents, exists, scores, loss)

    def antecedent_loss(self, scores: Tensor, labels: Tensor) -> Tensor:
        """[] of scores and labels [K, 1 + c]."""
        if self.loss_type == "hinge":
            return plain_hinge(scores, labels, self.false_new_delta)
        gold_scores = scores + torch.log(labels.to(scores))
        return (torch.logsumexp(scores, dim=1) - torch.logsumexp(gold_scores, dim=1)).sum()

    def candidates(self, sentence_ids: Tensor) -> tuple[Tensor, Tensor]:
        """First and last words, [C] each, of all spans inside a sentence, ordered by (start, end)."""
        n, w = len(sentence_ids), self.max_span_width
        starts = torch.arange(n)[:, None].repeat(1, w)  # [n, w]
        ends = starts + torch.arange(w)  # [n, w]
        real = (ends < n) & (sentence_ids[starts] == sentence_ids[ends.clamp(max=n - 1)])
        return starts[real], ends[real]

    def span_representations(self, words: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """g = [start; end; width; head], [C, D]."""
        parts = [words[starts], words[ends]]  # [C, h] each
        if self.width_embedding is not None:
            parts.append(self.dropout(self.width_embedding(ends - starts)))
        if self.head_attention is not None:
            positions = torch.arange(len(words)).repeat(len(starts), 1)  # [C, n]
            inside = (starts[:, None] <= positions) & (positions <= ends[:, None])  # [C, n]
            logits = self.head_attention(words).squeeze(1)  # [n]
            attention = functional.softmax(torch.log(inside.to(words)) + logits, dim=1)  # [C, n]
            parts.append(attention @ words)
        return torch.cat(parts, dim=1)

    def mention_scores(self, spans: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
        """[C] scores of the spans [C, D]."""
        scores = self.mention_ffnn(spans).squeeze(1)
        if self.use_width_prior:
            prior = self.width_prior_ffnn(self.width_prior_embedding.weight).squeeze(1)  # [w]
            scores = scores + prior[ends - starts]
        return scores

    def coarse_antecedents(self, spans: Tensor, mention_scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, indices and existence, [K, c] each, of the best antecedents; of the nearest when not fine-grained."""
        K = len(spans)
        c = min(K, self.max_top_antecedents)
        offsets = torch.arange(K)[:, None] - torch.arange(K)[None, :]  # [K, K]
        scores = mention_scores[:, None] + mention_scores[None, :]  # [K, K]
        scores = scores + torch.log((offsets >= 1).to(scores))
        if self.bilinear is not None:
            scores = scores + self.dropout(self.bilinear(spans)) @ self.dropout(spans).T
        if self.use_distance_prior:
            prior = self.distance_prior_linear(self.dropout(self.distance_prior_embedding.weight))  # [10, 1]
            scores = scores + prior[distance_bucket(offsets)].squeeze(2)
        if self.bilinear is not None:
            top, indices = torch.topk(scores, c)  # [K, c] each
        else:
            indices = (torch.arange(K)[:, None] - 1 - torch.arange(c)).clamp(min=0)  # [K, c]
            top = scores.gather(1, indices)
            top = top + torch.log((torch.arange(c) < torch.arange(K)[:, None]).to(top))
        return top, indices, torch.isfinite(top)

    def fine_scores(self, spans: Tensor, antecedents: Tensor, starts: Tensor, document: CoreferenceDocument) -> Tensor:
        """[K, c] scores of [x_i; x_j; x_i * x_j; features]."""
        K, c = antecedents.shape
        speakers, segments = document.speaker_ids[starts], document.segment_ids[starts]  # [K] each
        of_pair = {
            "same_speaker": (speakers[:, None] == speakers[antecedents]).long(),
            "genre": document.genre_id.repeat(K, c),
            "segment_distance": (segments[:, None] - segments[antecedents]).clamp(min=0),
            "distance": distance_bucket(torch.arange(K)[:, None] - antecedents),
        }  # [K, c] each
        target = spans[:, None, :].repeat(1, c, 1)  # [K, c, D]
        antecedent = spans[antecedents]  # [K, c, D]
        parts = [target, antecedent, target * antecedent]
        features = [
            table(of_pair[name].clamp(max=table.num_embeddings - 1)) for name, table in self.pair_embeddings.items()
        ]
        if features:
            parts.append(self.dropout(torch.cat(features, dim=2)))  # [K, c, F]
        return self.pair_ffnn(torch.cat(parts, dim=2)).squeeze(2)


def gold_cluster_ids(starts: Tensor, ends: Tensor, document: CoreferenceDocument) -> Tensor:
    """The entity of each candidate, [C], 0 for none."""
    gold_starts, gold_ends = document.gold_mentions[:, 0], document.gold_mentions[:, 1]  # [G] each
    same = (gold_starts[:, None] == starts[None, :]) & (gold_ends[:, None] == ends[None, :])  # [G, C]
    return (document.gold_cluster_ids[:, None] * same).sum(dim=0)


def greedy_without_crossing(scores: Tensor, starts: Tensor, ends: Tensor, keep: int) -> Tensor:
    """Indices [K], in text order, of the best spans of which no two cross."""
    kept: list[tuple[int, int, int]] = []
    candidates = list(zip(starts.tolist(), ends.tolist(), strict=True))
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        if len(kept) == keep:
            break
        start, end = candidates[index]
        if not any(s < start <= e < end or start < s <= end < e for s, e, _ in kept):
            kept.append((start, end, index))
    return torch.tensor([index for _, _, index in sorted(kept)], dtype=torch.long)


def distance_bucket(distances: Tensor) -> Tensor:
    """0 to 4 as they are, then one bucket per power of two, 9 for 64 and more; negative distances count as 0."""
    distances = distances.clamp(min=0)
    logarithmic = torch.log2(distances.clamp(min=1).float()).floor().long() + 3
    return torch.where(distances <= 4, distances, logarithmic).clamp(max=9)
