"""Distance buckets."""

import torch

from transferlab.models.coreference.antecedents import distance_buckets


def test_distance_buckets():
    distances = torch.tensor([0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 63, 64, 5000])
    assert distance_buckets(distances).tolist() == [0, 1, 2, 3, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9]
