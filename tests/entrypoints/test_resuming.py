"""A run that is killed and resumed is, bit for bit, the run that was not."""

from __future__ import annotations

from functools import partial

import pytest
from hydra.core.config_store import ConfigStore

from transferlab.reporting.curves import read_metrics
from transferlab.utils.errors import UserError
from transferlab.utils.resume import PRIMARY, finished_metrics, resumed_command

from .kills import die_at, half_a_file, killed, outcome

pytestmark = pytest.mark.usefixtures("without_pictures")

TRAINED = ["model.freeze_models=null", "model.bert_learning_rate=1e-3"]
SETTINGS = [
    "taskmodule.max_segment_len=16",
    "taskmodule.max_training_sentences=1",  # random windows of the training documents
    "monitor=val/loss",  # it improves from the first epoch on
    "monitor_mode=min",
    "trainer.log_every_n_steps=1",
]
STEP = "transferlab.models.base:TransferModel.training_step"
EVALUATION = "transferlab.models.base:TransferModel._evaluation_step"
SAVE = "transferlab.callbacks.checkpoints:WholeFiles.save_checkpoint"


@pytest.fixture
def check(train, tmp_path, monkeypatch):
    """Hold a run that is killed and resumed against the one that was not, each with a feature store of its own."""

    def run(name: str, *overrides: str) -> None:
        monkeypatch.setenv("FEATURES_DIR", str(tmp_path / f"features of {name}"))
        place = tmp_path / name
        checkpoint = place / "checkpoints" / "last.ckpt"
        resumed = [f"resume={place}", *([f"ckpt_path={checkpoint}"] if checkpoint.is_file() else [])]
        train(*SETTINGS, *overrides, f"paths.output_dir={place}", *(resumed if place.is_dir() else []))

    def check(kills, *overrides: str) -> None:
        run("whole", *overrides)
        for prepare in kills:
            killed(partial(run, "cut", *overrides), prepare)
        run("cut", *overrides)
        whole, cut = outcome(tmp_path / "whole"), outcome(tmp_path / "cut")
        assert list(cut) == list(whole)
        for name in whole:
            assert cut[name] == whole[name], name

    return check


def test_wherever_a_run_is_killed(check):
    """Frozen encoder and feature store, random windows; an epoch is four steps and up to two files of checkpoints."""
    kills = [
        partial(die_at, "transferlab.encoders.frozen_features:FrozenFeatures.write", 1),  # while the store is filled
        partial(half_a_file, 2),  # the best checkpoint is there, the last is not: anew
        partial(die_at, SAVE, 2, after=True),  # before the row of the epoch is logged
        partial(die_at, STEP, 2),
        partial(die_at, EVALUATION, 2),
        partial(half_a_file, 1),
        partial(die_at, "transferlab.callbacks.resumption:Resumption.on_fit_end", 1),  # training is over
        partial(die_at, "pytorch_lightning:Trainer.test", 1),
        partial(die_at, "transferlab.utils.new_folder:_put_in_place", 1),
        partial(die_at, "transferlab.finishing:drop_checkpoints", 1),
    ]
    check(kills, "trainer.max_epochs=3", "model.task_learning_rate=1e-2")


# what is interrupted in the second or third epoch, with what else decides how it goes on
SCHEDULES = {
    "within an epoch and a step, with batches prepared in advance": (
        [
            *TRAINED,
            "model.aggregate=attention",
            "datamodule.num_workers=1",
            "+trainer.val_check_interval=0.5",
            "trainer.accumulate_grad_batches=4",
        ],
        partial(die_at, STEP, 7),
    ),
    "with a number of steps and rare validation, over subtokens": (
        [
            "trainer.max_epochs=-1",
            "trainer.max_steps=10",
            "trainer.check_val_every_n_epoch=2",
            "taskmodule.unit=subtoken",
        ],
        partial(die_at, STEP, 10),
    ),
    "after early stopping": (
        [*TRAINED, "model.bert_learning_rate=1e-1", "callbacks.early_stopping.patience=1", "trainer.max_epochs=9"],
        partial(die_at, "pytorch_lightning:Trainer.validate", 1),
    ),
    "several probes": (
        ["probes={seed: [1, 2]}", "+callbacks.last_checkpoint.every_n_train_steps=3"],
        partial(die_at, "transferlab.models.probe_group:ProbeGroup.training_step", 8),
    ),
}


@pytest.mark.parametrize("case", SCHEDULES)
def test_whatever_the_schedule(check, case):
    settings, kill = SCHEDULES[case]
    check([kill], "trainer.max_epochs=3", *settings)


@pytest.mark.parametrize("extra", ["seed=1", "probes={seed: [1, 2]}", "callbacks.model_checkpoint=null"])
def test_evaluating_the_best_epoch_is_no_further_epoch_of_the_curve(train, tmp_path, extra):
    train(*SETTINGS, "trainer.max_epochs=3", extra)
    epochs = read_metrics(tmp_path / "run")
    assert list(epochs.index) == [0, 1, 2]
    assert epochs["val/loss"].notna().all()
    rows = [row for row in outcome(tmp_path / "run")["csv/version_0/metrics.csv"] if "val/loss" in row]
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]


def test_a_model_that_was_saved_elsewhere_is_saved_there_again(train, tmp_path, monkeypatch):
    monkeypatch.setenv("FEATURES_DIR", str(tmp_path / "features"))
    place = [f"model_save_dir={tmp_path / 'elsewhere'}", "trainer.max_epochs=1"]
    killed(partial(train, *place), partial(die_at, "transferlab.finishing:write_baselines", 1))
    assert (tmp_path / "elsewhere" / "transferlab.json").is_file()
    with pytest.raises(UserError, match="elsewhere is not empty"):
        train(*place, f"paths.output_dir={tmp_path / 'other'}")
    train(*place, f"resume={tmp_path / 'run'}", f"ckpt_path={tmp_path / 'run' / 'checkpoints' / 'last.ckpt'}")
    assert (tmp_path / "run" / "metrics.json").is_file()


def test_a_moved_run_remembers_its_best_epoch(train, tmp_path):
    own = [*SETTINGS, "keep_checkpoints=all"]
    train(*own, "trainer.max_epochs=2", "model.task_learning_rate=1e-3")
    (moved := tmp_path / "moved").parent.mkdir(exist_ok=True)
    (tmp_path / "run").rename(moved)
    last = moved / "checkpoints" / "last.ckpt"
    train(*own, "trainer.max_epochs=3", f"paths.output_dir={moved}", f"resume={moved}", f"ckpt_path={last}")
    # that it has become worse than the third is known: it is removed
    assert sorted(path.name for path in last.parent.iterdir()) == ["epoch_002.ckpt", "last.ckpt"]


def start_of_resumed_run():
    return ConfigStore.instance().load(f"{PRIMARY}.yaml").node.ckpt_path


def test_a_run_without_a_checkpoint_is_started_anew_and_a_finished_one_is_left_alone(tmp_path):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text("a: 1\n")
    command = ["train.py", f"resume={tmp_path}"]
    (tmp_path / ".hydra" / "config.yaml").write_text("ckpt_path: /other/last.ckpt\n")
    with pytest.raises(UserError, match=r"give that again, ckpt_path=/other/last\.ckpt"):
        resumed_command(command)
    assert "ckpt_path=/other/last.ckpt" in resumed_command([*command, "ckpt_path=/other/last.ckpt"])
    (tmp_path / ".hydra" / "config.yaml").write_text("a: 1\n")
    resumed_command(command)
    assert start_of_resumed_run() is None
    assert finished_metrics(str(tmp_path), tmp_path, []) is None
    (tmp_path / "metrics.json").write_text('{"val/f1": 0.5}')
    assert finished_metrics(str(tmp_path), tmp_path, []) == {"val/f1": 0.5}
    with pytest.raises(UserError, match=r"trainer\.max_epochs=9: that run is finished"):
        resumed_command([*command, "trainer.max_epochs=9"])
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    resumed_command(command)
    assert start_of_resumed_run() == str(tmp_path / "checkpoints" / "last.ckpt")
    assert finished_metrics(str(tmp_path), tmp_path, []) is None
