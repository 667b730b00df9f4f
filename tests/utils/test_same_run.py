"""A run goes on as the run that was started: with its config, its seed and its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.errors import UserError
from transferlab.utils.resume import overrides_of
from transferlab.utils.run_files import RunFileError
from transferlab.utils.run_record import write_run_record
from transferlab.utils.same_run import config_of, refuse_another_run

STARTED: dict[str, Any] = {
    "seed": 42,
    "encoder": "minilm",
    "monitor": "val/f1",
    "dataset": {"_target_": "x", "data_dir": "/old", "scheme": "IOB1", "files": {"train": ["a"]}},
    "datamodule": {"train_examples": None, "batch_size": 1},
    "model": {"pretrained_models": {"target": "${encoder}"}, "dropout": 0.1},
    "trainer": {"max_epochs": 2, "gradient_clip_val": 1.0},
    "resume": None,
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What a run that was started has written."""
    config = tmp_path / ".hydra" / "config.yaml"
    config.parent.mkdir()
    config.write_text(OmegaConf.to_yaml(STARTED))
    write_run_record(OmegaConf.create(STARTED), tmp_path)
    return tmp_path


def changed(key: str, value: Any) -> DictConfig:
    config = OmegaConf.create(STARTED)
    OmegaConf.update(config, key, value)
    return config


@pytest.mark.parametrize("damage", ["a line less", "truncated", "empty", "another value"])
def test_a_config_that_was_changed_is_refused_by_name(run, damage):
    assert config_of(run) == STARTED
    file = run / ".hydra" / "config.yaml"
    text = file.read_text()
    file.write_text(
        {
            "a line less": text.replace("  gradient_clip_val: 1.0\n", ""),
            "truncated": text[: text.index("trainer:")],
            "empty": "",
            "another value": text.replace("max_epochs: 2", "max_epochs: 3"),
        }[damage]
    )
    with pytest.raises(RunFileError, match=r"\.hydra/config\.yaml is (not as|empty)"):
        config_of(run)
    record = json.loads((run / "run.json").read_text())
    record.pop("config_sha256")  # of an earlier version
    (run / "run.json").write_text(json.dumps(record))
    if damage in ("truncated", "empty"):
        with pytest.raises(RunFileError, match=r"\.hydra/config\.yaml (has no trainer|is empty)"):
            config_of(run)
    else:  # which cannot be told without the hash
        config_of(run)


def test_the_config_of_a_resumed_run_is_known_at_every_moment(run):
    before = (run / ".hydra" / "config.yaml").read_text()
    resumed = changed("trainer.max_epochs", 4)
    resumed.resume = str(run)
    write_run_record(resumed, run)
    after = (run / ".hydra" / "config.yaml").read_text()
    assert config_of(run)["trainer"]["max_epochs"] == 4
    (run / ".hydra" / "config.yaml").write_text(before)  # killed between the record and the config
    assert config_of(run)["trainer"]["max_epochs"] == 2 and after != before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 7), ("encoder", "bert-base-cased"), ("dataset.scheme", "IOB2"), ("dataset._target_", "y"),
        ("dataset.files.train", ["b"]), ("datamodule.train_examples", 3), ("model.pretrained_models.target", "a/b"),
        ("monitor", "val/loss"),
    ],
)  # fmt: skip
def test_another_seed_or_other_data_are_another_run(run, key, value):
    with pytest.raises(UserError, match=rf"{key}=.*ckpt_path="):
        refuse_another_run(changed(key, value), run)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainer.max_epochs", 4), ("model.dropout", 0.2), ("datamodule.batch_size", 2), ("dataset.data_dir", "/new"),
        ("encoder", "."),
    ],
)  # fmt: skip
def test_what_was_moved_or_is_of_the_training_may_be_changed(run, key, value):
    refuse_another_run(changed(key, value), run)


def test_what_the_config_of_a_run_does_not_say_may_be_anything(run):
    file = run / ".hydra" / "config.yaml"
    content = OmegaConf.load(file)
    del content.seed
    OmegaConf.save(content, file)
    refuse_another_run(changed("seed", 7), run)
    file.unlink()
    refuse_another_run(changed("seed", 7), run)


@pytest.mark.parametrize("damage", ["missing", "", "- seed=", "- trainer.max_epochs=9"])
def test_the_record_says_what_a_run_was_started_with_whatever_hydra_s_file_says(tmp_path, damage):
    given = ["seed=1", "trainer.max_epochs=2"]
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"overrides": given}))
    if damage != "missing":
        (tmp_path / ".hydra" / "overrides.yaml").write_text(damage)
    assert overrides_of(str(tmp_path), tmp_path, [f"resume={tmp_path}", "trainer.max_epochs=4"]) == given
