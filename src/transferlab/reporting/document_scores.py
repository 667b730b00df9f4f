"""Coreference scores of documents that carry predictions, and descriptions of a corpus."""

from __future__ import annotations

import json

from transferlab.data.statistics import corpus_statistics, statistics_table
from transferlab.documents import Cluster, Document, DocumentError
from transferlab.metrics.coreference import CoreferenceScore, corpus_scores
from transferlab.metrics.head_match import GOLD_MENTIONS, PREDICTED_MENTIONS, head_match_baseline
from transferlab.reporting.document_report import DocumentReport, item_table
from transferlab.reporting.error_analysis import analyse_errors, error_markdown, error_tables
from transferlab.reporting.score_table import score_markdown, score_table
from transferlab.utils.escaping import markdown_row


def coreference_report(documents: list[Document]) -> DocumentReport:
    """Score predicted clusters, where there are any, beside head match on the gold and on the predicted mentions.

    Raises:
        DocumentError: a document without gold clusters, or predictions in some documents only.
    """
    gold = [_gold_clusters(document) for document in documents]
    systems = {GOLD_MENTIONS: corpus_scores(gold, head_match_baseline(documents, gold))}
    predicted = [document.predicted and document.predicted.clusters for document in documents]
    without = [document.name for document, clusters in zip(documents, predicted, strict=True) if clusters is None]
    if len(without) == len(documents):
        return DocumentReport(systems, [score_table(systems)], score_markdown(systems))
    if without:
        missing = f"{len(without)} of {len(documents)} documents"
        raise DocumentError(f"{missing} have no predicted clusters, the first of them {without[0]}")
    found = [clusters or [] for clusters in predicted]
    systems = {"predicted": corpus_scores(gold, found)} | systems
    systems[PREDICTED_MENTIONS] = corpus_scores(gold, head_match_baseline(documents, found))
    analysis = analyse_errors(documents)
    return DocumentReport(
        scores={**systems, "errors": analysis},
        tables=[score_table(systems), error_tables(analysis)],
        text=score_markdown(systems) + "\n" + error_markdown(analysis),
        items=item_table(CoreferenceScore(), [[pair] for pair in zip(gold, found, strict=True)]),
    )


def statistics_report(documents: list[Document]) -> DocumentReport:
    """Describe documents: words, sentences, mentions, entities, singletons, genres, quantiles of lengths."""
    statistics = corpus_statistics(documents)
    lines = ["| | |", "|---|---|"]
    lines += [markdown_row([name.replace("_", " "), json.dumps(value)]) for name, value in statistics.items()]
    return DocumentReport(statistics, [statistics_table({"documents": statistics})], "\n".join(lines) + "\n")


def _gold_clusters(document: Document) -> list[Cluster]:
    if document.gold.clusters is None:
        raise DocumentError(f"{document.name} has no gold clusters to score against")
    return document.gold.clusters
