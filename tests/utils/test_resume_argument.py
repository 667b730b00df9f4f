"""However a run is named in resume=..., that run goes on, or nothing is started."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from transferlab.utils.errors import UserError
from transferlab.utils.resume import PRIMARY, resumed_command
from transferlab.utils.resume_argument import resumed_directory

NAMES = [
    "run", "my run", "it's", 'quote"d', "a=b,c", "lr=0.1,seed=[1,2]", "größe", "模型", "{a: b}", "[x]", "back\\slash",
    "'quoted'", "semi;colon", "$HOME", "per%cent", "#hash", "~tilde", "a:b", "ends ", "(1)", "null",
]  # fmt: skip


def run_at(place: Path) -> Path:
    (place / ".hydra").mkdir(parents=True)
    (place / ".hydra" / "config.yaml").write_text("a: 1\n")
    (place / "checkpoints").mkdir()
    (place / "checkpoints" / "last.ckpt").write_text("")
    return place


@pytest.mark.parametrize("name", NAMES)
def test_every_name_in_every_quoting(tmp_path, monkeypatch, name):
    place = run_at(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    hydra = "'" + str(place).replace("'", "\\'") + "'"
    spellings = [str(place), f"{place}/", f"./{name}", hydra, f" {hydra} "]
    if '"' not in name and "\\" not in name:
        spellings += [f'"{place}"']
    if "'" not in name:
        spellings += [f"'{place}'", f"'{place}/'"]
    for value in spellings:
        for key in ("resume=", "+resume=", "++resume=", "resume = ", " resume="):
            assert resumed_directory([key + value, "seed=1"]) == (place, ["seed=1"]), key + value


def test_what_the_shell_makes_of_it(tmp_path):
    place = run_at(tmp_path / "my run's")
    program = "import sys; print(*sys.argv[1:], sep='\\n')"
    for typed in (f'resume="{place}"', f'"resume={place}"', shlex.quote(f"resume={place}")):
        command = f"{shlex.quote(sys.executable)} -c {shlex.quote(program)} {typed}"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
        assert resumed_directory(done.stdout.splitlines())[0] == place


def test_another_encoding_of_an_accent_and_the_home_directory(tmp_path, monkeypatch):
    place = run_at(tmp_path / unicodedata.normalize("NFC", "größe"))
    assert resumed_directory([f"resume={unicodedata.normalize('NFD', str(place))}"])[0] == place
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resumed_directory([f"resume=~/{place.name}"])[0] == place


def test_a_part_of_a_run_that_means_the_whole(tmp_path):
    run = run_at(tmp_path / "run")
    (run / "run.json").write_text("{}")
    for part in ("checkpoints", "checkpoints/last.ckpt", ".hydra", ".hydra/config.yaml", "run.json"):
        assert resumed_directory([f"resume={run / part}"])[0] == run
    (sweep := tmp_path / "sweep").mkdir()
    (sweep / "multirun.yaml").write_text("{}")
    assert resumed_directory([f"resume={sweep / 'multirun.yaml'}"])[0] == sweep
    job = run_at(sweep / "0")
    assert resumed_directory([f"resume={job}"])[0] == job


def test_a_part_that_may_mean_something_else_is_refused_with_both_commands(tmp_path):
    run = run_at(tmp_path / "run")
    for part, key in (("checkpoints/epoch_003.ckpt", "ckpt_path"), ("epochs/002", "encoder"), ("probes/a", None)):
        (run / part).parent.mkdir(exist_ok=True)
        if key == "ckpt_path":
            (run / part).write_text("")
        else:
            (run / part).mkdir()
        if key == "encoder":
            (run / part / "transferlab.json").write_text("{}")
        with pytest.raises(UserError) as error:
            resumed_directory([f"resume={run / part}"])
        assert f"resume={run}" in str(error.value)
        assert (f"{key}={run / part}" in str(error.value)) == (key is not None)


@pytest.mark.parametrize("argument", ["resume=", "resume=null", "resume=''", "resume = ", "+resume=None"])
def test_naming_nothing_starts_nothing(argument):
    with pytest.raises(UserError, match="names no directory"):
        resumed_command(["train.py", argument])


def test_what_is_no_run_is_refused_with_what_may_be_meant(tmp_path):
    run = run_at(tmp_path / "runs" / "2026-01-02_aa")
    with pytest.raises(UserError, match=rf"did you mean {run}\?"):
        resumed_directory([f"resume={run}x"])
    with pytest.raises(UserError, match=rf"did you mean {run}\?"):
        resumed_directory([f"resume={run.parent}"])
    with pytest.raises(UserError, match=r"neither .*config\.yaml nor multirun\.yaml"):
        resumed_directory([f"resume={tmp_path}"])
    with pytest.raises(UserError, match="is given 2 times"):
        resumed_directory([f"resume={run}", f"resume={run_at(tmp_path / 'other')}"])
    assert resumed_directory([f"resume={run}", f"resume={run}/"])[0] == run
    with pytest.raises(UserError, match="no such directory"):
        resumed_directory([f"resume={run},{run}"])
    (run.parent / "multirun_result.json").write_text("{}")
    with pytest.raises(UserError, match=f"search does not .*resume={run}"):
        resumed_directory([f"resume={run.parent}"])


def test_runs_of_other_commands_are_refused(tmp_path):
    run = run_at(tmp_path / "evaluation")
    (run / ".hydra" / "hydra.yaml").write_text("hydra: {job: {name: evaluate}}\n")
    with pytest.raises(UserError, match=r"evaluate\.py"):
        resumed_directory([f"resume={run}"])
    (run / ".hydra" / "hydra.yaml").write_text("hydra: {job: {name: train}}\n")
    assert resumed_directory([f"resume={run}"])[0] == run


def test_a_resumed_run_is_called_by_one_path(tmp_path, monkeypatch):
    place = run_at(tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROJECT_ROOT", str(Path(__file__).parents[2]))
    command = resumed_command(["train.py", "resume=./other/../run/"])
    assert f"hydra.run.dir='{place}'" in command and f"resume='{place}'" in command


@pytest.mark.parametrize(
    ("given", "loggers"),
    [
        ("logger=csv", ["csv"]), ("logger=[csv,tensorboard]", ["csv", "tensorboard"]), ("~logger", []),
        ("logger.csv=null", ["csv", "mine"]), ("seed=1", ["csv", "mine"]),
    ],
)  # fmt: skip
def test_loggers_may_be_chosen_again(tmp_path, project_root, monkeypatch, given, loggers):
    monkeypatch.setenv("PROJECT_ROOT", str(project_root))
    place = run_at(tmp_path / "run")
    of_run = {"seed": 0, "logger": {"csv": {"name": "a"}, "mine": {"name": "b"}}}
    (place / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(of_run))
    command = ["train.py", f"resume={place}", given]
    for _ in range(2):  # a further rank is given what this one has made of it
        command = resumed_command(command)
        overrides = [argument for argument in command[5:] if not argument.startswith("hydra.")]
        with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
            config = compose(PRIMARY, overrides=overrides)
        assert list(config.logger or ()) == loggers


@pytest.mark.parametrize(
    "given", ["dataset=jsonl", "~callbacks", "trainer=gpu", "experiment=ner", "callbacks=[default]"]
)
def test_another_choice_of_what_a_run_was_started_with_is_refused(tmp_path, project_root, monkeypatch, given):
    monkeypatch.setenv("PROJECT_ROOT", str(project_root))
    place = run_at(tmp_path / "run")
    group = given.lstrip("~").partition("=")[0]
    with pytest.raises(UserError, match=rf"{re.escape(given)}: .*{group}\.<key>="):
        resumed_command(["train.py", f"resume={place}", given])
