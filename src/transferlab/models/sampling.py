"""Draws from what a model predicts: labels for a Fisher information that asks for no gold.

Draws are made where their generator is, so that a seed means the same on every device; no gradient flows into them.
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.no_grad()
def categorical(logits: Tensor, generator: torch.Generator) -> Tensor:
    """One class for each row.

    Args:
        logits: [..., classes], ``-inf`` for what is impossible; log-probabilities are logits, too.
        generator: of the draw.

    Returns:
        [...] int64.
    """
    probabilities = logits.detach().float().softmax(-1).to(generator.device)
    drawn = torch.multinomial(probabilities.flatten(0, -2), 1, generator=generator)
    return drawn.view(logits.shape[:-1]).to(logits.device)


@torch.no_grad()
def bernoulli(logits: Tensor, generator: torch.Generator) -> Tensor:
    """[...] bool: True with the probability of each logit."""
    probabilities = logits.detach().float().sigmoid().to(generator.device)
    return torch.bernoulli(probabilities, generator=generator).bool().to(logits.device)


@torch.no_grad()
def normal(means: Tensor, generator: torch.Generator) -> Tensor:
    """[...] fp32: a draw around each mean, of variance 1."""
    noise = torch.randn(means.shape, generator=generator, device=generator.device)
    return means.detach().float() + noise.to(means.device)
