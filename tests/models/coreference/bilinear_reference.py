"""The bilinear head written plainly: one candidate and one pair at a time, slow and easy to check.

Takes the parameters of the real head itself, so that gradients of both arrive at the same place.

Letters: n words, h encoder width, H hidden width, K kept spans.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from transferlab.models.coreference.bilinear import BilinearHead
from transferlab.utils.batches import CoreferenceDocument

from .reference import distance_bucket, greedy_without_crossing


@dataclass
class PlainBilinearOutput:
    """What is compared: candidates as (start, end) -> score, kept spans, [K, 1 + K] antecedent scores, [] loss."""

    candidates: dict[tuple[int, int], Tensor]
    spans: list[tuple[int, int]]
    scores: Tensor
    loss: Tensor


def plain_bilinear(head: BilinearHead, words: Tensor, document: CoreferenceDocument) -> PlainBilinearOutput:
    """Score one document, words [n, h], without dropout, and take its loss."""
    sentences = document.sentence_ids.tolist()
    n = len(sentences)
    entity = {
        tuple(mention): cluster
        for mention, cluster in zip(document.gold_mentions.tolist(), document.gold_cluster_ids.tolist(), strict=True)
    }
    candidates = {}
    for s in range(n):
        for e in range(s, min(n, s + head.mention_scorer.max_span_width)):
            if sentences[s] == sentences[e]:
                candidates[s, e] = mention_score(head, words, s, e)

    keep = min(head.max_num_extracted_spans, max(int(head.top_span_ratio * n), min(n, 1)))
    starts, ends = (torch.tensor([span[side] for span in candidates]) for side in (0, 1))
    values = torch.stack(list(candidates.values()))
    kept = greedy_without_crossing(values.detach(), starts, ends, keep).tolist()
    spans = [list(candidates)[position] for position in kept]

    rows, loss = [], words.new_zeros(())
    for i, span in enumerate(spans):
        dummy = words.new_zeros(())
        row = [dummy]
        gold = []
        for j, other in enumerate(spans[:i]):
            score = candidates[span] + candidates[other] + pair_score(head, words, span, other)
            row.append(score + feature_score(head, document, span, other, i - j))
            if entity.get(span, 0) and entity.get(span) == entity.get(other):
                gold.append(row[-1])
        loss = loss + torch.stack(row).logsumexp(0) - torch.stack(gold or [dummy]).logsumexp(0)
        rows.append(torch.stack(row + [words.new_tensor(float("-inf"))] * (len(spans) - i)))

    if head.mention_loss_coef:
        for span in candidates if head.keep_singletons else spans:
            sign = 1 if entity.get(span, 0) else -1
            loss = loss - head.mention_loss_coef * functional.logsigmoid(sign * candidates[span])
    return PlainBilinearOutput(candidates, spans, torch.stack(rows), loss)


def hidden(module: torch.nn.Module, word: Tensor) -> Tensor:
    """LayerNorm(GELU(W x + b)), [H]."""
    linear, norm = module.linear, module.norm
    values = functional.gelu(linear.weight @ word + linear.bias)
    spread = (values.var(unbiased=False) + norm.eps).sqrt()
    return (values - values.mean()) / spread * norm.weight + norm.bias


def mention_score(head: BilinearHead, words: Tensor, s: int, e: int) -> Tensor:
    """Start, end and both together, and the width, []."""
    scorer = head.mention_scorer
    start, end = hidden(scorer.start, words[s]), hidden(scorer.end, words[e])
    by_both = end @ scorer.start_to_end.weight @ start
    by_end = end @ scorer.end_score.weight[0]
    by_start = start @ scorer.start_score.weight[0] + scorer.start_score.bias[0]
    score = by_start + by_end + by_both / len(start)
    if scorer.width_prior is not None:
        embedding, linear, rest = scorer.width_prior
        score = score + rest[-1](functional.relu(linear(embedding.weight[e - s])))[0]
    return score


def pair_score(head: BilinearHead, words: Tensor, span: tuple[int, int], other: tuple[int, int]) -> Tensor:
    """The four products of starts and ends, []."""
    scorer = head.antecedent_scorer
    H = scorer.start.linear.out_features
    left = [hidden(scorer.start, words[span[0]]), hidden(scorer.end, words[span[1]])]
    right = [hidden(scorer.start, words[other[0]]), hidden(scorer.end, words[other[1]])]
    score = words.new_zeros(())
    for a in range(2):
        for b in range(2):
            matrix = scorer.bilinear.weight[b * H : (b + 1) * H, a * H : (a + 1) * H]
            score = score + right[b] @ matrix @ left[a]
    return score / (2 * H)


def feature_score(
    head: BilinearHead, document: CoreferenceDocument, span: tuple[int, int], other: tuple[int, int], distance: int
) -> Tensor:
    """The network on the embedded features of one pair, and the prior of its distance, []."""
    scorer = head.pair_features
    speakers, segments = document.speaker_ids, document.segment_ids
    bucket = int(distance_bucket(torch.tensor(distance)))
    value = {
        "same_speaker": int(speakers[span[0]] == speakers[other[0]]),
        "segment_distance": int(segments[span[0]] - segments[other[0]]),
        "distance": bucket,
    }
    embedded = [table.weight[min(value[name], table.num_embeddings - 1)] for name, table in scorer.embeddings.items()]
    if scorer.genre_embedding is not None:
        embedded.append(scorer.genre_embedding.weight[int(document.genre_id)])
    score = head.mention_scorer.start_score.bias.new_zeros(())
    if embedded:
        _, first, rest = scorer.score
        score = score + rest[-1](functional.relu(first(torch.cat(embedded))))[0]
    if scorer.distance_prior is not None:
        embedding, _, linear = scorer.distance_prior
        score = score + linear(embedding.weight[bucket])[0]
    return score
