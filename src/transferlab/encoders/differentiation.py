"""Gradients of what an encoder computes between its embeddings and its output, whatever of it is frozen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from transferlab.encoders.encoder import Encoder


@contextmanager
def differentiated(encoder: Encoder) -> Iterator[list[Tensor]]:
    """While this lasts, an encoder builds a graph of its activations.

    It does so frozen or not, reads no stored features, and is not compiled, for compiled blocks would pass by the
    hooks that are set on them.

    Yields:
        a list that grows with every forward pass by the embeddings [rows, subtokens, width] of the tokens, which
        require gradients. Asking autograd for those alone makes no gradients of weights.
    """
    entries: list[Tensor] = []

    def enter(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        if not output.requires_grad:  # of a frozen table
            output.requires_grad_()
        entries.append(output)
        return output.clone()  # what follows may write into it

    table: nn.Module = encoder.stack.get_input_embeddings()  # type: ignore[operator]
    hook = table.register_forward_hook(enter)
    compiled = encoder.stack._compiled_call_impl
    encoder.stack._compiled_call_impl = None
    encoder.differentiated = True
    try:
        yield entries
    finally:
        encoder.differentiated = False
        encoder.stack._compiled_call_impl = compiled
        hook.remove()
