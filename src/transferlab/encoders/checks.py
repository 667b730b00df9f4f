"""What can be refused about encoders is refused here, from configurations alone, before weights are read."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import MODEL_MAPPING, PretrainedConfig

from transferlab.encoders.aggregation import build_aggregation
from transferlab.encoders.alignment import ALIGNMENTS
from transferlab.encoders.sources import EncoderError, load_config, resolve
from transferlab.encoders.truncation import family_of, truncate
from transferlab.encoders.weighting import Aggregation
from transferlab.utils.option_kinds import FolderName, fault_of

ALL = "all"
_TAKEN = frozenset(vars(nn.Module()))  # attributes of a module, beside which its parts are found


@dataclass
class EncoderPlan:
    """What is to be built; the mappings are by encoder id, in the order of the encoders.

    Attributes:
        sources: folders or hub names.
        configs: configurations, truncated.
        total_layers: the number of layers before truncation.
        frozen: the ids of frozen encoders.
        aggregation: the aggregation, with fresh weights.
    """

    sources: dict[str, str]
    configs: dict[str, PretrainedConfig]
    total_layers: dict[str, int]
    frozen: list[str]
    aggregation: Aggregation


def check_encoders(
    pretrained_models: Mapping[str, str] | None,
    *,
    pretrained_default_config: str | Mapping[str, Any] | None = None,
    pretrained_configs: Mapping[str, str | Mapping[str, Any]] | None = None,
    freeze_models: Sequence[str] | str | None = None,
    truncate_models: Mapping[str, int] | None = None,
    aggregate: str | Mapping[str, Any] | None = None,
    cossim_target_embed_key: str | None = None,
    alignment: str = "first",
) -> EncoderPlan:
    """Plan the encoders of a run, or say what cannot be.

    The arguments are those of :class:`~transferlab.encoders.multi_encoder.MultiEncoder`.

    Raises:
        EncoderError: naming the key, its value and the choices.
    """
    encoder_ids = list(pretrained_models or {})
    _check_ids(encoder_ids)
    assert pretrained_models is not None
    frozen = encoder_ids if freeze_models == ALL else _as_list(freeze_models)
    check_known(f"model.freeze_models (ids, or {ALL})", frozen, encoder_ids)
    check_known("model.truncate_models", truncate_models or {}, encoder_ids)
    check_known("model.pretrained_configs", pretrained_configs or {}, encoder_ids)
    check_known("model.cossim_target_embed_key", _as_list(cossim_target_embed_key), encoder_ids)
    if alignment not in ALIGNMENTS:
        raise EncoderError(f"model.alignment={alignment!r}: choose one of {', '.join(ALIGNMENTS)}")

    sources = {encoder_id: resolve(name) for encoder_id, name in pretrained_models.items()}
    configs = {
        encoder_id: load_config(
            encoder_id, source, pretrained_default_config, (pretrained_configs or {}).get(encoder_id)
        )
        for encoder_id, source in sources.items()
    }
    total_layers = {encoder_id: config.num_hidden_layers for encoder_id, config in configs.items()}
    for encoder_id, layers in (truncate_models or {}).items():
        truncate(configs[encoder_id], layers, f"model.truncate_models.{encoder_id}")
    widths = {encoder_id: config.hidden_size for encoder_id, config in configs.items()}
    aggregation = build_aggregation(aggregate, widths)
    _check_depths(aggregation.last_n_layers, configs)
    if alignment == "pooler":
        _check_poolers(aggregation.last_n_layers, configs)
    if cossim_target_embed_key is not None:
        _check_cosine(cossim_target_embed_key, widths)
    return EncoderPlan(sources, configs, total_layers, list(frozen), aggregation)


def check_known(key: str, encoder_ids: Iterable[str], choices: Sequence[str]) -> None:
    """Raise EncoderError for the first id that is none of the choices."""
    for encoder_id in encoder_ids:
        if encoder_id not in choices:
            raise EncoderError(
                f"{key}: there is no encoder {encoder_id!r} in model.pretrained_models; choices: {', '.join(choices)}"
            )


def check_gradient_checkpointing(encoder_id: str, config: PretrainedConfig) -> None:
    """Raise EncoderError if transformers cannot recompute the blocks of this architecture."""
    architecture: Any = MODEL_MAPPING[type(config)]
    if not architecture.supports_gradient_checkpointing:
        raise EncoderError(
            f"gradient_checkpointing=true: encoder {encoder_id!r} is of type {config.model_type}, which does "
            f"not support it; freeze it (model.freeze_models) or set gradient_checkpointing to false"
        )


def check_compile(backend: str | None) -> None:
    """Raise EncoderError if there is no such backend of ``torch.compile``."""
    if backend is not None and backend not in (known := torch.compiler.list_backends(exclude_tags=())):
        raise EncoderError(f"model.compile={backend}: choose one of {', '.join(known)}, or null")


def _check_ids(encoder_ids: Sequence[str]) -> None:
    if not encoder_ids:
        raise EncoderError(
            "model.pretrained_models: there is no encoder; name one, for example "
            "+model.pretrained_models={bert:bert-base-cased}"
        )
    for encoder_id in encoder_ids:
        # ids are parts of configuration keys and of the names of weights, and name the folders of saved encoders
        usable = isinstance(encoder_id, str) and encoder_id.isprintable() and "." not in encoder_id
        if not usable or fault_of(encoder_id, FolderName) or encoder_id in _TAKEN:
            raise EncoderError(
                f"model.pretrained_models: {encoder_id!r} cannot be an id (a number, empty, with a dot, a slash or a "
                "control character, or a word of torch); choose another"
            )


def _check_depths(wanted: int, configs: Mapping[str, PretrainedConfig]) -> None:
    key = "model.aggregate.use_outputs_from_last_n_layers"
    for encoder_id, config in configs.items():
        if wanted > config.num_hidden_layers:
            raise EncoderError(
                f"{key}={wanted}: encoder {encoder_id!r} uses {config.num_hidden_layers} layers "
                f"(model.truncate_models.{encoder_id}); choose 1 to {config.num_hidden_layers}"
            )
        if wanted > 1:
            family_of(config, key)


def _check_poolers(last_n_layers: int, configs: Mapping[str, PretrainedConfig]) -> None:
    if last_n_layers > 1:
        raise EncoderError("model.alignment=pooler: a pooler reads the last layer only; leave out last-n layers")
    for encoder_id, config in configs.items():
        architecture: Any = MODEL_MAPPING[type(config)]
        if "add_pooling_layer" not in inspect.signature(architecture).parameters:
            raise EncoderError(
                f"model.alignment=pooler: encoder {encoder_id!r} is of type {config.model_type}, which has no pooler; "
                "choose first or mean"
            )


def _check_cosine(target: str, widths: Mapping[str, int]) -> None:
    for encoder_id, width in widths.items():
        if width != widths[target]:
            raise EncoderError(
                f"model.cossim_target_embed_key={target}: the cosine needs equal widths, but {target!r} has "
                f"{widths[target]} and {encoder_id!r} has {width}; remove the key"
            )


def _as_list(ids: str | Sequence[str] | None) -> list[str]:
    return [ids] if isinstance(ids, str) else list(ids or [])
