"""Hooks that show a task embedding the activations of an encoder, their gradients and those of its layers.

Letters in shapes: R rows, T subtokens, E examples, H width.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor, nn

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.truncation import FAMILIES, block_list
from transferlab.transferability.components import POOLED, layer_output, multihead_output
from transferlab.transferability.per_example import RowsOfExamples, rule_of
from transferlab.utils.errors import UserError

Add = Callable[[str, Tensor], None]  # takes the name of a component and its powers


def not_by_rows(name: str) -> UserError:
    """The error of a layer, or a parameter, whose gradient is not a sum over the rows it was applied to."""
    return UserError(
        f"mode=exact cannot tell the examples' shares of {name}, whose layer is not applied to each row once; choose "
        "mode=parity, or components without it"
    )


@contextmanager
def watched_activations(
    encoder: Encoder, components: Collection[str], rows: RowsOfExamples, add: Add, values: bool = False
) -> Iterator[None]:
    """While this lasts, backward passes add (sum_it m_it dL/da_it)^power / T of activations, and of the pooled output.

    Args:
        encoder: whose forward passes are watched.
        components: those of other kinds are left alone.
        rows: of the batch, by example; T are the tokens of an example.
        add: gets each activation once in a backward pass, summed over examples.
        values: forward passes add the same of the activations themselves, (sum_it m_it a_it)^power / T.
    """
    config = encoder.backbone.config
    family = FAMILIES.get(config.model_type)

    def powers(total: Tensor) -> Tensor:  # [R, H] to [H]
        return (rows.summed(total).pow(rows.power) / rows.tokens[:, None]).sum(0)

    def watch(name: str, activation: Tensor) -> None:
        def see(vectors: Tensor) -> None:
            by_rows = vectors.transpose(0, 1) if family and family.length_first else vectors  # [R, T, H]
            add(name, powers(rows.masked(by_rows)))

        see(activation.detach()) if values else activation.register_hook(see)

    def watch_pooled(module: nn.Module, arguments: Any, output: Tensor) -> None:
        place = rows.mask.ne(0).int().argmax(1)  # [R], where the first token stands
        row = torch.arange(len(place), device=place.device)

        def see(vectors: Tensor) -> None:  # [R, T, H]
            add(POOLED, powers(vectors[row, place]))

        see(output.detach()) if values else output.register_hook(see)

    def context_of(name: str) -> Callable[[nn.Module, Any], None]:
        return lambda projection, arguments: watch(name, arguments[0])

    def output_of(name: str) -> Callable[[nn.Module, Any, Any], None]:
        return lambda block, arguments, output: watch(name, output if isinstance(output, Tensor) else output[0])

    handles = []
    for number, block in enumerate(block_list(encoder.stack, config) or ()):
        if (name := multihead_output(number)) in components:
            assert family is not None and family.attention_output is not None
            projection = attrgetter(family.attention_output)(block)
            handles.append(projection.register_forward_pre_hook(context_of(name)))
        if (name := layer_output(number)) in components:
            handles.append(block.register_forward_hook(output_of(name)))
    if POOLED in components:
        handles.append(encoder.register_forward_hook(watch_pooled))
    with _removed(handles):
        yield


@contextmanager
def watched_layers(
    encoder: Encoder, layers: Sequence[str], rows: RowsOfExamples, add: Add
) -> Iterator[dict[str, Tensor | None]]:
    """While this lasts, backward passes add the powers of the gradients of each example of the parameters of layers.

    Args:
        encoder: whose forward passes are watched.
        layers: paths of layers in its stack, each with a rule.
        rows: of the batch, by example.
        add: gets each parameter that requires a gradient once in a backward pass.

    Yields:
        the layers that computed so far. Those from which gradients go no further, tables of embeddings, come with
        their output: autograd reaches them when it is asked for the gradient of it.

    Raises:
        UserError: in a forward pass, of a layer that is applied twice or not to rows.
    """
    seen: dict[str, Tensor | None] = {}
    count = len(rows.ids)

    def watch(path: str, layer: nn.Module, inputs: Tensor, output: Tensor) -> Tensor:
        is_table = isinstance(layer, nn.Embedding)
        if is_table and len(inputs) == 1 < count:  # positions, which all rows share
            inputs, output = inputs.expand(count, -1), output.expand(count, -1, -1)
        if path in seen or len(output) != count:
            raise not_by_rows(path)
        seen[path] = output if is_table else None
        rule = rule_of(layer)
        assert rule is not None
        # a pooler reads one vector of each row
        read = inputs if is_table else inputs.detach().reshape(count, -1, inputs.shape[-1])

        def see(gradient: Tensor) -> None:
            for parameter, powers in rule(layer, read, gradient.reshape(count, -1, gradient.shape[-1]), rows):
                add(f"{path}.{parameter}", powers)

        output.register_hook(see)
        return output

    def output_of(path: str) -> Callable[[nn.Module, Any, Tensor], Tensor]:
        return lambda layer, arguments, output: watch(path, layer, arguments[0], output)

    with _removed([encoder.stack.get_submodule(path).register_forward_hook(output_of(path)) for path in layers]):
        yield seen


@contextmanager
def _removed(handles: list[Any]) -> Iterator[None]:
    """Remove hooks at the end."""
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
