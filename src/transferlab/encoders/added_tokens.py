"""Tokens that a task adds to a pretrained encoder, such as the markers around a relation's arguments.

Their embeddings are parameters of their own beside the encoder's table: they learn at the task's rate while the table
stays as it is, frozen or not, and the table is neither copied nor grown in training.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from transferlab.encoders.sources import EncoderError


class AddedTokens(nn.Module):
    """Embeddings of tokens whose ids follow those that a pretrained tokenizer had.

    Args:
        first_id: the id of the first of them.
        embeddings: [tokens, width], where they start from.
    """

    def __init__(self, first_id: int, embeddings: Tensor) -> None:
        super().__init__()
        self.first_id = first_id
        self.embeddings = nn.Parameter(embeddings)

    @contextmanager
    def inserted(self, stack: nn.Module) -> Iterator[None]:
        """While this lasts, the input embeddings of ``stack`` know the added tokens."""
        asked: list[Tensor] = []

        def hide(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
            asked.append(arguments[0])  # [rows, subtokens]
            return (arguments[0].masked_fill(arguments[0] >= self.first_id, 0), *arguments[1:])

        def insert(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
            place = asked.pop() - self.first_id  # [rows, subtokens]
            # some tables multiply what they look up
            own = self.embeddings[place.clamp(min=0)].to(output.dtype) * getattr(module, "embed_scale", 1.0)
            return torch.where((place >= 0)[..., None], own, output)

        table: nn.Module = stack.get_input_embeddings()  # type: ignore[operator]
        hooks = [table.register_forward_pre_hook(hide), table.register_forward_hook(insert)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def merged(self, backbone: Any) -> Iterator[None]:
        """While this lasts, ``backbone`` has the added tokens in its table, as if they had always been there."""
        table: Tensor = backbone.get_input_embeddings().weight
        holders = [module for module in backbone.modules() if getattr(module, "weight", None) is table]
        end = self.first_id + len(self.embeddings)
        rows = table.new_zeros(max(len(table), end), table.shape[1])
        rows[: len(table)] = table.detach()
        rows[self.first_id : end] = self.embeddings.detach()
        size = backbone.config.vocab_size
        _set_table(backbone, holders, nn.Parameter(rows, requires_grad=False), len(rows))
        try:
            yield
        finally:
            _set_table(backbone, holders, table, size)


def _set_table(backbone: Any, holders: list[nn.Module], table: Any, size: int) -> None:
    for module in holders:
        module.weight = table
    backbone.config.vocab_size = size


def initial_embeddings(tokenizer: PreTrainedTokenizerBase, words: Iterable[str], table: Tensor) -> Tensor:
    """Where added tokens start from: the mean embedding of the subtokens of their words.

    Args:
        tokenizer: of the encoder.
        words: for each token its words, separated by spaces.
        table: [vocabulary, width], the embeddings of the encoder.

    Returns:
        [tokens, width].
    """
    rows = []
    for of_token in words:
        subtokens = tokenizer(of_token.split(), is_split_into_words=True, add_special_tokens=False)["input_ids"]
        if not subtokens:
            raise EncoderError(f"an added token needs words to start from, and {of_token!r} has none")
        rows.append(table[torch.tensor(subtokens)].mean(dim=0))
    return torch.stack(rows)
