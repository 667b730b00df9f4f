"""Encoders whose vectors of a row depend on how far the batch pads it: how they are read.

FNet mixes all positions, ConvBERT, Nyströmformer and MobileBERT look at neighbours, YOSO hashes and CPMAnt counts what
it sees: padding is not masked in them. Read in groups of rows of one length, which need no padding, a row has the same
vectors beside whatever other rows.

Letters: R rows, T subtokens, h hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from torch import Tensor

log = logging.getLogger(__name__)

Inputs = dict[str, Tensor]  # keyword arguments of an encoder, [R, T] each; attention_mask among them
Read = Callable[[Inputs], list[Tensor]]  # layers [R, T, h]


def in_groups_of_one_length(inputs: Inputs, read: Read) -> list[Tensor]:
    """Layers [R, T, h] of rows that are read without padding; zero on padding, on whichever side it stands."""
    mask = inputs["attention_mask"].bool()  # [R, T]
    lengths = mask.sum(dim=1)
    layers: list[Tensor] = []
    for length in lengths.unique().tolist():
        place = mask & (lengths == length)[:, None]  # [R, T]
        vectors = read({name: tensor[place].view(-1, length) for name, tensor in inputs.items()})
        layers = layers or [layer.new_zeros(*mask.shape, layer.shape[-1]) for layer in vectors]
        layers = [whole.masked_scatter(place[..., None], part) for whole, part in zip(layers, vectors, strict=True)]
    return layers


@cache
def warn_once(source: str, model_type: str) -> None:
    """Say once in a process what reading such an encoder costs."""
    log.warning(
        "%s (%s) gives a row other vectors when the batch pads it: its rows are read in groups of one length, without "
        "padding, so that scores and stored features do not depend on the batch size; that takes more passes",
        source, model_type,
    )  # fmt: skip
