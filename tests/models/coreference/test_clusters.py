"""Scores to clusters."""

import math

import pytest
import torch

from transferlab.models.coreference.clusters import best_antecedents, decode_clusters, sample_clusters
from transferlab.models.coreference.ranking_head import HeadOutput

NONE = float("-inf")


def output(scores: list[list[float]], antecedents: list[list[int]], mention_scores: list[float]) -> HeadOutput:
    """Spans of one word each, at words 0, 1, 2..."""
    k = len(mention_scores)
    return HeadOutput(
        candidate_scores=torch.tensor(mention_scores)[:, None],
        starts=torch.arange(k),
        ends=torch.arange(k),
        mention_scores=torch.tensor(mention_scores),
        antecedents=torch.tensor(antecedents),
        antecedent_exists=torch.tensor(scores)[:, 1:] > NONE,
        antecedent_scores=torch.tensor(scores),
    )


# span 1 links to 0, span 2 to nothing, span 3 to 1 rather than 2
SCORES = [[0, NONE, NONE], [0, 2.0, NONE], [0, -1.0, -2.0], [0, -1.0, 3.0]]
ANTECEDENTS = [[0, 1], [0, 1], [1, 0], [2, 1]]


def test_links_are_followed_to_the_best_antecedent():
    example = output(SCORES, ANTECEDENTS, [1.0, 1.0, -1.0, 1.0])
    assert best_antecedents(example) == [-1, 0, -1, 1]
    assert decode_clusters(example, keep_singletons=False) == [[(0, 0), (1, 1), (3, 3)]]


def test_a_singleton_needs_a_positive_mention_score():
    for score, expected in ((0.5, [[(0, 0), (1, 1), (3, 3)], [(2, 2)]]), (-0.5, [[(0, 0), (1, 1), (3, 3)]])):
        example = output(SCORES, ANTECEDENTS, [1.0, 1.0, score, 1.0])
        assert decode_clusters(example, keep_singletons=True) == expected


def test_a_tie_with_the_dummy_is_no_link():
    example = output([[0, NONE], [0, 0.0]], [[0], [0]], [1.0, 1.0])
    assert decode_clusters(example, keep_singletons=False) == []


def test_sampled_links_follow_the_scores():
    """Span 1 links to span 0 with probability 3/4; span 2 has no antecedent, and is a mention with probability 1/5."""
    scores = [[0, NONE], [0, math.log(3)], [0, NONE]]
    example = output(scores, [[0], [0], [0]], [-9.0, -9.0, -math.log(4)])
    generator = torch.Generator().manual_seed(0)
    drawn = [sample_clusters(example, True, generator) for _ in range(2000)]
    assert sum([(0, 0), (1, 1)] in clusters for clusters in drawn) / 2000 == pytest.approx(0.75, abs=0.04)
    assert sum([(2, 2)] in clusters for clusters in drawn) / 2000 == pytest.approx(0.2, abs=0.04)
    assert all([(2, 2)] not in sample_clusters(example, False, generator) for _ in range(50))
