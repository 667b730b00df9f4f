"""Watching attention weights during real, tiny Lightning runs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from tests.callbacks.wandb_files import wandb_history, wandb_records
from torch import Tensor, nn
from torch.utils.data import DataLoader

from transferlab.callbacks.attention_weights import AttentionWeights

BATCHES = torch.tensor([[0.25, 0.75], [0.5, 0.5]])  # a batch per row: the weights of two encoders


class StubMultiEncoder(nn.Module):
    """Gives its input as the attention weights of the first of two words; the second word is padding."""

    encoder_ids = ("a", "b")

    def __init__(self, attends: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.attends = attends

    def forward(self, weights: Tensor) -> SimpleNamespace:
        padding = torch.tensor([1.0, 0.0]).expand_as(weights)
        both = torch.stack([weights, padding], dim=1)  # [sequences, units, encoders]
        mask = torch.tensor([[True, False]]).expand(len(weights), 2)
        return SimpleNamespace(
            embeddings=weights * self.scale, attention_weights=both if self.attends else None, unit_mask=mask
        )


class StubModel(LightningModule):
    def __init__(self, multi_encoder: nn.Module) -> None:
        super().__init__()
        self.multi_encoder = multi_encoder
        self.logged: dict[str, float] = {}

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        return self.multi_encoder(batch).embeddings.sum()

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.multi_encoder(batch)

    test_step = validation_step

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def run(callback: AttentionWeights, tmp_path: Path, attends: bool = True, **options: object) -> Trainer:
    settings = {"max_epochs": 2, "logger": False, "enable_checkpointing": False, **options}
    trainer = Trainer(
        default_root_dir=tmp_path,
        accelerator="cpu",
        callbacks=[callback],
        enable_progress_bar=False,
        enable_model_summary=False,
        **settings,
    )
    model = StubModel(StubMultiEncoder(attends))
    loader = DataLoader(BATCHES, batch_size=1)
    trainer.fit(model, loader, loader)
    assert not model.multi_encoder._forward_hooks
    fitted = dict(trainer.callback_metrics)
    trainer.test(model, DataLoader(BATCHES[:1], batch_size=1), verbose=False)
    trainer.callback_metrics.update(fitted)
    return trainer


def test_means_are_logged_and_everything_is_exported(tmp_path: Path) -> None:
    callback = AttentionWeights(str(tmp_path / "out"), bins=4)
    trainer = run(callback, tmp_path, val_check_interval=0.5)
    assert {name: float(value) for name, value in trainer.callback_metrics.items()} == {
        "train/attention/a/mean": 0.375,
        "train/attention/b/mean": 0.625,
        "val/attention/a/mean": 0.375,
        "val/attention/b/mean": 0.625,
        "test/attention/a/mean": 0.25,
        "test/attention/b/mean": 0.75,
    }
    content = json.loads((tmp_path / "out" / "attention_weights.json").read_text())
    assert content["encoders"] == ["a", "b"]
    assert content["bin_edges"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    stages = [(record["stage"], record["epoch"]) for record in content["records"]]
    # two validations per epoch; they do not cut the count of training, and the sanity check leaves no record
    assert stages == [("val", 0), ("val", 0), ("train", 0), ("val", 1), ("val", 1), ("train", 1), ("test", 2)]
    train = content["records"][2]
    assert train["units"] == 2  # padding is not counted
    assert train["histogram"] == {"a": [0, 1, 1, 0], "b": [0, 0, 1, 1]}
    assert (tmp_path / "out" / "attention_weights.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_happens_without_attention(tmp_path: Path) -> None:
    callback = AttentionWeights(str(tmp_path / "out"))
    trainer = run(callback, tmp_path, attends=False)
    assert callback.records == []
    assert trainer.callback_metrics == {}
    assert not (tmp_path / "out").exists()


def test_model_without_multi_encoder_is_left_alone(tmp_path: Path) -> None:
    callback = AttentionWeights(str(tmp_path))
    callback._start(SimpleNamespace(sanity_checking=False), LightningModule(), "train")  # type: ignore[arg-type]
    callback._finish(SimpleNamespace(), LightningModule(), "train")  # type: ignore[arg-type]
    assert callback.records == []


def test_records_survive_a_checkpoint(tmp_path: Path) -> None:
    callback = AttentionWeights()
    run(callback, tmp_path, enable_checkpointing=True, max_epochs=1)
    (checkpoint,) = tmp_path.rglob("*.ckpt")
    states = torch.load(checkpoint, weights_only=True)["callbacks"]
    resumed = AttentionWeights()
    resumed.load_state_dict(states["AttentionWeights"])
    assert [record["stage"] for record in resumed.records] == ["val", "train"]


def test_a_resumed_run_with_nothing_left_to_train_exports_the_same(tmp_path: Path) -> None:
    model, loader = StubModel(StubMultiEncoder(True)), DataLoader(BATCHES, batch_size=1)
    exported = []
    for number, checkpoint in enumerate((None, tmp_path / "last.ckpt")):
        trainer = Trainer(
            accelerator="cpu", max_epochs=1, callbacks=[AttentionWeights(str(tmp_path / str(number)))], logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(model, loader, loader, ckpt_path=checkpoint)
        trainer.save_checkpoint(tmp_path / "last.ckpt")
        exported.append(json.loads((tmp_path / str(number) / "attention_weights.json").read_text()))
    assert exported[0]["encoders"] == ["a", "b"] and len(exported[0]["records"]) == 2
    assert exported[1] == exported[0]


@pytest.mark.parametrize("options", [{"bins": 0}, {"log_freq": 0}])
def test_impossible_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        AttentionWeights(**options)


@pytest.mark.slow
def test_histograms_reach_wandb(tmp_path: Path) -> None:
    from transferlab.utils.wandb_logger import finish_wandb_run, wandb_logger

    logger = wandb_logger(tmp_path, project="p", group="g", tags=["t"], offline=True)
    logger.log_hyperparams({"model": {"width": 3}})
    try:
        run(AttentionWeights(log_freq=1, bins=4), tmp_path, logger=logger, max_epochs=1, log_every_n_steps=1)
    finally:
        finish_wandb_run()
    records = wandb_records(tmp_path)
    (started,) = [record.run for record in records if record.HasField("run")]
    assert (started.run_group, list(started.tags)) == ("g", ["t"])
    logged = wandb_history(records)
    assert logged["train/attention_batch/a/values"] == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert logged["train/attention_epoch/a/values"] == [[0, 1, 1, 0]]
    assert logged["train/attention_epoch/a/_type"] == ["histogram"]
    assert logged["train/attention/a/mean"] == [0.375]
    config = {"/".join(u.nested_key) or u.key: u.value_json for r in records for u in r.config.update}
    assert json.loads(config["model"]) == {"width": 3}


def test_histograms_without_wandb_are_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(AttentionWeights(log_freq=1), tmp_path, max_epochs=1)
    assert "add logger=wandb" in caplog.text
