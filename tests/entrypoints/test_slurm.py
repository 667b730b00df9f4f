"""Sweeps on a cluster: failing jobs, and jobs that are stopped and go on. ``make test-slurm`` brings up a cluster."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from transferlab.reporting.sweep_report import report_sweeps

from .kills import outcome
from .tiny_runs import TINY

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(
        shutil.which("sinfo") is None or subprocess.run(["sinfo"], capture_output=True).returncode != 0,
        reason="there is no SLURM cluster here; `make test-slurm` brings one up",
    ),
]
EPOCHS = 14  # of four steps of two seconds: longer than the time that a job is given


@pytest.fixture
def start(corpus: Path, encoder: Path, tmp_path: Path):
    """Start a sweep on the cluster in the background; all of them are waited for."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{HERE}", "FEATURES_DIR": str(tmp_path / "features")}
    for name in [name for name in environment if name.startswith("TRANSFERLAB_")]:
        del environment[name]  # those of the tests
    started = []

    def start(sweep: Path, *overrides: str) -> subprocess.Popen[str]:
        command = [
            sys.executable, ROOT / "src" / "train.py", "--multirun", *TINY, f"encoder={encoder}",
            f"hydra.sweep.dir={sweep}", "hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1",
            "hydra.launcher.mem_gb=1", "hydra.launcher.gpus_per_node=null", f"dataset.data_dir={corpus}", *overrides,
        ]  # fmt: skip
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()


def wait_for(files: list[Path], process: subprocess.Popen[str], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not all(file.is_file() for file in files):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, f"there is not every one of {files}"
        time.sleep(0.2)


def job_id(sweep: Path, number: int) -> str:
    """What the scheduler calls a job: the array's number and its own."""
    (folder,) = (sweep / ".submitit").glob(f"*_{number}")
    return folder.name


def test_jobs_that_are_stopped_go_on_and_failed_ones_are_named(start, corpus: Path, tmp_path: Path) -> None:
    stopped, mixed = tmp_path / "stopped", tmp_path / "mixed"
    slow = [
        "+callbacks.slow._target_=job_callbacks.SlowSteps",
        "+callbacks.slow.seconds=2",
        f"trainer.max_epochs={EPOCHS}",
    ]
    times = ["hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=30"]
    long = start(stopped, "seed=1,1,1", *slow, *times)
    failing = ["+callbacks.failing._target_=job_callbacks.FailingSeed", "+callbacks.failing.seed=${seed}"]
    short = start(mixed, "seed=1,13,2", "trainer.max_epochs=1", *failing)

    # one is preempted by submitit's signal, one requeued by hand, one reaches its time
    wait_for([stopped / number / "checkpoints" / "last.ckpt" for number in "01"], long)
    subprocess.run(["scancel", "--signal=USR2", job_id(stopped, 0)], check=True)
    subprocess.run(["scontrol", "requeue", job_id(stopped, 1)], check=True)

    text, _ = short.communicate(timeout=280)
    assert short.returncode == 1
    jobs = {job["job"]: job for job in json.loads((mixed / "multirun_result.json").read_text())["jobs"]}
    statuses = {name: job["status"] for name, job in jobs.items()}
    assert statuses == {"0": "completed", "1": "failed", "2": "completed"}, text
    assert re.search(r"job 1 failed: .*13", text)

    text, _ = long.communicate(timeout=280)
    assert long.returncode == 0, text
    outcomes = [outcome(stopped / str(number)) for number in range(3)]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    for number in range(3):
        record = json.loads((stopped / str(number) / "run.json").read_text())
        lines = (stopped / str(number) / "train.log").read_text()
        assert record["resumed"], lines
        epochs = re.findall(r"the run goes on at epoch (\d+), step (\d+)", lines)
        assert epochs and all(0 < int(step) < 4 * EPOCHS for _, step in epochs), lines

    (setting,) = report_sweeps([stopped.rename(tmp_path / "moved")]).settings
    assert len(setting.scores) == 3
