"""Labels and losses by hand."""

import math

import pytest
import torch

from transferlab.models.coreference.bilinear import BilinearHead
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.models.coreference.loss import (
    antecedent_labels,
    cluster_grid,
    hinge_loss,
    marginal_likelihood_loss,
    mention_loss,
)
from transferlab.models.coreference.ranking_head import HeadOutput
from transferlab.utils.batches import CoreferenceDocument

NONE = float("-inf")


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


@pytest.mark.parametrize(
    ("scores", "gold", "expected"),
    [
        ([0.0, 2.0, 3.0], [1], 0.75 * (1 + 3.0 - 2.0)),  # a wrong antecedent
        ([0.0, 2.0, NONE], [0], 0.75 * (1 + 2.0 - 0.0)),  # a link that should not be
        ([0.0, -2.0, -3.0], [1, 2], 1.25 * (1 + 0.0 + 2.0)),  # a missing link, held against the best gold antecedent
        ([0.0, 2.0, 1.9], [1], 0.0),  # right, however narrowly
        ([0.0, 2.0, 1.9], [1, 2], 0.0),
        ([0.0, NONE, NONE], [0], 0.0),
    ],
)
def test_hinge_by_hand(scores, gold, expected):
    labels = torch.tensor([[column in gold for column in range(3)]])
    assert hinge_loss(torch.tensor([scores]), labels, false_new_delta=1.5).item() == pytest.approx(expected)


def test_hinge_is_summed_and_weighs_missing_links_against_wrong_ones():
    scores = torch.tensor([[0.0, -1.0], [0.0, 1.0]])  # a missing link, and one too many: two off each
    labels = torch.tensor([[False, True], [True, False]])
    assert hinge_loss(scores, labels, 1.0).item() == pytest.approx(2 + 2)
    assert hinge_loss(scores, labels, 2.0).item() == pytest.approx(1.5 * 2 + 0.5 * 2)
    assert hinge_loss(scores[:0], labels[:0], 1.0).item() == 0


@pytest.mark.parametrize("head", [CoreferenceHead, BilinearHead])
@pytest.mark.parametrize(("spans", "logits"), [("kept", [2.0, -1.0]), ("all", [2.0, -1.0, 0.5])])
def test_the_mention_loss_covers_the_spans_that_are_asked_for(head, spans, logits):
    """Two words, of which both are kept; the span of both, a gold mention, is not."""
    output = HeadOutput(
        candidate_scores=torch.tensor([[2.0, 0.5], [-1.0, NONE]]),
        starts=torch.tensor([0, 1]),
        ends=torch.tensor([0, 1]),
        mention_scores=torch.tensor([2.0, -1.0]),
        antecedents=torch.tensor([[0], [0]]),
        antecedent_exists=torch.tensor([[False], [True]]),
        antecedent_scores=torch.tensor([[0.0, NONE], [0.0, 0.0]]),
    )
    zeros = torch.zeros(2, dtype=torch.long)
    mentions = torch.tensor([[0, 0], [0, 1]])
    document = CoreferenceDocument(zeros, zeros, zeros, zeros[0], mentions, torch.tensor([1, 2]), torch.arange(2))
    loss = head(4, ffnn_size=4, mention_loss_coef=0.5, mention_loss=spans).loss(output, document)
    signs = [1, -1, 1]  # gold, not gold, gold
    expected = sum(math.log(1 + math.exp(-sign * logit)) for sign, logit in zip(signs, logits, strict=False))
    assert loss.item() == pytest.approx(math.log(2) + 0.5 * expected)
