"""The weights of sources and the sum they weigh."""

import pytest
import torch

from transferlab.encoders.sources import EncoderError
from transferlab.encoders.weighting import ModulesById, SourceWeights, common_width, linear_per_encoder, weighted_sum

PRESENT = torch.tensor([[[True, True, True], [True, False, True], [False, False, False]]])  # [1, 3, 3]


def test_weights_are_a_softmax_over_those_who_take_part():
    scores = torch.randn(1, 3, 3, generator=torch.Generator().manual_seed(0))
    weights = SourceWeights()(scores, PRESENT)
    torch.testing.assert_close(weights[0, 0], scores[0, 0].softmax(0))
    pair = scores[0, 1, [0, 2]].softmax(0)
    torch.testing.assert_close(weights[0, 1], torch.stack([pair[0], torch.zeros(()), pair[1]]))
    assert weights[0, 2].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shape", [(3,), (1, 1, 3), (1, 3, 3)])
def test_scores_broadcast(shape):
    weights = SourceWeights()(torch.zeros(shape), PRESENT)
    torch.testing.assert_close(weights.sum(-1), torch.tensor([[1.0, 1.0, 0.0]]))


def test_gradients_are_finite_where_no_one_takes_part():
    scores = torch.zeros(1, 3, 3, requires_grad=True)
    SourceWeights()(scores, PRESENT)[..., 0].sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad[0, 2].tolist() == [0, 0, 0]


def test_half_precision_scores_are_weighed_in_full():
    assert SourceWeights()(torch.zeros(3, dtype=torch.bfloat16), PRESENT).dtype == torch.float32


def test_weighted_sum_is_the_sum_over_encoders():
    torch.manual_seed(0)
    values = [torch.randn(1, 3, 5) for _ in range(3)]
    weights = torch.rand(1, 3, 3)
    expected = torch.einsum("sue,suhe->suh", weights, torch.stack(values, dim=-1))
    torch.testing.assert_close(weighted_sum(values, weights), expected)


def test_ids_may_be_names_of_methods():
    modules = ModulesById({name: torch.nn.Linear(2, 2) for name in ("half", "type", "keys", "train")})
    assert set(modules.state_dict()) == {f"{name}.{kind}" for name in modules for kind in ("weight", "bias")}
    assert {parameter.dtype for parameter in modules.half().parameters()} == {torch.float16}
    assert not modules.eval()["train"].training


def test_projections_are_named_by_encoder():
    projections = linear_per_encoder({"a": 3, "b": 5}, 7)
    assert {name: tuple(module.weight.shape) for name, module in projections.items()} == {
        "a": (7, 3),
        "b": (7, 5),
    }


def test_unequal_widths_are_refused_with_the_remedy():
    assert common_width({"a": 3, "b": 3}, "mean") == 3
    with pytest.raises(EncoderError, match=r"aggregate=mean: .*\(a 3, b 5\).*model\.aggregate\.output_size"):
        common_width({"a": 3, "b": 5}, "mean")


def test_sums_of_half_precision_vectors_are_made_in_full_and_keep_their_precision():
    values = torch.randn(3, 1, 3, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    weights = SourceWeights()(torch.zeros(3, dtype=torch.bfloat16), PRESENT)
    found = weighted_sum(values, weights)
    in_full = weighted_sum(values.float(), weights)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, in_full.bfloat16(), rtol=0, atol=0)
