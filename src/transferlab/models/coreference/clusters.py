"""From antecedent scores to clusters."""

from __future__ import annotations

from torch import Tensor

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
    spans = output.mentions()
    scores: list[float] = output.mention_scores.tolist()
    clusters: list[list[int]] = []
    cluster_of: list[list[int]] = []  # by span position
    for position, antecedent in enumerate(best_antecedents(output)):
        cluster = cluster_of[antecedent] if antecedent >= 0 else []
        if antecedent < 0:
            clusters.append(cluster)
        cluster.append(position)
        cluster_of.append(cluster)
    return [
        [spans[position] for position in cluster]
        for cluster in clusters
        if len(cluster) > 1 or (keep_singletons and scores[cluster[0]] > 0)
    ]


def best_antecedents(output: HeadOutput) -> list[int]:
    """For each kept span the position of its best antecedent among the kept spans, or -1 for the dummy."""
    if not output.mentions():
        return []
    best: Tensor = output.antecedent_scores.argmax(dim=1)  # [K], 0 is the dummy
    chosen = output.antecedents.gather(1, (best - 1).clamp(min=0)[:, None]).squeeze(1)
    return chosen.masked_fill(best == 0, -1).tolist()
