"""Histograms of the parameters of a head, as W&B gets them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from tests.callbacks.wandb_files import wandb_history, wandb_records
from torch import Tensor, nn
from torch.utils.data import DataLoader

from transferlab.callbacks.parameter_histograms import ParameterHistograms


class OneHead(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 2)
        self.head = nn.Linear(2, 1)

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        return self.head(self.body(batch)).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(callback: ParameterHistograms, tmp_path: Path, logger: object = False) -> LightningModule:
    model = OneHead()
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    trainer = Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        callbacks=[callback],
        logger=logger,
        max_epochs=1,
        log_every_n_steps=1,
        **quiet,
    )
    trainer.fit(model, DataLoader(torch.ones(4, 2)))
    return model


@pytest.mark.slow
def test_those_of_the_head_reach_wandb(tmp_path: Path) -> None:
    from transferlab.utils.wandb_logger import finish_wandb_run, wandb_logger

    logger = wandb_logger(tmp_path, project="p", offline=True)
    try:
        model = fit(ParameterHistograms(log_freq=2), tmp_path, logger)
        logger.log_metrics({"end": 1.0})
    finally:
        finish_wandb_run()
    logged = wandb_history(wandb_records(tmp_path))
    watched = {name.removeprefix("parameters/").rpartition("/")[0] for name in logged if name.startswith("parameters/")}
    assert watched == {"weight", "bias"}  # the head's, and nothing of the body
    assert all(sum(counts) == 2 for counts in logged["parameters/weight/values"])
    assert not model.head._forward_hooks


def test_without_wandb_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fit(ParameterHistograms(log_freq=1), tmp_path)
    assert "add logger=wandb" in caplog.text
    caplog.clear()
    fit(ParameterHistograms(), tmp_path)
    assert "wandb" not in caplog.text
