"""Names of scores are held against what a run computes, before its first step."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from torch import Tensor, nn
from torch.utils.data import DataLoader

from transferlab.callbacks.known_scores import KnownScores
from transferlab.utils.errors import ConfigError
from transferlab.utils.score_names import UnknownScoreError

STOPPING = "pytorch_lightning.callbacks.EarlyStopping"
LINE = "transferlab.callbacks.epoch_log.EpochLog"


class Model(LightningModule):
    """Counts its training steps; some scores it has from the first real validation on."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.steps = 0

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        self.steps += 1
        loss = self.layer(batch).sum()
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.log_dict({"val/f1": 0.5, "val/recall": 0.5})
        if not self.trainer.sanity_checking:
            self.log("val/attention/ner/mean", 0.5)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.125)


def config(monitor: str = "val/f1", **options: Any) -> Any:
    callbacks = {"early_stopping": {"_target_": STOPPING, "monitor": "${monitor}", "mode": "max"}}
    own = {"validate": True, "test": True, "callbacks": callbacks}
    return OmegaConf.merge({"monitor": monitor, **own}, options)


def fit(cfg: Any, **options: Any) -> Model:
    model, loader = Model(), DataLoader(torch.ones(2, 1))
    readers: list[Callback] = [EarlyStopping(c.monitor, mode="max") for c in cfg.callbacks.values() if "monitor" in c]
    trainer = Trainer(
        accelerator="cpu", max_epochs=1, callbacks=[KnownScores(cfg), *readers], logger=False, log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False, **options,
    )  # fmt: skip
    try:
        trainer.fit(model, loader, loader)
    except ConfigError as error:
        error.add_note(str(model.steps))
        raise
    return model


@pytest.mark.parametrize("looks", [0, 1])
@pytest.mark.parametrize(
    ("cfg", "named"),
    [
        (config("val/fl"), "monitor=val/fl"),
        (config("f1"), "monitor=f1: .*did you mean val/f1"),
        (config("test/f1"), "monitor=test/f1: .*did you mean val/f1"),
        (config("val/f1/ner"), "monitor=val/f1/ner"),
        (config(callbacks={"early_stopping": {"monitor": "val/fl"}}), r"callbacks\.early_stopping\.monitor=val/fl"),
        (config("val/fl", callbacks={"line": {"_target_": LINE, "metrics": ["val/fl"]}}), "^monitor=val/fl"),
        (config(callbacks={"line": {"_target_": LINE, "metrics": ["val/fl"]}}), r"callbacks\.line\.metrics=val/fl"),
        (config(optimized_metric="f1"), "optimized_metric=f1"),
        (config(optimized_metric="train/loss"), "optimized_metric=train/loss"),
        (config(optimized_metric="test/f1", test=False), "optimized_metric=test/f1: .*val/f1"),
    ],
)
def test_a_score_that_there_is_not_is_refused_before_the_first_step(cfg: Any, named: str, looks: int) -> None:
    with pytest.raises(UnknownScoreError, match=named) as refused:
        fit(cfg, num_sanity_val_steps=looks)
    assert refused.value.__notes__ == ["0"]


@pytest.mark.parametrize("options", [{}, {"num_sanity_val_steps": 0}, {"fast_dev_run": True}])
@pytest.mark.parametrize(
    "cfg",
    [
        config(),
        config("val/attention/ner/mean"),
        config(optimized_metric="test/recall"),
        config(callbacks={"line": {"_target_": LINE, "metrics": ["lr-SGD", "val/recall", "train/loss"]}}),
    ],
)
def test_scores_that_there_are(cfg: Any, options: dict[str, Any]) -> None:
    assert fit(cfg, **options).steps > 0


def test_what_a_first_look_may_lack_is_checked_at_the_first_validation() -> None:
    with pytest.raises(ConfigError, match=r"monitor=val/attention/re/mean: .*val/attention/ner/mean") as refused:
        fit(config("val/attention/re/mean"))
    assert refused.value.__notes__ == ["2"]
