"""A training loss that is no number is said once, where it is first seen."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from transferlab.callbacks.divergence import Divergence


class Model(LightningModule):
    """A loss for each step, given."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.losses = losses

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        loss = self.layer(batch).sum() * 0 + self.losses[index]
        self.log("train/loss", loss, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.125)


@pytest.mark.parametrize(
    ("losses", "every", "said"),
    [
        ([1.0, math.nan, math.nan, math.nan], 1, "nan in epoch 0, step 2"),
        ([1.0, math.inf, 1.0, 1.0], 2, "inf in epoch 0, step 2"),
        ([math.nan, 1.0, 1.0, 1.0], 50, "nan in epoch 0, step 4"),  # seen in the mean
        ([1.0, 1.0, 1.0, 1.0], 1, None),
    ],
)
def test_a_loss_that_is_no_number(
    losses: list[float], every: int, said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = Trainer(
        accelerator="cpu", max_epochs=2, callbacks=[Divergence()], logger=False, log_every_n_steps=every,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False,
    )  # fmt: skip
    trainer.fit(Model(losses), DataLoader(torch.ones(len(losses), 1)))
    warnings = [record.getMessage() for record in caplog.records if record.name.endswith("divergence")]
    assert len(warnings) == (said is not None)
    assert all(said in warning and "trainer.gradient_clip_val" in warning for warning in warnings)
