"""What a finished run keeps, and that it is extended from there as if it had never ended."""

from __future__ import annotations

import csv
import logging
import shutil
from pathlib import Path

import pytest

from transferlab.callbacks.checkpoints import kept
from transferlab.inference import load
from transferlab.models.saving import find_model
from transferlab.utils.errors import UserError
from transferlab.utils.resume import finished_metrics, resumed_command

from .kills import outcome

pytestmark = pytest.mark.usefixtures("without_pictures")

SETTINGS = [
    "taskmodule.max_segment_len=16",
    "monitor=val/loss",
    "monitor_mode=min",
    "model.freeze_models=null",
    "callbacks.early_stopping=null",
]
# it is best after the first epoch, and worse than that after all that follow
WORSE = ["model.bert_learning_rate=1e-1", "model.task_learning_rate=1e-1"]
BETTER = ["model.bert_learning_rate=1e-3"]


def checkpoints(run: Path) -> list[str]:
    return sorted(file.name for file in (run / "checkpoints").glob("*"))


def extended(train, place: Path, *overrides: str) -> None:
    checkpoint = place / "checkpoints" / "last.ckpt"
    train(*overrides, f"paths.output_dir={place}", f"resume={place}", f"ckpt_path={checkpoint}")


@pytest.mark.parametrize("course", [WORSE, BETTER], ids=["its best epoch was before", "a later one is better"])
def test_a_run_is_extended_as_if_all_checkpoints_were_there(train, tmp_path, course):
    found = []
    for kept_ones in ("all", "last"):
        place, own = tmp_path / kept_ones, [*SETTINGS, *course, f"keep_checkpoints={kept_ones}"]
        train(*own, "trainer.max_epochs=2", f"paths.output_dir={place}")
        before = outcome(place)
        extended(train, place, *own, "trainer.max_epochs=4")
        after = outcome(place)
        assert (after["metrics.json"] == before["metrics.json"]) == (course is WORSE)
        found.append({name: value for name, value in after.items() if not name.endswith(".ckpt")})
    assert found[0] == found[1]
    assert len(checkpoints(tmp_path / "all")) == 2 and checkpoints(tmp_path / "last") == ["last.ckpt"]


def epochs(run: Path) -> list[str]:
    rows = csv.DictReader(next(run.glob("csv/*/metrics.csv")).read_text().splitlines())
    return [row["epoch"] for row in rows if row["val/loss"]]


def test_early_stopping_has_the_patience_of_the_command_that_goes_on(train, tmp_path, caplog):
    own = [option for option in SETTINGS if "early_stopping" not in option]
    own += ["callbacks.early_stopping.min_delta=1e6", "trainer.max_epochs=6", "test=false"]  # none improves so much
    train(*own, "callbacks.early_stopping.patience=1")
    run = tmp_path / "run"
    before = epochs(run)
    with caplog.at_level(logging.INFO):
        extended(train, run, *own, "callbacks.early_stopping.patience=1")
    assert "training had ended after epoch 1, " in caplog.text and epochs(run) == before
    extended(train, run, *own, "callbacks.early_stopping.patience=3")
    assert (len(before), len(epochs(run))) == (2, 4)


def test_a_run_without_states_is_not_extended(train, tmp_path):
    run = tmp_path / "run"
    train(*SETTINGS, "keep_checkpoints=none", "trainer.max_epochs=1")
    assert checkpoints(run) == [] and finished_metrics(str(run), run, [])
    (run / ".hydra").mkdir()
    (run / ".hydra" / "config.yaml").write_text("keep_checkpoints: none\n")
    with pytest.raises(UserError, match=r"keep_checkpoints=none"):
        resumed_command(["train.py", f"resume={run}", "trainer.max_epochs=9"])


def test_other_words_are_refused_before_anything_is_read(train):
    with pytest.raises(UserError, match="keep_checkpoints"):
        train("keep_checkpoints=best", "dataset.data_dir=/nowhere")
    assert [kept(value) for value in (True, False, "last")] == ["all", "none", "last"]


def test_a_run_whose_best_epoch_is_gone_is_refused_before_it_trains(train, tmp_path):
    train(*SETTINGS, *WORSE, "trainer.max_epochs=2")
    run = tmp_path / "run"
    shutil.rmtree(run / "model")
    with pytest.raises(UserError, match=r"epoch_001\.ckpt.*gone"):
        extended(train, run, *SETTINGS, *WORSE, "trainer.max_epochs=3")


def test_a_run_with_its_model_elsewhere_is_found_extended_and_moved(train, tmp_path):
    run, elsewhere = tmp_path / "run", tmp_path / "models" / "mine"
    own = [*SETTINGS, *WORSE, f"model_save_dir={elsewhere}"]
    train(*own, "trainer.max_epochs=1")
    assert find_model(run) == elsewhere
    assert load(run, device="cpu").directory == elsewhere
    extended(train, run, *own, "trainer.max_epochs=2")
    (tmp_path / "project").mkdir()
    for part in (run, elsewhere.parent):
        part.rename(tmp_path / "project" / part.name)
    run, elsewhere = tmp_path / "project" / "run", tmp_path / "project" / "models" / "mine"
    assert find_model(run) == elsewhere
    own[-1] = f"model_save_dir={elsewhere}"
    extended(train, run, *own, "trainer.max_epochs=3")
    shutil.copytree(run, tmp_path / "copy")
    with pytest.raises(UserError, match="mine is not empty"):  # it is the model of the original
        extended(train, tmp_path / "copy", *own, "trainer.max_epochs=4")
