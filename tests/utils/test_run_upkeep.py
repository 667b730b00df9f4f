"""Old runs are listed with what became of them; what is asked for is deleted, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from runs import runs
from transferlab.utils import run_directory
from transferlab.utils.config_checks import ConfigError
from transferlab.utils.run_deletion import deletable, delete, kept
from transferlab.utils.run_upkeep import runs_below, select

CONFIGS = Path(__file__).parents[2] / "configs"


def make(place: Path, status: str | None = "finished", days: float = 0, model: Any = None, **record: Any) -> Path:
    (place / ".hydra").mkdir(parents=True)
    (place / ".hydra" / "config.yaml").write_text("a: 1\n")
    if status is not None:
        (place / "run.json").write_text(json.dumps({"run_id": "x", "status": status, **record}))
    (place / "checkpoints").mkdir()
    (place / "checkpoints" / "last.ckpt").write_bytes(bytes(1000))
    (place / "model").mkdir()
    (place / "model" / "transferlab.json").write_text(json.dumps(model or {}))
    if status == "finished":
        (place / "metrics.json").write_text("{}")
    aged(place, days)
    return place


def aged(place: Path, days: float) -> None:
    then = time.time() - days * 86400
    for path in (place, *place.rglob("*")):
        os.utime(path, (then, then))


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Runs of two tasks, a sweep, and what is none of ours."""
    logs = tmp_path / "logs"
    make(logs / "ner" / "runs" / "old", days=40)
    make(logs / "ner" / "runs" / "new")
    make(logs / "ner" / "runs" / "killed", "running", days=40, process={"pid": 1, "host": os.uname().nodename})
    make(logs / "ner" / "runs" / "elsewhere", "running", process={"pid": 1, "host": "another"})
    make(logs / "re" / "runs" / "earlier", None, days=40)
    (logs / "re" / "runs" / "earlier" / "job_return.json").write_text('{"status": "failed", "overrides": []}')
    aged(logs / "re" / "runs" / "earlier", 40)
    sweep = logs / "re" / "multiruns" / "one"
    make(sweep / "0", days=40)
    make(sweep / "1", "interrupted", days=40)
    (sweep / "multirun.yaml").write_text("{}")
    aged(sweep, 40)
    (logs / "notes" / ".hydra").mkdir(parents=True)  # of another program that uses Hydra
    (logs / "notes" / "text.txt").write_text("mine")
    (logs / "ner" / "runs" / "link").symlink_to(logs / "ner" / "runs" / "old")
    return logs


def names(found) -> list[str]:
    return [run.name for run in found]


def chosen(logs: Path, part: str = "run", **criteria: Any):
    found = runs_below(logs)
    return deletable(found, select(found, **criteria), part, [logs.parent / "models"], logs.parent / "configs")


def test_states_and_sizes(logs):
    found = {run.name: run for run in runs_below(logs)}
    assert {name: run.status for name, run in found.items()} == {
        "ner/runs/old": "finished", "ner/runs/new": "finished", "ner/runs/killed": "killed",
        "ner/runs/elsewhere": "running", "re/runs/earlier": "failed", "re/multiruns/one": "interrupted",
    }  # fmt: skip
    sweep = found["re/multiruns/one"]
    assert len(sweep.jobs) == 2 and sweep.checkpoints == 2000 < sweep.size < 3000


def test_criteria_hold_together(logs):
    found = runs_below(logs)
    assert names(select(found, older_than_days=30, status="finished")) == ["ner/runs/old"]
    assert names(select(found, path="re/*")) == ["re/multiruns/one", "re/runs/earlier"]
    for wrong in ({"status": "done"}, {"older_than_days": "x"}, {"older_than_days": -1}):
        with pytest.raises(ConfigError):
            select(found, **wrong)


def test_what_is_asked_for_is_deleted_and_nothing_else(logs, tmp_path):
    (tmp_path / "outside").write_text("kept")
    (logs / "ner" / "runs" / "old" / "model" / "link").symlink_to(tmp_path / "outside")
    aged(logs / "ner" / "runs" / "old", 40)
    before = set(logs.rglob("*"))
    gone, refusals = chosen(logs, path="ner/runs/old")
    assert names(gone) == ["ner/runs/old"] and refusals == []
    assert delete(gone, "run") == gone[0].size
    assert before - set(logs.rglob("*")) == {
        path for path in before if path.is_relative_to(logs / "ner" / "runs" / "old")
    }
    assert (tmp_path / "outside").read_text() == "kept"


@pytest.mark.parametrize("name", ["ner/runs/old", "re/multiruns/one"])
def test_what_no_command_of_ours_has_written_stays(logs, name, caplog):
    job = logs / name / "1" if name.endswith("one") else logs / name
    own = ["of_somebody.pt", "epoch_003_for_my_thesis.ckpt", "last copy.ckpt"]
    mine = {logs / name / "train.jsonl", job / "notes" / "day.txt", *(job / "checkpoints" / file for file in own)}
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")
    named = {"callbacks": {"a": {"filename": "{epoch:02d}_at_{val/f1:.2f}"}, "b": None, "c": {"filename": None}}}
    (job / "config_resolved.yaml").write_text(json.dumps(named))
    for file in ("epoch_012.ckpt", ".epoch_012.ckpt.partial", "epoch=3-step=12-v1.ckpt", "03_at_-0.25.ckpt"):
        (job / "checkpoints" / file).write_text("a state")
    (run,) = [run for run in runs_below(logs) if run.name == name]
    if job == logs / name:  # of one that is not finished the checkpoints are needed
        delete([run], "checkpoints")
        assert set((job / "checkpoints").iterdir()) == {job / "checkpoints" / file for file in own}
    assert delete([run], "run") == run.size
    left = {path for path in (logs / name).rglob("*") if path.is_file()}
    assert left == mine
    assert "which no command of ours has written" in caplog.text
    assert name not in {run.name for run in runs_below(logs)}


def test_what_a_record_does_not_list_stays_and_is_named_before(logs, caplog):
    place = logs / "ner" / "runs" / "listed"
    make(place, written=["metrics.json", "model/transferlab.json", "checkpoints/last.ckpt"])
    mine = ["report.md", "wandb/mine", "model/README.mine", ".hydra/own.txt"]
    for file in mine:
        (place / file).parent.mkdir(exist_ok=True)
        (place / file).write_text("mine")
    (run,) = [run for run in runs_below(logs) if run.directory == place]
    assert [str(path.relative_to(place)) for path in kept(run)] == sorted(mine)
    delete([run], "run")
    assert {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()} == set(mine)
    assert "report.md" in caplog.text


def test_what_is_being_written_is_left(logs, monkeypatch):
    monkeypatch.setattr(run_directory, "PATIENCE", 0.1)
    job = logs / "re" / "multiruns" / "one" / "0"
    holder = "import sys; from transferlab.utils import run_directory as r; r.take(sys.argv[1]); print(); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(job)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "\n"
    gone, refusals = chosen(logs)
    assert "re/multiruns/one" not in names(gone) and "ner/runs/elsewhere" not in names(gone)
    assert len(refusals) == 2
    sweep = [run for run in runs_below(logs) if run.name == "re/multiruns/one"]
    assert delete(sweep, "run") == 0 and job.is_dir()
    process.communicate("\n")
    assert delete(sweep, "run") > 0 and not job.exists()


@pytest.mark.parametrize("user", ["a saved model", "a run that may go on", "a config"])
def test_what_another_place_refers_to_is_left(logs, tmp_path, user):
    used = logs / "ner" / "runs" / "old" / "model"
    if user == "a saved model":
        make(tmp_path / "models" / "mine", model={"encoders": {"a": {"source": str(used)}}, "run": str(logs / "re")})
    elif user == "a run that may go on":
        config = json.dumps({"resume": None, "model": {"pretrained_models": {"a": str(used)}}})
        (logs / "ner" / "runs" / "new" / "config_resolved.yaml").write_text(config)
    else:
        (tmp_path / "configs" / "source").mkdir(parents=True)
        (tmp_path / "configs" / "source" / "a.yaml").write_text(f"a: {used}\n")
    gone, refusals = chosen(logs, path="ner/runs/old")
    assert gone == [] and len(refusals) == 1 and "ner/runs/old" in refusals[0]
    if user == "a run that may go on":
        gone, refusals = chosen(logs, path="ner/runs/[on]*")
        assert names(gone) == ["ner/runs/new", "ner/runs/old"]  # both go


def test_checkpoints_alone(logs):
    gone, refusals = chosen(logs, "checkpoints", older_than_days=30)
    assert names(gone) == ["ner/runs/old"] and len(refusals) == 3  # of what is not finished they are needed
    assert delete(gone, "checkpoints") == 1000
    old = logs / "ner" / "runs" / "old"
    assert not (old / "checkpoints").exists() and (old / "model" / "transferlab.json").is_file()
    with pytest.raises(ConfigError):
        chosen(logs, "model")


@pytest.mark.parametrize("wrong", ["action=prune", "action=delete", "+older=3"])
def test_a_command_without_sense_is_refused(wrong):
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        cfg = compose("runs", overrides=[wrong, "dry_run=false", "paths.log_dir=/nowhere"])
    with pytest.raises(ConfigError, match=r"older_than_days|choose one of list, delete"):
        runs(cfg)


def test_the_command_says_first_what_it_would_do(logs, tmp_path, project_root):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(project_root / "src" / "runs.py"), f"paths.log_dir={logs}", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    old, before = logs / "ner" / "runs" / "old", set(tmp_path.rglob("*"))
    asked = ["action=delete", "path=ner/runs/old", f"paths.model_dir={tmp_path / 'models'}"]
    done = run(*asked)
    assert done.returncode == 0 and "ner/runs/old" in done.stdout and "would be deleted" in done.stdout, done.stderr
    assert set(tmp_path.rglob("*")) == before
    assert run(*asked, "dry_run=false").returncode == 0
    assert not old.exists() and (logs / "ner" / "runs" / "new").is_dir()
