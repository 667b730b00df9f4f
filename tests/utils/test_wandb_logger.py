"""The W&B logger without a key: offline, grouped, one run per job."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from transferlab.utils.wandb_logger import finish_wandb_run, wandb_logger


@pytest.fixture(autouse=True)
def _no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for key in ("WANDB_API_KEY", "WANDB_BASE_URL", "NETRC", "WANDB_MODE"):
        monkeypatch.setenv(key, "x")  # restores the caller's value afterwards
        monkeypatch.delenv(key)


def test_without_a_key_the_run_is_offline_and_says_how_to_upload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert wandb_logger(tmp_path, project="p")._offline is True
    assert f"wandb sync {tmp_path}/wandb/offline-run-*" in caplog.text


def test_a_key_or_a_netrc_puts_it_online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert wandb_logger(tmp_path, project="p")._offline is False
    assert wandb_logger(tmp_path, project="p", offline=True)._offline is True
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_logger(tmp_path, project="p")._offline is True
    monkeypatch.delenv("WANDB_MODE")
    (tmp_path / ".netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert wandb_logger(tmp_path, project="p")._offline is False


def test_group_and_name_come_from_the_run(
    tmp_path: Path, set_hydra_config: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_hydra_config("seed=3", "a=2")
    monkeypatch.setenv("TRANSFERLAB_RUN_ID", "run-1")
    init = wandb_logger(tmp_path, project="p", tags=["x"])._wandb_init
    assert (init["group"], init["name"], init["tags"]) == ("train,a=2", "run-1", ["x"])
    assert wandb_logger(tmp_path, group="mine", name="me")._wandb_init["group"] == "mine"


@pytest.mark.slow
def test_jobs_of_one_process_make_runs_of_their_own(tmp_path: Path) -> None:
    ids = []
    for job in "01":
        directory = tmp_path / job
        directory.mkdir()
        logger = wandb_logger(directory, project="p")
        logger.log_hyperparams({"seed": int(job)})
        logger.log_metrics({"f1": 0.5}, step=1)
        ids.append(logger.experiment.id)
        finish_wandb_run()
        assert wandb_logger(directory, project="p")._id == ids[-1], "the run is found when it goes on"
        assert len(list(directory.glob("wandb/offline-run-*/run-*.wandb"))) == 1
    assert ids[0] != ids[1]


def test_a_run_that_goes_on_keeps_its_id_name_group_and_command(
    tmp_path: Path, set_hydra_config: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = {"name": "run-1-3", "setting": "train,a=2", "command": "python src/train.py a=2"}
    (tmp_path / "run.json").write_text(json.dumps(first))
    for folder in ("offline-run-20270101_000000-abcd1234", "run-20270102_000000-abcd1234", "latest-run"):
        (tmp_path / "wandb" / folder).mkdir(parents=True)
    set_hydra_config("seed=3")
    monkeypatch.setenv("TRANSFERLAB_RUN_ID", "run-2")
    monkeypatch.setenv("TRANSFERLAB_COMMAND", "python src/train.py resume=run-1")
    init = wandb_logger(tmp_path, project="p")._wandb_init
    assert [init[key] for key in ("id", "name", "group")] == ["abcd1234", "run-1-3", "train,a=2"]
    assert init["config"] == {"command": "python src/train.py a=2"} and init["resume"] == "allow"
