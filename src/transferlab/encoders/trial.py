"""Reading two rows with a new encoder, to learn how it reads: how wide its vectors are, and what they depend on.

Padding may change the vectors of a row (see padding.py), and so may chance: some attention hashes at random, also in
eval mode.

Letters: T subtokens, h hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from transformers import PretrainedConfig

from transferlab.encoders.padding import Inputs, Read
from transferlab.encoders.sources import EncoderError

log = logging.getLogger(__name__)

WIDTH = 24  # subtokens of the longer of the two rows that are tried


def trial_rows(vocabulary: int, pad_id: int, device: torch.device, width: int | None = None) -> Inputs:
    """Make a row and one of twice its length, [2, T].

    Args:
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
    return {"input_ids": ids.masked_fill(mask == 0, pad_id).to(device), "attention_mask": mask.to(device)}


@torch.no_grad()
def reads_padding(read: Read, rows: Inputs) -> bool:
    """Whether the first of two rows has other vectors beside the longer one than by itself.

    The size of the batch changes rounding, too, so that differences below the root of the precision do not count.

    Args:
        read: the encoder, in eval mode, to the layers that are used.
        rows: see ``trial_rows``.
    """
    length = int(rows["attention_mask"][0].sum())
    together = read(rows)
    alone = read({name: tensor[:1, :length] for name, tensor in rows.items()})
    return any(differ(a[0], b[0, :length]) for a, b in zip(alone, together, strict=True))


@torch.no_grad()
def is_random(read: Read, rows: Inputs) -> bool:
    """Whether two reads of one row differ; the arguments are those of ``reads_padding``."""
    row = {name: tensor[1:] for name, tensor in rows.items()}
    return any(differ(a, b) for a, b in zip(read(row), read(row), strict=True))


def differ(vectors: Tensor, others: Tensor) -> bool:
    """Whether any of the vectors [..., h] differs from the other at its place by more than rounding."""
    tolerance = torch.finfo(vectors.dtype).eps ** 0.5
    vectors, others = vectors.float(), others.float()
    return bool(((vectors - others).norm(dim=-1) > tolerance * others.norm(dim=-1)).any())


def check_width(layers: Sequence[Tensor], config: PretrainedConfig, encoder_id: str, source: str) -> None:
    """Check that layers [..., h] are as wide as a configuration says, which the sizes of heads come from.

    Raises:
        EncoderError: they are not.
    """
    widths = sorted({layer.shape[-1] for layer in layers})
    if widths != [config.hidden_size]:
        raise EncoderError(
            f"encoder {encoder_id!r}: {source!r}, a {config.model_type}, gives vectors of width {widths}, but its "
            f"hidden_size is {config.hidden_size}; choose another encoder"
        )


def refuse_chance(encoder_id: str, source: str, model_type: str) -> None:
    """Raise an EncoderError: a frozen encoder must give one row the same vectors at every read."""
    raise EncoderError(
        f"encoder {encoder_id!r}: two reads of one row by {source!r}, a {model_type}, differ, so that it cannot be "
        f"frozen; leave it out of model.freeze_models, or choose another encoder"
    )


@cache
def warn_of_chance(source: str, model_type: str) -> None:
    """Say once in a process that the scores of such an encoder vary."""
    log.warning(
        "%s (%s) gives the same row other vectors at every read: its scores vary from evaluation to evaluation",
        source, model_type,
    )  # fmt: skip
