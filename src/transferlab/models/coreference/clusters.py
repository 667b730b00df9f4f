"""From antecedent scores to clusters."""

from __future__ import annotations

import torch

from transferlab.models import sampling
from transferlab.models.coreference.antecedents import chosen_antecedents
from transferlab.models.coreference.ranking_head import HeadOutput

Mention = tuple[int, int]


def decode_clusters(output: HeadOutput, keep_singletons: bool) -> list[list[Mention]]:
    """Link every kept span to its best antecedent, if that beats the dummy; linked spans are one cluster.

    Args:
        output: of the coreference head for one document.
        keep_singletons: whether a span without links is a cluster of its own when its mention score is positive.

    Returns:
        clusters of (first word, last word), ordered by first mention, mentions in text order.
    """
    return _linked(output, best_antecedents(output), (output.mention_scores > 0).tolist(), keep_singletons)


def sample_clusters(output: HeadOutput, keep_singletons: bool, generator: torch.Generator) -> list[list[Mention]]:
    """Link every kept span to an antecedent drawn from the softmax of its scores, the dummy among them.

    Args:
        output: of the coreference head for one document.
        keep_singletons: whether a span without links is a cluster of its own with the probability that its mention
            score stands for; those with links are mentions in any case.
        generator: of the draw.

    Returns:
        as :func:`decode_clusters`.
    """
    if not output.mentions():
        return []
    drawn = sampling.categorical(output.antecedent_scores, generator)  # [K], 0 is the dummy
    is_mention = sampling.bernoulli(output.mention_scores, generator).tolist()
    antecedents = chosen_antecedents(output.antecedents, drawn).tolist()
    return _linked(output, antecedents, is_mention, keep_singletons)


def _linked(
    output: HeadOutput, antecedents: list[int], is_mention: list[bool], keep_singletons: bool
) -> list[list[Mention]]:
    """The clusters that the links of the kept spans make; ``is_mention`` decides over spans without links."""
    spans = output.mentions()
    clusters: list[list[int]] = []
    cluster_of: list[list[int]] = []  # by span position
    for position, antecedent in enumerate(antecedents):
        cluster = cluster_of[antecedent] if antecedent >= 0 else []
        if antecedent < 0:
            clusters.append(cluster)
        cluster.append(position)
        cluster_of.append(cluster)
    return [
        [spans[position] for position in cluster]
        for cluster in clusters
        if len(cluster) > 1 or (keep_singletons and is_mention[cluster[0]])
    ]


def best_antecedents(output: HeadOutput) -> list[int]:
    """For each kept span the position of its best antecedent among the kept spans, or -1 for the dummy."""
    if not output.mentions():
        return []
    return chosen_antecedents(output.antecedents, output.antecedent_scores.argmax(dim=1)).tolist()
