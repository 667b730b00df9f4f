"""Counts of a corpus: sizes, coreference and genres."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rich.table import Table

from transferlab.documents import Document

QUANTILES = {"min": 0.0, "q25": 0.25, "median": 0.5, "q75": 0.75, "max": 1.0}


def corpus_statistics(documents: Iterable[Document]) -> dict[str, Any]:
    """Count what documents hold; ``mentions``, ``entities`` and ``singletons`` are those of the gold
    clusters.

    Returns:
        Integers for ``documents``, ``sentences``, ``words``, ``mentions``, ``entities``, ``singletons``
        (entities of one mention) and ``documents_with_speakers``; ``genres`` {genre: documents}, unknown ones
        as ``"-"``; and the quantiles ``words_per_document``, ``words_per_sentence``, ``words_per_mention``,
        ``mentions_per_document`` and ``mentions_per_entity``, each {min, q25, median, q75, max} (zeros where
        there is nothing to count).
    """
    genres: Counter[str] = Counter()
    with_speakers = 0
    document_lengths: list[int] = []
    sentence_lengths: list[int] = []
    mention_lengths: list[int] = []
    mentions_per_document: list[int] = []
    cluster_sizes: list[int] = []
    for document in documents:
        clusters = document.gold.clusters or []
        genres[document.genre or "-"] += 1
        with_speakers += document.speakers is not None
        document_lengths.append(len(document.words))
        sentence_lengths += [end - start + 1 for start, end in document.sentences]
        mention_lengths += [end - start + 1 for cluster in clusters for start, end in cluster]
        mentions_per_document.append(sum(map(len, clusters)))
        cluster_sizes += map(len, clusters)
    return {
        "documents": len(document_lengths),
        "sentences": len(sentence_lengths),
        "words": sum(document_lengths),
        "mentions": len(mention_lengths),
        "entities": len(cluster_sizes),
        "singletons": cluster_sizes.count(1),
        "documents_with_speakers": with_speakers,
        "genres": dict(sorted(genres.items())),
        "words_per_document": _quantiles(document_lengths),
        "words_per_sentence": _quantiles(sentence_lengths),
        "words_per_mention": _quantiles(mention_lengths),
        "mentions_per_document": _quantiles(mentions_per_document),
        "mentions_per_entity": _quantiles(cluster_sizes),
    }


def statistics_table(by_split: Mapping[str, Mapping[str, Any]], title: str | None = None) -> Table:
    """A table with one column per split; quantiles read ``min / median / max``.

    Args:
        by_split: what :func:`corpus_statistics` returned for each split.
        title: printed above.
    """
    table = Table(title=title)
    table.add_column("")
    for split in by_split:
        table.add_column(split, justify="right")
    rows = {row: None for statistics in by_split.values() for row in statistics}
    for row in rows:
        table.add_row(row.replace("_", " "), *(_cell(statistics[row]) for statistics in by_split.values()))
    return table


def _quantiles(values: list[int]) -> dict[str, float]:
    if not values:
        return dict.fromkeys(QUANTILES, 0.0)
    return {name: float(np.quantile(values, q)) for name, q in QUANTILES.items()}


def _cell(value: Any) -> str:
    if not isinstance(value, dict):
        return f"{value:,}"
    if value.keys() == QUANTILES.keys():
        return " / ".join(f"{value[name]:g}" for name in ("min", "median", "max"))
    return ", ".join(f"{name} {count}" for name, count in value.items())
