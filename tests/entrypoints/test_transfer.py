"""Intermediate-task transfer: any saved model, of any epoch, starts any other run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError
from transferlab.inference import load
from transferlab.utils.errors import UserError

pytestmark = pytest.mark.usefixtures("without_pictures")

TUNED = ["model.freeze_models=null", "model.bert_learning_rate=1e-2"]


def weights(place: Path) -> dict[str, torch.Tensor]:
    return load_file(place / "model.safetensors")


def test_a_model_of_every_epoch_starts_other_runs(train, tmp_path, encoder):
    train(*TUNED, "save_every_epoch=true", "datamodule.train_examples=3", "datamodule.select_seed=7", "test=false")
    epochs = tmp_path / "run" / "epochs"
    assert [place.name for place in sorted(epochs.iterdir())] == ["000", "001", "002"]
    start, first, second = (weights(epochs / name) for name in ("000", "001", "002"))
    untrained = weights(encoder)
    assert all(torch.equal(tensor, untrained[name]) for name, tensor in start.items()), (
        "epoch 0 is the encoder as it was"
    )
    assert any(not torch.equal(first[name], start[name]) for name in first)
    assert any(not torch.equal(first[name], second[name]) for name in first)
    described = json.loads((epochs / "002" / "transferlab.json").read_text())
    assert described["epoch"] == 2 and 0 <= described["scores"]["val/conll_f1"] <= 1
    assert described["data"]["name"] == "jsonl" and described["train_examples"] == 3
    assert load(epochs / "002").batch_size == 1

    model = json.loads((tmp_path / "run" / "model" / "transferlab.json").read_text())
    assert model["train_examples"] == 3 and model["selection"]["select_seed"] == 7, "limited data are recorded"
    origin = MultiEncoder({"target": str(encoder)}).started_from
    assert model["started_from"] == described["started_from"] == origin

    from_epoch = f"encoder={epochs / '001'}"
    assert list((tmp_path / "run" / "checkpoints").iterdir())
    lean = ["trainer.max_epochs=1", "test=false", "keep_checkpoints=none"]
    kept = ["model_load_mode=all", "save_every_epoch=[0]"]
    train(*TUNED, from_epoch, f"paths.output_dir={tmp_path / 'next'}", *lean, *kept)
    assert [place.name for place in (tmp_path / "next" / "epochs").iterdir()] == ["000"], "the chosen epoch"
    heads = [load_file(place / "task.safetensors") for place in (epochs / "001", tmp_path / "next" / "epochs" / "000")]
    assert heads[0].keys() == heads[1].keys() and all(torch.equal(t, heads[1][name]) for name, t in heads[0].items())
    assert not (tmp_path / "next" / "checkpoints").exists(), "a finished run need not keep them"
    following = json.loads((tmp_path / "next" / "model" / "transferlab.json").read_text())
    assert following["started_from"] == MultiEncoder({"target": str(epochs / "001")}).started_from != origin

    # ... and so are the documents that it was trained on, those of the models that it started from included
    (own,) = model["trained_on"]
    assert own["documents"] == 4 and own["corpus"].startswith("files:") and described["trained_on"] == [own]
    assert json.loads((epochs / "000" / "transferlab.json").read_text())["trained_on"] == [], "epoch 0 has seen none"
    assert following["trained_on"] == [own, {"from": str(epochs / "001"), **own}]


def test_impossible_starts_and_epochs_are_refused_before_any_work(train, encoder):
    for overrides, named in (
        (["model_load_mode=all"], f"{encoder}.*not a saved model"),
        (["save_every_epoch=3"], r"save_every_epoch=3.*trainer\.max_epochs=2"),
        (["save_every_epoch=[0,5]"], r"save_every_epoch=\[0,5\]"),
        (["save_every_epoch=[]"], r"save_every_epoch=\[\]"),
        (["save_every_epoch=0", "callbacks.epoch_models=null"], "save_every_epoch=0.*callbacks.epoch_models"),
        (["datamodule.select_by=last"], "datamodule.select_by=last.*first"),
        (["model.warmup_steps=-1"], "model.warmup_steps=-1"),
    ):
        with pytest.raises(UserError, match=named):
            train(*overrides)


def test_models_of_epochs_are_those_of_one_model(train):
    with pytest.raises(UserError, match="save_every_epoch=true is for a run of one model"):
        train("save_every_epoch=true", "+probes.seed=[1,2]")


def test_a_text_task_starts_from_a_source_without_a_pooler(encoder, tmp_path, caplog):
    """Tasks over words save no pooler; where the encoder is trained, a new one is, too."""
    source = tmp_path / "source"
    MultiEncoder({"target": str(encoder)}).save_encoder("target", source, AutoTokenizer.from_pretrained(encoder))
    fresh = MultiEncoder({"target": str(source)}, alignment="pooler")
    assert "was saved by a task without a pooler; a new one is trained" in caplog.text
    names = dict(fresh.encoders["target"].named_parameters())
    assert names["backbone.pooler.dense.weight"].requires_grad
    with pytest.raises(EncoderError, match=r"lacks 2 weights.*pooler"):
        MultiEncoder({"target": str(source)}, alignment="pooler", freeze_models="all")
