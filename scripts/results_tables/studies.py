"""Studies of coreference heads whose runs are recorded: which setting each run is, its scores, and its test documents.

A study has two records, of fractions: ``<study>.csv``, the scores of each run as they were logged, and
``<study>_documents.csv``, what each test document adds to its coreference metrics.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results_tables.records import read
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.scores import coreference_score
from transferlab.statistics.sweep_verdicts import Verdicts
from transferlab.statistics.verdicts import compare
from transferlab.utils.errors import UserError

VALIDATION, TEST = "val/conll_f1", "test/conll_f1"
SCORE = coreference_score("conll_f1")
ROUNDING = 1e-4  # between a logged score, in 32 bits, and the same of its documents
Setting = tuple[Any, ...]


@dataclass(frozen=True)
class Study:
    """A kind of sweep.

    Attributes:
        name: of its records.
        columns: what tells its settings apart, beside the seed.
        setting_of: from the overrides of a run, {key: value}, to these; None for a run of another study.
        expected: what the overrides of such a run have, for messages.
    """

    name: str
    columns: tuple[str, ...]
    setting_of: Callable[[Mapping[str, str]], Setting | None]
    expected: str

    @property
    def scores(self) -> str:
        """The file of the scores."""
        return f"{self.name}.csv"

    @property
    def documents(self) -> str:
        """The file of the documents."""
        return f"{self.name}_documents.csv"

    @property
    def cell(self) -> list[str]:
        """What tells runs apart."""
        return [*self.columns, "seed"]


def _view(overrides: Mapping[str, str]) -> Setting | None:
    found = re.fullmatch(r"\[['\"]?(\w+)_(\d+)['\"]?\]", overrides.get("sources", ""))
    return (found[1], int(found[2])) if found else None


_OPTIONS = ("model.higher_order", "model.loss_type", "taskmodule.unit")  # whose value names the setting
_DEFAULTS = ("null", "marginalized", "word")


def _option(overrides: Mapping[str, str]) -> Setting | None:
    chosen = [overrides[key] for key in _OPTIONS if overrides.get(key, "null") not in _DEFAULTS]
    return (chosen[0] if chosen else "default",) if len(chosen) < 2 else None


LAYER_STUDY = Study("layer_study", ("source", "depth"), _view, "sources=[<source>_<depth>], such as sources=[ner_3]")
HEADS = Study("litbank_heads", ("setting",), _option, f"one of {', '.join(_OPTIONS)}, or none of them")
STUDIES = {study.name: study for study in (LAYER_STUDY, HEADS)}


def scores(place: Path, study: Study, metric: str) -> pd.DataFrame:
    """One metric, [settings, seeds], settings in the order of the record.

    Raises:
        NoRecordError: there is no record.
        UserError: it has no such metric.
    """
    record = read(place, study.scores, (*study.cell, "metric", "value")).query("metric == @metric")
    if record.empty:
        raise UserError(f"{place / study.scores}: no metric {metric}; add its rows")
    table = record.pivot(index=[*study.columns], columns="seed", values="value")
    return table.reindex(record[study.columns[0]].unique(), level=study.columns[0] if len(study.columns) > 1 else None)


def verdicts(place: Path, study: Study, settings: Mapping[str, Setting], reference: str) -> Verdicts:
    """Settings against one of them, over documents x seeds, Holm over the table.

    Args:
        place: of the records.
        study: whose.
        settings: {name in the table: setting}.
        reference: the name of that one.
    """
    record = read(place, study.documents, (*study.cell, "document", *SCORE.columns)).set_index(study.cell).sort_index()
    logged = scores(place, study, TEST)
    runs: dict[Setting, dict[int, ItemCounts]] = {}
    for key, of_setting in logged.iterrows():  # all of the record are held against their scores, also those not shown
        setting = key if isinstance(key, tuple) else (key,)
        for seed, value in of_setting.dropna().items():
            runs.setdefault(setting, {})[int(str(seed))] = _documents(record, study, (*setting, seed), value)
    compared = compare({name: runs[setting] for name, setting in settings.items()}, reference, SCORE)
    return Verdicts(TEST, reference, compared, compared[0].items, documents=None, folds=1, is_error=False)


def _documents(record: pd.DataFrame, study: Study, cell: Setting, logged: float) -> ItemCounts:
    """The counts of one run, which have to give the score that was logged."""
    if cell not in record.index:
        raise UserError(f"{study.documents}: no documents of {cell}, of which {study.scores} has a score; add them")
    rows = record.loc[[cell]]
    columns = SCORE.columns
    items = ItemCounts("test", tuple(rows["document"].map(str)), columns, rows[[*columns]].to_numpy(dtype=np.float64))
    of_documents = float(SCORE.of_sums(items.counts.sum(axis=0)))
    if abs(of_documents - logged) > ROUNDING:
        raise UserError(f"{study.documents}: the documents of {cell} give {of_documents:.4f}, logged is {logged:.4f}")
    return items
