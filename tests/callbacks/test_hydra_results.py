"""The result callback inside real Hydra applications, started as a user starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

APP = """
import hydra, sys, time
from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils import run_identity
from transferlab.utils.errors import run_entrypoint

@hydra.main(version_base="1.3", config_path=".", config_name="root")
@interruptible
def main(cfg):
    time.sleep(cfg.sleep)
    assert cfg.wandb or "torch" not in sys.modules
    if cfg.seed in cfg.failing:
        raise RuntimeError("no luck with this seed")
    if cfg.wandb:
        from transferlab.utils.wandb_logger import wandb_logger
        wandb_logger(cfg.paths.output_dir, project="p").log_metrics({"f1": 0.5}, step=1)
    return {"val": {"f1": cfg.seed * cfg.scale}, "note": "text", "undefined": float("nan")}

if __name__ == "__main__":
    run_identity.start()
    run_entrypoint(main)
"""

ROOT_CONFIG = """
defaults:
  - _self_
  - paths: default
  - hydra: default
seed: 0
scale: 1.0
failing: []
wandb: false
sleep: 0
task_name: tiny
hydra:
  searchpath: ["file://{configs}"]
"""


@pytest.fixture
def app(tmp_path: Path, project_root: Path):
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "root.yaml").write_text(ROOT_CONFIG.format(configs=project_root / "configs"))

    def start(*arguments: str, run=subprocess.run):
        environment = {**os.environ, "PYTHONPATH": str(project_root / "src"), "PYTHONWARNINGS": "error"}
        command = [sys.executable, "app.py", f"paths.log_dir={tmp_path}/logs", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return run(command, cwd=tmp_path, env=environment, **pipes)

    return start


def only(paths) -> Path:
    (path,) = paths
    return path


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_single_run_leaves_its_result(app, tmp_path: Path) -> None:
    done = app("seed=0")
    assert done.returncode == 0, done.stderr
    run = only((tmp_path / "logs" / "tiny" / "runs").iterdir())
    result = read(run / "job_return.json")
    assert result["status"] == "completed"
    assert result["seed"] == 0
    assert result["metrics"] == {"val/f1": 0.0, "note": "text", "undefined": "nan"}
    assert "| val/f1 | 0.0000 |" in (run / "job_return.md").read_text()
    assert (run / "app.log").exists()
    assert not (tmp_path / "app.log").exists()  # where colorlog would put it


def test_failed_single_run_leaves_its_error(app, tmp_path: Path) -> None:
    done = app("seed=7", "failing=[7]")
    assert done.returncode == 1
    run = only((tmp_path / "logs" / "tiny" / "runs").iterdir())
    result = read(run / "job_return.json")
    assert result["status"] == "failed"
    assert result["error"] == "RuntimeError: no luck with this seed"
    assert "app.py" in result["traceback"]
    assert "no luck with this seed" in (run / "app.log").read_text()


def check_sweep(logs: Path) -> None:
    """seed=1,2,3 with scale=0.5,1 of which seed 3 failed: four results of six, two settings."""
    sweep = only((logs / "tiny" / "multiruns").iterdir())
    result = read(sweep / "multirun_result.json")
    assert [job["job"] for job in result["jobs"]] == ["0", "1", "2", "3", "4", "5"]
    assert [job["status"] for job in result["jobs"]].count("failed") == 2
    half, whole = result["settings"]
    assert half["overrides"] == [f"paths.log_dir={logs}", "failing=[3]", "scale=0.5"]
    assert half["metrics"]["val/f1"] == {"mean": 0.75, "std": pytest.approx(0.125**0.5), "count": 2}
    assert whole["metrics"]["val/f1"] == {"mean": 1.5, "std": pytest.approx(0.5**0.5), "count": 2}
    assert (half["jobs"], half["completed"]) == (3, 2)
    assert whole["metrics"]["undefined"] == {"mean": "nan", "std": "nan", "count": 2}
    table = (sweep / "multirun_result.md").read_text()
    assert "4 of 6 jobs completed" in table
    assert "| scale=0.5 | val/f1 | 0.7500 | 0.3536 | 2 |" in table
    assert "RuntimeError: no luck with this seed" in table


def test_sweep_with_failed_jobs_keeps_the_others(app, tmp_path: Path) -> None:
    done = app("failing=[3]", "seed=1,2,3", "scale=0.5,1", "--multirun")
    assert done.returncode == 1  # a failed job is not hidden
    check_sweep(tmp_path / "logs")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_jobs_side_by_side_end_with_their_sweep(app, tmp_path: Path, number: int) -> None:
    process = app("seed=1,2,3", "sleep=60", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "--multirun",
                  run=partial(subprocess.Popen, start_new_session=True))  # fmt: skip
    sweeps = tmp_path / "logs" / "tiny" / "multiruns"
    end = time.monotonic() + 60
    while len(list(sweeps.glob("*/[01]/app.log"))) < 2 and time.monotonic() < end:
        time.sleep(0.1)
    if number == signal.SIGINT:  # a terminal sends it to all of them
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 128 + number, text
    assert "Traceback" not in text
    jobs = read(only(sweeps.iterdir()) / "multirun_result.json")["jobs"]
    assert [job["status"] for job in jobs] == ["interrupted", "interrupted", "not started"]


def test_sweep_prints_the_means(app) -> None:
    done = app("seed=1,2", "+hydra.callbacks.save_job_return.integrate_multirun_result=true", "--multirun")
    assert done.returncode == 0, done.stderr
    assert "1.5000" in done.stdout
    assert "0.7071" in done.stdout


def test_sweep_without_integration_leaves_the_jobs_alone(app, tmp_path: Path) -> None:
    app("seed=1,2", "+hydra.callbacks.save_job_return.integrate_multirun_result=false", "--multirun")
    sweep = only((tmp_path / "logs" / "tiny" / "multiruns").iterdir())
    assert not list(sweep.glob("multirun_result.*"))
    assert read(sweep / "1" / "job_return.json")["metrics"]["val/f1"] == 2.0


@pytest.mark.slow
def test_jobs_of_a_sweep_have_wandb_runs_of_their_own(app, tmp_path: Path) -> None:
    done = app("wandb=true", "seed=1,2", "--multirun")
    assert done.returncode == 0, done.stderr
    sweep = only((tmp_path / "logs" / "tiny" / "multiruns").iterdir())
    for job in "01":
        only((sweep / job).glob("wandb/offline-run-*/run-*.wandb"))


@pytest.mark.slow
def test_sweep_on_submitit_gives_the_same_files(app, tmp_path: Path) -> None:
    done = app("failing=[3]", "seed=1,2,3", "scale=0.5,1", "hydra/launcher=submitit_local", "--multirun")
    assert done.returncode == 1
    check_sweep(tmp_path / "logs")


def test_optimized_metric_reaches_the_sweeper(app, tmp_path: Path) -> None:
    done = app("seed=3", "+optimized_metric=val/f2")
    assert done.returncode == 1
    assert "optimized_metric=val/f2 is no number among the job's results" in done.stderr
    run = only((tmp_path / "logs" / "tiny" / "runs").iterdir())
    assert read(run / "job_return.json")["metrics"]["val/f1"] == 3.0  # the result itself is kept


def test_a_search_for_a_score_that_no_job_has_ends_with_its_first_trial(app, tmp_path: Path) -> None:
    def run(command, env, **options):  # what Optuna imports has warnings of its own
        return subprocess.run(command, env={**env, "PYTHONWARNINGS": "ignore"}, **options)

    done = app(
        "seed=choice(1,2,3)", "+optimized_metric=val/f2", "hydra/sweeper=optuna", "hydra.sweeper.direction=maximize",
        "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1", "hydra.sweeper.max_failure_rate=1.0", "--multirun",
        run=run,
    )  # fmt: skip
    assert done.returncode == 1 and "error: optimized_metric=val/f2" in done.stderr and "val/f1" in done.stderr
    sweep = only((tmp_path / "logs" / "tiny" / "multiruns").iterdir())
    assert [job["job"] for job in read(sweep / "multirun_result.json")["jobs"]] == ["0"]
