"""The line per epoch, and learning rates with and without a logger."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn
from torch.utils.data import DataLoader

from transferlab.callbacks.epoch_log import EpochLog
from transferlab.callbacks.learning_rate import LearningRates


class Model(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        loss = self.layer(batch).sum()
        self.log("train/loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.log("val/f1", 0.25 * (1 + self.current_epoch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.125)


def fit(tmp_path: Path, *callbacks: object, ckpt_path: str | None = None, **options: object) -> None:
    loader = DataLoader(torch.ones(2, 1))
    trainer = Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        **{"max_epochs": 2, **options},
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        log_every_n_steps=1,
    )
    trainer.fit(Model(), loader, loader, ckpt_path=ckpt_path)


def test_one_line_per_epoch_with_this_epochs_values(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="transferlab"):
        fit(tmp_path, EpochLog(["train/loss", "val/f1", "not/logged", "val/f1"]), logger=False)
    records = [r for r in caplog.records if r.name.startswith("transferlab")]
    (warning,) = (r.getMessage() for r in records if r.levelno == logging.WARNING)
    assert "not/logged" in warning, "said once"
    lines = [r.getMessage() for r in records if r.levelno == logging.INFO]
    assert [line.split(",")[0] for line in lines] == ["epoch 0", "epoch 1"]
    assert [line.rpartition(", ")[2] for line in lines] == ["val/f1 0.2500", "val/f1 0.5000"]
    assert all("train/loss" in line and "not/logged" not in line for line in lines)


def test_a_line_repeats_nothing_of_an_earlier_epoch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="transferlab"):
        fit(tmp_path, EpochLog(["train/loss", "val/f1"]), logger=False, check_val_every_n_epoch=2, max_epochs=5)
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("transferlab")]
    assert [line.rpartition(" ")[0].endswith("val/f1") for line in lines] == [False, True, False, True, False]
    assert all("train/loss" in line for line in lines)


def test_the_clock_of_an_epoch_that_is_resumed_starts_with_the_process(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fit(tmp_path, checkpoint := ModelCheckpoint(tmp_path, every_n_train_steps=3), logger=False)
    with caplog.at_level(logging.INFO, logger="transferlab"):
        fit(tmp_path, EpochLog(["train/loss"]), logger=False, ckpt_path=checkpoint.best_model_path)
    (line,) = [r.getMessage() for r in caplog.records if r.name.startswith("transferlab")]
    assert line.startswith("epoch 1, step 4") and float(line.split(",")[2].split()[0]) < 60


def test_learning_rates_are_logged_when_there_is_a_logger(tmp_path: Path) -> None:
    fit(tmp_path, LearningRates(logging_interval="step"), logger=False)  # Lightning's own would refuse
    fit(tmp_path, LearningRates(logging_interval="step"), logger=CSVLogger(tmp_path, name="csv", version=""))
    assert "0.125" in (tmp_path / "csv" / "metrics.csv").read_text()
