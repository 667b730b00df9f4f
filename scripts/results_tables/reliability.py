"""The table of ``docs/reliability.md``: where runs were killed, and whether they went on to the same result."""

from __future__ import annotations

from pathlib import Path

from results_tables.records import NONE, read
from transferlab.reporting.text_table import TextTable

RECORD = "kill_points.csv"
KINDS = ("frozen", "trained")
MOMENTS = {  # how the record's moment begins -> as shown
    "reading": "reading, or building the model",
    "filling": "filling the store, or in epoch 0",
    "training": "training or validating",
    "saving": "saving a checkpoint",
    "writing": "writing results",
    "results": "results were written",
}


def kill_points(place: Path) -> TextTable:
    """How many of the resumed runs were equal to the one that was left alone, bit for bit."""
    record = read(place, RECORD, ("kind", "second", "killed_while", "result"))
    moments = record["killed_while"].str.split(" |,").str[0].map(MOMENTS)
    rows = []
    for moment in (*MOMENTS.values(), None):
        cells = []
        for kind in KINDS:
            ended = record["result"][(record["kind"] == kind) & ((moments == moment) | (moment is None))]
            cells.append(f"{(ended == 'equal').sum()} of {len(ended)} equal" if len(ended) else NONE)
        rows.append([moment or "all", *cells])
    return TextTable(["killed while", *KINDS], rows)
