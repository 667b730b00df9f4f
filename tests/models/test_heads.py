"""The head of the simpler families: sizes, depth, dropout."""

import pytest
import torch
from torch import nn

from transferlab.models.heads import TaskHead
from transferlab.utils.errors import UserError


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 3, 5)])
def test_the_last_dimension_becomes_scores(shape):
    assert TaskHead(5, 4)(torch.randn(*shape)).shape == (*shape[:-1], 4)


def test_without_hidden_layers_it_is_linear():
    head = TaskHead(5, 4).eval()
    (linear,) = [layer for layer in head.layers if isinstance(layer, nn.Linear)]
    vectors = torch.randn(3, 5)
    torch.testing.assert_close(head(vectors), vectors @ linear.weight.T + linear.bias)


def test_hidden_layers_have_the_width_asked_for():
    head = TaskHead(5, 4, head_hidden_size=7, head_depth=2)
    sizes = [(layer.in_features, layer.out_features) for layer in head.layers if isinstance(layer, nn.Linear)]
    assert sizes == [(5, 7), (7, 7), (7, 4)]
    assert sum(isinstance(layer, nn.ReLU) for layer in head.layers) == 2


def test_dropout_acts_before_every_layer_in_training_alone():
    torch.manual_seed(0)
    head = TaskHead(40, 4, head_depth=1, dropout=0.5)
    assert [layer.p for layer in head.layers if isinstance(layer, nn.Dropout)] == [0.5, 0.5]
    vectors = torch.randn(3, 40)
    assert not torch.equal(head.train()(vectors), head(vectors))
    assert torch.equal(head.eval()(vectors), head(vectors))


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 2])
def test_an_impossible_dropout_is_refused(dropout):
    with pytest.raises(UserError, match=rf"model.dropout={dropout}"):
        TaskHead(5, 4, dropout=dropout)
