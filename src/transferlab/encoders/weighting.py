"""What all aggregations share: their interface, the weights of sources, and projections to a common width.

Letters: S sequences, U units, E encoders, W_e width of encoder e (hidden size times the layers it hands
over).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from transferlab.encoders.sources import EncoderError


class ModulesById(nn.ModuleDict):
    """Modules by encoder id, which may be the name of a method of torch modules, such as ``half``."""

    def add_module(self, name: str, module: nn.Module | None) -> None:
        """Enter a module; ModuleDict would refuse the name of a method."""
        self._modules[name] = module  # type: ignore[assignment]


class LearnedVector(nn.Module):
    """A vector [size] that is learned and reads nothing."""

    def __init__(self, initial: Tensor) -> None:
        super().__init__()
        self.vector = nn.Parameter(initial)

    def forward(self, vectors: Tensor) -> Tensor:
        """[S, any, any] -> [1, 1, size]."""
        return self.vector[None, None]


class Aggregation(nn.Module):
    """From one vector per unit and encoder to one vector per unit.

    A subclass takes ``widths`` ({encoder id: hidden size}) and its options as keywords of ``__init__``,
    sets the attributes below, implements :meth:`forward`, and is entered in ``aggregation.AGGREGATIONS``.
    It is built before any weights are read, so whatever it refuses costs nothing. Name submodules by
    encoder id (ModulesById): saved weights then do not depend on the order of the encoders.
    ``aggregation.ScalarMix`` is the one to copy.

    Attributes:
        hidden_size_out: the width of what it returns.
        last_n_layers: how many layers of each encoder it reads, concatenated.
        first_tokens_of: ids of the encoders whose vectors of first tokens it reads.
        first_tokens_by_row: whether these are of each unit's own row, not of its sequence's first row.
    """

    hidden_size_out: int
    last_n_layers: int = 1
    first_tokens_of: Sequence[str] = ()
    first_tokens_by_row: bool = False

    def forward(
        self, vectors: Sequence[Tensor], present: Tensor, first_tokens: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Aggregate.

        Args:
            vectors: for each encoder [S, U, W_e], zero where it has nothing for a unit.
            present: [S, U, E] bool, which encoders take part in which unit: they have a vector and are not
                masked.
            first_tokens: for each encoder [S, U or 1, W_e], when there are ``first_tokens_of``.

        Returns:
            [S, U, hidden_size_out], zero for units where no encoder takes part; and the learned weights of
            the sources [S, U, E], or None when there are none to learn.
        """
        raise NotImplementedError


class SourceWeights(nn.Module):
    """Scores of sources to weights; its output is what a forward hook sees, logs and exports.

    The weights of the encoders that take part in a unit sum to 1, those of the others are 0.
    """

    def forward(self, scores: Tensor, present: Tensor) -> Tensor:
        """Masked softmax over encoders: scores, broadcastable to present [S, U, E], -> [S, U, E]."""
        dtype = torch.promote_types(scores.dtype, torch.float32)
        scores = scores.to(dtype).masked_fill(~present, torch.finfo(dtype).min)
        return scores.softmax(dim=-1) * present


def weighted_sum(values: Iterable[Tensor], weights: Tensor) -> Tensor:
    """Sum of values, each [S, U, hidden], by weights [S, U, E] fp32; no [S, U, E, hidden] is made.

    The sum is made in fp32 and has the dtype of the values, which a head whose parameters are 16-bit needs.
    """
    total: Tensor | None = None
    dtype = torch.float32
    for value, weight in zip(values, weights.unbind(dim=-1), strict=True):
        term, dtype = weight[..., None] * value, value.dtype
        total = term if total is None else total + term
    assert total is not None
    return total.to(dtype)


def linear_per_encoder(widths: Mapping[str, int], output_size: int) -> ModulesById:
    """A linear projection for each encoder to a common width."""
    return ModulesById({encoder: nn.Linear(width, output_size) for encoder, width in widths.items()})


def common_width(widths: Mapping[str, int], aggregation: str) -> int:
    """The width that all encoders have.

    Raises:
        EncoderError: they differ.
    """
    if len(set(widths.values())) > 1:
        listed = ", ".join(f"{encoder} {width}" for encoder, width in widths.items())
        raise EncoderError(
            f"model.aggregate={aggregation}: the encoders differ in width ({listed}); set "
            f"model.aggregate.output_size to project them to one width, or use concat or attention"
        )
    return next(iter(widths.values()))
