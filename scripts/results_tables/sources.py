"""The table of ``sources.md``: what the sources reached in the tasks that they were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from results_tables.records import NONE, interval, percent, read
from transferlab.reporting.text_table import TextTable

RECORD = "sources.csv"
COLUMNS = ("source", "model", "split", "items", "unit", "score", "value", "seed", "commit", "command")
AGAIN, FIRST = "trained again", "first training, rounded"
SHOWN = {  # (source, score) -> name of the score, name of the baseline
    ("ner", "f1"): ("F1", "every word O"),
    ("ner", "macro_f1"): ("macro F1", "every word O"),
    ("re", "macro_f1"): ("macro F1", "most frequent relation"),
    ("paws", "accuracy"): ("accuracy", "commonest class"),
    ("paws", "f1"): ("F1", "commonest class"),
    ("squad", "best_f1"): ("best F1", "no answer to any question"),
    ("pos", "accuracy"): ("accuracy", "every word PROPN"),
    ("complex", "pearson"): ("Pearson", None),
    ("complex", "spearman"): ("Spearman", None),
    ("poem_sentiment", "macro_f1"): ("macro F1", "commonest class"),
    ("poem_sentiment", "accuracy"): ("accuracy", "commonest class"),
    ("litbank_ner", "f1"): ("F1", "every word O"),
    ("litbank_ner", "macro_f1"): ("macro F1", "every word O"),
}
# Shares of items that may be taken as independent; the words of a sentence may not, and an F1 is no share of items.
SHARES = {("paws", "accuracy"), ("poem_sentiment", "accuracy")}


def sources(place: Path) -> TextTable:
    """A row per score: of the models trained again, of a baseline, and what was noted of the first models."""
    record = read(place, RECORD, COLUMNS)
    known = {(row.source, row.score, row.model, row.split): row for row in record.itertuples()}
    rows = []
    for (source, score), (name, baseline) in SHOWN.items():
        test = known.get((source, score, AGAIN, "test"))
        split = "test" if test else "validation"  # SQuAD has no test split
        measured = [known.get((source, score, AGAIN, "validation")), test]
        others = [(baseline, split), (FIRST, "validation"), (FIRST, "test")]
        interval_of_test = _wilson(test) if (source, score) in SHARES else NONE
        beside = [known.get((source, score, model, where)) for model, where in others]
        rows.append([source, name, *map(_percent, measured), interval_of_test, *map(_percent, beside)])
    columns = ["source", "score", "validation", "test", "95 % over test items", "baseline"]
    return TextTable([*columns, "first: validation", "first: test"], rows)


def _percent(row: Any) -> str:
    return NONE if row is None else percent(row.value)


def _wilson(row: Any) -> str:
    """Wilson's interval of a share of independent items, in percent."""
    items = int(row.items)
    ends = binomtest(round(row.value * items), items).proportion_ci(method="wilson")
    return interval(100 * ends.low, 100 * ends.high, 1)
