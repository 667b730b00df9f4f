"""Which saved model is that of a run, wherever it was saved and wherever either has been moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from transferlab.utils.resume import RECORD
from transferlab.utils.run_files import read_json

DESCRIPTION = "transferlab.json"  # makes a folder a saved model; models/saving.py writes it
RUN, RUN_NAME = "run", "run_name"  # of a description: the directory and the name of the run that saved it


def identity(run: str | Path) -> dict[str, Any]:
    """What a saved model says of the run that saved it."""
    return {RUN: str(run), RUN_NAME: _record(Path(run)).get("name")}


def place_of_model(model: str | Path, run: str | Path) -> dict[str, str]:
    """What a run says of where its model is: as seen from its directory, so that both may move together, and at all."""
    return {"from_run": os.path.relpath(model, run), "path": os.path.abspath(model)}


def saved_model_of(run: Path) -> Path | None:
    """The folder of the model that a run has saved; None where its record names none that is there and is its own."""
    record = _record(run)
    place = record.get("model")
    for path in (place.get("from_run"), place.get("path")) if isinstance(place, dict) else ():
        if isinstance(path, str) and _description(folder := run / path).get(RUN_NAME) == record.get("name") is not None:
            return Path(os.path.normpath(folder))
    return None


def belongs_to(model: Path, run: Path) -> bool:
    """Whether a saved model is that of a run; of the original, where the run is a copy of one that is still there."""
    described, record = _description(model), _record(run)
    if RUN_NAME not in described:  # of an earlier version
        return bool(record) and described.get(RUN) == str(run)
    if not record or described[RUN_NAME] != record.get("name"):
        return False
    saver = Path(str(described.get(RUN)))
    return os.path.abspath(saver) == os.path.abspath(run) or _record(saver).get("name") != described[RUN_NAME]


def _record(run: Path) -> dict[str, Any]:
    return read_json(run / RECORD) if (run / RECORD).is_file() else {}


def _description(model: Path) -> dict[str, Any]:
    return read_json(model / DESCRIPTION) if (model / DESCRIPTION).is_file() else {}
