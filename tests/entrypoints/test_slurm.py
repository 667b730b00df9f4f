"""Sweeps on a cluster: failing jobs, and jobs that are stopped and go on. ``make test-slurm`` brings up a cluster."""

from __future__ import annotations

import json
import os
import re
import shlex
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
    pytest.mark.timeout(900),  # jobs wait for their turn and their time
    pytest.mark.skipif(
        shutil.which("sinfo") is None or subprocess.run(["sinfo"], capture_output=True).returncode != 0,
        reason="there is no SLURM cluster here; `make test-slurm` brings one up",
    ),
]
EPOCHS = 18  # of four steps of three seconds: longer than the time that a job is given


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Of a user, without what the tests have set of their own run."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRANSFERLAB_")}
    return {**own, "PYTHONPATH": f"{ROOT / 'src'}:{HERE}", "FEATURES_DIR": str(tmp_path / "features")}


@pytest.fixture
def start(corpus: Path, encoder: Path, environment: dict[str, str]):
    """Start a sweep on the cluster in the background."""
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


def wait_for(files: list[Path], process: subprocess.Popen[str] | None = None, seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not all(file.is_file() for file in files):
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end, f"there is not every one of {files}"
        time.sleep(0.2)


def job_id(sweep: Path, number: int) -> str:
    """What the scheduler calls a job: the array's number and its own."""
    (folder,) = (sweep / ".submitit").glob(f"*_{number}")
    return folder.name


def went_on(run: Path) -> bool:
    """Whether a run was taken up where it had been stopped, each time that it was started again."""
    text = (run / "train.log").read_text()
    steps = [int(step) for step in re.findall(r"the run goes on at epoch \d+, step (\d+)", text)]
    return len(steps) == len(json.loads((run / "run.json").read_text())["resumed"]) and min(steps) > 0


def test_jobs_that_are_stopped_go_on_and_failed_ones_are_named(
    start, environment: dict[str, str], corpus: Path, encoder: Path, tmp_path: Path
) -> None:
    stopped, mixed = tmp_path / "stopped", tmp_path / "mixed"
    slow = [
        "+callbacks.slow._target_=job_callbacks.SlowSteps",
        "+callbacks.slow.seconds=3",
        f"trainer.max_epochs={EPOCHS}",
        "callbacks.early_stopping=null",  # the sample is learnt in one epoch, and the time has to be reached
    ]
    times = ["hydra.launcher.timeout_min=3", "hydra.launcher.signal_delay_s=10"]  # SLURM may send it a minute earlier
    long = start(stopped, "seed=1,1", *slow, *times)
    failing = ["+callbacks.failing._target_=job_callbacks.FailingSeed", "+callbacks.failing.seed=${seed}"]
    short = start(mixed, "seed=1,13,2", "trainer.max_epochs=1", *failing)

    own = tmp_path / "own"
    program = [sys.executable, str(ROOT / "src" / "train.py"), *TINY, *slow, f"encoder={encoder}"]
    program += [f"dataset.data_dir={corpus}", f"hydra.run.dir={own}"]
    script = ["sbatch", "--parsable", "--requeue", "--mem=1G", f"--output={own}.txt", f"--wrap={shlex.join(program)}"]
    number = subprocess.run(script, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    # one is preempted with submitit's signal, one is requeued by the administrator, one reaches its time
    wait_for([place / "checkpoints" / "last.ckpt" for place in (stopped / "0", own)], long)
    subprocess.run(["scancel", "--signal=USR2", job_id(stopped, 0)], check=True)
    subprocess.run(["scontrol", "requeue", number], check=True)

    text, _ = short.communicate(timeout=400)
    assert short.returncode == 1
    jobs = {job["job"]: job for job in json.loads((mixed / "multirun_result.json").read_text())["jobs"]}
    statuses = {name: job["status"] for name, job in jobs.items()}
    assert statuses == {"0": "completed", "1": "failed", "2": "completed"}, text
    assert re.search(r"job 1 failed: .*13", text)

    text, _ = long.communicate(timeout=400)
    assert long.returncode == 0, text
    assert went_on(stopped / "0") and went_on(stopped / "1")
    assert outcome(stopped / "0") == outcome(stopped / "1")

    wait_for([own / "metrics.json"])
    assert went_on(own)

    (setting,) = report_sweeps([stopped.rename(tmp_path / "moved")]).settings
    assert len(setting.scores) == 2
