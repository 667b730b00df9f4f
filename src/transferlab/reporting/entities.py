"""Entities as readers want them: numbered and named, with the same number in the gold and predicted layer."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from transferlab.documents import Annotations, Cluster, Document, DocumentError, Span
from transferlab.reporting.mention_types import mention_types
from transferlab.reporting.spacing import displayed_text, displayed_words

Layer = Literal["gold", "predicted"]
LAYERS: tuple[Layer, ...] = ("gold", "predicted")


@dataclass(frozen=True)
class NumberedEntity:
    """One cluster of one layer.

    Attributes:
        number: 1 for the largest entity; a predicted entity has the number of its gold counterpart.
        name: its most telling mention.
        mentions: distinct spans in text order.
        colour: counts 0, 1, 2 ... over entities with several mentions in some layer; None for the others.
    """

    number: int
    name: str
    mentions: tuple[Span, ...]
    colour: int | None


def number_entities(document: Document) -> dict[Layer, list[NumberedEntity]]:
    """The entities of each layer of ``document`` that has coreference clusters, in order of their numbers."""
    layers = {layer: _distinct(clusters) for layer, clusters in document_clusters(document).items()}
    gold, predicted = layers.get("gold", []), layers.get("predicted", [])
    counterparts = counterpart_entities(gold, predicted)
    spare = itertools.count(len(gold) + 1)
    numbers = {
        "gold": [index + 1 for index in range(len(gold))],
        "predicted": [
            counterparts[index] + 1 if index in counterparts else next(spare) for index in range(len(predicted))
        ],
    }
    several = {
        number
        for layer, clusters in layers.items()
        for number, cluster in zip(numbers[layer], clusters, strict=True)
        if len(cluster) > 1
    }
    colours = {number: colour for colour, number in enumerate(sorted(several))}
    numbered: dict[Layer, list[NumberedEntity]] = {}
    for layer, clusters in layers.items():
        rows = zip(numbers[layer], _names(document, clusters), clusters, strict=True)
        entities = [NumberedEntity(n, name, tuple(cluster), colours.get(n)) for n, name, cluster in rows]
        numbered[layer] = sorted(entities, key=lambda entity: entity.number)
    return numbered


def document_clusters(document: Document) -> dict[Layer, list[Cluster]]:
    """The clusters of the layers that have them."""
    layers: dict[Layer, Annotations | None] = {"gold": document.gold, "predicted": document.predicted}
    return {name: a.clusters for name, a in layers.items() if a is not None and a.clusters is not None}


def required_clusters(document: Document) -> tuple[list[Cluster], list[Cluster]]:
    """Gold and predicted clusters, or DocumentError naming the document and the layer that lacks them."""
    layers = document_clusters(document)
    for layer in LAYERS:
        if layer not in layers:
            remedy = "predict it first" if layer == "predicted" else "read it from an annotated corpus"
            raise DocumentError(f"{document.name}: no {layer} coreference clusters; {remedy}")
    return layers["gold"], layers["predicted"]


def counterpart_entities(gold: list[Cluster], predicted: list[Cluster]) -> dict[int, int]:
    """The gold counterparts of predicted clusters, as predicted index -> gold index.

    Pairs are one to one, taken greedily by overlap ``2D / (|K| + |R|)``, D being the shared mentions.
    """
    owners: dict[Span, list[int]] = {}
    for index, cluster in enumerate(gold):
        for span in cluster:
            owners.setdefault(span, []).append(index)
    shared = Counter((g, p) for p, cluster in enumerate(predicted) for span in cluster for g in owners.get(span, []))
    similarity = {(g, p): 2 * n / (len(gold[g]) + len(predicted[p])) for (g, p), n in shared.items()}
    counterparts: dict[int, int] = {}
    taken: set[int] = set()
    for g, p in sorted(similarity, key=lambda pair: (-similarity[pair], pair)):
        if p not in counterparts and g not in taken:
            counterparts[p] = g
            taken.add(g)
    return counterparts


def _names(document: Document, clusters: list[Cluster]) -> list[str]:
    """The wording that names each entity: proper before nominal before pronoun, then frequent, then long."""
    words = displayed_words(document)
    types = mention_types(document, (span for cluster in clusters for span in cluster))
    rank = {"proper": 2, "nominal": 1, "pronoun": 0}
    names = []
    for cluster in clusters:
        wordings = [(displayed_text(words, *span), rank[types[span]]) for span in cluster]
        counts = Counter(text.lower() for text, _ in wordings)
        names.append(max(wordings, key=lambda w: (w[1], counts[w[0].lower()], len(w[0])))[0])
    return names


def _distinct(clusters: list[Cluster]) -> list[Cluster]:
    """Clusters without repeated spans, spans in text order, the largest cluster first."""
    distinct = [sorted(set(cluster)) for cluster in clusters if cluster]
    return sorted(distinct, key=lambda cluster: (-len(cluster), cluster))
