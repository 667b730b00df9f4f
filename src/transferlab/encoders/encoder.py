"""One pretrained encoder: rows of subtokens in, hidden states of its last layer (or last layers) out."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from transferlab.encoders.added_tokens import AddedTokens
from transferlab.encoders.backbone import build_backbone, fingerprint, quiet
from transferlab.encoders.feature_addresses import layer_addresses
from transferlab.encoders.feature_store import FeatureStore
from transferlab.encoders.frozen_features import FrozenFeatures
from transferlab.encoders.padding import in_groups_of_one_length, warn_once
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.trial import (
    check_width,
    is_random,
    reads_padding,
    refuse_chance,
    trial_rows,
    warn_of_chance,
)
from transferlab.encoders.truncation import block_list, final_norm, idle_parameters, max_positions

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
        compile: a backend of ``torch.compile``; None runs the model as it is.
        max_rows_per_pass: how many rows to encode at once where no graph is built; None for all.
        pooler: send the first token of every row through the encoder's pooler.
        store: keeps what a frozen encoder says; None computes it every time.

    Raises:
        EncoderError: the weights cannot be read, or lack a part of the architecture; vectors of another width than
            the configuration says; a frozen encoder whose vectors of a row depend on chance.
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
        compile: str | None = None,
        max_rows_per_pass: int | None = None,
        pooler: bool = False,
        store: FeatureStore | None = None,
    ) -> None:
        super().__init__()
        self.pooler = pooler
        self.encoder_id = encoder_id
        self.frozen = frozen
        self.frozen_dropout = frozen_dropout
        self.differentiated = False  # build a graph of what frozen weights compute; see differentiation.py
        self.last_n_layers = last_n_layers
        self.max_rows_per_pass = max_rows_per_pass
        self.max_positions = max_positions(config)
        self.backbone = build_backbone(encoder_id, source, config, load_weights, pooler, trained=not frozen)
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
        self._source = source
        # now, because a trainer of lower precision casts what it is given
        self._fingerprint = fingerprint(self.stack) if frozen and load_weights else None
        if load_weights:
            _ = self.reads_padding
        # what is kept of it; None where every row is computed
        self.features: FrozenFeatures | None = None
        if frozen and load_weights and not frozen_dropout and store is not None:
            used = range(config.num_hidden_layers - last_n_layers + 1, config.num_hidden_layers + 1)
            about = {"encoder": source, "type": config.model_type, "hidden_size": config.hidden_size}
            weights, addresses = layer_addresses(self.stack, config, pooler, unpadded=self.reads_padding)
            self.features = FrozenFeatures(store, weights, addresses, used, about)
        if compile is not None:
            self.stack.compile(backend=compile, dynamic=True)  # rows are of any length
        self._weights = tuple(self.stack.parameters())  # looked at in every step
        self._seen_written, self._as_loaded = self._times_written(), True
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

    @cached_property
    def reads_padding(self) -> bool:
        """Whether its vectors depend on padding; then rows are read in groups of one length, see padding.py.

        Found out when the encoder is built, or first used where its weights come later. Encoders whose vectors depend
        on chance count among them.

        Raises:
            EncoderError: see the class.
        """
        config, was_training = self.backbone.config, self.stack.training
        table = self.embedding_table
        rows = trial_rows(len(table), getattr(config, "pad_token_id", None) or 0, table.device, self.max_positions)
        generators = [table.device] if table.device.type == "cuda" else []
        self.stack.eval()
        with torch.autocast(table.device.type, enabled=False), torch.random.fork_rng(generators):
            found = reads_padding(self._try, rows)
            by_chance = found and is_random(self._try, rows)  # equal vectors were no work of chance
        self.stack.train(was_training)
        if by_chance and self.frozen:
            refuse_chance(self.encoder_id, self._source, config.model_type)
        if found:
            (warn_of_chance if by_chance else warn_once)(self._source, config.model_type)
        return found

    def _try(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """The layers in use, checked to be as wide as the configuration says."""
        layers = self._read(inputs, range(self.layers - self.last_n_layers + 1, self.layers + 1))
        check_width(layers, self.backbone.config, self.encoder_id, self._source)
        return layers

    def train(self, mode: bool = True) -> Encoder:
        """Set training mode, which a frozen encoder declines."""
        return super().train(mode and (not self.frozen or self.frozen_dropout))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        added: AddedTokens | None = None,
        keys: list[bytes] | None = None,
    ) -> Tensor:
        """Encode rows.

        Args:
            input_ids: [rows, subtokens] int64.
            attention_mask: [rows, subtokens], 0 on padding; rows that are all padding are allowed.
            token_type_ids: [rows, subtokens] int64, the text of a pair; ignored by encoders without types.
            added: tokens that its own embeddings do not hold; they may learn, also over a frozen encoder.
            keys: [rows], see ``row_keys``; without them nothing is looked up in a feature store.

        Returns:
            [rows, subtokens, last_n_layers * hidden]; the positions of padding hold arbitrary finite numbers.
        """
        inputs = self._inputs(input_ids, attention_mask, token_type_ids)
        used = range(self.layers - self.last_n_layers + 1, self.layers + 1)
        learns = not self.frozen or added is not None or self.differentiated
        builds_graph = torch.is_grad_enabled() and learns
        with torch.set_grad_enabled(builds_graph), added.inserted(self.stack) if added else nullcontext():
            if builds_graph:
                outputs = self._layers_of(inputs, used)
            elif self.features is not None and added is None and keys and self._is_as_loaded():
                dtype = self.embedding_table.dtype
                outputs = self.features.recall(inputs, keys, self._in_passes, self.precision, dtype)
            else:
                outputs = self._in_passes(inputs, used)
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)

    @torch.no_grad()
    def keep_features(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None, keys: list[bytes]
    ) -> None:
        """Compute the rows that the feature store lacks; the arguments are those of ``forward``."""
        assert self.features is not None
        inputs = self._inputs(input_ids, attention_mask, token_type_ids)
        if self._is_as_loaded():
            self.features.compute(inputs, keys, self._in_passes, self.precision)

    @property
    def precision(self) -> str:
        """In which it computes now: that of its weights, and of autocast where it is on."""
        table = self.embedding_table
        kind = table.device.type
        lowered = [torch.get_autocast_dtype(kind)] if torch.is_autocast_enabled(kind) else []
        return "+".join(str(dtype).removeprefix("torch.") for dtype in (table.dtype, *lowered))

    def _inputs(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None) -> dict[str, Tensor]:
        """The keyword arguments of the model behind."""
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
        return inputs

    def _is_as_loaded(self) -> bool:
        """Whether the weights are those whose features are stored."""
        if self._times_written() != self._seen_written:  # perhaps by a checkpoint that holds the same
            self._seen_written = self._times_written()
            self._as_loaded = fingerprint(self.stack) == self._fingerprint
        return self._as_loaded

    def _times_written(self) -> int:
        """A number that changes when a weight is written to."""
        return sum(parameter._version for parameter in self._weights if not parameter.is_inference())

    def _in_passes(self, inputs: dict[str, Tensor], layers: Sequence[int]) -> list[Tensor]:
        """Layers of rows, of at most ``max_rows_per_pass`` at once."""
        rows = len(inputs["input_ids"])
        size = self.max_rows_per_pass or max(rows, 1)
        if rows <= size:
            return self._layers_of(inputs, layers)
        chunks = ({name: t[i : i + size] for name, t in inputs.items()} for i in range(0, rows, size))
        return [torch.cat(parts) for parts in zip(*(self._layers_of(chunk, layers) for chunk in chunks), strict=True)]

    def _layers_of(self, inputs: dict[str, Tensor], layers: Sequence[int]) -> list[Tensor]:
        """[rows, subtokens, hidden] of each of these layers, the first being 1."""
        if self.reads_padding:
            return in_groups_of_one_length(inputs, lambda group: self._read(group, layers))
        return self._read(inputs, layers)

    def _read(self, inputs: dict[str, Tensor], layers: Sequence[int]) -> list[Tensor]:
        """The same of rows as they are padded."""
        outputs = self.stack(
            **inputs,
            output_hidden_states=list(layers) != [self.layers],
            return_dict=True,
            **self._forward_options,
        )
        last = outputs.last_hidden_state  # [rows, subtokens, hidden]
        if self.pooler:
            last = torch.cat([outputs.pooler_output[:, None], last[:, 1:]], dim=1)
        # transformers applies the final norm to the last layer only
        norm = final_norm(self.stack, self.backbone.config) or nn.Identity()
        return [last if layer == self.layers else norm(outputs.hidden_states[layer]) for layer in layers]

    def fingerprint(self) -> str:
        """The sha256 of the weights in use.

        That of a frozen encoder is of the weights as loaded from its source, whatever they are cast to later.
        """
        return self._fingerprint or fingerprint(self.stack)

    def origin(self) -> str:
        """The sha256 of the weights in use without the pooler, which not every task builds."""
        return fingerprint(self.stack, without="pooler.")

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
        with tempfile.TemporaryDirectory(dir=directory, prefix=".saving-") as unfinished, quiet():
            with added.merged(self.backbone) if added else nullcontext():
                self.backbone.save_pretrained(unfinished)
            if tokenizer is not None:
                tokenizer.save_pretrained(unfinished)
            for file in sorted(Path(unfinished).iterdir(), key=lambda path: path.name == "config.json"):
                os.replace(file, directory / file.name)
