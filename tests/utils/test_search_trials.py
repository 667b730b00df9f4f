"""What goes on after a search by Optuna was interrupted."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from transferlab.utils import run_identity
from transferlab.utils.errors import UserError
from transferlab.utils.resume_argument import resumed_directory
from transferlab.utils.run_directory import DirectoryTakenError, check_sweep
from transferlab.utils.search_trials import commands, trials_to_go_on


def search(place: Path, *statuses: str, storage: str = "null") -> Path:
    """The directory of a search with trials that have ended so."""
    for number, status in enumerate(statuses):
        trial = place / str(number)
        (trial / ".hydra").mkdir(parents=True)
        (trial / ".hydra" / "config.yaml").write_text(f"seed: {number}\n")
        (trial / ".hydra" / "hydra.yaml").write_text(
            f"hydra: {{job: {{name: train}}, sweeper: {{study_name: mine, storage: {storage}}}}}\n"
        )
        record = {"status": status, "overrides": [f"seed={number}"], "metrics": {}}
        (trial / "job_return.json").write_text(json.dumps(record))
    (place / "multirun_result.json").write_text("{}")
    return place


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch, project_root: Path) -> None:
    monkeypatch.setenv("PROJECT_ROOT", str(project_root))
    monkeypatch.setenv(run_identity.COMMAND, "python src/train.py --multirun hydra.sweep.dir=s seed=1")


@pytest.mark.parametrize("storage", ["null", "sqlite:///study.db"])
def test_the_interrupted_trial_goes_on_and_not_a_completed_one(tmp_path, storage):
    place = search(tmp_path / "search", "completed", "failed", "interrupted", storage=storage)
    assert trials_to_go_on(place) == [place / "2"]
    first, remark = commands(place).splitlines()
    assert shlex.split(first)[-1] == f"resume={place / '2'}"
    assert resumed_directory([shlex.split(first)[-1]])[0] == place / "2"
    assert ("adds trials to its study" in remark) is (storage != "null") and f"hydra.sweep.dir={place}-2" in remark
    with pytest.raises(UserError, match=f"resume={place / '2'}"):
        resumed_directory([f"resume={place}"])
    with pytest.raises(DirectoryTakenError, match=f"resume={place / '2'}"):
        check_sweep(place, None)


def test_where_all_trials_have_ended_a_search_is_started_once_more(tmp_path):
    place = search(tmp_path / "search", "completed", "failed")
    (tmp_path / "search-2").mkdir()
    first = commands(place).splitlines()[0]
    assert shlex.split(first)[2:] == ["--multirun", f"hydra.sweep.dir={place}-3", "seed=1"]
    with pytest.raises(UserError, match="have ended"):
        resumed_directory([f"resume={place}"])
