"""Damaged saved models: whatever file it is, it is named, and nothing is predicted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.saving import save_trained
from transferlab.taskmodules.coreference import CoreferenceTaskModule

from .conftest import Composed
from .faults import Fault, Refusal, rows

DESCRIPTION = "transferlab.json"


@pytest.fixture(scope="module")
def saved(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a trained encoder, so that it holds every kind of file."""
    place = tmp_path_factory.mktemp("models")
    sources = {"target": str(encoder)}
    small = {"ffnn_size": 8, "max_span_width": 4, "feature_emb_size": 4, "use_metadata": False}
    model = CoreferenceModel(pretrained_models=sources, keep_singletons=True, mention_loss_coef=1.0, **small).eval()
    taskmodule = CoreferenceTaskModule(load_tokenizers(sources)[0], max_segment_len=16)
    return save_trained(model, place / "saved", taskmodule, facts={})


def flipped(name: str) -> Callable[[Path], None]:
    def damage(place: Path) -> None:
        content = bytearray((place / name).read_bytes())
        content[-9] ^= 1
        (place / name).write_bytes(bytes(content))

    damage.__name__ = f"flipped {name}"
    return damage


def truncated(name: str) -> Callable[[Path], None]:
    def damage(place: Path) -> None:
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[: len(content) // 2])

    damage.__name__ = f"truncated {name}"
    return damage


def emptied(name: str) -> Callable[[Path], None]:
    def damage(place: Path) -> None:
        (place / name).write_bytes(b"")

    damage.__name__ = f"emptied {name}"
    return damage


def missing(name: str) -> Callable[[Path], None]:
    def damage(place: Path) -> None:
        (place / name).unlink()

    damage.__name__ = f"missing {name}"
    return damage


def changed(name: str, hashed: bool = True, **entries: Any) -> Callable[[Path], None]:
    """Other entries of a JSON file; without ``hashed`` in a model that was saved before hashes were recorded."""

    def damage(place: Path) -> None:
        content = json.loads((place / name).read_text())
        for key, value in entries.items():
            inner = content
            *parents, last = key.split("__")
            for parent in parents:
                inner = inner[parent]
            inner[last] = value
        (place / name).write_text(json.dumps(content))
        if not hashed:
            description = json.loads((place / DESCRIPTION).read_text())
            description.pop("files", None)
            (place / DESCRIPTION).write_text(json.dumps(description))

    damage.__name__ = f"changed {name} {entries}"
    return damage


WEIGHTS, HEAD, CONFIG, TOKENIZER = "model.safetensors", "task.safetensors", "config.json", "tokenizer.json"
OPTIONS = "model__options__"
TABLE = rows(
    *((damage(name), name) for name in (WEIGHTS, HEAD, CONFIG, TOKENIZER) for damage in (flipped, truncated)),
    *((damage(name), name) for name in (WEIGHTS, HEAD, CONFIG, TOKENIZER) for damage in (emptied, missing)),
    (flipped("tokenizer_config.json"), "tokenizer_config.json"),
    (changed(CONFIG, hidden_size=32), CONFIG),
    (changed(CONFIG, num_attention_heads=4), CONFIG),
    (changed(CONFIG, hidden_dropout_prob=0.9), CONFIG),
    (changed(CONFIG, hashed=False, hidden_size=10**8), "sizes"),
    (changed(CONFIG, hashed=False, vocab_size=10**9), "sizes"),
    (changed(CONFIG, hashed=False, num_hidden_layers=10**6), "num_hidden_layers"),
    (changed(CONFIG, hashed=False, model_type="brt"), "brt"),
    (truncated(DESCRIPTION), DESCRIPTION),
    (emptied(DESCRIPTION), DESCRIPTION),
    (missing(DESCRIPTION), DESCRIPTION),
    (changed(DESCRIPTION, format=99), DESCRIPTION, "99"),
    (changed(DESCRIPTION, model=3), DESCRIPTION, "model"),
    (changed(DESCRIPTION, model__name="corefrence"), DESCRIPTION, "corefrence", "coreference"),
    (changed(DESCRIPTION, taskmodule__name="os:system"), DESCRIPTION, "os:system"),
    (changed(DESCRIPTION, encoders=[]), DESCRIPTION, "encoders"),
    (changed(DESCRIPTION, encoders__target={"folder": "../x"}), DESCRIPTION, "../x"),
    (changed(DESCRIPTION, eval_batch_size=0), DESCRIPTION, "eval_batch_size"),
    (changed(DESCRIPTION, files=3), DESCRIPTION, "files"),
    (changed(DESCRIPTION, files={"../x": "0"}), DESCRIPTION, "../x"),
    (changed(DESCRIPTION, **{OPTIONS + "ffnn_size": 10**9}), "model.ffnn_size=1000000000"),
    (changed(DESCRIPTION, **{OPTIONS + "ffnn_depth": 10**9}), "model.ffnn_depth=1000000000"),
    (changed(DESCRIPTION, **{OPTIONS + "feature_emb_size": 10**9}), "model.feature_emb_size=1000000000"),
    (changed(DESCRIPTION, **{OPTIONS + "ffnn_size": 9}), HEAD),
    (changed(DESCRIPTION, **{OPTIONS + "dropout": "much"}), "model.dropout=much"),
    (changed(DESCRIPTION, **{OPTIONS + "head": "none"}), "model.head=none"),
    (changed(DESCRIPTION, **{OPTIONS + "ffn_size": 8}), DESCRIPTION, "ffn_size", "ffnn_size"),
    (changed(DESCRIPTION, taskmodule__options__max_segment_len=-1), "taskmodule.max_segment_len=-1"),
    (changed(DESCRIPTION, taskmodule__options__genres=3), "taskmodule.genres=3"),
)  # fmt: skip


@pytest.mark.parametrize("fault", TABLE)
def test_models(fault: Fault, saved: Path, composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from predict import predict

    place = Path(shutil.copytree(saved, tmp_path / "saved"))
    fault.change(place)
    (tmp_path / "in.txt").write_text("Ann met Bob.\n")
    cfg = composed("predict", f"model_name_or_path='{place}'", f"input='{tmp_path / 'in.txt'}'")
    refusal.of(lambda: predict(cfg), *fault.named)


@pytest.mark.parametrize("damage", [flipped(WEIGHTS), truncated(WEIGHTS), flipped(CONFIG), missing(TOKENIZER)])
def test_a_damaged_model_is_no_source(damage: Any, saved: Path, tmp_path: Path) -> None:
    from transferlab.encoders.multi_encoder import MultiEncoder
    from transferlab.utils.errors import UserError

    place = Path(shutil.copytree(saved, tmp_path / "saved"))
    MultiEncoder({"target": str(place)})
    damage(place)
    with pytest.raises(UserError, match=damage.__name__.split()[-1].partition(".")[0]):
        MultiEncoder({"target": str(place)})


def test_a_model_card_and_a_model_without_hashes_are_read(saved: Path, tmp_path: Path) -> None:
    from transferlab.inference import load

    place = Path(shutil.copytree(saved, tmp_path / "saved"))
    assert set(json.loads((place / DESCRIPTION).read_text())["files"]) >= {WEIGHTS, HEAD, CONFIG, TOKENIZER}
    (place / "README.md").write_text("mine")
    load(place, device="cpu")
    changed(CONFIG, hashed=False, hidden_dropout_prob=0.2)(place)
    load(place, device="cpu")


def test_a_place_for_a_model_without_its_description(composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from train import train

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "task.safetensors").touch()
    cfg = composed("train", f"model_save_dir={tmp_path / 'mine'}")
    refusal.of(lambda: train(cfg), f"model_save_dir={tmp_path / 'mine'}", DESCRIPTION)
