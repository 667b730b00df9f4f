"""What the scorers share: hidden layers that keep little for the backward pass, and the precision of score sums."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from transferlab.models.dropout import drop_


def hidden_layers(width: int, depth: int, dropout: float) -> nn.Sequential:
    """The layers of a scorer after its first linear map: activation, further hidden layers, the score."""
    layers: list[nn.Module] = [ReluDropout(dropout)]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), ReluDropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(width, 1))


def full_precision(scores: Tensor) -> Tensor:
    """Scores as fp32, or as fp64 where they are: sums, softmax and logsumexp of scores are never taken in bf16."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32))


def matmul_dtype(weight: Tensor) -> torch.dtype:
    """The precision of a product with ``weight``: that of autocast where it is on.

    For products inside of autograd functions, which autocast leaves alone.
    """
    kind = weight.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype


class ReluDropout(nn.Module):
    """ReLU, then dropout. **Overwrites its input**, which must not be needed elsewhere.

    The two modules one after the other would keep three tensors for the backward pass: the activation, the dropout mask
    and the dropped activation. The last one tells everything: the gradient flows where it is positive.

    Args:
        p: the probability of dropping a hidden unit.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, hidden: Tensor) -> Tensor:
        """``dropout(relu(hidden))``, in place."""
        return _ReluDropout.apply(hidden, self.p if self.training else 0.0)

    def extra_repr(self) -> str:
        """The probability, for print."""
        return f"p={self.p}"


class _ReluDropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, p: float) -> Tensor:
        hidden.relu_()
        if p:
            drop_(hidden, p)
        ctx.mark_dirty(hidden)
        ctx.save_for_backward(hidden)
        ctx.p = p
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (dropped,) = ctx.saved_tensors
        grad = torch.ops.aten.threshold_backward(grad, dropped, 0)  # where dropped > 0
        return (grad.mul_(1 / (1 - ctx.p)) if ctx.p else grad), None
