"""The model of transformers behind an encoder, and its weights."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import MODEL_MAPPING, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from transferlab.encoders.lineage import description_file, description_of
from transferlab.encoders.saved_files import verify
from transferlab.encoders.source_files import EncoderError, check_weights
from transferlab.encoders.sources import loading
from transferlab.encoders.truncation import drop_decoder

log = logging.getLogger(__name__)


def build_backbone(
    encoder_id: str, source: str, config: PretrainedConfig, load_weights: bool, pooler: bool, trained: bool = False
) -> PreTrainedModel:
    """Build an encoder and read its weights.

    Args:
        encoder_id: for messages.
        source: a folder or hub name.
        config: truncated as it is to be; what it says of a decoder is changed.
        load_weights: else the weights are fresh ones.
        pooler: keep the pooler.
        trained: a pooler that the source lacks may be a new one, because it will be trained.

    Raises:
        EncoderError: the weights cannot be read, or lack a part of the architecture.
    """
    drop_decoder(config)
    if getattr(config, "attention_type", None) == "block_sparse":
        # a BigBird turns to full attention for good when it sees a short row: vectors would depend on what came before
        config.attention_type = "original_full"
    # the trainer's precision lowers it where wanted; a checkpoint's own half precision would not train
    options: dict[str, Any] = {"dtype": torch.float32}
    architecture: Any = MODEL_MAPPING[type(config)]
    if "add_pooling_layer" in inspect.signature(architecture).parameters:
        options["add_pooling_layer"] = pooler
    with loading(encoder_id, source), quiet(progress=not Path(source).is_dir()):
        if not load_weights:
            return AutoModel.from_config(config, trust_remote_code=False, **options)
        as_state_dict = check_weights(encoder_id, source)
        _check_saved(source)
        try:
            backbone, report = AutoModel.from_pretrained(
                source,
                config=config,
                output_loading_info=True,
                trust_remote_code=False,
                use_safetensors=not as_state_dict,
                weights_only=True,  # of a state dict nothing but tensors is read: no object in it is made
                **options,
            )
        except RuntimeError as error:
            if "ignore_mismatched_sizes" not in str(error):
                raise
            raise EncoderError(
                f"encoder {encoder_id!r}: the weights of {source!r} have other sizes than its configuration says; "
                "restore the one that belongs to the other"
            ) from error
    own = f"{backbone.base_model_prefix}."  # of blocks and poolers, which are left out because the caller wants it so
    left = sorted(name for name in report["unexpected_keys"] if as_state_dict and not name.startswith(own))
    if left:
        shown = ", ".join(left[:3]) + (", ..." if len(left) > 3 else "")
        log.info("encoder %r: %s weights of %s are not used: %s", encoder_id, len(left), source, shown)
    unused = ("decoder.",) if pooler and not trained else ("decoder.", "pooler.")
    if pooler and trained and any(name.startswith("pooler.") for name in report["missing_keys"]):
        log.warning("encoder %r: %s was saved by a task without a pooler; a new one is trained", encoder_id, source)
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(unused))
    if missing:
        raise EncoderError(
            f"encoder {encoder_id!r}: {source!r} lacks {len(missing)} weights of a {config.model_type} "
            f"({', '.join(missing[:3])}, ...); check model.pretrained_models.{encoder_id} and its config"
        )
    return backbone


def _check_saved(source: str) -> None:
    """Refuse an encoder of a saved model whose files are not as they were saved."""
    if Path(source).is_dir() and (file := description_file(source)) is not None:
        verify(file.parent, description_of(source), Path(source))


@contextmanager
def quiet(progress: bool = False) -> Iterator[None]:
    """Silence the load report of transformers (dropped blocks, heads and poolers are dropped on purpose).

    Also its progress bars, unless they may show a download.
    """
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    if not progress:
        transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()


def fingerprint(stack: nn.Module, without: str | None = None) -> str:
    """The sha256 over names, types, shapes and bytes of weights, in the order of their names.

    Args:
        stack: the encoder.
        without: leave out weights whose names start like this.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(stack.state_dict().items()):
        if without is not None and name.startswith(without):
            continue
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
