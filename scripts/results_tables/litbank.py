"""The table of ``litbank.md`` that has records: coreference heads of several kinds on the same stored features."""

from __future__ import annotations

from pathlib import Path

from results_tables.records import spread
from results_tables.studies import HEADS, TEST, VALIDATION, scores, verdicts
from transferlab.reporting.text_table import TextTable
from transferlab.statistics.sweep_verdicts import COLUMNS as VERDICT_COLUMNS

DEFAULT = "default"


def heads(place: Path) -> TextTable:
    """Every setting against the default head, over documents x seeds, Holm over the table."""
    validation = scores(place, HEADS, VALIDATION)
    compared = verdicts(place, HEADS, {setting: (setting,) for setting in scores(place, HEADS, TEST).index}, DEFAULT)
    rows = [
        [one.setting, spread(validation.loc[one.setting].dropna()), *compared.cells(one)]
        for one in compared.comparisons
    ]
    return TextTable(["head", "validation CoNLL F1", *VERDICT_COLUMNS], rows)
