"""Attention over encoders: for each unit, a query from the target encoder weighs the values of all encoders.

    weight_e = softmax over e of (query . key_e / sqrt(hidden_size))
    aggregated = sum over e of weight_e value_e

Query and keys read, independently of each other:

* ``token``: the unit's own vector.
* ``cls``: the vector of the first token of the sequence's first row, one for all its units; or that of each
  unit's own row, which a long document has several of. (It summarises the row in encoders of the BERT kind; in
  left-to-right models it has seen nothing, and XLNet keeps its summary elsewhere.)
* ``constant``: nothing; the query or key is a learned vector, so the weights depend on the encoders alone.

Letters as in weighting.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import torch
from torch import Tensor, nn

from transferlab.encoders.sources import EncoderError
from transferlab.encoders.weighting import (
    Aggregation,
    LearnedVector,
    ModulesById,
    SourceWeights,
    weighted_sum,
)
from transferlab.utils.option_kinds import Count, OneOf
from transferlab.utils.options import checked

MODES = ("token", "cls", "constant")
CLS_OF = ("document", "segment")
DEFAULT_HIDDEN_SIZE = 128


class AttentionAggregation(Aggregation):
    """Attention over encoders; see the head of this file.

    Args:
        widths: {encoder id: hidden size}, of any widths.
        hidden_size: the width of query and keys; default 128, or the target's width where its query or key
            is left unprojected.
        output_size: the width of the values; default the target's hidden size, or its width where its value
            is left unprojected.
        query_idx: the target encoder, by position or id.
        mode: ``<query>2<keys>``, each one of token, cls, constant.
        mode_query: overrides the first half of ``mode``.
        mode_keys: overrides the second half of ``mode``.
        project_target_query: False takes the target's vector itself as the query.
        project_target_key: False takes the target's vector itself as its key. Without effect where the key
            is the reused query.
        project_target_value: False takes the target's vector itself as its value.
        reuse_target_query_as_key: the target's key comes from its query projection. A constant query or key
            has no projection to share with one that reads vectors; then the target's key is like the others'.
        cls_of: whose first token ``cls`` is: of the ``document``, or of the ``segment`` (encoder row) that a unit
            begins in, as in the published code of reverse probing.
        use_outputs_from_last_n_layers: how many layers of each encoder are read, concatenated.

    Raises:
        EncoderError: unknown target or mode, or sizes that do not fit.
    """

    @checked("model.aggregate", EncoderError)
    def __init__(
        self,
        widths: Mapping[str, int],
        *,
        hidden_size: Count | None = None,
        output_size: Count | None = None,
        query_idx: int | str = 0,
        mode: str = "token2token",
        mode_query: str | None = None,
        mode_keys: str | None = None,
        project_target_query: bool = True,
        project_target_key: bool = True,
        project_target_value: bool = True,
        reuse_target_query_as_key: bool = True,
        cls_of: Annotated[str, OneOf(CLS_OF)] = "document",
        use_outputs_from_last_n_layers: Count = 1,
    ) -> None:
        super().__init__()
        self.last_n_layers = use_outputs_from_last_n_layers
        self.target = _target(query_idx, list(widths))
        self.mode_query, self.mode_keys = _modes(mode, mode_query, mode_keys)
        of_query = [self.target] if self.mode_query == "cls" else []
        self.first_tokens_of = list(widths) if self.mode_keys == "cls" else of_query
        # what a projection reads: all layers of an encoder
        read = {encoder: self.last_n_layers * width for encoder, width in widths.items()}
        target_read = read[self.target]

        if cls_of != "document" and not self.first_tokens_of:
            raise EncoderError(
                f"model.aggregate.cls_of={cls_of} says whose first token is read, and mode={mode} reads none; set "
                "mode=cls2token, token2cls or cls2cls, or leave cls_of out"
            )
        self.first_tokens_by_row = cls_of == "segment"

        constant_query, constant_keys = self.mode_query == "constant", self.mode_keys == "constant"
        reuse_query = reuse_target_query_as_key and constant_query == constant_keys
        unprojected_query = not project_target_query and not constant_query
        unprojected_key = not project_target_key and not constant_keys and not reuse_query
        if unprojected_query or unprojected_key:
            flag = "project_target_query" if unprojected_query else "project_target_key"
            hidden_size = _unprojected_size("hidden_size", hidden_size, self.target, target_read, flag)
        self.hidden_size = hidden_size or DEFAULT_HIDDEN_SIZE
        if not project_target_value:
            output_size = _unprojected_size(
                "output_size", output_size, self.target, target_read, "project_target_value"
            )
        self.hidden_size_out = output_size or widths[self.target]

        self.query = _projection(constant_query, project_target_query, target_read, self.hidden_size)
        self.keys = ModulesById(
            {
                encoder: _projection(
                    constant_keys, project_target_key or encoder != self.target, width, self.hidden_size
                )
                for encoder, width in read.items()
                if not (reuse_query and encoder == self.target)  # so that it is saved and counted once
            }
        )
        self.values = ModulesById(
            {
                encoder: _projection(False, project_target_value or encoder != self.target, width, self.hidden_size_out)
                for encoder, width in read.items()
            }
        )
        self.encoder_ids = list(widths)
        self.source_weights = SourceWeights()

    def forward(
        self, vectors: Sequence[Tensor], present: Tensor, first_tokens: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """See Aggregation; a target that does not take part still gives the query."""
        firsts = vectors if first_tokens is None else first_tokens
        query_inputs = firsts if self.mode_query == "cls" else vectors
        key_inputs = firsts if self.mode_keys == "cls" else vectors
        query = self.query(query_inputs[self.encoder_ids.index(self.target)])  # [S or 1, U or 1, hidden_size]
        scores = []
        values = []
        for encoder, key_input, vector in zip(self.encoder_ids, key_inputs, vectors, strict=True):
            if encoder in self.keys:
                key = self.keys[encoder](key_input)  # [S or 1, U or 1, hidden_size]
            else:
                key = query if self.mode_query == self.mode_keys else self.query(key_input)
            product = query * key  # [S or 1, U or 1, hidden_size]
            scores.append(product.sum(dim=-1, dtype=torch.promote_types(product.dtype, torch.float32)))
            values.append(self.values[encoder](vector))  # [S, U, hidden_size_out]
        scaled = torch.stack(scores, dim=-1) / self.hidden_size**0.5
        weights = self.source_weights(scaled, present)  # [S, U, E]
        return weighted_sum(values, weights), weights


def _projection(constant: bool, projected: bool, width: int, size: int) -> nn.Module:
    if constant:
        return LearnedVector(torch.randn(size) / size**0.5)
    return nn.Linear(width, size) if projected else nn.Identity()


def _target(query_idx: int | str, encoder_ids: Sequence[str]) -> str:
    if isinstance(query_idx, str) and query_idx in encoder_ids:
        return query_idx
    if isinstance(query_idx, int) and 0 <= query_idx < len(encoder_ids):
        return encoder_ids[query_idx]
    raise EncoderError(
        f"model.aggregate.query_idx={query_idx!r}: choose an encoder by id ({', '.join(encoder_ids)}) "
        f"or by position (0 to {len(encoder_ids) - 1})"
    )


def _modes(mode: str, mode_query: str | None, mode_keys: str | None) -> tuple[str, str]:
    halves = mode.split("2")
    if len(halves) != 2 or any(half not in MODES for half in halves):
        raise EncoderError(f"model.aggregate.mode={mode!r}: write <query>2<keys>, each one of {', '.join(MODES)}")
    chosen = (mode_query or halves[0], mode_keys or halves[1])
    for key, value in zip(("mode_query", "mode_keys"), chosen, strict=True):
        if value not in MODES:
            raise EncoderError(f"model.aggregate.{key}={value!r}: choose one of {', '.join(MODES)}")
    return chosen


def _unprojected_size(key: str, size: int | None, target: str, width: int, flag: str) -> int:
    if size not in (None, width):
        raise EncoderError(
            f"model.aggregate.{key}={size}: with {flag}=false the vector of {target!r} is used as it is, of "
            f"width {width}; set {key} to {width}, leave it out, or project"
        )
    return width
