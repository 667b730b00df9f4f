"""Damaged records and checkpoints of runs are refused with the name of the file, before anything is done with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from transferlab.callbacks.checkpoints import WholeFiles
from transferlab.callbacks.sweep_results import collect
from transferlab.utils.errors import UserError
from transferlab.utils.resume import finished_metrics, overrides_of, resumed_command
from transferlab.utils.run_files import RunFileError, read_yaml
from transferlab.utils.run_record import write_run_record


@pytest.mark.parametrize("text", ["1", "x", "a: 1", "- a: 1"])
def test_a_damaged_record_of_a_sweep_is_named(tmp_path, text):
    (tmp_path / "multirun.yaml").write_text(text)
    with pytest.raises(UserError, match=r"multirun\.yaml"):
        resumed_command(["train.py", f"resume={tmp_path}"])


WHOLE: dict[str, Any] = {"status": "completed", "overrides": [], "metrics": {}}


@pytest.mark.parametrize(
    "content",
    [
        [], 1, "x", {}, {"status": "completed"}, WHOLE | {"overrides": None}, WHOLE | {"overrides": [1]},
        WHOLE | {"metrics": "x"}, WHOLE | {"metrics": [1]}, WHOLE | {"metrics": {"a": {"b": 1}}}, WHOLE | {"status": 1},
    ],
)  # fmt: skip
def test_a_damaged_record_of_a_job_is_named(tmp_path, content):
    (job := tmp_path / "0").mkdir()
    (job / ".hydra").mkdir()
    (job / "job_return.json").write_text(json.dumps(content))
    for read in (lambda: finished_metrics(str(tmp_path), job, []), lambda: collect(tmp_path)):
        with pytest.raises(RunFileError, match=r"job_return\.json"):
            read()


def test_other_damaged_records_are_named(tmp_path):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("1")
    with pytest.raises(RunFileError, match=r"overrides\.yaml"):
        overrides_of(str(tmp_path), tmp_path, [])
    with pytest.raises(RunFileError, match=r"overrides\.yaml"):
        collect(tmp_path)
    (tmp_path / "metrics.json").write_text("[]")
    with pytest.raises(RunFileError, match=r"metrics\.json"):
        finished_metrics(str(tmp_path), tmp_path, [])
    (tmp_path / ".hydra" / "overrides.yaml").write_text("")  # as Hydra leaves it for a moment
    assert collect(tmp_path)["jobs"][0]["overrides"] == []
    (tmp_path / "run.json").write_text('["x"]')
    with pytest.raises(RunFileError, match=r"run\.json"):
        write_run_record(OmegaConf.create({"resume": str(tmp_path)}), tmp_path)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, None, [1], {"state_dict": {}, "x": slice(1)}, {"x": 1}])
def test_a_damaged_checkpoint_is_named_and_no_advice_runs_its_code(tmp_path, content):
    file, whole = tmp_path / "last.ckpt", tmp_path / "whole.ckpt"
    torch.save({"state_dict": {"a": torch.ones(1000)}}, whole)
    assert set(WholeFiles().load_checkpoint(whole, weights_only=True)) == {"state_dict"}
    if content is None:
        file.write_bytes(whole.read_bytes()[:2000])
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(UserError, match=r"last\.ckpt.*(restore|name) ") as error:
        WholeFiles().load_checkpoint(file, weights_only=True)
    assert "weights_only" not in str(error.value) and error.value.__cause__ is None


def test_that_a_run_without_its_last_checkpoint_starts_anew_is_said_of_unfinished_ones(tmp_path):
    file = tmp_path / "run" / "checkpoints" / "last.ckpt"
    file.parent.mkdir(parents=True)
    file.touch()
    said = []
    for _ in ("unfinished", "finished"):
        with pytest.raises(UserError, match=r"last\.ckpt.* restore it") as error:
            WholeFiles().load_checkpoint(file, weights_only=True)
        said.append("starts anew" in str(error.value))
        (tmp_path / "run" / "metrics.json").write_text("{}")
    assert said == [True, False]


def test_a_large_file_is_not_read(tmp_path):
    file = tmp_path / "config.yaml"
    with file.open("wb") as written:
        written.truncate(2**30)
    with pytest.raises(RunFileError, match=str(2**30)):
        read_yaml(file)


def test_a_job_of_a_resumed_sweep_is_known_whatever_the_order_of_its_overrides(tmp_path: Path) -> None:
    job = tmp_path / "0"
    job.mkdir()
    record = {"status": "completed", "overrides": ["a=1", "paths.log_dir=/x", "b=2"], "metrics": {"val/f1": 0.5}}
    (job / "job_return.json").write_text(json.dumps(record))
    # what a command gives again, for it would not be taken from a directory, comes last
    assert finished_metrics(str(tmp_path), job, ["a=1", "b=2", "paths.log_dir=/x"]) == {"val/f1": 0.5}
    with pytest.raises(UserError, match="b=3"):
        finished_metrics(str(tmp_path), job, ["a=1", "b=3", "paths.log_dir=/x"])
