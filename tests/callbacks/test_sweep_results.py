"""Collecting and aggregating the files of jobs."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from transferlab.callbacks.sweep_results import (
    BASIC,
    aggregate,
    collect,
    flatten,
    integrate,
    print_settings,
    record_interrupted_jobs,
    sweep_markdown,
)
from transferlab.utils.resume import finished_metrics


def write_job(sweep: Path, name: str, overrides: list[str], metrics: dict | None) -> None:
    (sweep / name / ".hydra").mkdir(parents=True)
    (sweep / name / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    if metrics is not None:
        record = {"status": "completed", "overrides": overrides, "seed": 1, "metrics": metrics}
        (sweep / name / "job_return.json").write_text(json.dumps(record))


def test_flatten_makes_plain_json_values() -> None:
    returned = {
        "a": {"b": torch.tensor(0.5), "c": None},
        "n": np.float64(2),
        "inf": float("inf"),
        "l": [1, 2],
    }
    assert flatten(returned) == {"a/b": 0.5, "a/c": None, "n": 2.0, "inf": "inf", "l": "[1, 2]"}
    assert flatten(0.25) == {"value": 0.25}
    assert flatten(None) == {}


def test_collect_finds_unfinished_jobs_and_sorts_numerically(tmp_path: Path) -> None:
    for n in (10, 9, 2):
        write_job(tmp_path, str(n), [f"seed={n}"], {"f1": float(n)} if n != 9 else None)
    write_job(tmp_path, "2/nested", ["seed=5"], {"f1": 0.0})  # what a job writes is no job
    result = collect(tmp_path)
    assert [(job["job"], job["status"]) for job in result["jobs"]] == [
        ("2", "completed"),
        ("9", "unfinished"),
        ("10", "completed"),
    ]
    assert result["settings"][0]["metrics"]["f1"]["mean"] == 6.0
    assert (result["settings"][0]["jobs"], result["settings"][0]["completed"]) == (3, 2)


def test_a_job_that_a_signal_met_at_its_start_has_the_overrides_that_it_was_to_have(tmp_path: Path) -> None:
    sweeper = {"_target_": BASIC, "params": None}
    plan = {"sweeper": sweeper, "sweep": {"subdir": "${hydra.job.num}"}, "overrides": {"task": ["seed=1,2", "a=b"]}}
    (tmp_path / "multirun.yaml").write_text(json.dumps({"hydra": plan}))
    write_job(tmp_path, "0", ["seed=1", "a=b"], {"f1": 1.0})
    (tmp_path / "1" / ".hydra").mkdir(parents=True)
    (tmp_path / "1" / ".hydra" / "config.yaml").write_text("seed: 2\n")  # Hydra writes it first
    record_interrupted_jobs(tmp_path)
    job = json.loads((tmp_path / "1" / "job_return.json").read_text())
    assert (job["status"], job["overrides"], job["seed"]) == ("interrupted", ["seed=2", "a=b"], 2)
    assert finished_metrics(str(tmp_path), tmp_path / "1", ["seed=2", "a=b"]) is None


def test_one_job_has_no_standard_deviation() -> None:
    jobs = [
        {
            "job": "0",
            "status": "completed",
            "overrides": ["+seed=0"],
            "metrics": {"f1": 1, "ok": True, "t": "x"},
        }
    ]
    (setting,) = aggregate(jobs)
    assert setting["overrides"] == []
    assert setting["metrics"] == {"f1": {"mean": 1.0, "std": None, "count": 1}}


def test_markdown_escapes_cells() -> None:
    jobs = [
        {"job": str(n), "status": "completed", "overrides": [f"seed={n}", "a=x|y"], "metrics": {"f1": 1e-5}}
        for n in (0, 1)
    ]
    table = sweep_markdown({"jobs": jobs, "settings": aggregate(jobs)})
    assert "Every job has: `a=x|y`" in table
    assert "| job | seed | status | f1 |" in table
    assert "| all jobs | f1 | 1e-05 | 0.0000 | 2 |" in table


def test_jobs_that_end_together_leave_a_complete_file(tmp_path: Path) -> None:
    def end(n: int) -> None:
        write_job(tmp_path, str(n), [f"seed={n}"], {"f1": float(n)})
        integrate(tmp_path)

    threads = [threading.Thread(target=end, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = json.loads((tmp_path / "multirun_result.json").read_text())
    assert result["settings"][0]["metrics"]["f1"]["count"] == 8
    assert list(tmp_path.glob(".multirun*")) == []


def test_terminal_shows_the_monitored_metric_of_every_split(capsys: pytest.CaptureFixture[str]) -> None:
    metrics = {"val/f1": 0.5, "val/loss": 2.0, "test/f1": 0.25}
    jobs = [{"job": "0", "status": "completed", "overrides": ["seed=1"], "metrics": metrics}]
    print_settings({"jobs": jobs, "settings": aggregate(jobs)}, monitor="val/f1")
    printed = capsys.readouterr().out
    assert "val/f1" in printed
    assert "test/f1" in printed
    assert "val/loss" not in printed
    jobs = [job | {"monitor": "val/loss"} for job in jobs]  # what jobs say themselves counts: targets differ in it
    print_settings({"jobs": jobs, "settings": aggregate(jobs)}, monitor="val/f1")
    assert "val/loss" in (shown := capsys.readouterr().out) and "f1" not in shown
    jobs = [job | {"monitor": None} for job in jobs]
    print_settings({"jobs": jobs, "settings": aggregate(jobs)}, monitor="val/none")
    assert "val/loss" in capsys.readouterr().out
