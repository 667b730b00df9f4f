"""The table of ``sources.md``: what the sources reached in the tasks that they were trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results_tables.records import NONE, interval, percent, read
from transferlab.reporting.text_table import TextTable

RECORD = "sources.csv"
COLUMNS = (
    "source",
    "model",
    "split",
    "items",
    "unit",
    "score",
    "value",
    "low",
    "high",
    "groups",
    "seed",
    "commit",
    "command",
)
AGAIN, FIRST = "trained again", "first training, rounded"
FIRST_PLACES = ((FIRST, "validation"), (FIRST, "test"))
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


def sources(place: Path) -> TextTable:
    """A row per score: of the models trained again, of a baseline, and what was noted of the first models."""
    record = read(place, RECORD, COLUMNS)
    known = {(row.source, row.score, row.model, row.split): row for row in record.itertuples()}
    rows = []
    for (source, score), (name, baseline) in SHOWN.items():
        validation, test = (known.get((source, score, AGAIN, split)) for split in ("validation", "test"))
        scored, split = (test, "test") if test else (validation, "validation")  # SQuAD has no test split
        over_items = interval(100 * scored.low, 100 * scored.high)
        beside = [known.get((source, score, *place)) for place in ((baseline, split), *FIRST_PLACES)]
        rows.append([source, name, _percent(validation), _percent(test), over_items, *map(_percent, beside)])
    columns = ["source", "score", "validation", "test", "95 % over items", "baseline"]
    return TextTable([*columns, "first: validation", "first: test"], rows)


def _percent(row: Any) -> str:
    return NONE if row is None else percent(row.value)
