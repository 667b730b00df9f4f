"""A directory belongs to one run, and one process at a time writes there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from transferlab.callbacks.own_directory import OwnDirectory
from transferlab.utils import run_directory, run_identity
from transferlab.utils.errors import UserError
from transferlab.utils.interruption import Interruption
from transferlab.utils.run_contents import own_files, recording
from transferlab.utils.run_directory import DirectoryTakenError, check_sweep, claim, is_being_written
from transferlab.utils.run_record import FINISHED, RUNNING, set_status, write_run_record
from transferlab.utils.unstarted_runs import leaving_nothing

TRAINING = {"job": "train", "resumed": None, "repeatable": False}
EVALUATION = {"job": "evaluate", "resumed": None, "repeatable": True}
HOLDER = """
import sys
from transferlab.utils import run_directory
run_directory.take(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(project_root: Path):
    """Another process that writes in a directory, until its input is closed."""
    running = []

    def hold(directory: Path) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(project_root / "src")}
        command = [sys.executable, "-c", HOLDER, str(directory)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        return process

    yield hold
    for process in running:
        process.kill()
        process.communicate()


def record(directory: Path, **fields: object) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").write_text(json.dumps({"run_id": "another", "overrides": ["seed=1"], **fields}))


def test_one_process_at_a_time_writes_until_it_has_died(tmp_path, holder, monkeypatch):
    monkeypatch.setattr(run_directory, "PATIENCE", 0.1)
    record(tmp_path, process={"pid": 123, "host": "node7"})
    process = holder(tmp_path)
    assert is_being_written(tmp_path)
    with pytest.raises(DirectoryTakenError, match="process 123 on node7"):
        run_directory.take(tmp_path)
    process.kill()
    process.wait()
    assert not is_being_written(tmp_path)
    with run_directory.writing(tmp_path), run_directory.writing(tmp_path):  # of one process as often as it likes
        assert is_being_written(tmp_path)
    assert not is_being_written(tmp_path)


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/run .*hydra\.run\.dir"):
        run_directory.take(tmp_path / "file" / "run")


def test_another_run_is_refused_with_the_command_that_goes_on(tmp_path):
    claim(tmp_path, ["seed=1"], **TRAINING)  # nothing is there
    record(tmp_path, started="2026-01-02 03:04:05")
    (tmp_path / "checkpoints").mkdir()
    for overrides in (["seed=1"], ["seed=2"]):
        with pytest.raises(DirectoryTakenError, match=rf"2026-01-02.*resume={tmp_path}"):
            claim(tmp_path, overrides, **TRAINING)
    with pytest.raises(DirectoryTakenError):
        claim(tmp_path, ["seed=1"], **EVALUATION)  # it would replace the scores of the training


def test_the_same_start_goes_on(tmp_path, monkeypatch):
    record(tmp_path, run_id=os.environ[run_identity.RUN_ID])
    claim(tmp_path, ["seed=1"], **TRAINING)
    with pytest.raises(DirectoryTakenError):  # another job of the sweep
        claim(tmp_path, ["seed=2"], **TRAINING)
    record(tmp_path, slurm_job="17")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    with pytest.raises(DirectoryTakenError):  # a second command of the same script
        claim(tmp_path, ["seed=1"], **TRAINING)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    claim(tmp_path, ["seed=1"], **TRAINING)


def begin(directory: Path, job: str, program: str = "transferlab.callbacks.own_directory.OwnDirectory") -> None:
    """What Hydra writes at the start of a command."""
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra" / "config.yaml").write_text("a: 1")
    hydra = {"job": {"name": job}, "callbacks": {"own_directory": {"_target_": program}}}
    OmegaConf.save({"hydra": hydra}, directory / ".hydra" / "hydra.yaml")


def files(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): path.read_text()
        for path in directory.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("error", [None, UserError("there is no such file"), RuntimeError("ours")])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_takes_no_training_is_repeated_and_what_another_left_is_kept(tmp_path, caplog, seed, error):
    record(tmp_path, job="evaluate", written=["metrics.json", "csv/metrics.csv"])
    (tmp_path / "csv").mkdir()
    for file in ("metrics.json", "csv/metrics.csv"):
        (tmp_path / file).write_text("1")
    mine = ["mine.txt", "report.md", "items/mine.jsonl", "csv/mine.csv", ".hydra/mine.yaml", "model/weights"]
    for file in mine:  # a trained model of another run, too
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("of no evaluation")
    before = files(tmp_path)

    def again() -> None:
        claim(tmp_path, [f"seed={seed}"], **EVALUATION)
        record(tmp_path, job="evaluate", overrides=[f"seed={seed}"])
        if error is not None:
            raise error
        (tmp_path / "metrics.json").write_text("2")

    def undone() -> None:
        with leaving_nothing(tmp_path):
            again()

    if error is None:
        undone()
    else:
        with pytest.raises(type(error)):
            undone()
    ours = ("metrics.json", "csv/metrics.csv", "run.json")
    after, aside = files(tmp_path), {f"earlier/1/{name}": before[name] for name in ours}
    assert all(after[file] == "of no evaluation" for file in mine)
    if isinstance(error, UserError):
        assert after == before  # nothing was done
        assert not (tmp_path / "earlier").exists() and "earlier" not in caplog.text
    elif error is None and seed == 1:
        assert after["metrics.json"] == "2" and not (tmp_path / "earlier").exists()  # replaced by the same command
    else:
        assert aside.items() <= after.items() and caplog.text.count(str(tmp_path / "earlier" / "1")) == 1
    with pytest.raises(DirectoryTakenError):
        claim(tmp_path, ["seed=2"], **{**EVALUATION, "job": "predict"})


@pytest.mark.parametrize("kind", [TRAINING, EVALUATION])
@pytest.mark.parametrize("file", ["train.jsonl", "src/train.py", "model/config.json", "checkpoints/last.ckpt"])
def test_a_directory_with_files_that_no_run_has_written_is_refused(tmp_path, kind, file):
    (tmp_path / "slurm.out").write_text("what the command prints")
    (tmp_path / "log.txt").write_text("")
    claim(tmp_path, ["seed=1"], **kind)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("mine")
    with pytest.raises(DirectoryTakenError, match=rf"{tmp_path} holds {file.partition('/')[0]},"):
        claim(tmp_path, ["seed=1"], **kind)
    assert (tmp_path / file).read_text() == "mine"


def test_a_start_that_was_killed_before_its_record_is_repeated(tmp_path):
    begin(tmp_path, "train")
    (tmp_path / "train.log").write_text("x")
    claim(tmp_path, ["seed=1"], **TRAINING)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_text("of another program")
    with pytest.raises(DirectoryTakenError, match="checkpoints"):
        claim(tmp_path, ["seed=1"], **TRAINING)


@pytest.mark.parametrize("kind", [TRAINING, EVALUATION])
@pytest.mark.parametrize("file", ["train.log", "metrics.json", "report.md", "model/config.json"])
def test_another_program_that_uses_hydra_is_not_written_over(tmp_path, kind, file):
    begin(tmp_path, "train", "their.callbacks.Log")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("theirs")
    before = files(tmp_path)
    with pytest.raises(DirectoryTakenError, match=r"\.hydra"):
        claim(tmp_path, ["seed=1"], **kind)
    assert files(tmp_path) == before


def test_only_what_certainly_is_a_result_goes_where_no_record_lists_them(tmp_path, caplog):
    record(tmp_path, job="evaluate")  # of an earlier version, or killed
    for file in ("metrics.json", "items/mine.jsonl", "report.md"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("1")
    with leaving_nothing(tmp_path):
        claim(tmp_path, ["seed=1"], **EVALUATION)
        record(tmp_path, job="evaluate")
    assert set(files(tmp_path)) == {"run.json", "report.md", "earlier/1/metrics.json", "earlier/1/items/mine.jsonl"}
    assert str(tmp_path / "earlier" / "1") in caplog.text


def test_where_the_results_are_is_said_when_a_signal_ends_the_command_that_would_replace_them(tmp_path, caplog):
    record(tmp_path, job="evaluate", written=["metrics.json"])
    (tmp_path / "metrics.json").write_text("1")
    claim(tmp_path, ["seed=1"], **EVALUATION)  # as Hydra's callback does, which sees no end by a signal
    with suppress(Interruption), leaving_nothing(tmp_path):
        record(tmp_path, job="evaluate")
        raise Interruption(signal.SIGTERM)
    assert files(tmp_path)["earlier/1/metrics.json"] == "1" and str(tmp_path / "earlier" / "1") in caplog.text


def test_what_a_run_writes_is_recorded_and_what_was_there_or_has_other_names_is_not(tmp_path):
    start = OmegaConf.create({"seed": 1})
    mine = ["csv/mine.csv", "notes.txt"]
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "mine.csv").write_text("mine")

    def write(*names: str) -> None:
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("x")

    with recording(tmp_path) as returned:
        write_run_record(start, tmp_path)
        write("metrics.json", "csv/metrics.csv", "model/weights", "notes.txt", "own.csv")
        returned.append(str(tmp_path / "own.csv"))  # of somebody's own writer
    first = json.loads((tmp_path / "run.json").read_text())["written"]
    assert first == ["config_resolved.yaml", "csv/metrics.csv", "metrics.json", "model/weights", "own.csv", "run.json"]
    write("model/README.mine")
    with recording(tmp_path):  # it goes on
        write_run_record(OmegaConf.merge(start, {"resume": str(tmp_path)}), tmp_path)
        write("epochs/001")
    assert json.loads((tmp_path / "run.json").read_text())["written"] == sorted(
        [*first, ".hydra/config.yaml", "epochs/001"]
    )
    left = set(files(tmp_path)) - {str(path.relative_to(tmp_path)) for path in own_files(tmp_path)}
    assert left == {*mine, "model/README.mine"}


def test_a_resumed_run_writes_into_its_own_directory_only(tmp_path):
    record(tmp_path / "run")
    claim(tmp_path / "run", [], **{**TRAINING, "resumed": f"{tmp_path}/run/"})
    claim(tmp_path / "sweep" / "0", [], **{**TRAINING, "resumed": str(tmp_path / "sweep")})
    for place in (tmp_path / "other", tmp_path / "run" / "below"):
        with pytest.raises(DirectoryTakenError, match="ckpt_path"):
            claim(place, [], **{**TRAINING, "resumed": str(tmp_path / "run")})


@pytest.mark.parametrize("file", ["multirun.yaml", "multirun_result.json", "run.json", "0/.hydra/config.yaml"])
def test_a_sweep_gets_a_directory_without_runs(tmp_path, file):
    check_sweep(tmp_path, None)
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("{}")
    with pytest.raises(DirectoryTakenError, match=str(tmp_path)):
        check_sweep(tmp_path, None)
    if file != "run.json":
        check_sweep(tmp_path, str(tmp_path))


def test_hydra_is_stopped_before_it_writes(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "root.yaml").write_text("resume: null\nhydra: {job: {name: train}}\n")
    place = tmp_path / "run"
    record(place)
    with initialize_config_dir(str(tmp_path / "configs"), version_base="1.3"):
        where = [f"hydra.run.dir={place}", f"hydra.sweep.dir={place}"]
        config = compose("root", overrides=where, return_hydra_config=True)
    for start in (OwnDirectory().on_run_start, OwnDirectory().on_multirun_start):
        with pytest.raises(SystemExit, match=f"error: {place} holds a"):
            start(config)
        run_directory.let_go(place)
    assert sorted(path.name for path in place.iterdir()) == [".lock", "run.json"]


@pytest.mark.parametrize("name", ["", "' '"])
def test_a_directory_without_a_name_is_not_the_working_directory(name, tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "root.yaml").write_text("resume: null\nhydra: {job: {name: train}}\n")
    monkeypatch.chdir(tmp_path)
    with initialize_config_dir(str(tmp_path / "configs"), version_base="1.3"):
        where = [f"hydra.run.dir={name}", f"hydra.sweep.dir={name}"]
        config = compose("root", overrides=where, return_hydra_config=True)
    for key, start in (("run", OwnDirectory().on_run_start), ("sweep", OwnDirectory().on_multirun_start)):
        with pytest.raises(SystemExit, match=rf"error: hydra\.{key}\.dir="):
            start(config)
    assert [path.name for path in tmp_path.iterdir()] == ["configs"]


def test_hydra_is_stopped_among_files_that_no_run_has_written(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "root.yaml").write_text("resume: null\nhydra: {job: {name: train}}\n")
    with initialize_config_dir(str(tmp_path / "configs"), version_base="1.3"):
        where = [f"hydra.run.dir={tmp_path}", f"hydra.sweep.dir={tmp_path}"]
        config = compose("root", overrides=where, return_hydra_config=True)
    for key, start in (("run", OwnDirectory().on_run_start), ("sweep", OwnDirectory().on_multirun_start)):
        with pytest.raises(SystemExit, match=rf"error: {tmp_path} holds configs, .*hydra\.{key}\.dir"):
            start(config)
    assert [path.name for path in tmp_path.iterdir()] == ["configs"]


@pytest.mark.parametrize("name", ["../../x", "a/b", "..", "/tmp"])
def test_a_name_that_is_a_path_is_refused_before_hydra_writes(name, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "root.yaml").write_text("task_name: train\nhydra: {job: {name: train}}\n")
    with initialize_config_dir(str(tmp_path / "configs"), version_base="1.3"):
        where = [f"hydra.{key}.dir={tmp_path}/logs/${{task_name}}" for key in ("run", "sweep")]
        config = compose("root", overrides=[f"task_name='{name}'", *where], return_hydra_config=True)
    for start in (OwnDirectory().on_run_start, OwnDirectory().on_multirun_start):
        with pytest.raises(SystemExit, match=f"error: task_name=.*{name}"):
            start(config)
    assert not (tmp_path / "logs").exists() and not (tmp_path / "x").exists()


def test_the_record_says_what_became_of_a_run(tmp_path):
    set_status(tmp_path, FINISHED)
    assert list(tmp_path.iterdir()) == []  # nothing was started there
    write_run_record(OmegaConf.create({"seed": 1}), tmp_path)
    started = json.loads((tmp_path / "run.json").read_text())
    assert started["status"] == RUNNING and started["process"]["pid"] == os.getpid() and "ended" not in started
    set_status(tmp_path, FINISHED, model="/m")
    ended = json.loads((tmp_path / "run.json").read_text())
    assert ended == started | {"status": FINISHED, "model": "/m", "ended": ended["ended"]}
    write_run_record(OmegaConf.create({"seed": 1, "resume": str(tmp_path)}), tmp_path)
    resumed = json.loads((tmp_path / "run.json").read_text())
    assert resumed["status"] == RUNNING and resumed["started"] == started["started"]
    assert [later["command"] for later in resumed["resumed"]] == [started["command"]]
