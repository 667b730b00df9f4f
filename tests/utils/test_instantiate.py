"""Building callbacks and loggers from their config groups."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.instantiate import instantiate_callbacks, instantiate_loggers

STOPPING = {"_target_": "pytorch_lightning.callbacks.EarlyStopping", "monitor": "val/f1", "mode": "max"}


def test_entries_are_built_in_order_and_null_ones_left_out() -> None:
    summary = {"_target_": "pytorch_lightning.callbacks.RichModelSummary"}
    cfg = OmegaConf.create({"stop": STOPPING, "off": None, "summary": summary})
    assert [type(c).__name__ for c in instantiate_callbacks(cfg)] == ["EarlyStopping", "RichModelSummary"]
    assert instantiate_callbacks(None) == []
    assert instantiate_loggers(OmegaConf.create({})) == []


def test_entry_without_target_is_refused_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r"callbacks\.early_stopping names no _target_"):
        instantiate_callbacks(OmegaConf.create({"early_stopping": {"patience": 3}}))
    with pytest.raises(ConfigError, match=r"logger\.csv names no _target_"):
        instantiate_loggers(OmegaConf.create({"csv": True}))


def test_arguments_are_plain_containers() -> None:
    cfg = OmegaConf.create({"log": {"_target_": "builtins.dict", "metrics": ["a", "b"], "deep": {"x": 1}}})
    (built,) = instantiate_callbacks(cfg)
    assert [type(value) for value in built.values()] == [list, dict]


def test_csv_logger_writes_below_its_directory(tmp_path: Path) -> None:
    target = "pytorch_lightning.loggers.CSVLogger"
    cfg = OmegaConf.create({"csv": {"_target_": target, "save_dir": str(tmp_path), "name": "csv", "version": ""}})
    (logger,) = instantiate_loggers(cfg)
    logger.log_metrics({"f1": 0.5}, step=1)
    logger.save()
    assert (tmp_path / "csv" / "metrics.csv").exists()
