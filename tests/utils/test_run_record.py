"""What a run directory says about the run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationResolutionError

from transferlab.utils.run_record import git_state, package_versions, write_json, write_run_record


def test_record_holds_config_command_code_and_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERLAB_COMMAND", "python src/train.py seed=0")
    write_run_record(OmegaConf.create({"seed": 0, "a": 1, "b": "${a}"}), tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["command"] == "python src/train.py seed=0"
    assert record["seed"] == 0
    assert record["packages"]["torch"][0].isdigit()
    assert set(record["git"]) == {"commit", "dirty"}
    assert (tmp_path / "run" / "config_resolved.yaml").read_text() == "seed: 0\na: 1\nb: 1\n"


def test_unset_variable_is_refused_with_its_key(tmp_path: Path) -> None:
    cfg = OmegaConf.create({"dataset": {"data_dir": "${oc.env:SURELY_NOT_SET_DIR}"}})
    with pytest.raises(InterpolationResolutionError, match=r"SURELY_NOT_SET_DIR(.|\n)*dataset\.data_dir"):
        write_run_record(cfg, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_further_ranks_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    write_run_record(OmegaConf.create({"seed": 1}), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_git_state_sees_changes(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {"commit": None, "dirty": None}

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-m", "x")
    assert git_state(tmp_path)["dirty"] is False
    assert len(git_state(tmp_path)["commit"] or "") == 40
    (tmp_path / "file").write_text("2")
    assert git_state(tmp_path)["dirty"] is True


def test_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transferlab.utils.run_record.PACKAGES", ("torch", "surely-not-installed"))
    assert package_versions()["surely-not-installed"] == "not installed"


def test_json_is_strict_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_json(tmp_path / "scores.json", {"loss": float("nan"), "deep": [float("inf"), {"f1": 0.5}]})
    assert json.loads((tmp_path / "scores.json").read_text()) == {"loss": "nan", "deep": ["inf", {"f1": 0.5}]}
    assert [path.name for path in tmp_path.iterdir()] == ["scores.json"]
