"""The first layer of the pair scorer, one block of pairs at a time.

Letters: K kept spans, P pairs of a block, D span width, H hidden width of the scorer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class FirstLayer(torch.autograd.Function):
    """W_i x_i + W_j x_j + W_p (x_i * x_j) of all pairs of a block of rows.

    The [P, D] products are made anew in the backward pass: making them costs a fraction of multiplying with them,
    keeping them would be the largest tensor of a training step.

    All blocks add to the gradients of the same tensors. So that no block makes tensors of that size, these go from
    block to block as results that are the arguments: in the backward pass each block adds, in fp32, to the gradient
    that the blocks behind it have made.
    """

    @staticmethod
    def forward(
        ctx: Any,
        spans: Tensor,
        from_span: Tensor,
        from_antecedent: Tensor,
        weight: Tensor,
        rounded: list[Tensor],
        row: int,
        antecedents: Tensor,
        out: Tensor | None,
    ) -> tuple[Tensor, ...]:
        """Multiply and add.

        Args:
            ctx: of autograd.
            spans: x, [K, D].
            from_span: W_i x, [K, H].
            from_antecedent: W_j x, [K, H].
            weight: W_p, [H, D].
            rounded: these four in the precision of the product.
            row: the first row of the block.
            antecedents: j, [rows, width] int64.
            out: [P, H], overwritten with the result.

        Returns:
            [P, H], then the first four arguments.
        """
        ctx.set_materialize_grads(False)
        if out is not None:
            ctx.mark_dirty(out)
        ctx.save_for_backward(antecedents, *rounded)
        ctx.rows, ctx.dtype = slice(row, row + len(antecedents)), spans.dtype
        x, of_span, of_antecedent, w = rounded
        j = antecedents.flatten()  # [P]
        products = x.index_select(0, j)  # [P, D]
        products.view(*antecedents.shape, -1).mul_(x[ctx.rows, None])
        hidden = torch.mm(products, w.T, out=out)
        hidden += of_antecedent.index_select(0, j)
        hidden.view(*antecedents.shape, -1).add_(of_span[ctx.rows, None])
        return hidden, spans, from_span, from_antecedent, weight

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor | None, *of_others: Tensor | None) -> tuple[Tensor | None, ...]:
        """Add to the gradients that the blocks behind this one have made."""
        if grad is None:
            return (*of_others, None, None, None, None)
        antecedents, *rounded = ctx.saved_tensors
        x, _, _, w = rounded
        of_spans, of_from_span, of_from_antecedent, of_weight = (
            torch.zeros_like(tensor, dtype=ctx.dtype) if gradient is None else gradient
            for tensor, gradient in zip(rounded, of_others, strict=True)
        )
        j = antecedents.flatten()  # [P]
        of_from_span[ctx.rows] += grad.view(*antecedents.shape, -1).sum(1)
        of_from_antecedent.index_add_(0, j, grad.to(ctx.dtype))
        left, right = x[ctx.rows, None], x.index_select(0, j).view(*antecedents.shape, -1)
        of_weight += grad.T @ (left * right).flatten(0, 1)
        of_products = (grad @ w).view_as(right)  # [rows, width, D]
        of_spans[ctx.rows] += right.mul_(of_products).sum(1)
        of_spans.index_add_(0, j, of_products.mul_(left).flatten(0, 1).to(ctx.dtype))
        return of_spans, of_from_span, of_from_antecedent, of_weight, None, None, None, None
