"""Refusing encoders that say the same of every text, before anything is trained on what they say.

The first token of a left-to-right model has seen nothing of its row, and a pooler of zeros has forgotten everything: a
head above learns the majority class, and nothing tells why.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from transferlab.encoders.alignment import align, first_tokens
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError
from transferlab.utils.batches import EncoderInputs

ROUNDING = 1e-5  # of a norm in fp32, for the same computation at two places of a batch


@torch.no_grad()
def check_row_vectors(multi_encoder: MultiEncoder, rows: Mapping[str, EncoderInputs], remedy: str | None) -> None:
    """Read two rows whose texts differ, and see whether each encoder tells them apart where the model looks.

    Args:
        multi_encoder: as it is about to be trained, still in fp32.
        rows: {tokenizer key: two rows that begin alike and go on differently; unit 0 of each is the token that sums it
            up}.
        remedy: what to change where that token tells nothing; None where no unit stands for a whole row.

    Raises:
        EncoderError: an encoder does not; it names the encoder and what to change.
    """
    was_training = multi_encoder.training
    multi_encoder.eval()
    for encoder_id in multi_encoder.encoder_ids:
        own = multi_encoder.rows_of(encoder_id, rows)
        hidden = multi_encoder.hidden_states(encoder_id, rows)  # [2, subtokens, hidden]
        if are_alike(hidden):
            raise EncoderError(
                f"encoder {encoder_id!r} ({multi_encoder.pretrained_models[encoder_id]}) gives the same vectors "
                f"whatever it reads: its weights are no trained ones; check model.pretrained_models.{encoder_id}"
            )
        vectors, _ = align(hidden, own.unit_ids, 2, 1, multi_encoder.alignment)  # [2, 1, hidden]
        if remedy is not None and are_alike(vectors):
            raise EncoderError(
                f"encoder {encoder_id!r} ({multi_encoder.pretrained_models[encoder_id]}) gives every text the same "
                f"vector under model.alignment={multi_encoder.alignment}: its first token sees nothing of the text "
                f"behind it, or its pooler says nothing; {remedy}"
            )
        firsts = first_tokens(hidden, own.attention_mask, own.sequence_ids, 2)
        if encoder_id in multi_encoder.aggregation.first_tokens_of and are_alike(firsts):
            raise EncoderError(
                f"model.aggregate.mode reads the first tokens (cls) of encoder {encoder_id!r} "
                f"({multi_encoder.pretrained_models[encoder_id]}), which see nothing of what follows; choose token or "
                "constant for the query and the keys"
            )
    multi_encoder.train(was_training)


def are_alike(vectors: Tensor) -> bool:
    """Whether vectors [items, ...] are all the same but for rounding."""
    vectors = vectors.float().flatten(1)
    return bool(((vectors - vectors[:1]).norm(dim=1) <= ROUNDING * vectors.norm(dim=1).amax()).all())
