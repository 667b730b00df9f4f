"""Draws: shapes, impossible classes, seeds."""

import torch

from transferlab.models import sampling


def test_classes_of_any_shape_are_drawn_by_seed_and_never_impossible_ones():
    logits = torch.randn(5, 7, 4, generator=torch.Generator().manual_seed(0)).double()
    logits[..., 2] = -torch.inf
    drawn, same = (sampling.categorical(logits, torch.Generator().manual_seed(3)) for _ in range(2))
    assert drawn.shape == (5, 7) and drawn.dtype == torch.int64
    assert torch.equal(drawn, same) and set(drawn.flatten().tolist()) == {0, 1, 3}


def test_shares_are_those_of_the_softmax():
    logits = torch.tensor([0.7, 0.2, 0.1]).log().expand(9000, 3)
    counts = sampling.categorical(logits, torch.Generator().manual_seed(0)).bincount() / 9000
    torch.testing.assert_close(counts, torch.tensor([0.7, 0.2, 0.1]), rtol=0, atol=0.02)


def test_no_gradient_flows_into_a_draw():
    logits = torch.zeros(3, 2, requires_grad=True)
    for draw in (sampling.categorical, sampling.bernoulli, sampling.normal):
        assert not draw(logits, torch.Generator().manual_seed(0)).requires_grad
