"""SIGTERM, SIGINT and SIGHUP at any point: the exit code, the record, the command that goes on and where it leads."""

from __future__ import annotations

import json
import os
import runpy
import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from .kills import act_at, outcome
from .tiny_runs import TINY

pytestmark = pytest.mark.usefixtures("without_pictures")

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = [
    *TINY,
    "trainer.max_epochs=3",
    "taskmodule.max_segment_len=16",
    "taskmodule.max_training_sentences=1",  # random windows of the training documents
    "monitor=val/loss",  # it improves from the first epoch on
    "monitor_mode=min",
    "trainer.log_every_n_steps=1",
    "model.task_learning_rate=1e-2",
]
STEP = "transferlab.models.base:TransferModel.training_step"
EVALUATION = "transferlab.models.base:TransferModel._evaluation_step"
# where a run is interrupted, one after the other, each time on its way from where it was before
POINTS = [
    ("hydra.core.utils:configure_log", 1),  # start-up
    ("transferlab.data.readers.jsonl:JsonLinesReader.read", 1),
    ("transferlab.encoders.frozen_features:FrozenFeatures.write", 1),  # filling the store
    (STEP, 2),
    ("transferlab.callbacks.checkpoints:WholeFiles.save_checkpoint", 2),
    (EVALUATION, 2),  # validation
    ("transferlab.callbacks.resumption:Resumption.on_fit_end", 1),
    ("pytorch_lightning:Trainer.test", 1),
    ("transferlab.utils.new_folder:_put_in_place", 1),
    ("transferlab.finishing:write_baselines", 1),
]


def send(number: int, times: int = 1) -> None:
    for _ in range(times):
        os.kill(os.getpid(), number)


def in_child(output: Path, script: str, arguments: list[str], prepare: Callable[[], None] | None = None) -> int:
    """Run an entrypoint as a process of its own, which need not import anything again; return what a shell calls $?."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with output.open("w") as file:
                for stream in (1, 2):
                    os.dup2(file.fileno(), stream)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            sys.argv = [str(ROOT / "src" / script), *arguments]
            sys.orig_argv = ["python", *sys.argv]
            if prepare is not None:
                prepare()
            runpy.run_path(sys.argv[0], run_name="__main__")
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def command_in(output: Path) -> list[str]:
    """The command that a process has printed last, above a remark in brackets."""
    return shlex.split([line for line in output.read_text().splitlines() if line and not line.startswith("(")][-1])


@pytest.fixture
def arguments(corpus: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("FEATURES_DIR", str(tmp_path / "features"))
    return [*SETTINGS, f"encoder={encoder}", f"dataset.data_dir={corpus}"]


def test_at_ten_points(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, whole, cut = tmp_path / "output", tmp_path / "whole", tmp_path / "it's cut"
    assert in_child(output, "train.py", [*arguments, f"hydra.run.dir={whole}"]) == 0, output.read_text()
    monkeypatch.setenv("FEATURES_DIR", str(tmp_path / "features of cut"))
    command = [*arguments, f'hydra.run.dir="{cut}"']
    for number, (place, call) in enumerate(POINTS):
        which = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)[number % 3]
        code = in_child(output, "train.py", command, partial(act_at, place, call, partial(send, which)))
        text = output.read_text()
        assert code == 128 + which, f"{place}: {text}"
        assert "Traceback" not in text, f"{place}: {text}"
        if number:
            assert json.loads((cut / "job_return.json").read_text())["status"] == "interrupted", place
            if number > 1:  # the record is written after a look at what is asked for
                assert json.loads((cut / "run.json").read_text())["status"] == "interrupted", place
            python, script, *command = command_in(output)
            assert [python, script, *command] == ["python", str(ROOT / "src" / "train.py"), f"resume={cut}"], place
    assert in_child(output, "train.py", command) == 0, output.read_text()
    assert json.loads((cut / "job_return.json").read_text())["status"] == "completed"
    ours, theirs = outcome(cut), outcome(whole)
    assert list(ours) == list(theirs)
    for name in theirs:
        assert ours[name] == theirs[name], name


def test_a_sweep_ends_and_says_which_jobs_are_missing(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, sweep = tmp_path / "output", tmp_path / "a sweep"
    monkeypatch.syspath_prepend(Path(__file__).parent)
    own_class = ["+callbacks.slow._target_=job_callbacks.SlowSteps", "+callbacks.slow.seconds=0"]
    given = [*arguments, *own_class, "trainer.max_epochs=1", "seed=1,2,3", "test=false"]
    command = ["--multirun", *given, f"hydra.sweep.dir='{sweep}'"]

    def statuses() -> list[str]:
        return [job["status"] for job in json.loads((sweep / "multirun_result.json").read_text())["jobs"]]

    at = partial(act_at, STEP, 6, partial(send, signal.SIGINT))  # the second step of the second job
    assert in_child(output, "train.py", command, at) == 130, output.read_text()
    assert statuses() == ["completed", "interrupted", "not started"]
    _, _, *command = command_in(output)
    assert command == [f"resume={sweep}", "trust=[job_callbacks]"]
    assert in_child(output, "train.py", command) == 0, output.read_text()
    assert statuses() == ["completed"] * 3


def test_a_search_ends_and_names_the_trial_that_goes_on(arguments: list[str], tmp_path: Path) -> None:
    output, sweep = tmp_path / "output", tmp_path / "search"
    given = [*arguments, "trainer.max_epochs=1", "test=false", "hparams_search=optuna", "hydra.sweeper.n_trials=2"]
    given += ["hydra.sweeper.direction=minimize", f"hydra.sweep.dir={sweep}"]
    command = ["--multirun", *given, "model.dropout=interval(0.0,0.5)"]
    at = partial(act_at, STEP, 6, partial(send, signal.SIGTERM))  # the second step of the second trial
    assert in_child(output, "train.py", command, at) == 143, output.read_text()
    _, _, *command = command_in(output)
    assert command == [f"resume={sweep / '1'}"]
    assert in_child(output, "train.py", command) == 0, output.read_text()
    jobs = json.loads((sweep / "multirun_result.json").read_text())["jobs"]
    assert [job["status"] for job in jobs] == ["completed"] * 2


def test_the_command_grants_what_the_directory_alone_would_be_refused(arguments: list[str], tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "output", f"model_save_dir={tmp_path / 'elsewhere'}"
    command = [*arguments, elsewhere, f"hydra.run.dir={tmp_path / 'run'}"]
    at = partial(act_at, "transferlab.data.readers.jsonl:JsonLinesReader.read", 1, partial(send, signal.SIGTERM))
    for _ in range(2):
        assert in_child(output, "train.py", command, at) == 143, output.read_text()
        command = command_in(output)[2:]
        assert command == [f"resume={tmp_path / 'run'}", elsewhere]


def test_what_trains_nothing_is_started_again(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, run = tmp_path / "output", tmp_path / "run"
    assert in_child(output, "train.py", [*arguments, "trainer.max_epochs=1", f"hydra.run.dir={run}"]) == 0
    quiet = ["extras.print_config=false", f"model_name_or_path={run}"]
    for script, place, which in (
        ("evaluate.py", EVALUATION, signal.SIGTERM),
        ("predict.py", "transferlab.inference:Pipeline.check", signal.SIGINT),
    ):
        result = tmp_path / script
        command = [*quiet, f"hydra.run.dir={result}"]
        at = partial(act_at, place, 1, partial(send, which))
        monkeypatch.delenv("TRANSFERLAB_COMMAND", raising=False)
        assert in_child(output, script, command, at) == 128 + which, output.read_text()
        assert json.loads((result / "job_return.json").read_text())["status"] == "interrupted"
        assert json.loads((result / "run.json").read_text())["status"] == "interrupted"
        assert command_in(output) == ["python", str(ROOT / "src" / script), *command]
