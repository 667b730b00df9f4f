"""Checkpoints that are whole, keep their names, and outlive what refers to them."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from transferlab.callbacks.checkpoints import BestCheckpoint, LastCheckpoint, WholeFiles
from transferlab.callbacks.resumption import Resumption, relocate
from transferlab.utils import interruption
from transferlab.utils.errors import UserError


class Model(LightningModule):
    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.layer, self.values = nn.Linear(1, 1), list(scores)

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        return self.layer(batch).sum()

    def validation_step(self, batch: Tensor, index: int) -> None:
        self.log("val/f1", self.values[0])

    def on_validation_end(self) -> None:
        self.values.pop(0)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(place: Path, scores: list[float], **options: object) -> list[str]:
    """The checkpoints of a run that keeps the two best."""
    by_score = {"monitor": "val/f1", "mode": "max", "save_top_k": 2, "auto_insert_metric_name": False}
    best, last = BestCheckpoint(place, "epoch_{epoch:03d}", **by_score), LastCheckpoint(place)
    trainer = Trainer(
        accelerator="cpu", callbacks=[best, last], logger=False, enable_progress_bar=False, num_sanity_val_steps=0,
        enable_model_summary=False, **options,
    )  # fmt: skip
    trainer.strategy.checkpoint_io = WholeFiles()
    loader = DataLoader(torch.ones(4, 1))
    trainer.fit(Model(scores), loader, loader)
    return sorted(path.name for path in place.iterdir())


def test_what_a_killed_run_left_gets_no_second_name(tmp_path: Path) -> None:
    for _ in range(2):
        names = fit(tmp_path, [0.1, 0.3, 0.2], max_epochs=3)
        assert names == ["epoch_001.ckpt", "epoch_002.ckpt", "last.ckpt"]


def test_two_validations_of_an_epoch_are_both_kept(tmp_path: Path) -> None:
    names = fit(tmp_path, [0.3, 0.2, 0.1, 0.1], max_epochs=2, val_check_interval=0.5)
    assert names == ["epoch_000-v1.ckpt", "epoch_000.ckpt", "last.ckpt"]


def test_the_last_checkpoint_is_of_the_end_of_an_epoch_whenever_it_is_validated(tmp_path: Path) -> None:
    fit(tmp_path, [0.1, 0.2], max_epochs=3, check_val_every_n_epoch=2)
    checkpoint = torch.load(tmp_path / "last.ckpt", weights_only=True)
    progress = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
    assert checkpoint["global_step"] == 12 and progress["ready"] == progress["processed"] == 3


class Noting(Model):
    """Notes each validation and end of an epoch: how many batches there were before it, and the weight."""

    def __init__(self) -> None:
        super().__init__([0.0] * 99)
        nn.init.zeros_(self.layer.weight)
        self.batches, self.noted = 0, list[list[Any]]()

    def on_train_batch_start(self, batch: Tensor, index: int) -> None:
        self.batches += 1

    def on_validation_epoch_end(self) -> None:
        self.noted.append(["validation", self.batches, self.layer.weight.item()])

    def on_train_epoch_end(self) -> None:
        self.noted.append(["epoch", self.batches, self.layer.weight.item()])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["seen"] = [self.batches, self.noted]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.batches, self.noted = checkpoint["seen"]


class Copies(WholeFiles):
    """Keeps a copy of each checkpoint that is saved."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        super().save_checkpoint(checkpoint, path)
        batches, noted = checkpoint["seen"]
        shutil.copy(path, Path(path).with_name(f"{batches} batches, {len(noted)} noted.ckpt"))


def train(
    place: Path, model: Noting, options: dict[str, Any], ckpt_path: Path | None = None, **every: Any
) -> list[list[Any]]:
    """What a model notes, trained for epochs of four batches."""
    last = LastCheckpoint(place, "last", enable_version_counter=False, **every)
    trainer = Trainer(
        accelerator="cpu", callbacks=[Resumption(lambda: None), last], logger=False, enable_progress_bar=False,
        num_sanity_val_steps=0, enable_model_summary=False, **options,
    )  # fmt: skip
    trainer.strategy.checkpoint_io = Copies()
    interruption.leave_to_us(trainer)
    loader = DataLoader(torch.ones(4, 1))
    trainer.fit(model, loader, loader, ckpt_path=ckpt_path)
    return model.noted


@pytest.mark.parametrize(
    "options",
    [
        {"limit_val_batches": 0},
        {"check_val_every_n_epoch": 5},
        {"val_check_interval": 100, "check_val_every_n_epoch": None},
        {"val_check_interval": 0.5},
    ],
)
def test_the_last_checkpoint_is_written_every_epoch_however_rare_validation_is(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    train(tmp_path, Noting(), {"max_epochs": 3, **options})
    at = {int(path.name.partition(" ")[0]) for path in tmp_path.glob("* noted.ckpt")}
    assert {4, 8, 12} <= at


def test_a_run_is_not_resumed_to_end_before_where_it_is(tmp_path: Path) -> None:
    train(tmp_path, Noting(), {"max_epochs": 3}, every_n_train_steps=3)
    within = {6: "6 batches, 2 noted.ckpt", 12: "last.ckpt"}  # in the second epoch, and after the third
    for steps, epochs in ((6, 2), (12, 3)):
        for option, least in (("max_epochs", epochs), ("max_steps", steps)):
            enough = {"max_epochs": epochs, "max_steps": steps}
            with pytest.raises(UserError, match=rf"trainer\.{option}={least - 1}:.*{least}"):
                train(tmp_path / "less", Noting(), enough | {option: least - 1}, tmp_path / within[steps])
            assert not (tmp_path / "less").exists()
        model = Noting()
        train(tmp_path / str(steps), model, {"max_epochs": epochs}, tmp_path / within[steps])
        assert model.batches == 4 * epochs


class Signalled(Noting):
    """Is sent a signal within a training step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self.step = step

    def training_step(self, batch: Tensor, index: int) -> Tensor:
        if self.batches == self.step:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().training_step(batch, index)


@pytest.mark.parametrize(("step", "saved"), [(6, 6), (8, 4)])  # the eighth ends the second epoch
def test_a_signal_is_answered_when_its_step_is_over_and_saved(
    tmp_path: Path, step: int, saved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole", Noting(), {"max_epochs": 3})
    monkeypatch.setattr(interruption, "_WATCH", interruption._Watch())
    before = {number: signal.getsignal(number) for number in interruption.SIGNALS}
    interruption.watch()
    try:
        with pytest.raises(interruption.Interruption):
            train(tmp_path / "cut", Signalled(step), {"max_epochs": 3})
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    monkeypatch.setattr(interruption, "_WATCH", interruption._Watch())
    last = tmp_path / "cut" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == saved
    assert train(tmp_path / "cut", Noting(), {"max_epochs": 3}, last) == whole


@pytest.mark.parametrize("every", [{"every_n_train_steps": 1}, {"every_minutes": 0}])
@pytest.mark.parametrize(
    "options",
    [
        {"max_steps": 4, "accumulate_grad_batches": 3},  # they end with the second epoch
        {"max_steps": 3, "accumulate_grad_batches": 2, "check_val_every_n_epoch": 2},
        {"max_epochs": 2, "val_check_interval": 0.5},
        {"max_epochs": 2, "val_check_interval": 3, "check_val_every_n_epoch": None},
    ],
)
def test_whichever_checkpoint_a_run_goes_on_from_nothing_is_left_out(
    tmp_path: Path, options: dict[str, Any], every: dict[str, Any]
) -> None:
    def noted(checkpoint: Path | None) -> list[list[Any]]:
        return train(tmp_path, Noting(), options, checkpoint, **every)

    whole, tried = noted(None), set[Path]()
    while found := set(tmp_path.glob("* noted.ckpt")) - tried:  # a resumed run may save others
        for checkpoint in found:
            assert noted(checkpoint) == whole, checkpoint.name
        tried |= found
    assert len(tried) > 3 and whole[-1] == torch.load(tmp_path / "last.ckpt", weights_only=True)["seen"][1][-1]


def test_a_file_that_cannot_be_written_leaves_the_former_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, place = WholeFiles(), tmp_path / "last.ckpt"
    files.save_checkpoint({"step": 1}, place)

    def half(content: object, file: object) -> None:
        file.write(b"half")  # type: ignore[attr-defined]
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", half)
        with pytest.raises(OSError, match="no space"):
            files.save_checkpoint({"step": 2}, place)
    assert torch.load(place, weights_only=True) == {"step": 1}
    files.save_checkpoint({"step": 3}, place)
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_checkpoint_is_deleted_only_when_the_next_is_in_place(tmp_path: Path) -> None:
    files = WholeFiles()
    for name in ("first", "second"):
        files.save_checkpoint({}, tmp_path / name)
    files.remove_checkpoint(tmp_path / "first")
    assert (tmp_path / "first").is_file()
    files.save_checkpoint({}, tmp_path / "last")
    assert not (tmp_path / "first").exists()
    files.remove_checkpoint(tmp_path / "second")
    files.save_checkpoint({}, tmp_path / "second")  # it is wanted again
    assert (tmp_path / "second").is_file()
    files.remove_checkpoint(tmp_path / "last")
    files.teardown()
    assert not (tmp_path / "last").exists()


@pytest.mark.parametrize("error", [interruption.Interruption(signal.SIGTERM), OSError("no space left")])
def test_a_run_that_ends_between_two_checkpoints_keeps_what_the_last_one_refers_to(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The better epochs are saved, and those before them superfluous, when the last checkpoint is to follow."""
    save, calls = WholeFiles.save_checkpoint, []

    def cut(self: WholeFiles, checkpoint: dict[str, Any], path: str, **options: Any) -> None:
        calls.append(Path(path).name)
        if calls.count("last.ckpt") == 3:
            raise error
        save(self, checkpoint, path, **options)

    monkeypatch.setattr(WholeFiles, "save_checkpoint", cut)
    with pytest.raises(type(error)):
        fit(tmp_path, [0.1, 0.2, 0.3], max_epochs=3)
    (of_best,) = (
        state for name, state in torch.load(tmp_path / "last.ckpt", weights_only=True)["callbacks"].items()
        if name.startswith("BestCheckpoint")
    )  # fmt: skip
    assert sorted(of_best["best_k_models"]) == [str(tmp_path / f"epoch_00{number}.ckpt") for number in (0, 1)]
    assert all(Path(path).is_file() for path in of_best["best_k_models"])


def test_paths_of_a_moved_directory() -> None:
    paths = {"best_model_path": "/old/a.ckpt", "kth_best_model_path": "/old/a.ckpt", "last_model_path": ""}
    state = {"dirpath": "/old", **paths, "best_k_models": {"/old/a.ckpt": 0.5}}
    relocate(state, "/new")
    assert state["dirpath"] == "/new" and state["best_model_path"] == "/new/a.ckpt" and state["last_model_path"] == ""
    assert state["best_k_models"] == {"/new/a.ckpt": 0.5}
