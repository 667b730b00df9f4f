"""Whose a saved model is, and where that of a run is, after both, one or a copy of them was moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from transferlab.utils.run_record import write_json
from transferlab.utils.saved_models import DESCRIPTION, belongs_to, identity, place_of_model, saved_model_of


def finished(run: Path, model: Path) -> None:
    """A run, named by its first directory, that has saved its model."""
    write_json(run / "run.json", {"name": str(run)})
    write_json(model / DESCRIPTION, identity(run))
    write_json(run / "run.json", {"name": str(run), "model": place_of_model(model, run)})


@pytest.fixture(params=["project/run/model", "project/models/mine"], ids=["inside", "elsewhere"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    finished(tmp_path / "project" / "run", tmp_path / request.param)
    return tmp_path / request.param


def test_a_copied_run_without_its_model_has_none(model: Path, tmp_path: Path) -> None:
    run, copy = tmp_path / "project" / "run", tmp_path / "project" / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "model", ignore_errors=True)
    assert saved_model_of(run) == model and belongs_to(model, run)
    assert saved_model_of(copy) is None and not belongs_to(model, copy)
    inside = model.is_relative_to(run)
    (run / "run.json").unlink()  # what lies in a directory that the copy was not moved from is not the copy's
    assert saved_model_of(copy) == (None if inside else model)


def test_a_copied_project_has_its_own_model_whatever_became_of_the_original(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tmp_path / "project", tmp_path / "copy")
    own = copy / model.relative_to(tmp_path / "project")
    for _ in ("while the original is there", "and when it is gone"):
        assert saved_model_of(copy / "run") == own and belongs_to(own, copy / "run")
        shutil.rmtree(tmp_path / "project", ignore_errors=True)


def test_a_run_that_was_moved_away_from_its_model_finds_it(tmp_path: Path) -> None:
    run, model, moved = tmp_path / "project" / "run", tmp_path / "models" / "mine", tmp_path / "moved"
    finished(run, model)
    run.rename(moved)
    assert saved_model_of(moved) == model and belongs_to(model, moved)


def test_the_model_of_another_run_is_nobody_elses(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    finished(run, run / "model")
    finished(other, other / "model")
    shutil.rmtree(run / "model")
    shutil.copytree(other / "model", run / "model")
    assert saved_model_of(run) is None and not belongs_to(other / "model", run)
