"""The components of a task embedding: how they are named and chosen, and which say nothing, or the same as another.

Names are those of the published code (https://github.com/tuvuumass/task-transferability): activations are
``encoder.layer.<i>.multihead_output``, ``encoder.layer.<i>.layer_output`` and ``cls_output`` in every family of
encoders, parameters are called as in their encoder, those of the task's head are under ``head.``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.truncation import FAMILIES, block_list, idle_parameters
from transferlab.models.base import TransferModel
from transferlab.utils.errors import UserError

POOLED = "cls_output"
HEAD = "head."
GROUPS = {
    "activations": "what each block's attention heads read together, and what each block returns",
    "pooled": POOLED,
    "parameters": "the weights of the encoder",
    "head": "the weights of the task's head",
}
_ACTIVATION = re.compile(r"encoder\.layer\.\d+\.(?:multihead|layer)_output")
ROUNDING = 1e-4  # of gradients: sums of as many as there are subtokens lose a few of their last digits

# in front of these stands the number of the block; what is added to values reaches the sum of all heads' outputs as it
# is, because the weights of attention sum to 1, and what the last norm of a block adds is a part of what it returns
_VALUE_BIAS = re.compile(
    r"\.?(\d+)\.(?:attention\.self\.value\.bias|attention\.self\.value_proj\.bias|attention\.self\.v_bias|"
    r"attention\.v_lin\.bias|attention\.attn\.v\.bias|self_attn\.v_proj\.bias)$"
)
_END_BIAS = re.compile(
    r"\.?(\d+)\.(?:output\.LayerNorm\.bias|output_layer_norm\.bias|final_layer_norm\.bias|ff\.layer_norm\.bias)$"
)


def multihead_output(layer: int) -> str:
    """The attention context of a block, from 0, before it is projected."""
    return f"encoder.layer.{layer}.multihead_output"


def layer_output(layer: int) -> str:
    """What a block, from 0, returns."""
    return f"encoder.layer.{layer}.layer_output"


def available(model: TransferModel, encoder: Encoder) -> dict[str, list[str]]:
    """The names of all components of a model, by group."""
    config = encoder.backbone.config
    blocks = block_list(encoder.stack, config)
    has_context = blocks is not None and FAMILIES[config.model_type].attention_output is not None
    activations = []
    for layer in range(0 if blocks is None else len(blocks)):
        activations += [multihead_output(layer)] if has_context else []
        activations += [layer_output(layer)]
    idle = {id(parameter) for parameter in idle_parameters(encoder.stack, config)}
    return {
        "activations": activations,
        "pooled": [POOLED],
        "parameters": [name for name, weight in encoder.stack.named_parameters() if id(weight) not in idle],
        "head": [name for name, _ in model.named_parameters() if name.startswith(HEAD)],
    }


def chosen(components: Sequence[str], groups: Mapping[str, Sequence[str]], model_type: str) -> list[str]:
    """The names that a list of groups and names, with ``*`` for any part, asks for, each once.

    Raises:
        UserError: it asks for something that there is not.
    """
    names = [name for group in groups.values() for name in group]
    wanted: set[str] = set()
    for asked in components:
        found = groups[asked] if asked in groups else [name for name in names if fnmatchcase(name, asked)]
        if asked == "activations" and not found:
            raise UserError(
                f"components: the layers of an {model_type} cannot be told apart, so there are no activations; "
                "choose pooled, parameters or head"
            )
        if not found:
            kinds = dict.fromkeys(re.sub(r"(?<=\.)\d+(?=\.)", "*", name) for name in names)
            raise UserError(
                f"components: this {model_type} has no {asked!r}; choose of the groups {', '.join(groups)}, or of "
                f"the names (* is any part) {', '.join(kinds)}"
            )
        wanted.update(found)
    if not wanted:
        raise UserError(f"components: name at least one of the groups {', '.join(groups)}, or names in them")
    return [name for name in names if name in wanted]


def identically_zero(sums: Mapping[str, Tensor], names: Sequence[str], power: int = 2) -> list[str]:
    """The components whose gradient is zero, up to rounding.

    Some gradients are sums of terms that cancel: nothing depends on the bias of attention's keys; and where one softmax
    goes over all words, as in question answering, nothing depends on what is added to the last vectors of all of them.
    So a bias counts as zero when it is nothing beside the weight of its layer (beside the other biases, where that is
    not asked for), and an activation when it is nothing beside the others.

    Args:
        sums: of powers of gradients, by name; where there is none it is zero.
        names: of the components that are asked for.
        power: that gradients were raised to.
    """
    means = {name: float(sums[name].abs().mean()) if name in sums else 0.0 for name in names}
    biases = [name for name in names if name.endswith(".bias")]
    activations = [name for name in names if name == POOLED or _ACTIVATION.fullmatch(name)]
    largest = {name: max(means[other] for other in kind) for kind in (biases, activations) if kind for name in kind}

    def rounding(name: str) -> float:
        weight = name.removesuffix("bias") + "weight"
        beside = means.get(weight, largest[name]) if name in biases else largest.get(name, 0.0)
        return float(ROUNDING**power) * beside

    return [name for name in names if means[name] <= rounding(name)]


def distinct(vectors: Mapping[str, Tensor]) -> list[str]:
    """The components to fuse: of those that say the same, in other units of length, only one.

    What a block returns is what the bias of its last norm changes, the attention context what the bias of the values
    changes. Where a task reads the first token alone, and no pooler stands between, the pooled output is what the last
    block returns.

    Args:
        vectors: by name, flat or in the shape of the parameters.

    Returns:
        names, in their order.
    """
    kept = []
    for name in vectors:
        value, end = _VALUE_BIAS.search(name), _END_BIAS.search(name)
        twin = multihead_output(int(value[1])) if value else layer_output(int(end[1])) if end else None
        if twin not in vectors:
            kept.append(name)
    layers = [layer for layer in range(len(vectors)) if layer_output(layer) in vectors]
    if POOLED in kept and layers and _same(vectors[POOLED], vectors[layer_output(layers[-1])]):
        kept.remove(POOLED)
    return kept


def _same(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-4, atol=1e-6 * float(other.abs().max()))
