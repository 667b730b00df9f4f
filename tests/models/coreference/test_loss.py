"""Labels and losses by hand."""

import math

import torch

from transferlab.models.coreference.loss import antecedent_labels, cluster_grid, marginal_likelihood_loss, mention_loss


def test_the_grid_holds_the_mentions_that_fit():
    mentions, ids = torch.tensor([[0, 0], [1, 2], [0, 3]]), torch.tensor([1, 2, 1])
    assert cluster_grid(mentions, ids, n=4, w=2).tolist() == [[1, 0], [0, 2], [0, 0], [0, 0]]


def test_the_dummy_is_gold_iff_no_antecedent_is():
    ids = torch.tensor([1, 2, 1, 0, 1])
    indices = torch.tensor([[0, 0], [0, 0], [1, 0], [2, 1], [3, 2]])
    exists = torch.tensor([[False, False], [True, False], [True, True], [True, True], [True, True]])
    assert antecedent_labels(ids, indices, exists).int().tolist() == [
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 1],
        [1, 0, 0],  # not a mention, although its antecedents are
        [0, 0, 1],
    ]


def test_marginal_likelihood_by_hand():
    scores = torch.tensor([[0.0, 1.0, 2.0]])
    labels = torch.tensor([[False, True, True]])
    total = 1 + math.e + math.e**2
    torch.testing.assert_close(
        marginal_likelihood_loss(scores, labels).item(), -math.log((math.e + math.e**2) / total), rtol=1e-5, atol=0
    )


def test_mention_loss_by_hand():
    loss = mention_loss(torch.tensor([0.0, 2.0]), torch.tensor([True, False]))
    torch.testing.assert_close(loss.item(), math.log(2) + math.log(1 + math.e**2), rtol=1e-5, atol=0)
