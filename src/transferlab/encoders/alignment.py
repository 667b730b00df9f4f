"""From subtokens to units: one vector per word, whatever the tokenizer made of it.

Words of several rows, and rows of several words, go through one flat grid of sequences * units places and a
last, spare one that takes what is not to be represented; so nothing depends on the data's values, and a GPU
never waits.
"""

from __future__ import annotations

import torch
from torch import Tensor

ALIGNMENTS = ("first", "last", "mean", "max", "pooler")


def align(hidden: Tensor, unit_ids: Tensor, sequences: int, units: int, alignment: str) -> tuple[Tensor, Tensor]:
    """Gather the subtokens of each unit into one vector.

    Args:
        hidden: [rows, subtokens, hidden].
        unit_ids: [rows, subtokens] int64, flat index ``sequence * units + unit`` of the unit a subtoken
            belongs to, or -1. A unit may have subtokens in several rows.
        sequences: the number of sequences.
        units: the width of the grid.
        alignment: ``first`` or ``last`` subtoken in row-major order, ``mean`` or elementwise ``max`` of all; ``pooler``
            is ``first``, of encoders that send their first token through their pooler.

    Returns:
        [sequences, units, hidden], zero where a unit has no subtoken, and [sequences, units] bool, True
        where it has.
    """
    places = sequences * units
    flat = hidden.flatten(0, 1)  # [rows * subtokens, hidden]
    index = unit_ids.flatten()
    index = torch.where(index < 0, places, index)  # [rows * subtokens]
    # of the subtokens of each unit, the first or the last
    order = torch.arange(len(index), device=index.device)
    chosen = torch.full((places + 1,), -1, device=index.device)
    reduction = "amax" if alignment == "last" else "amin"
    chosen = chosen.scatter_reduce(0, index, order, reduction, include_self=False)[:places]  # [places]
    represented = chosen >= 0  # [places]
    if alignment in ("first", "last", "pooler"):
        vectors = flat.index_select(0, chosen.clamp(min=0))
        vectors = vectors.masked_fill_(~represented[:, None], 0)
    elif alignment == "mean":
        # half precision would lose subtokens of long units
        total = flat.new_zeros(places + 1, flat.shape[1], dtype=torch.promote_types(flat.dtype, torch.float32))
        total = total.index_add(0, index, flat.to(total.dtype))
        count = total.new_zeros(places + 1).index_add(0, index, total.new_ones(len(index)))
        vectors = (total / count.clamp(min=1)[:, None])[:places].to(flat.dtype)
    else:
        grid = flat.new_zeros(places + 1, flat.shape[1])
        vectors = grid.scatter_reduce(0, index[:, None].expand_as(flat), flat, "amax", include_self=False)[:places]
    return vectors.view(sequences, units, -1), represented.view(sequences, units)


def first_tokens_of_rows(
    hidden: Tensor, attention_mask: Tensor, unit_ids: Tensor, sequences: int, units: int
) -> Tensor:
    """For each unit the vector of the first token of the row in which the unit begins, a segment of a long document.

    Args:
        hidden, attention_mask: see :func:`first_tokens`.
        unit_ids, sequences, units: see :func:`align`.

    Returns:
        [sequences, units, hidden], zero where a unit has no subtoken.
    """
    position = attention_mask.ne(0).int().argmax(dim=1)  # [rows]
    firsts = hidden[torch.arange(len(hidden), device=hidden.device), position]  # [rows, hidden]
    vectors, _ = align(firsts[:, None].expand_as(hidden), unit_ids, sequences, units, "first")
    return vectors


def first_tokens(hidden: Tensor, attention_mask: Tensor, sequence_ids: Tensor, sequences: int) -> Tensor:
    """The vector of the first token (``[CLS]`` where the tokenizer has one) of each sequence's first row.

    Args:
        hidden: [rows, subtokens, hidden].
        attention_mask: [rows, subtokens], 0 on padding, which may stand on either side.
        sequence_ids: [rows] int64, the sequence of each row; -1 for a row of none.
        sequences: the number of sequences.

    Returns:
        [sequences, hidden], zero for a sequence without rows.
    """
    rows = len(sequence_ids)
    index = torch.where(sequence_ids < 0, sequences, sequence_ids)
    order = torch.arange(rows, device=index.device)
    first_row = torch.full((sequences + 1,), rows, device=index.device)
    first_row = first_row.scatter_reduce(0, index, order, "amin")[:sequences]  # [sequences]
    row = first_row.clamp(max=rows - 1)
    position = attention_mask.ne(0).int().argmax(dim=1)[row]  # [sequences]
    return hidden[row, position].masked_fill((first_row == rows)[:, None], 0)
