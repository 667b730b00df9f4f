"""Unique run directories and the name of a setting."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from transferlab.utils import run_identity


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in (*run_identity.RANKS, run_identity.RUN_ID, run_identity.COMMAND, run_identity.PROJECT_ROOT):
        monkeypatch.setenv(key, "x")  # restores the caller's value afterwards
        monkeypatch.delenv(key)


def test_runs_of_the_same_second_differ() -> None:
    assert len({run_identity.start() for _ in range(20)}) == 20


def test_start_tells_the_environment(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python", "src/train.py", "tags=[a b]"])
    run_id = run_identity.start()
    assert os.environ[run_identity.RUN_ID] == run_id
    assert os.environ[run_identity.PROJECT_ROOT] == str(project_root)
    assert os.environ[run_identity.COMMAND] == "python src/train.py 'tags=[a b]'"


def test_further_rank_keeps_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = run_identity.start()
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert run_identity.start() == run_id
    assert not run_identity.is_main_process()
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert run_identity.is_main_process()


def test_setting_leaves_out_the_seed(set_hydra_config: Callable[..., None]) -> None:
    assert run_identity.setting_name() is None
    set_hydra_config("seed=1", "a=2")
    assert run_identity.setting_name() == "train,a=2"
    set_hydra_config("seed=2")
    assert run_identity.setting_name() == "train"


def test_long_settings_are_shortened_but_differ(set_hydra_config: Callable[..., None]) -> None:
    names = []
    for last in "xy":
        set_hydra_config(f"a={'b' * 200}{last}")
        names.append(run_identity.setting_name())
    assert names[0] != names[1]
    assert [len(name or "") for name in names] == [128, 128]


def test_run_name_of_a_sweep_has_the_job(set_hydra_config: Callable[..., None]) -> None:
    run_id = run_identity.start()
    set_hydra_config()
    assert run_identity.run_name() == run_id
    set_hydra_config("hydra.mode=MULTIRUN", "hydra.job.num=3")
    assert run_identity.run_name() == f"{run_id}-3"
