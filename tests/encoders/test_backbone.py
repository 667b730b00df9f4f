"""Weights of an encoder's folder: as safetensors, and as the state dict of torch that older models are published as."""

from __future__ import annotations

import json
import logging
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.source_files import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers

FILE = "pytorch_model.bin"


@pytest.fixture
def published(tmp_path: Path, make_model) -> tuple[str, Path]:
    """An encoder, and the same in the layout of a coreference model: a ``vocab.txt``, ``bert.*`` beside its head."""
    source = make_model("bert", seed=7)
    state = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in load_file(Path(source) / "model.safetensors").items()
    }
    folder = tmp_path / "published"
    folder.mkdir()
    shutil.copy(Path(source) / "config.json", folder)
    vocabulary = json.loads((Path(source) / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    torch.save(state | {"mention_scorer.0.weight": torch.ones(3)}, folder / FILE)
    return source, folder


def encoder(source: object, **options):
    return MultiEncoder({"a": str(source)}, freeze_models="all", **options).encoders["a"]


def test_a_state_dict_is_read_as_weights(published, caplog) -> None:
    source, folder = published
    with caplog.at_level(logging.INFO, "transferlab"):
        assert encoder(folder).fingerprint() == encoder(source).fingerprint()
    assert "mention_scorer.0.weight" in caplog.text and "pooler" not in caplog.text
    assert (
        encoder(folder, truncate_models={"a": 2}).fingerprint()
        == encoder(source, truncate_models={"a": 2}).fingerprint()
    )


def test_its_copy_is_safetensors_alone(published, tmp_path: Path) -> None:
    source, folder = published
    MultiEncoder({"a": str(folder)}).save_encoder("a", tmp_path / "copy", load_tokenizers({"a": str(folder)})[0]["a"])
    assert (tmp_path / "copy" / "model.safetensors").is_file() and not list((tmp_path / "copy").glob("*.bin"))
    assert encoder(tmp_path / "copy").fingerprint() == encoder(source).fingerprint()


def test_safetensors_go_first(published) -> None:
    source, folder = published
    shutil.copy(Path(source) / "model.safetensors", folder)
    (folder / FILE).write_bytes(b"no weights")
    assert encoder(folder).fingerprint() == encoder(source).fingerprint()


def test_parts(published) -> None:
    source, folder = published
    state = list(torch.load(folder / FILE, weights_only=True).items())
    (folder / FILE).unlink()
    names = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
    for name, part in zip(names, (state[:9], state[9:]), strict=True):
        torch.save(dict(part), folder / name)
    places = {key: name for name, part in zip(names, (state[:9], state[9:]), strict=True) for key, _ in part}
    (folder / f"{FILE}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert encoder(folder).fingerprint() == encoder(source).fingerprint()
    other = places | {state[0][0]: "../elsewhere.bin"}
    (folder / f"{FILE}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": other}))
    with pytest.raises(EncoderError, match=r"elsewhere\.bin"):
        encoder(folder)


class Code:
    """What would be executed by whoever unpickles it."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return Path.mkdir, (self.place,)


@pytest.mark.parametrize(
    "write", [torch.save, lambda content, file: file.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_no_object_is_made(published, tmp_path: Path, write) -> None:
    _, folder = published
    state = torch.load(folder / FILE, weights_only=True)
    write(state | {"bert.code": Code(tmp_path / "executed")}, folder / FILE)
    with pytest.raises(EncoderError, match="published"):
        encoder(folder)
    assert not (tmp_path / "executed").exists()


def test_weights_of_several_encoders_are_none_of_one(published) -> None:
    _, folder = published
    state = torch.load(folder / FILE, weights_only=True)
    torch.save({f"base_models.models.x.{name}": value for name, value in state.items()}, folder / FILE)
    with pytest.raises(EncoderError, match="lacks"):
        encoder(folder)


def test_another_name_is_not_read(published) -> None:
    _, folder = published
    (folder / FILE).rename(folder / "model_May10.bin")
    with pytest.raises(EncoderError, match=r"model_May10\.bin"):
        encoder(folder)


def test_an_unfinished_file_is_refused(published) -> None:
    _, folder = published
    (folder / FILE).write_bytes((folder / FILE).read_bytes()[:5000])
    with pytest.raises(EncoderError, match="published"):
        encoder(folder)
    save_file({"x": torch.ones(1)}, folder / "model.safetensors")  # the same of a file that lacks everything
    with pytest.raises(EncoderError, match="lacks"):
        encoder(folder)
