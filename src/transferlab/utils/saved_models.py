"""Which saved model is that of a run, wherever it was saved and wherever either has been moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from transferlab.utils.resume import RECORD
from transferlab.utils.run_files import read_json

DESCRIPTION = "transferlab.json"  # makes a folder a saved model; models/saving.py writes it
RUN, RUN_NAME = "run", "run_name"  # of a description: the directory and the name of the run that saved it
CHECKPOINT_NAME = "checkpoint"  # of a description: the file of the run that held the same weights


def identity(run: str | Path, checkpoint: str | None = None) -> dict[str, Any]:
    """What a saved model says of the run that saved it, and of the checkpoint that its weights were in."""
    name = None if checkpoint is None else Path(checkpoint).name
    return {RUN: str(run), RUN_NAME: _record(Path(run)).get("name"), CHECKPOINT_NAME: name}


def place_of_model(model: str | Path, run: str | Path) -> dict[str, str]:
    """What a run says of where its model is: as seen from its directory, so that both may move together, and at all."""
    return {"from_run": os.path.relpath(model, run), "path": os.path.abspath(model)}


def saved_model_of(run: Path) -> Path | None:
    """The folder of the model that a run has saved; None where its record names none that is there and is its own.

    A copy of a run has the record of the original, which names the model of that one, too.
    """
    name = _record(run).get("name")
    for folder in _places_of_model(run):
        if _description(folder).get(RUN_NAME) == name is not None and (
            _is_within(folder, run) or belongs_to(folder, run)
        ):
            return folder
    return None


def checkpoint_of_model(model: Path) -> str | None:
    """The file name of the checkpoint that held the weights of a saved model; None where it does not say."""
    name = _description(model).get(CHECKPOINT_NAME)
    return name if isinstance(name, str) else None


def belongs_to(model: Path, run: Path) -> bool:
    """Whether a saved model is that of a run; of the original, where the run is a copy of one that still has it."""
    described, record = _description(model), _record(run)
    if RUN_NAME not in described:  # of an earlier version
        return bool(record) and described.get(RUN) == str(run)
    if not record or described[RUN_NAME] != record.get("name"):
        return False
    saver = Path(str(described.get(RUN)))
    if os.path.realpath(saver) == os.path.realpath(run):
        return True
    if _is_within(model, saver):
        return False
    places = [os.path.realpath(place) for place in _places_of_model(saver)]
    is_original = _record(saver).get("name") == described[RUN_NAME]
    return not (is_original and (not places or os.path.realpath(model) in places))


def _places_of_model(run: Path) -> list[Path]:
    """Where the model of a run may be, by its record."""
    place = _record(run).get("model")
    named = (place.get("from_run"), place.get("path")) if isinstance(place, dict) else ()
    return [Path(os.path.normpath(run / path)) for path in named if isinstance(path, str)]


def _is_within(model: Path, run: Path) -> bool:
    return Path(os.path.realpath(model)).is_relative_to(os.path.realpath(run))


def _record(run: Path) -> dict[str, Any]:
    return read_json(run / RECORD) if (run / RECORD).is_file() else {}


def _description(model: Path) -> dict[str, Any]:
    return read_json(model / DESCRIPTION) if (model / DESCRIPTION).is_file() else {}
