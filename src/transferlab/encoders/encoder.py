"""One pretrained encoder: rows of subtokens in, hidden states of its last layer (or last layers) out."""

from __future__ import annotations

import hashlib
import inspect
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    MODEL_MAPPING,
    AutoModel,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from transferlab.encoders.added_tokens import AddedTokens
from transferlab.encoders.row_memory import RowMemory
from transferlab.encoders.sources import EncoderError, loading
from transferlab.encoders.truncation import (
    block_list,
    drop_decoder,
    final_norm,
    idle_parameters,
    max_positions,
)

# what some architectures would compute for generation, and no one reads here
_NOT_FOR_GENERATION = ("use_cache", "use_mems")


class Encoder(nn.Module):
    """A pretrained encoder, frozen or trained.

    Frozen means: no parameter requires a gradient, ``eval()`` mode whatever ``train()`` asks for, and no
    autograd graph. Of an encoder-decoder model only the encoder is used; poolers are not built.

    Args:
        encoder_id: the key of ``model.pretrained_models``, for messages.
        source: a folder or hub name to read weights from.
        config: its configuration, already truncated.
        last_n_layers: how many layers to return, concatenated, the last one last.
        frozen: see above.
        frozen_dropout: keep dropout on in a frozen encoder while training (parity with older results only).
        load_weights: False builds the architecture with fresh weights, which the caller will overwrite.
        gradient_checkpointing: recompute the blocks in the backward pass of a trained encoder, to save
            memory.
        max_rows_per_pass: how many rows to encode at once where no graph is built; None for all.
        pooler: send the first token of every row through the encoder's pooler.
        remember_gb: GB of outputs that the frozen encoders of this process keep in memory, on the CPU; 0 keeps none.

    Raises:
        EncoderError: the weights cannot be read, or lack a part of the architecture.
    """

    backbone: PreTrainedModel

    def __init__(
        self,
        encoder_id: str,
        source: str,
        config: PretrainedConfig,
        *,
        last_n_layers: int = 1,
        frozen: bool = False,
        frozen_dropout: bool = False,
        load_weights: bool = True,
        gradient_checkpointing: bool = False,
        max_rows_per_pass: int | None = None,
        pooler: bool = False,
        remember_gb: float = 0.0,
    ) -> None:
        super().__init__()
        self.pooler = pooler
        self.encoder_id = encoder_id
        self.frozen = frozen
        self.frozen_dropout = frozen_dropout
        self.last_n_layers = last_n_layers
        self.max_rows_per_pass = max_rows_per_pass
        self.max_positions = max_positions(config)
        self.backbone = _build(encoder_id, source, config, load_weights, pooler)
        self.output_size = last_n_layers * config.hidden_size
        blocks = block_list(self.stack, config)
        if blocks is not None and len(blocks) != config.num_hidden_layers:
            raise EncoderError(
                f"encoder {encoder_id!r}: {len(blocks)} blocks were built, not {config.num_hidden_layers}"
            )
        # what is left of a decoder is never trained, nor is what has no part in the output
        self.backbone.requires_grad_(False)
        self.stack.requires_grad_(not frozen)
        for parameter in idle_parameters(self.stack, config):
            parameter.requires_grad_(False)
        if gradient_checkpointing and not frozen:
            self.backbone.gradient_checkpointing_enable({"use_reentrant": False})
        accepted = inspect.signature(self.stack.forward).parameters
        self._reads_types = "token_type_ids" in accepted and getattr(config, "type_vocab_size", 0) > 1
        self._forward_options = {name: False for name in _NOT_FOR_GENERATION if name in accepted}
        # now, because a trainer of lower precision casts what it is given
        self._fingerprint = self._hash() if frozen and load_weights else None
        self._memory: RowMemory | None = None
        if self._fingerprint is not None and remember_gb > 0 and not frozen_dropout:
            settings = hashlib.sha256(config.to_json_string(use_diff=False).encode()).hexdigest()
            kind = f"{self._fingerprint} {settings} {last_n_layers} {pooler}"
            self._memory = RowMemory.of(kind, limit=1e9 * remember_gb)
        self._versions = self._weight_versions()
        self.train()

    @property
    def stack(self) -> nn.Module:
        """The module that encodes: the encoder of an encoder-decoder model, else the model."""
        return self.backbone.get_encoder() if self.backbone.config.is_encoder_decoder else self.backbone

    @property
    def embedding_table(self) -> Tensor:
        """[vocabulary, width], the embeddings of its tokens, detached."""
        table: Any = self.stack.get_input_embeddings()  # type: ignore[operator]
        return table.weight.detach()

    @property
    def layers(self) -> int:
        """The number of layers in use."""
        return self.backbone.config.num_hidden_layers

    def train(self, mode: bool = True) -> Encoder:
        """Set training mode, which a frozen encoder declines."""
        return super().train(mode and (not self.frozen or self.frozen_dropout))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        added: AddedTokens | None = None,
    ) -> Tensor:
        """Encode rows.

        Args:
            input_ids: [rows, subtokens] int64.
            attention_mask: [rows, subtokens], 0 on padding; rows that are all padding are allowed.
            token_type_ids: [rows, subtokens] int64, the text of a pair; ignored by encoders without types.
            added: tokens that its own embeddings do not hold; they may learn, also over a frozen encoder.

        Returns:
            [rows, subtokens, last_n_layers * hidden]; the positions of padding hold arbitrary finite numbers.
        """
        subtokens = input_ids.shape[1]
        if self.max_positions is not None and subtokens > self.max_positions:
            raise EncoderError(
                f"encoder {self.encoder_id!r}: a row has {subtokens} subtokens, and there are positions "
                f"for {self.max_positions}; make them shorter (taskmodule.max_segment_len, max_window or max_length)"
            )
        # a row without any position to attend to is undefined in some attention kernels
        empty = ~attention_mask.any(dim=1)  # [rows]
        attention_mask = torch.cat([attention_mask[:, :1] + empty[:, None], attention_mask[:, 1:]], dim=1)
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if token_type_ids is not None and self._reads_types:
            inputs["token_type_ids"] = token_type_ids
        builds_graph = torch.is_grad_enabled() and (not self.frozen or added is not None)
        with torch.set_grad_enabled(builds_graph), added.inserted(self.stack) if added else nullcontext():
            if builds_graph:
                return self._hidden_states(inputs)
            remembers = self._memory is not None and added is None and input_ids.device.type == "cpu"
            if remembers and self._weight_versions() == self._versions:
                assert self._memory is not None
                return self._memory.recall(inputs, self._in_passes, self.embedding_table.dtype)
            return self._in_passes(inputs)

    def _in_passes(self, inputs: dict[str, Tensor]) -> Tensor:
        """Encode at most ``max_rows_per_pass`` rows at once."""
        rows = len(inputs["input_ids"])
        size = self.max_rows_per_pass or max(rows, 1)
        if rows <= size:
            return self._hidden_states(inputs)
        chunks = ({name: t[i : i + size] for name, t in inputs.items()} for i in range(0, rows, size))
        return torch.cat([self._hidden_states(chunk) for chunk in chunks])

    def _weight_versions(self) -> int:
        """A number that changes when a weight is written to."""
        return sum(parameter._version for parameter in self.stack.parameters())

    def _hidden_states(self, inputs: dict[str, Tensor]) -> Tensor:
        outputs = self.stack(
            **inputs,
            output_hidden_states=self.last_n_layers > 1,
            return_dict=True,
            **self._forward_options,
        )
        if self.pooler:
            return torch.cat([outputs.pooler_output[:, None], outputs.last_hidden_state[:, 1:]], dim=1)
        if self.last_n_layers == 1:
            return outputs.last_hidden_state  # [rows, subtokens, hidden]
        # transformers applies the final norm to the last layer only
        norm = final_norm(self.stack, self.backbone.config) or nn.Identity()
        earlier = [norm(hidden) for hidden in outputs.hidden_states[-self.last_n_layers : -1]]
        return torch.cat([*earlier, outputs.last_hidden_state], dim=-1)  # [rows, subtokens, layers * hidden]

    def fingerprint(self) -> str:
        """The sha256 over names, types, shapes and bytes of the weights in use, in the order of their names.

        That of a frozen encoder is of the weights as loaded from its source, whatever they are cast to later.
        """
        return self._fingerprint or self._hash()

    def _hash(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(self.stack.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def save(
        self,
        directory: str | Path,
        tokenizer: PreTrainedTokenizerBase | None = None,
        added: AddedTokens | None = None,
    ) -> None:
        """Save in the Hugging Face layout: config.json, model.safetensors and, if given, the tokenizer.

        Added tokens become rows of the embeddings, as if they had always been.

        Every file is complete when it appears in ``directory``, and the configuration, which makes the
        folder a model, appears last.
        """
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".saving-") as unfinished, _quiet():
            with added.merged(self.backbone) if added else nullcontext():
                self.backbone.save_pretrained(unfinished)
            if tokenizer is not None:
                tokenizer.save_pretrained(unfinished)
            for file in sorted(Path(unfinished).iterdir(), key=lambda path: path.name == "config.json"):
                os.replace(file, directory / file.name)


def check_gradient_checkpointing(encoder_id: str, config: PretrainedConfig) -> None:
    """Raise EncoderError if transformers cannot recompute the blocks of this architecture."""
    architecture: Any = MODEL_MAPPING[type(config)]
    if not architecture.supports_gradient_checkpointing:
        raise EncoderError(
            f"gradient_checkpointing=true: encoder {encoder_id!r} is of type {config.model_type}, which does "
            f"not support it; freeze it (model.freeze_models) or set gradient_checkpointing to false"
        )


def _build(encoder_id: str, source: str, config: PretrainedConfig, load_weights: bool, pooler: bool) -> PreTrainedModel:
    drop_decoder(config)
    # the trainer's precision lowers it where wanted; a checkpoint's own half precision would not train
    options: dict[str, Any] = {"dtype": torch.float32}
    architecture: Any = MODEL_MAPPING[type(config)]
    if "add_pooling_layer" in inspect.signature(architecture).parameters:
        options["add_pooling_layer"] = pooler
    with loading(encoder_id, source), _quiet(progress=not Path(source).is_dir()):
        if not load_weights:
            return AutoModel.from_config(config, **options)
        backbone, report = AutoModel.from_pretrained(source, config=config, output_loading_info=True, **options)
    unused = ("decoder.",) if pooler else ("decoder.", "pooler.")
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(unused))
    if missing:
        raise EncoderError(
            f"encoder {encoder_id!r}: {source!r} lacks {len(missing)} weights of a {config.model_type} "
            f"({', '.join(missing[:3])}, ...); check model.pretrained_models.{encoder_id} and its config"
        )
    return backbone


@contextmanager
def _quiet(progress: bool = False) -> Iterator[None]:
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
