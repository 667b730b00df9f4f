"""How long texts are, in words, subtokens or characters."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from transferlab.data.fine_words import fine_words
from transferlab.documents import Document, DocumentError
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.reporting.document_report import DocumentReport
from transferlab.reporting.figures import length_figure
from transferlab.reporting.text_histogram import bar_table, bin_counts
from transferlab.reporting.text_table import TextTable
from transferlab.taskmodules.tokenization import WordTokenizer

SUMMARY = ("count", "mean", "std", "min", "q25", "median", "q75", "max")


def token_length_report(documents: list[Document], tokenizer: str | None = None) -> DocumentReport:
    """Lengths of texts in words or in the subtokens of a tokenizer.

    Args:
        documents: any; second texts of pairs and gold questions are counted apart.
        tokenizer: ``minilm``, a hub name or a folder, as in ``model.pretrained_models``; special tokens are not
            counted. None: words.

    Returns:
        a report with ``count``, ``mean``, ``std`` (of the population), ``min``, ``q25``, ``median``, ``q75`` and
        ``max`` for each kind of text; empty where there are none.

    Raises:
        DocumentError: the tokenizer cannot be loaded.
    """
    if tokenizer is None:
        return _length_report(documents, _words, len, "words")
    try:
        tokenizers, _ = load_tokenizers({"tokenizer": tokenizer})
    except EncoderError as error:
        raise DocumentError(f"metric.tokenizer={tokenizer}: {error}") from error
    splitter = WordTokenizer(tokenizers["tokenizer"])

    def subtokens(words: list[str]) -> int:
        return sum(map(len, splitter.subtokens(words, limit=sys.maxsize)))

    return _length_report(documents, _words, subtokens, f"subtokens of {tokenizer}")


def character_length_report(documents: list[Document]) -> DocumentReport:
    """Lengths in characters, of the raw text where there is one, else of words joined by spaces.

    Returns what :func:`token_length_report` does.
    """
    return _length_report(documents, _strings, len, "characters")


def _words(document: Document) -> Iterator[tuple[str, list[str]]]:
    """Kinds of texts with their words."""
    yield "text", document.words
    if document.text_pair is not None:
        yield "second text", document.text_pair.split()
    for question in document.gold.questions or []:
        yield "question", fine_words(question.text)[0]


def _strings(document: Document) -> Iterator[tuple[str, str]]:
    """Kinds of texts with their wording."""
    yield "text", " ".join(document.words) if document.text is None else document.text
    if document.text_pair is not None:
        yield "second text", document.text_pair
    for question in document.gold.questions or []:
        yield "question", question.text


def _length_report(
    documents: list[Document],
    texts: Callable[[Document], Iterator[tuple[str, Any]]],
    length: Callable[[Any], int],
    unit: str,
) -> DocumentReport:
    lengths: dict[str, list[int]] = {}
    for document in documents:
        for kind, text in texts(document):
            lengths.setdefault(kind, []).append(length(text))
    scores = {kind: _summary(values) for kind, values in lengths.items()}
    rows = [[kind, *(_shown(summary[name]) for name in SUMMARY)] for kind, summary in scores.items()]
    table = TextTable([unit, *SUMMARY], rows)
    histograms = [bar_table(bin_counts(values), (unit, "count"), kind) for kind, values in lengths.items()]
    return DocumentReport(
        scores=scores,
        tables=[table.rich(), *histograms],
        text=table.markdown(),
        figures={"lengths": length_figure(lengths, unit)},
    )


def _summary(lengths: list[int]) -> dict[str, float]:
    values = np.array(lengths)
    quantiles = np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return dict(zip(SUMMARY, (len(lengths), float(values.mean()), float(values.std()), *quantiles), strict=True))


def _shown(number: float) -> str:
    return f"{number:,.2f}".removesuffix(".00")
