"""The vectors that source encoders give to the items of a target, layer by layer, of one pass or of the feature store.

Letters: N items, P parts (spans) of an item, L layers, h hidden size.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from rich import get_console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from transferlab.encoders.added_tokens import AddedTokens, initial_embeddings
from transferlab.encoders.alignment import align
from transferlab.encoders.checks import EncoderPlan, check_encoders, check_known
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_store import FeatureStore
from transferlab.encoders.row_vectors import are_alike
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.encoders.truncation import family_of
from transferlab.transferability.items import Array, Items
from transferlab.transferability.source_probabilities import NoSourceClassesError, source_probabilities
from transferlab.transferability.target_items import TargetItems
from transferlab.utils.errors import UserError
from transferlab.utils.terminal import VisibleConsole

log = logging.getLogger(__name__)

ALIGNMENTS = ("first", "last", "mean", "max")
MEAN = "mean"  # of all layers


class LayerFeatures:
    """Frozen sources, asked about the items of a target.

    A part of an item has the mean vector of its units, aligned to words as in training. The vectors of an item's parts
    stand side by side, as the heads of models read them: h numbers for a text or a word, 2h for the two arguments of a
    relation. A pair of mentions (i, j) has [m_i, m_j, m_i * m_j], 3h numbers, as in coreference models.

    What a source says of a row is looked up in the feature store, and kept there when it is computed. **Relation
    markers** are unknown to most sources. Like in training they start from the mean embedding of their words, and here
    they stay there; such rows are computed every time. A source that was trained with the same markers has its own.

    Args:
        target: what to ask about.
        sources: {name: source}, as ``model.pretrained_models``: the taskmodule of the target was made with
            ``load_tokenizers`` of the same mapping.
        truncated: {name: layers}, as ``model.truncate_models``.
        alignment: ``first``, ``last``, ``mean`` or ``max`` of the subtokens of a unit. Which tokens of a text belong to
            its unit is said by the option ``alignment`` of its taskmodule.
        features: options of the :class:`~transferlab.encoders.feature_store.FeatureStore`; None computes every time.
        device: as torch names it; None takes a GPU when there is one.
        max_rows_per_pass: rows that an encoder reads at once.

    Attributes:
        without_probabilities: {name: why the source gives no ``source_probabilities``}, of sources asked so far.

    Raises:
        UserError: an alignment that does not fit, or sources that the taskmodule has no tokenizer for.
    """

    def __init__(
        self,
        target: TargetItems,
        sources: Mapping[str, str],
        truncated: Mapping[str, int] | None = None,
        *,
        alignment: str = "first",
        features: Mapping[str, Any] | None = None,
        device: str | torch.device | None = None,
        max_rows_per_pass: int = 32,
    ) -> None:
        if alignment not in ALIGNMENTS:
            raise UserError(f"alignment={alignment!r}: choose one of {', '.join(ALIGNMENTS)}; poolers have no layers")
        of_texts = getattr(target.taskmodule, "alignment", alignment)
        if of_texts in ("first", "pooler") and alignment != "first":
            raise UserError(
                f"alignment={alignment}, but taskmodule.alignment={of_texts} takes one token of each text; set both "
                f"to {alignment}, or alignment=first"
            )
        self.target = target
        self.sources = dict(sources)
        self.truncated = dict(truncated or {})
        check_known("truncated", self.truncated, list(self.sources))
        self.tokenizers, self.tokenizer_keys = load_tokenizers(self.sources)
        unknown = set(self.tokenizer_keys.values()) - set(target.taskmodule.tokenizers)
        if unknown:
            raise UserError(
                f"the taskmodule of the target has no tokenizers for {', '.join(sorted(unknown))}, only for "
                f"{', '.join(target.taskmodule.tokenizers)}; make it with load_tokenizers of all sources"
            )
        self.alignment = alignment
        self.features = features
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.max_rows_per_pass = max_rows_per_pass
        self.without_probabilities: dict[str, str] = {}

    def items_of(self, name: str) -> dict[str, Items]:
        """The items as a source sees them.

        Args:
            name: of one of the sources.

        Returns:
            by layer, ``"1"`` to the last one, and ``"mean"``, where the vector of each part is the mean of its vectors
            in all layers. What the source's head says of an item stands at every layer: it always reads the last one.

        Raises:
            EncoderError: the source cannot be read; see the message.
        UserError: it gives all items the same vector.
        """
        check_known("sources", [name], list(self.sources))
        cut = {name: self.truncated[name]} if name in self.truncated else None
        plan = check_encoders({name: self.sources[name]}, truncate_models=cut, freeze_models=[name])
        encoder = self._encoder(name, plan)
        vectors = self._vectors(encoder)  # [N, P, L, h]
        if len(vectors) > 1 and are_alike(vectors[:, :, -1]):
            raise UserError(
                f"source {name} ({self.sources[name]}) gives all {len(vectors)} items of the target the same vector "
                f"under alignment={self.alignment}; a left-to-right model needs model.alignment=mean or last"
            )
        truncated = encoder.layers < plan.total_layers[name]
        probabilities = self._probabilities(name, vectors[:, :, -1], truncated)
        layers = {str(number): layer for number, layer in enumerate(vectors.unbind(dim=2), start=1)}
        layers[MEAN] = vectors.mean(dim=2)
        return {
            layer: Items(self._joined(of_parts), self.target.labels, self.target.regression, probabilities)
            for layer, of_parts in layers.items()
        }

    def _joined(self, of_parts: Tensor) -> Array:
        """[N, P, h] -> [N, D]."""
        joined = of_parts.flatten(1)
        if self.target.kind.pairs:
            joined = torch.cat([joined, of_parts.prod(dim=1)], dim=1)
        return joined.numpy()

    def _probabilities(self, name: str, last: Tensor, truncated: bool) -> Array | None:
        """[N, Z]; None where the source has no classes for the vectors [N, P, h] of its last layer."""
        try:
            return source_probabilities(
                self.sources[name], last, self.target.kind, truncated=truncated, alignment=self.alignment
            )
        except NoSourceClassesError as reason:
            self.without_probabilities[name] = str(reason)
            return None

    def _encoder(self, name: str, plan: EncoderPlan) -> Encoder:
        """A source, frozen, that returns all its layers."""
        config = plan.configs[name]
        family_of(config, f"sources: {name}")  # else its layers cannot be told apart
        return Encoder(
            name,
            plan.sources[name],
            config,
            last_n_layers=config.num_hidden_layers,
            frozen=True,
            max_rows_per_pass=self.max_rows_per_pass,
            store=None if self.features is None else FeatureStore.of(**self.features),
        ).to(self.device)

    def _markers(self, encoder: Encoder) -> AddedTokens | None:
        """The tokens of the task that a source does not know."""
        key = self.tokenizer_keys[encoder.encoder_id]
        own, of_task = self.tokenizers[key], self.target.taskmodule.tokenizers[key]
        words: Mapping[str, str] = self.target.taskmodule.model_arguments().get("added_tokens", {})
        new = sorted((of_task.token_id(token), token) for token in words if token not in own.get_vocab())
        if not new:
            return None
        first_id = len(own)
        if [number for number, _ in new] != list(range(first_id, first_id + len(new))):
            raise UserError(f"the tokenizers of the target know other tokens than the sources and {', '.join(words)}")
        start = initial_embeddings(own, (words[token] for _, token in new), encoder.embedding_table)
        return AddedTokens(first_id, start)

    @torch.no_grad()
    def _vectors(self, encoder: Encoder) -> Tensor:
        """[N, P, L, h] fp32, on the CPU."""
        parts, depth = self.target.parts, encoder.layers
        vectors = torch.empty(len(self.target), parts, depth, encoder.output_size // depth)
        markers = self._markers(encoder)
        if encoder.features is not None:
            encoder.features.refresh(encoder.precision)
            if markers is not None:
                log.info("%s does not know the markers of the target: its features are not stored", encoder.encoder_id)
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(
            *columns, console=VisibleConsole(), transient=True, disable=not get_console().is_interactive
        ) as progress:
            for one in progress.track(self.target.batches, description=f"vectors of {encoder.encoder_id}"):
                rows = one.batch.inputs[self.tokenizer_keys[encoder.encoder_id]].to(self.device)
                hidden = encoder(rows.input_ids, rows.attention_mask, rows.token_type_ids, markers, rows.row_keys)
                grid, _ = align(hidden, rows.unit_ids, len(one.batch.names), one.batch.units, self.alignment)
                spans = one.spans.flatten(0, 1).tolist()  # [n * P]
                means = torch.stack([grid[sequence, first : last + 1].mean(dim=0) for sequence, first, last in spans])
                vectors[one.places] = means.view(-1, parts, *vectors.shape[2:]).float().cpu()
        if encoder.features is not None:
            encoder.features.write()
        return vectors
