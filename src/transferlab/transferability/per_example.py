"""Powers of the gradients of each example by itself, from one backward pass over the sum of their losses.

What a layer read and the gradient of what it said are enough: no gradient of an example is kept, nor is one ever
computed in a pass of its own (Goodfellow 2015, https://arxiv.org/abs/1510.01799; transposed to sequences).

Letters: R rows, T subtokens, E examples, W rows of an example at most, C examples of a chunk, I and O inputs and
outputs of a layer, H width, V embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

CHUNK_BYTES = 2**25  # of the gradients of a weight that are held at once; a smaller one stays in a CPU's cache


class RowsOfExamples:
    """Which rows of a batch belong to which example.

    Args:
        sequence_ids: [R] int64, the example of each row, -1 for a row of none.
        attention_mask: [R, T], 0 on padding.
        examples: E.
        power: to which the gradients of an example are raised.
    """

    def __init__(self, sequence_ids: Tensor, attention_mask: Tensor, examples: int, power: int = 2) -> None:
        self.examples = examples
        self.power = power
        self.mask = attention_mask.float()  # [R, T]
        self.ids = torch.where(sequence_ids < 0, examples, sequence_ids)  # [R], a spare one for rows of none
        order = self.ids.argsort(stable=True)
        counts = self.ids.bincount(minlength=examples + 1)  # [E + 1]
        rank = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[self.ids[order]]
        # [E, W], the rows of each example, -1 where it has fewer
        self.index = order.new_full((examples + 1, max(int(counts[:examples].max()), 1)), -1)
        real = self.ids[order] < examples
        self.index[self.ids[order][real], rank[real]] = order[real]
        self.index = self.index[:examples]

    @property
    def tokens(self) -> Tensor:
        """[E] fp32, the tokens of each, at least 1."""
        return self.summed(self.mask.sum(1, keepdim=True))[:, 0].clamp(min=1)

    def summed(self, vectors: Tensor) -> Tensor:
        """Vectors [R, H] of rows, summed to [E, H] fp32."""
        total = vectors.new_zeros(self.examples + 1, vectors.shape[1], dtype=torch.float32)
        return total.index_add_(0, self.ids, vectors.float())[: self.examples]

    def masked(self, vectors: Tensor) -> Tensor:
        """Vectors [R, T, H] summed over the real tokens of each row, [R, H]; columns beyond the mask are padding."""
        return torch.einsum("rth,rt->rh", vectors[:, : self.mask.shape[1]].float(), self.mask)

    def raised(self, totals: Tensor) -> Tensor:
        """Totals [E, ...] of examples to the power, summed over the examples, [...]."""
        return totals.pow(self.power).sum(0)

    def outer_powers(self, left: Tensor, right: Tensor) -> Tensor:
        """sum_e (sum_t left_t right_t^T)^power of [R, T, O] and [R, T, I], as [O, I] fp32."""
        O, I = left.shape[-1], right.shape[-1]  # noqa: E741
        total = left.new_zeros(O, I, dtype=torch.float32)
        size = max(1, CHUNK_BYTES // (4 * O * I))
        for index in self.index.split(size):  # [C, W]
            present = (index >= 0)[:, :, None, None]
            first = (left[index.clamp(min=0)].float() * present).flatten(1, 2)  # [C, W * T, O]
            second = right[index.clamp(min=0)].float().flatten(1, 2)  # [C, W * T, I]
            total += (first.mT @ second).pow_(self.power).sum(0)
        return total


Powers = Iterator[tuple[str, Tensor]]  # name of a parameter of a layer, and sum_e (gradient of example e)^power


def of_linear(layer: nn.Linear, inputs: Tensor, gradient: Tensor, rows: RowsOfExamples) -> Powers:
    """Weight [O, I] and bias [O] of a linear layer; inputs [R, T, I], gradient of its output [R, T, O]."""
    if layer.weight.requires_grad:
        yield "weight", rows.outer_powers(gradient, inputs)
    yield from _of_bias(layer, gradient, rows)


def of_conv1d(layer: Conv1D, inputs: Tensor, gradient: Tensor, rows: RowsOfExamples) -> Powers:
    """The same of GPT-2's linear layer, whose weight is [I, O]."""
    if layer.weight.requires_grad:
        yield "weight", rows.outer_powers(inputs, gradient)
    yield from _of_bias(layer, gradient, rows)


def of_layer_norm(layer: nn.LayerNorm, inputs: Tensor, gradient: Tensor, rows: RowsOfExamples) -> Powers:
    """Weight and bias [H] of a layer norm; inputs and gradient of its output [R, T, H]."""
    if layer.weight.requires_grad:
        normed = functional.layer_norm(inputs.float(), layer.normalized_shape, eps=layer.eps)
        yield "weight", rows.raised(rows.summed((gradient.float() * normed).sum(1)))
    yield from _of_bias(layer, gradient, rows)


def of_embedding(layer: nn.Embedding, inputs: Tensor, gradient: Tensor, rows: RowsOfExamples) -> Powers:
    """Weight [V, H] of a table of embeddings; ids [R, T], gradient of its output [R, T, H]."""
    V, H = layer.weight.shape
    keys = (rows.ids[:, None] * V + inputs).flatten()  # [R * T]
    learns = (rows.ids < rows.examples)[:, None] & (inputs != (-1 if layer.padding_idx is None else layer.padding_idx))
    kept = learns.flatten().nonzero()[:, 0]
    pairs, place = keys[kept].unique(return_inverse=True)  # pairs of example and id
    sums = gradient.new_zeros(len(pairs), H, dtype=torch.float32)
    sums.index_add_(0, place, gradient.flatten(0, 1)[kept].float())
    yield "weight", gradient.new_zeros(V, H, dtype=torch.float32).index_add_(0, pairs % V, sums.pow_(rows.power))


def _of_bias(layer: Any, gradient: Tensor, rows: RowsOfExamples) -> Powers:
    if layer.bias is not None and layer.bias.requires_grad:
        yield "bias", rows.raised(rows.summed(gradient.float().sum(1)))


RULES: dict[type[nn.Module], Callable[[Any, Tensor, Tensor, RowsOfExamples], Powers]] = {
    nn.Linear: of_linear,
    Conv1D: of_conv1d,
    nn.LayerNorm: of_layer_norm,
    nn.Embedding: of_embedding,
}


def rule_of(layer: nn.Module) -> Callable[[Any, Tensor, Tensor, RowsOfExamples], Powers] | None:
    """The rule of a layer; None where it computes something else than its kind does."""
    kind = next((kind for kind in RULES if isinstance(layer, kind)), None)
    same = kind is not None and type(layer).forward is kind.forward
    return RULES[kind] if kind is not None and same else None
