"""Losses of the mention-ranking model and the gold labels they need.

Letters: n words, w widest span, G gold mentions, K kept spans, c antecedents per span.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def cluster_grid(gold_mentions: Tensor, gold_cluster_ids: Tensor, n: int, w: int) -> Tensor:
    """The entity of every candidate span: one scatter instead of comparing all candidates with all gold mentions.

    Args:
        gold_mentions: [G, 2] int64, first and last words; mentions wider than w have no cell and are left out.
        gold_cluster_ids: [G] int64, from 1.

    Returns:
        [n, w] int64, 0 where there is no gold mention.
    """
    grid = gold_cluster_ids.new_zeros(n, w)
    starts, widths = gold_mentions[:, 0], gold_mentions[:, 1] - gold_mentions[:, 0]
    fits = widths < w
    grid[starts[fits], widths[fits]] = gold_cluster_ids[fits]
    return grid


def antecedent_labels(span_cluster_ids: Tensor, indices: Tensor, exists: Tensor) -> Tensor:
    """Which antecedents are gold, the dummy first.

    Args:
        span_cluster_ids: [K] int64, 0 for spans that are no gold mention.
        indices: [K, c] int64, antecedents among the kept spans.
        exists: [K, c] bool.

    Returns:
        [K, 1 + c] bool; the dummy is gold iff no antecedent is.
    """
    same = span_cluster_ids[indices] == span_cluster_ids[:, None]
    gold = same & exists & (span_cluster_ids > 0)[:, None]
    return torch.cat([~gold.any(dim=1, keepdim=True), gold], dim=1)


def marginal_likelihood_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Negative log of the probability of all gold antecedents together, summed over spans (Lee et al. 2017).

    Args:
        scores: [K, 1 + c] fp32, the dummy's 0 first, ``-inf`` where there is no antecedent.
        labels: [K, 1 + c] bool.

    Returns:
        [] fp32.
    """
    gold = scores.masked_fill(~labels, float("-inf"))
    return (scores.logsumexp(dim=1) - gold.logsumexp(dim=1)).sum()


def hinge_loss(scores: Tensor, labels: Tensor, false_new_delta: float) -> Tensor:
    """Slack-rescaled hinge of the best antecedent against the best gold one, summed over spans.

    After Wiseman et al. 2015 (https://aclanthology.org/P15-1137), in the form of published mention-ranking models: a
    span whose best antecedent is wrong costs delta * (1 + its score - the best gold score); where the best is gold, the
    cost is 0, whatever the margin. With d = ``false_new_delta``, delta is (1 + d) / 2 for a missing link (the dummy is
    best, an antecedent is gold) and (3 - d) / 2 for every other mistake: equal at d = 1, 2 together.

    Args:
        scores: [K, 1 + c] fp32, the dummy's 0 first, ``-inf`` where there is no antecedent.
        labels: [K, 1 + c] bool.
        false_new_delta: d.

    Returns:
        [] fp32.
    """
    best, chosen = scores.max(dim=1)  # [K] each
    gold = scores.masked_fill(~labels, float("-inf")).max(dim=1).values  # [K]
    wrong = ~labels.gather(1, chosen[:, None]).squeeze(1)
    is_dummy = (chosen == 0).to(scores.dtype)
    delta = (3 - false_new_delta) / 2 + (false_new_delta - 1) * is_dummy  # [K], of a mistake
    return (wrong * delta * (1 + best - gold)).sum()


def mention_loss(mention_scores: Tensor, is_gold: Tensor) -> Tensor:
    """Binary cross-entropy of mention scores, summed.

    Args:
        mention_scores: [spans] fp32 logits.
        is_gold: [spans] bool.

    Returns:
        [] fp32.
    """
    return functional.binary_cross_entropy_with_logits(
        mention_scores, is_gold.to(mention_scores.dtype), reduction="sum"
    )
