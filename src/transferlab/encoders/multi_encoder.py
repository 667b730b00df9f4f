"""Any number of pretrained encoders in, one vector per unit (word) out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from transferlab.encoders.added_tokens import AddedTokens, initial_embeddings
from transferlab.encoders.alignment import ALIGNMENTS, align, first_tokens, first_tokens_of_rows
from transferlab.encoders.checks import check_compile, check_encoders, check_gradient_checkpointing, check_known
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_store import FeatureStore
from transferlab.encoders.lineage import trained_on
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.encoders.weighting import ModulesById
from transferlab.utils.batches import EncoderInputs
from transferlab.utils.option_kinds import Count, OneOf, Text
from transferlab.utils.options import checked

__all__ = ["MultiEncoder", "MultiEncoderOutput", "check_encoders"]


@dataclass
class MultiEncoderOutput:
    """What the encoders say about a batch.

    Attributes:
        embeddings: [sequences, units, hidden], zero where ``unit_mask`` is False.
        unit_mask: [sequences, units] bool, the units that at least one encoder represents.
        attention_weights: [sequences, units, encoders], the learned weights of the sources in the order of
            ``encoder_ids``, zero where ``unit_mask`` is False; None for aggregations without. Part of the
            autograd graph: detach them to keep them.
        cosine: {encoder id: scalar}, mean cosine similarity to the target over the units both represent.
    """

    embeddings: Tensor
    unit_mask: Tensor
    attention_weights: Tensor | None
    cosine: dict[str, Tensor]


class MultiEncoder(nn.Module):
    """Encoders, aligned by unit and aggregated. The names of the arguments are the keys under ``model``.

    Args:
        pretrained_models: {encoder id: source}; see :func:`transferlab.encoders.sources.resolve`.
        pretrained_default_config: options for the configuration of every encoder, or the source of one.
        pretrained_configs: {encoder id: the same for this encoder}.
        freeze_models: ids of the encoders to freeze, or ``"all"``.
        truncate_models: {encoder id: number of layers to keep}.
        aggregate: None (mean), a type, or ``{type: ..., **options}``; see aggregation.py and attention.py.
        normalize_embeddings: scale each encoder's vectors to length 1 before aggregation.
        cossim_target_embed_key: the encoder to report the cosine similarity of all others to.
        frozen_dropout: keep dropout on in frozen encoders while training (parity with older results only).
        alignment: ``first``, ``last``, ``mean`` or ``max`` of a unit's subtokens; ``pooler`` is ``first`` with the
            first token of every row sent through the encoder's own pooler, for units that are whole texts.
        added_tokens: {token: its words}, tokens of the task that the tokenizers may not know. Each starts from the
            mean embedding of its words and learns at the task's rate, beside a frozen encoder too.
        load_weights: False builds the architectures with fresh weights, for a caller that restores them.
        gradient_checkpointing: recompute the blocks of trained encoders in the backward pass.
        compile: a backend of ``torch.compile`` for the encoders; None runs them as they are.
        max_rows_per_pass: rows that an encoder sees at once where no graph is built; None for all.
        features: options of the :class:`~transferlab.encoders.feature_store.FeatureStore` for what frozen encoders say;
            None computes it every time.

    Raises:
        EncoderError: see the messages; each names the key to change.
    """

    @checked("model", EncoderError)
    def __init__(
        self,
        pretrained_models: Mapping[str, Text] | None,
        *,
        pretrained_default_config: str | Mapping[str, Any] | None = None,
        pretrained_configs: Mapping[str, str | Mapping[str, Any]] | None = None,
        freeze_models: str | Sequence[str] | None = None,
        truncate_models: Mapping[str, Count] | None = None,
        aggregate: Text | Mapping[str, Any] | None = None,
        normalize_embeddings: bool = False,
        cossim_target_embed_key: str | None = None,
        frozen_dropout: bool = False,
        alignment: Annotated[str, OneOf(ALIGNMENTS)] = "first",
        added_tokens: Mapping[str, str] | None = None,
        load_weights: bool = True,
        gradient_checkpointing: bool = False,
        compile: str | None = None,
        max_rows_per_pass: Count | None = None,
        features: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_compile(compile)
        plan = check_encoders(
            pretrained_models,
            pretrained_default_config=pretrained_default_config,
            pretrained_configs=pretrained_configs,
            freeze_models=freeze_models,
            truncate_models=truncate_models,
            aggregate=aggregate,
            cossim_target_embed_key=cossim_target_embed_key,
            alignment=alignment,
        )
        self.encoder_ids = list(plan.configs)
        self.frozen_ids = plan.frozen
        if gradient_checkpointing:
            for encoder_id in self.encoder_ids:
                if encoder_id not in self.frozen_ids:
                    check_gradient_checkpointing(encoder_id, plan.configs[encoder_id])
        assert pretrained_models is not None
        self.pretrained_models = dict(pretrained_models)
        tokenizers, keys = load_tokenizers(pretrained_models)
        self.tokenizer_keys = keys
        self.aggregation = plan.aggregation
        self.hidden_size = plan.aggregation.hidden_size_out
        self.alignment = alignment
        self.normalize_embeddings = normalize_embeddings
        self.cossim_target_embed_key = cossim_target_embed_key
        self.masked_encoders = []
        self._total_layers = plan.total_layers
        store = None if features is None else FeatureStore.of(**features)
        self.encoders = ModulesById(
            {
                encoder_id: Encoder(
                    encoder_id,
                    plan.sources[encoder_id],
                    config,
                    last_n_layers=plan.aggregation.last_n_layers,
                    frozen=encoder_id in plan.frozen,
                    frozen_dropout=frozen_dropout,
                    load_weights=load_weights,
                    gradient_checkpointing=gradient_checkpointing,
                    compile=compile,
                    max_rows_per_pass=max_rows_per_pass,
                    store=store,
                    pooler=alignment == "pooler",
                )
                for encoder_id, config in plan.configs.items()
            }
        )
        # what training begins with, as saved models say
        self.started_from = {name: self._encoder(name).origin() for name in self.encoder_ids} if load_weights else {}
        self.trained_on = trained_on(pretrained_models.values()) if load_weights else []
        self.added_tokens = ModulesById({})
        for key, tokenizer in tokenizers.items():
            new = {token: words for token, words in (added_tokens or {}).items() if token not in tokenizer.get_vocab()}
            if new:
                ids = self._new_ids(tokenizer, list(new))
                for encoder_id in (name for name, own in keys.items() if own == key):
                    table = self._encoder(encoder_id).embedding_table
                    start = initial_embeddings(tokenizer, new.values(), table)
                    self.added_tokens[encoder_id] = AddedTokens(ids[0], start)

    @staticmethod
    def _new_ids(tokenizer: PreTrainedTokenizerBase, tokens: list[str]) -> list[int]:
        tokenizer.add_tokens(tokens, special_tokens=True)
        ids: Any = tokenizer.convert_tokens_to_ids(tokens)
        if ids != list(range(ids[0], ids[0] + len(tokens))) or len(tokenizer) != ids[-1] + 1:
            raise EncoderError(f"a tokenizer gives the added tokens {tokens} the ids {ids}, and not its last ones")
        return ids

    @property
    def masked_encoders(self) -> list[str]:
        """Ids of encoders whose weight is forced to 0; the weights of the others are normalised without them.

        Assign to it at any time. A masked target of attention still gives the query.
        """
        return [encoder_id for encoder_id in self.encoder_ids if encoder_id in self._masked]

    @masked_encoders.setter
    def masked_encoders(self, encoder_ids: Sequence[str]) -> None:
        check_known("masked_encoders", encoder_ids, self.encoder_ids)
        if set(encoder_ids) == set(self.encoder_ids):
            raise EncoderError("masked_encoders: at least one encoder must keep its weight")
        self._masked = set(encoder_ids)

    def forward(self, inputs: Mapping[str, EncoderInputs], sequences: int, units: int) -> MultiEncoderOutput:
        """Encode, align and aggregate.

        Args:
            inputs: {tokenizer key: the rows of the batch}.
            sequences: the number of sequences of the batch.
            units: the width of the grid of units that ``unit_ids`` index.
        """
        vectors, represented, firsts = [], [], []
        for encoder_id in self.encoder_ids:
            rows = self.rows_of(encoder_id, inputs)
            hidden = self.hidden_states(encoder_id, inputs)  # [rows, subtokens, layers * hidden_e]
            aligned, has_vector = align(hidden, rows.unit_ids, sequences, units, self.alignment)
            vectors.append(self._normalize(aligned))  # [sequences, units, layers * hidden_e]
            represented.append(has_vector)  # [sequences, units]
            if self.aggregation.first_tokens_of:
                if self.aggregation.first_tokens_by_row:
                    first = first_tokens_of_rows(hidden, rows.attention_mask, rows.unit_ids, sequences, units)
                else:
                    first = first_tokens(hidden, rows.attention_mask, rows.sequence_ids, sequences)[:, None]
                firsts.append(self._normalize(first))  # [sequences, units or 1, layers * hidden_e]
        cosine = self._cosine(vectors, represented)
        taking_part = [
            torch.zeros_like(mask) if encoder_id in self._masked else mask
            for encoder_id, mask in zip(self.encoder_ids, represented, strict=True)
        ]
        present = torch.stack(taking_part, dim=-1)  # [sequences, units, encoders]
        embeddings, weights = self.aggregation(vectors, present, firsts or None)
        return MultiEncoderOutput(embeddings, present.any(dim=-1), weights, cosine)

    def rows_of(self, encoder_id: str, inputs: Mapping[str, EncoderInputs]) -> EncoderInputs:
        """The rows of a batch that an encoder reads."""
        return inputs[self.tokenizer_keys[encoder_id]]

    def hidden_states(self, encoder_id: str, inputs: Mapping[str, EncoderInputs]) -> Tensor:
        """What one encoder says of every subtoken of a batch, [rows, subtokens, layers * hidden_e]."""
        rows, encoder = self.rows_of(encoder_id, inputs), self._encoder(encoder_id)
        added = self._added(encoder_id)
        return encoder(rows.input_ids, rows.attention_mask, rows.token_type_ids, added, rows.row_keys)

    def _normalize(self, vectors: Tensor) -> Tensor:
        return F.normalize(vectors, dim=-1) if self.normalize_embeddings else vectors

    @torch.no_grad()
    def _cosine(self, vectors: Sequence[Tensor], represented: Sequence[Tensor]) -> dict[str, Tensor]:
        if self.cossim_target_embed_key is None:
            return {}
        # of several layers, the last one
        last = [vector.chunk(self.aggregation.last_n_layers, dim=-1)[-1] for vector in vectors]
        target = self.encoder_ids.index(self.cossim_target_embed_key)
        cosine = {}
        for position, encoder_id in enumerate(self.encoder_ids):
            if position != target:
                both = represented[target] & represented[position]  # [sequences, units]
                similarity = F.cosine_similarity(last[target], last[position], dim=-1)  # 0 where one is missing
                cosine[encoder_id] = similarity.sum() / both.sum().clamp(min=1)
        return cosine

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """The trained parameters of the encoders; none when all are frozen."""
        return (parameter for parameter in self.encoders.parameters() if parameter.requires_grad)

    def fingerprint(self, encoder_id: str) -> str:
        """The sha256 of an encoder's weights in use; kept until they change."""
        return self._encoder(encoder_id).fingerprint()

    def describe(self, fingerprints: bool = False) -> list[dict[str, Any]]:
        """One row per encoder for logs and result files; ``fingerprints`` adds the sha256 of the weights."""
        rows = []
        for encoder_id in self.encoder_ids:
            encoder = self._encoder(encoder_id)
            row = {
                "id": encoder_id,
                "source": self.pretrained_models[encoder_id],
                "type": encoder.backbone.config.model_type,
                "layers": encoder.layers,
                "total_layers": self._total_layers[encoder_id],
                "hidden_size": encoder.backbone.config.hidden_size,
                "frozen": encoder.frozen,
                "parameters": sum(parameter.numel() for parameter in encoder.stack.parameters()),
            }
            rows.append(row | {"fingerprint": encoder.fingerprint()} if fingerprints else row)
        return rows

    def save_encoder(
        self, encoder_id: str, directory: str | Path, tokenizer: PreTrainedTokenizerBase | None = None
    ) -> None:
        """Save one encoder as it is used (truncated, no pooler or decoder) in the Hugging Face layout."""
        check_known("encoder_id", [encoder_id], self.encoder_ids)
        self._encoder(encoder_id).save(directory, tokenizer, self._added(encoder_id))

    def share_rows(self, keys: Mapping[str, str]) -> None:
        """Read the rows of a batch that serves other encoders, too.

        Args:
            keys: {encoder id: tokenizer key} of all of them.
        """
        self.tokenizer_keys = {encoder_id: keys[encoder_id] for encoder_id in self.encoder_ids}

    def storing(self) -> list[tuple[str, Encoder]]:
        """The encoders that the feature store serves, by id: frozen ones without tokens that learn."""
        encoders = [(encoder_id, self._encoder(encoder_id)) for encoder_id in self.encoder_ids]
        return [(i, encoder) for i, encoder in encoders if encoder.features is not None and self._added(i) is None]

    def _added(self, encoder_id: str) -> AddedTokens | None:
        added = dict(self.added_tokens.items()).get(encoder_id)
        assert added is None or isinstance(added, AddedTokens)
        return added

    def _encoder(self, encoder_id: str) -> Encoder:
        encoder = self.encoders[encoder_id]
        assert isinstance(encoder, Encoder)
        return encoder
