"""Using the first n blocks of an encoder: which families can be cut, and what ends the last block kept.

A truncated encoder is built with n blocks in the first place, so that the dropped ones are neither read nor
kept.

**The final-norm rule.** The output of layer k is what a model of k layers would return. Families with a
norm *outside* their blocks (pre-norm architectures: ModernBERT, T5, GPT-2, LLaMA) therefore have it applied
to the output of every layer that is used; in the other families the blocks end in a norm of their own.
Layer k of an encoder means the same thing at every depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from torch import nn
from transformers import PretrainedConfig

from transferlab.encoders.sources import EncoderError


@dataclass(frozen=True)
class Family:
    """Facts about one ``model_type`` of transformers.

    Attributes:
        blocks: where the list of blocks is, from the encoder; None when all layers share one block.
        final_norm: where the norm outside the blocks is, from the encoder; None when there is none.
        learned_positions: whether each position has a learned vector, which bounds the length of a row.
        positions_after_padding: whether positions are counted from the padding id on (fairseq's habit).
        idle: parts of the names of parameters that plain encoding never uses. DDP wants to know.
        attention_output: where the layer is, from a block, that projects what its attention heads read together; None
            when there is no such layer.
        length_first: whether blocks return [subtokens, rows, hidden].
        not_by_rows: parts of the names of parameters that do not act on each row by itself: on positions relative to
            each other, which all rows share, or on rows and subtokens in the other order.
    """

    blocks: str | None
    final_norm: str | None = None
    learned_positions: bool = True
    positions_after_padding: bool = False
    idle: tuple[str, ...] = ()
    attention_output: str | None = "attention.output.dense"
    length_first: bool = False
    not_by_rows: tuple[str, ...] = ()


_BERT_LIKE = Family("encoder.layer")
_ROBERTA_LIKE = Family("encoder.layer", positions_after_padding=True)
_DEBERTA_LIKE = Family(
    "encoder.layer", not_by_rows=("rel_embeddings", "encoder.LayerNorm", ".pos_", "query_proj", "key_proj")
)

FAMILIES: dict[str, Family] = {
    "bert": _BERT_LIKE,
    "electra": _BERT_LIKE,
    "deberta": _DEBERTA_LIKE,
    "deberta-v2": _DEBERTA_LIKE,
    "roberta": _ROBERTA_LIKE,
    "xlm-roberta": _ROBERTA_LIKE,
    "camembert": _ROBERTA_LIKE,
    "mpnet": Family(
        "encoder.layer",
        positions_after_padding=True,
        attention_output="attention.attn.o",
        not_by_rows=("relative_attention_bias",),
    ),
    "longformer": Family(
        "encoder.layer", positions_after_padding=True, idle=("_global.",), not_by_rows=("attention.self.",)
    ),
    "distilbert": Family("transformer.layer", attention_output="attention.out_lin"),
    "albert": Family(None),
    "modernbert": Family("layers", final_norm="final_norm", learned_positions=False, attention_output="attn.Wo"),
    "xlnet": Family(
        "layer",
        learned_positions=False,
        idle=("mask_emb", ".r_s_bias", ".seg_embed"),
        attention_output=None,
        length_first=True,
        not_by_rows=("layer.", "word_embedding"),
    ),
    "gpt2": Family("h", final_norm="ln_f", attention_output="attn.c_proj"),
    "llama": Family("layers", final_norm="norm", learned_positions=False, attention_output="self_attn.o_proj"),
    "t5": Family(
        "block",
        final_norm="final_layer_norm",
        learned_positions=False,
        attention_output="layer.0.SelfAttention.o",
        not_by_rows=("relative_attention_bias",),
    ),
    "bart": Family("layers", attention_output="self_attn.out_proj"),
}

# configuration entries that hold one value per layer
PER_LAYER = ("layer_types", "attention_window")
# entries of encoder-decoder models that give the depth of the decoder
_DECODER_DEPTH = ("num_decoder_layers", "decoder_layers")


def family_of(config: PretrainedConfig, key: str) -> Family:
    """The family of a configuration; ``key`` is the configuration key that made it necessary to know.

    Raises:
        EncoderError: the model type is not among FAMILIES.
    """
    if config.model_type not in FAMILIES:
        raise EncoderError(
            f"{key}: the layers of model type {config.model_type!r} cannot be told apart; "
            f"supported types: {', '.join(sorted(FAMILIES))}"
        )
    return FAMILIES[config.model_type]


def truncate(config: PretrainedConfig, layers: int, key: str) -> None:
    """Change ``config`` so that the model built from it has the first ``layers`` blocks only.

    Raises:
        EncoderError: the depth is impossible, or the architecture is not supported; the text begins with
            ``key``.
    """
    family = family_of(config, key)
    total = config.num_hidden_layers
    if isinstance(layers, bool) or not isinstance(layers, int) or not 0 < layers <= total:
        raise EncoderError(
            f"{key}={layers!r}: this encoder has {total} layers; choose a whole number from 1 to {total}"
        )
    if layers == total:
        return
    if family.blocks is None and config.num_hidden_groups > 1:
        # which group serves a layer depends on the total depth
        raise EncoderError(
            f"{key}={layers}: an {config.model_type} of {config.num_hidden_groups} parameter groups cannot "
            f"be truncated; remove the key"
        )
    for name in PER_LAYER:
        values = getattr(config, name, None)
        if isinstance(values, (list, tuple)):
            setattr(config, name, list(values[:layers]))
    config.num_hidden_layers = layers


def drop_decoder(config: PretrainedConfig) -> None:
    """Change the configuration of an encoder-decoder model so that its decoder has no blocks."""
    if config.is_encoder_decoder:
        for name in _DECODER_DEPTH:
            if hasattr(config, name):
                setattr(config, name, 0)


def block_list(stack: nn.Module, config: PretrainedConfig) -> nn.ModuleList | None:
    """The blocks of an encoder; None when its layers share one block or its type is not among FAMILIES."""
    family = FAMILIES.get(config.model_type)
    return attrgetter(family.blocks)(stack) if family and family.blocks else None


def final_norm(stack: nn.Module, config: PretrainedConfig) -> nn.Module | None:
    """The norm outside the blocks of an encoder, or None."""
    family = FAMILIES.get(config.model_type)
    return attrgetter(family.final_norm)(stack) if family and family.final_norm else None


def idle_parameters(stack: nn.Module, config: PretrainedConfig) -> Iterator[nn.Parameter]:
    """The parameters of an encoder that have no part in its output."""
    family = FAMILIES.get(config.model_type)
    for name, parameter in stack.named_parameters():
        if family and any(part in name for part in family.idle):
            yield parameter


def max_positions(config: PretrainedConfig) -> int | None:
    """The longest row, special tokens included, that has learned positions; None when nothing bounds it."""
    family = FAMILIES.get(config.model_type)
    if not family or not family.learned_positions or not getattr(config, "position_biased_input", True):
        return None
    offset = config.pad_token_id + 1 if family.positions_after_padding else 0
    return config.max_position_embeddings - offset
