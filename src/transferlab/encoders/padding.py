"""Encoders whose vectors of a row depend on how far the batch pads it: how they are found out, and how they are read.

FNet mixes all positions, ConvBERT, Nyströmformer and MobileBERT look at neighbours, YOSO hashes and CPMAnt counts what
it sees: padding is not masked in them. Read in groups of rows of one length, which need no padding, a row has the same
vectors beside whatever other rows.

Letters: R rows, T subtokens, h hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

log = logging.getLogger(__name__)

Inputs = dict[str, Tensor]  # keyword arguments of an encoder, [R, T] each; attention_mask among them
Read = Callable[[Inputs], list[Tensor]]  # layers [R, T, h]
WIDTH = 24  # subtokens of the longer of the two rows that are tried


@torch.no_grad()
def reads_padding(read: Read, vocabulary: int, pad_id: int, device: torch.device, width: int | None = None) -> bool:
    """Whether rows have other vectors beside a longer row than by themselves.

    A row is read beside one of twice its length, and alone. The size of the batch changes rounding, too, so that
    differences below the root of the precision do not count.

    Args:
        read: the encoder, in eval mode, to the layers that are used.
        vocabulary: ids that it knows.
        pad_id: stands on padding.
        device: of the encoder.
        width: the longest row that it reads; None where nothing bounds it.
    """
    width = min(WIDTH, width or WIDTH)
    length = max(1, width // 2)
    mask = (torch.arange(width) < torch.tensor([[length], [width]])).long()  # [2, T]
    # special tokens have the first ids, and one of them may mean padding wherever it stands
    ids = torch.randint(vocabulary // 2, vocabulary, mask.shape, generator=torch.Generator().manual_seed(0))
    inputs = {"input_ids": ids.masked_fill(mask == 0, pad_id).to(device), "attention_mask": mask.to(device)}
    together = read(inputs)
    alone = read({name: tensor[:1, :length] for name, tensor in inputs.items()})
    return any(differ(a[0], b[0, :length]) for a, b in zip(alone, together, strict=True))


def differ(vectors: Tensor, others: Tensor) -> bool:
    """Whether any of the vectors [..., h] differs from the other at its place by more than rounding."""
    tolerance = torch.finfo(vectors.dtype).eps ** 0.5
    vectors, others = vectors.float(), others.float()
    return bool(((vectors - others).norm(dim=-1) > tolerance * others.norm(dim=-1)).any())


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
