"""Distance buckets and the projected products."""

import torch

from transferlab.models.coreference.antecedents import distance_buckets, project_products


def test_distance_buckets():
    distances = torch.tensor([0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 63, 64, 5000])
    assert distance_buckets(distances).tolist() == [0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]


def test_gradients_of_projected_products():
    torch.manual_seed(0)
    spans = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    i, j = torch.tensor([1, 2, 2, 4, 4]), torch.tensor([0, 0, 1, 3, 0])
    torch.testing.assert_close(project_products(spans, i, j, weight), (spans[i] * spans[j]) @ weight.T)
    assert torch.autograd.gradcheck(lambda x, w: project_products(x, i, j, w), (spans, weight))
