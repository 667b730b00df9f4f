"""The coreference model: a multi-encoder under one of the coreference heads."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from transferlab.metrics.coreference import CoreferenceScore
from transferlab.metrics.head_match import PREDICTED_MENTIONS, HeadMatchScore
from transferlab.models.base import TransferModel
from transferlab.models.coreference.bilinear import BilinearHead
from transferlab.models.coreference.clusters import Mention, decode_clusters, sample_clusters
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.models.coreference.ranking_head import HeadOutput
from transferlab.utils.batches import CoreferenceBatch, CoreferenceDocument
from transferlab.utils.option_kinds import OneOf, Positive
from transferlab.utils.options import checked

HEADS: dict[str, type[CoreferenceHead] | type[BilinearHead]] = {
    "mention_ranking": CoreferenceHead,
    "bilinear": BilinearHead,
}


class CoreferenceModel(TransferModel):
    """Finds mentions and links them, over any combination of encoders.

    Args:
        head: what scores spans and pairs of spans, one of ``HEADS``.
        initializer_std: draw the weights of the head, tables of features included, from N(0, this) and start its
            biases at 0; None leaves torch's defaults.
        options: those of the heads (but ``hidden_size``, which the encoders give) and those of
            :class:`~transferlab.models.base.TransferModel`. A head leaves alone what only another one takes.

    Raises:
        UserError: an unknown head, or no standard deviation.
    """

    OPTIONS_OF = (*HEADS.values(), TransferModel)

    @checked("model")
    def __init__(
        self,
        head: Annotated[str, OneOf(HEADS)] = "mention_ranking",
        *,
        initializer_std: Positive | None = None,
        **options: Any,
    ) -> None:
        names = {kind: set(inspect.signature(kind).parameters) for kind in HEADS.values()}
        kind = HEADS[head]
        head_options = {name: value for name, value in options.items() if name in names[kind]}
        with torch.device("meta"):  # refuses bad options before any encoder is loaded
            kind(1, **head_options)
        of_heads = set().union(*names.values()) - {"gradient_checkpointing"}  # which the encoders take, too
        super().__init__(**{name: value for name, value in options.items() if name not in of_heads})
        self.save_hyperparameters({"head": head, "initializer_std": initializer_std, **options})
        self.head = kind(self.multi_encoder.hidden_size, **head_options)
        if initializer_std is not None:
            _initialize(self.head, initializer_std)
        self.val_score, self.test_score = CoreferenceScore(), CoreferenceScore()
        self.scores = {"val": self.val_score, "test": self.test_score}
        self.val_head_match, self.test_head_match = HeadMatchScore(), HeadMatchScore()
        self.baselines = {
            "val": {PREDICTED_MENTIONS: self.val_head_match},
            "test": {PREDICTED_MENTIONS: self.test_head_match},
        }

    def forward(self, batch: CoreferenceBatch) -> list[HeadOutput]:
        """Score every document of a batch."""
        documents = batch.documents
        if batch.units:
            words = self.encode(batch).embeddings  # [documents, units, hidden]
        else:  # no document has a word, so there is nothing to encode
            words = next(self.head.parameters()).new_zeros(len(documents), 0, self.multi_encoder.hidden_size)
        return [self.head(words[d, : len(document.sentence_ids)], document) for d, document in enumerate(documents)]

    def loss(self, batch: CoreferenceBatch) -> Tensor:
        """The mean loss [] fp32 over the batch's documents."""
        return self._mean_loss(self(batch), batch.documents)

    def losses(self, batch: CoreferenceBatch) -> Tensor:
        """The loss of each document, [documents] fp32."""
        return self._losses(self(batch), batch.documents)

    @torch.no_grad()
    def sampled(self, batch: CoreferenceBatch, generator: torch.Generator) -> CoreferenceBatch:
        """The batch with clusters that follow from antecedents drawn from what is predicted."""
        drawn = (sample_clusters(output, self.head.keep_singletons, generator) for output in self(batch))
        pairs = zip(batch.documents, drawn, strict=True)
        return replace(batch, documents=[_with_clusters(document, clusters) for document, clusters in pairs])

    def predictions(self, batch: CoreferenceBatch) -> list[list[list[Mention]]]:
        """The clusters of each document, in words."""
        return self._clusters(self(batch), batch.documents)

    def loss_and_predictions(self, batch: CoreferenceBatch) -> tuple[Tensor, list[list[list[Mention]]]]:
        """The mean loss [] fp32, and the clusters of each document, in words."""
        outputs = self(batch)
        return self._mean_loss(outputs, batch.documents), self._clusters(outputs, batch.documents)

    def _clusters(self, outputs: list[HeadOutput], documents: list[CoreferenceDocument]) -> list[list[list[Mention]]]:
        return [
            in_words(decode_clusters(output, self.head.keep_singletons), document)
            for output, document in zip(outputs, documents, strict=True)
        ]

    def _mean_loss(self, outputs: list[HeadOutput], documents: list[CoreferenceDocument]) -> Tensor:
        return self._losses(outputs, documents).mean()

    def _losses(self, outputs: list[HeadOutput], documents: list[CoreferenceDocument]) -> Tensor:
        return torch.stack(
            [self.head.loss(output, document) for output, document in zip(outputs, documents, strict=True)]
        )

    def scored(
        self, batch: CoreferenceBatch, predictions: list[list[list[Mention]]]
    ) -> Iterator[list[tuple[Any, ...]]]:
        """The gold and the predicted clusters of each document."""
        for clusters, document in zip(predictions, batch.documents, strict=True):
            yield [(gold_clusters(document), clusters)]

    def update_baselines(self, stage: str, batch: CoreferenceBatch, predictions: list[list[list[Mention]]]) -> None:
        """Link the mentions of the predicted clusters by their head words, where the batch tells the words."""
        for words, document, clusters in zip(batch.words, batch.documents, predictions, strict=bool(batch.words)):
            self.baselines[stage][PREDICTED_MENTIONS].update(words, gold_clusters(document), clusters)


def _initialize(head: nn.Module, std: float) -> None:
    """Draw all weights of a head from N(0, std); biases become 0."""
    for layer in head.modules():
        if isinstance(layer, nn.Linear | nn.Embedding):
            nn.init.normal_(layer.weight, std=std)
        if isinstance(layer, nn.Linear) and layer.bias is not None:
            nn.init.zeros_(layer.bias)


def gold_clusters(document: CoreferenceDocument) -> list[list[Mention]]:
    """The gold clusters of a document in words, all mentions included, also those too wide to be found."""
    clusters: dict[int, list[Mention]] = {}
    for (start, end), entity in zip(document.gold_mentions.tolist(), document.gold_cluster_ids.tolist(), strict=True):
        clusters.setdefault(entity, []).append((start, end))
    return in_words(list(clusters.values()), document)


def in_words(clusters: list[list[Mention]], document: CoreferenceDocument) -> list[list[Mention]]:
    """Clusters of spans of units as clusters of spans of words, which are scored.

    A span covers the words that its first and its last unit belong to, as in the published evaluation. Two spans that
    differ within words become copies of one mention, also of different clusters: the scorer knows what to do with them.
    """
    words = document.word_ids.tolist()
    return [[(words[start], words[end]) for start, end in cluster] for cluster in clusters]


def _with_clusters(document: CoreferenceDocument, clusters: list[list[Mention]]) -> CoreferenceDocument:
    """A copy of a document with other gold clusters."""
    mentions = [mention for cluster in clusters for mention in cluster]
    entities = [entity for entity, cluster in enumerate(clusters, 1) for _ in cluster]
    ids = document.gold_cluster_ids
    return replace(
        document,
        gold_mentions=document.gold_mentions.new_tensor(mentions).view(-1, 2),
        gold_cluster_ids=ids.new_tensor(entities, dtype=ids.dtype),
    )
