"""Scores to clusters."""

import torch

from transferlab.models.coreference.clusters import best_antecedents, decode_clusters
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
