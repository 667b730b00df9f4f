"""The head of the simpler task families: from a vector to scores."""

from __future__ import annotations

from torch import Tensor, nn

from transferlab.models.dropout import Dropout
from transferlab.utils.option_kinds import Depth, DropoutRate, Width
from transferlab.utils.options import checked


class TaskHead(nn.Module):
    """A linear layer behind any number of hidden layers, with dropout before each.

    Args:
        input_size: width of the vectors.
        output_size: scores per vector.
        head_hidden_size: width of the hidden layers.
        head_depth: hidden layers (ReLU); 0 makes it a linear probe.
        dropout: before every layer, while training.
    """

    @checked("model")
    def __init__(
        self,
        input_size: int,
        output_size: int,
        *,
        head_hidden_size: Width = 256,
        head_depth: Depth = 0,
        dropout: DropoutRate = 0.1,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = input_size
        for _ in range(head_depth):
            layers += [Dropout(dropout), nn.Linear(width, head_hidden_size), nn.ReLU()]
            width = head_hidden_size
        self.layers = nn.Sequential(*layers, Dropout(dropout), nn.Linear(width, output_size))

    def forward(self, vectors: Tensor) -> Tensor:
        """[..., input_size] -> [..., output_size]."""
        return self.layers(vectors)
