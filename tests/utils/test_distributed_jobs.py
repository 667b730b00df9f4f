"""Further processes of a job: what they are handed, and what becomes of the job when one of them ends."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from transferlab.utils import distributed_jobs, run_identity
from transferlab.utils.config_checks import ConfigError
from transferlab.utils.distributed_jobs import OF_JOB, RankError, current_job, job
from transferlab.utils.distributed_launcher import build_trainer
from transferlab.utils.errors import UserError

PROGRAM = """
import os, sys, time
from omegaconf import OmegaConf
from transferlab.utils.distributed_jobs import run_rank
from transferlab.utils.errors import UserError
def main(cfg):
    {body}
run_rank(main)
"""


@pytest.fixture
def further(tmp_path, project_root, monkeypatch):
    """A job whose further process runs ``body``; it has written its number and config, and waits for ``pause``."""
    for key in OF_JOB:
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(project_root / "src"))
    monkeypatch.setattr(distributed_jobs, "PATIENCE", 40.0)  # the processors may be busy
    cfg = OmegaConf.create({"place": str(tmp_path), "seed": 3, "twice": "${seed}${seed}"})

    def start(body: str):
        monkeypatch.setenv(run_identity.PROGRAM, json.dumps([sys.executable, "-c", PROGRAM.format(body=body)]))
        current_job().start({"MASTER_ADDR": "here", "MASTER_PORT": "1", "NODE_RANK": "0", "WORLD_SIZE": "2"}, 2)

    return cfg, start


def fail(further, body: str, error: Exception, processes: list | None = None) -> None:
    """Start a further process, add it to ``processes``, and raise ``error`` in this one."""
    cfg, start = further
    with job(cfg):
        start(body)
        if processes is not None:
            processes += current_job()._ranks
        raise error


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_gets_the_config_and_leaves_nothing_in_the_environment(further, tmp_path):
    cfg, start = further
    before = dict(os.environ)
    with job(cfg):
        start("open(f\"{cfg.place}/{os.environ['LOCAL_RANK']}-{cfg.twice}-{os.environ['WORLD_SIZE']}\", 'w')")
        assert os.environ["LOCAL_RANK"] == "0"
    assert (tmp_path / "1-33-2").is_file()
    assert {key: os.environ.get(key) for key in OF_JOB} == {key: before.get(key) for key in OF_JOB}
    assert current_job() is None


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("raise UserError('the disk is full')", UserError, "^the disk is full$"),
        ("1 / 0", RankError, "process 1 of 2 .*ZeroDivisionError"),
        ("os.kill(os.getpid(), 9)", UserError, "process 1 of 2 .*memory"),
        ("print('no driver', flush=True); os._exit(3)", RankError, "code 3.*no driver"),
    ],
)
def test_an_error_of_one_process_is_that_of_the_job(further, body, kind, said):
    with pytest.raises(kind, match=f"(?s){said}"):
        fail(further, body, RuntimeError("the connection to process 1 is lost"))


def test_an_error_of_the_first_process_ends_the_others(further):
    processes = []
    with pytest.raises(UserError, match="mine"):
        fail(further, "time.sleep(600)", UserError("mine"), processes)
    assert not is_running(processes[0].pid)


def test_a_process_ends_with_the_first_one(further, tmp_path):
    cfg, start = further
    child = os.fork()
    if child == 0:
        with job(cfg):
            start("open(f'{cfg.place}/pid', 'w').write(str(os.getpid())); time.sleep(600)")
            while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
                time.sleep(0.05)
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    until = time.monotonic() + 40
    while is_running(int((tmp_path / "pid").read_text())) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_several_processes_need_the_command_line(tmp_path):
    cfg = OmegaConf.create(
        {
            "_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "devices": 2, "strategy": "ddp",
            "default_root_dir": str(tmp_path), "logger": False, "enable_checkpointing": False,
        }
    )  # fmt: skip
    launcher = build_trainer(cfg).strategy.launcher
    with pytest.raises(ConfigError, match=r"trainer\.devices=2"):
        launcher.launch(lambda: None)
