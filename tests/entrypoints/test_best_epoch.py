"""What a run that goes on will need of its best epoch is read before its first step, and is never another run's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults.faults import contents

from transferlab.utils.errors import UserError

from .kills import outcome

pytestmark = pytest.mark.usefixtures("without_pictures")

SETTINGS = [
    "taskmodule.max_segment_len=16",
    "monitor=val/loss",
    "monitor_mode=min",
    "model.freeze_models=null",
    "model.bert_learning_rate=1e-1",  # from the third epoch on it is worse
    "model.task_learning_rate=1e-1",
    "callbacks.early_stopping=null",
    "keep_checkpoints=all",
]
BEST, LAST = "checkpoints/epoch_001.ckpt", "checkpoints/last.ckpt"


def cut(run: Path, name: str) -> None:
    os.truncate(run / name, (run / name).stat().st_size // 2)


def without(run: Path, *names: str) -> None:
    for name in names:
        shutil.rmtree(run / name) if (run / name).is_dir() else (run / name).unlink()


def of_another_epoch(run: Path) -> None:
    file = run / "model" / "transferlab.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"checkpoint": "epoch_000.ckpt"}))


# the damage to a finished run, and what is named
DAMAGED: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "half a model": (lambda run: (without(run, BEST), cut(run, "model/task.safetensors")), ("task.safetensors",)),
    "no model": (lambda run: without(run, BEST, "model"), ("epoch_001.ckpt", "put one of them back")),
    "no record": (lambda run: without(run, BEST, "run.json"), ("epoch_001.ckpt", "run.json", "restore")),
    "a model of another epoch": (lambda run: (without(run, BEST), of_another_epoch(run)), ("epoch_001.ckpt", "_000")),
    "no description": (lambda run: without(run, "model/transferlab.json"), ("model_save_dir=", "/model ")),
    "half of the best epoch": (lambda run: cut(run, BEST), ("epoch_001.ckpt", "delete it", "/model ")),
    "half of the last one": (lambda run: cut(run, LAST), ("last.ckpt", "cannot be extended")),
}  # fmt: skip


def test_a_damaged_run_is_refused_before_it_trains_and_a_whole_copy_goes_on(train, tmp_path, monkeypatch):
    original = tmp_path / "original"
    train(*SETTINGS, "trainer.max_epochs=2", f"paths.output_dir={original}")
    assert {BEST, LAST} <= contents(original).keys()

    def extend(run: Path) -> None:
        train(*SETTINGS, "trainer.max_epochs=3", f"paths.output_dir={run}", f"resume={run}", f"ckpt_path={run / LAST}")

    for name, (damage, named) in DAMAGED.items():
        copy = shutil.copytree(original, tmp_path / name)
        damage(copy)
        before = contents(copy)
        with monkeypatch.context() as patch:
            patch.setattr("transferlab.models.base.TransferModel.training_step", lambda *_: pytest.fail("it trains"))
            with pytest.raises(UserError) as error:
                extend(copy)
        assert all(part in str(error.value) for part in named), (name, str(error.value))
        assert contents(copy) == before, name

    copy = shutil.copytree(original, tmp_path / "whole")
    before = outcome(original)
    shutil.rmtree(original)
    (copy / BEST).write_bytes(b"")
    (copy / BEST).unlink()  # as the message says: the model is of the same epoch
    extend(copy)
    assert outcome(copy)["metrics.json"] == before["metrics.json"]


def test_finished_probes_are_extended(train, tmp_path):
    run = tmp_path / "run"
    own = ["taskmodule.max_segment_len=16", "probes={seed: [1, 2]}", "monitor=val/loss", "monitor_mode=min"]
    train(*own, "trainer.max_epochs=1")
    assert [file.name for file in (run / "checkpoints").iterdir()] == ["last.ckpt"]
    train(*own, "trainer.max_epochs=2", f"resume={run}", f"ckpt_path={run / LAST}")
    assert json.loads((run / "run.json").read_text())["resumed"]
