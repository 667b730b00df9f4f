"""What names the weights behind a stored feature.

The address of layer k is a chain over everything outside the blocks (embeddings, settings, final norm) and the first k
blocks. It says nothing of the blocks above, so an encoder and its truncated variants have the same addresses for the
layers they share; by the final-norm rule (truncation.py) these layers are the same, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from transferlab.encoders.truncation import FAMILIES, PER_LAYER

# entries of a configuration that do not change what an encoder computes, or that say how many layers it has
_IRRELEVANT = {
    "_name_or_path", "architectures", "transformers_version", "dtype", "torch_dtype", "id2label", "label2id",
    "num_labels", "problem_type", "finetuning_task", "task_specific_params", "output_hidden_states",
    "output_attentions", "return_dict", "use_cache", "gradient_checkpointing", "num_hidden_layers",
    "num_decoder_layers", "decoder_layers", "hidden_dropout_prob", "attention_probs_dropout_prob",
    "classifier_dropout", *PER_LAYER,
}  # fmt: skip
_POOLER = "pooler."


def digest(parts: Iterable[bytes]) -> str:
    """32 hexadecimal digits of SHA-256 over byte strings, one after another."""
    state = hashlib.sha256()
    for part in parts:
        state.update(len(part).to_bytes(8, "little"))
        state.update(part)
    return state.hexdigest()[:32]


def layer_addresses(
    stack: nn.Module, config: PretrainedConfig, pooler: bool = False, unpadded: bool = False
) -> tuple[str, list[str]]:
    """The address of what lies outside the blocks, and that of the output of every layer, the first layer first.

    Args:
        stack: the encoder.
        config: its configuration.
        pooler: the last address is that of the last layer with its first token sent through the pooler.
        unpadded: rows are read without padding because it would change them; so they are not those that were stored
            before this was known.
    """
    family = FAMILIES.get(config.model_type)
    layers = int(config.num_hidden_layers)
    prefix = f"{family.blocks}." if family and family.blocks else None
    irrelevant = {*_IRRELEVANT, config.attribute_map.get("num_hidden_layers")}
    settings = {name: value for name, value in config.to_dict().items() if name not in irrelevant}
    if prefix is None:
        # which weights make a layer is not known, and may depend on the number of layers
        settings["num_hidden_layers"] = layers if family is None or settings.get("num_hidden_groups", 1) > 1 else None
    if unpadded:
        settings["unpadded"] = True
    outside: list[bytes] = [json.dumps(settings, sort_keys=True, default=str).encode(), _library().encode()]
    blocks: list[list[bytes]] = [[] for _ in range(layers)]
    pooling: list[bytes] = []
    for name, tensor in sorted(stack.state_dict().items()):
        content = _bytes(name, tensor)
        if prefix is not None and name.startswith(prefix):
            blocks[int(name.removeprefix(prefix).split(".")[0])] += content
        elif name.startswith(_POOLER):
            pooling += content
        else:
            outside += content
    weights = last = digest(outside)
    addresses = []
    for number, block in enumerate(blocks, start=1):
        per_layer = {name: _entry(getattr(config, name, None), number - 1) for name in PER_LAYER}
        last = digest([last.encode(), json.dumps(per_layer, default=str).encode(), *block])
        addresses.append(last)
    if pooler:
        addresses[-1] = digest([addresses[-1].encode(), b"pooler", *pooling])
    return weights, addresses


def _bytes(name: str, tensor: Tensor) -> list[bytes]:
    content: Any = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return [f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), content]


def _entry(values: Any, position: int) -> Any:
    """The entry of one layer in a list with one value per layer."""
    return values[position] if isinstance(values, (list, tuple)) and position < len(values) else values


def _library() -> str:
    """The release of transformers; another one may compute otherwise."""
    return "transformers " + ".".join(version("transformers").split(".")[:2])
