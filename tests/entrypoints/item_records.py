"""What runs keep of single items, held against what they logged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from transferlab.statistics.item_files import item_file, read_description, read_items
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.logged_scores import logged_scores

NO_SCORES = ("total", "thresh", "loss", "mean")  # numbers of questions, thresholds, losses, weights of attention


def items_with_the_scores_of(run: Path, stage: str) -> ItemCounts:
    """The counts of a stage of a run; every score that the run has logged of the stage is that of their sums."""
    items, (_, description) = (read(item_file(run, stage)) for read in (read_items, read_description))
    found = {}
    for name, score in logged_scores(description, items.columns).items():
        counts = items.of_columns(score.columns)
        value, _ = score.left_out(counts, np.zeros(len(counts), dtype=np.intp), 1)
        found[f"{stage}/{name}"] = float(value)
    metrics = json.loads((run / "metrics.json").read_text())
    logged = {
        name: float(value)
        for name, value in metrics.items()
        if name.startswith(f"{stage}/") and not name.endswith(NO_SCORES)
    }
    assert logged and found == pytest.approx(logged, rel=1e-6, nan_ok=True)
    return items
