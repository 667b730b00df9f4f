"""The first layer of pairs, block by block."""

import torch

from transferlab.models.coreference.first_layer import FirstLayer


def test_gradients_pass_from_block_to_block():
    torch.manual_seed(0)
    shapes = [(5, 3), (5, 4), (5, 4), (4, 3)]
    exact = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    first, second = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[2, 0], [0, 3]])  # antecedents of rows 1, 2 and 3, 4

    def layer(*summed: torch.Tensor) -> torch.Tensor:
        rounded = [tensor.detach() for tensor in summed]
        one, *summed = FirstLayer.apply(*summed, rounded, 1, first, None)
        other, *_ = FirstLayer.apply(*summed, rounded, 3, second, None)
        return torch.cat([one, other])

    spans, of_span, of_antecedent, weight = exact
    i, j = torch.tensor([1, 1, 2, 2, 3, 3, 4, 4]), torch.cat([first, second]).flatten()
    expected = (spans[i] * spans[j]) @ weight.T + of_span[i] + of_antecedent[j]
    torch.testing.assert_close(layer(*exact), expected)
    # no gradcheck: it changes the arguments, and with them what stands for their rounded copies
    random = torch.randn_like(expected)
    ours = torch.autograd.grad(layer(*exact), exact, random)
    torch.testing.assert_close(ours, torch.autograd.grad(expected, exact, random))
