"""Checkpoints that are none, lack something or do not fit: what is wrong is named, and nothing is converted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.coreference.published_reference import Settings, bert, checkpoint

from .conftest import Composed
from .faults import Fault, Refusal, rows

FILE = "model_1.bin"


class Code:
    """What would be executed by whoever unpickles it."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("executed",)


def changed(**entries: Any) -> Callable[[Path], None]:
    """Other entries of the state dict, ``__`` for a dot; None: without them."""

    def damage(place: Path) -> None:
        state = torch.load(place / FILE, weights_only=True)
        for name, value in entries.items():
            key = name.replace("__", ".")
            found = state.pop(key, None)
            if value is not None:
                state[key] = value(found) if callable(value) else value
        torch.save(state, place / FILE)

    damage.__name__ = f"changed {' '.join(entries)}"
    return damage


def holding(content: Any, name: str = FILE) -> Callable[[Path], None]:
    """Something else in the file."""

    def damage(place: Path) -> None:
        if isinstance(content, bytes):
            (place / name).write_bytes(content)
        else:
            torch.save(content() if callable(content) else content, place / name)

    damage.__name__ = f"{name} holding {re.sub(r'at 0x[0-9a-f]+', '', repr(content))}"[:60]  # the same in all workers
    return damage


def halved(place: Path) -> None:
    content = (place / FILE).read_bytes()
    (place / FILE).write_bytes(content[: len(content) // 2])


def without_encoder(place: Path) -> None:
    state = torch.load(place / FILE, weights_only=True)
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("bert.")}, place / FILE)


def absent(place: Path) -> None:
    (place / FILE).unlink()


def in_use(place: Path) -> None:
    (place / "model").mkdir()
    (place / "model" / "notes.txt").write_text("mine")


def a_file(place: Path) -> None:
    (place / "model").write_text("mine")


def wider(place: Path) -> None:
    bert(place / "bert", hidden_size=32)


def more_words(place: Path) -> None:
    with (place / "bert" / "vocab.txt").open("a") as file:
        file.write("\nmore\nwords\n")


def no_config(place: Path) -> None:
    (place / "bert" / "config.json").unlink()


def bare(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    return {"cut": lambda t: t[..., :-1], "nan": lambda t: t * float("nan"), "int": lambda t: t.to_sparse()}[name]


TABLE = rows(
    (holding(b"once upon a time"), FILE),
    (holding(b""), FILE),
    (halved, FILE),
    (holding(Code()), FILE),
    (holding({"bert.embeddings.word_embeddings.weight": Code()}), FILE),
    (holding(lambda: torch.nn.Linear(2, 2)), FILE),
    (holding([torch.zeros(2)]), FILE, "list"),
    (holding({}), FILE),
    (changed(epoch=3), FILE, "epoch"),
    (changed(coarse_bilinear__bias=bare("nan")), FILE, "coarse_bilinear.bias"),
    (changed(emb_genre__weight=bare("int")), FILE, "emb_genre.weight"),
    (absent, "checkpoint="),
    (holding({"x": torch.zeros(1)}, "model_2.bin"), "model_1.bin", "model_2.bin"),
    (without_encoder, FILE, "0 encoders"),
    (changed(base_models__models__other__x=torch.zeros(1)), FILE, "base_models.models.other."),
    (changed(coref_score_ffnn__3__bias=None), FILE, "missing: coref_score_ffnn.3.bias"),
    (changed(emb_same_speaker__weight=None), FILE, "coref_score_ffnn.0.weight is (9, 172), expected (9, 164)"),
    (changed(bert__pooler__dense__bias=None), FILE, "missing: pooler.dense.bias"),
    (changed(fusion__weight=torch.zeros(2, 2)), FILE, "without a place: fusion.weight"),
    (changed(base_models__aggregate__query__bias=torch.zeros(2)), FILE, "base_models.aggregate.query.bias"),
    (changed(coarse_bilinear__weight=bare("cut")), FILE, "coarse_bilinear.weight is (52, 51), expected (52, 52)"),
    (changed(bert__embeddings__LayerNorm__weight=bare("cut")), "embeddings.LayerNorm.weight is (15,), expected (16,)"),
    (changed(bert__embeddings__position_ids=torch.ones(1, 64)), "embeddings.position_ids"),
    (wider, "encoder=", "embeddings.word_embeddings.weight is (21, 16), expected (21, 32)"),
    (more_words, "encoder=", "24 tokens", "for 21"),
    (no_config, "bert", "config.json"),
    (in_use, "model_save_dir="),
    (a_file, "model_save_dir="),
    (["+model.ffnn_size=8"], "span_emb_score_ffnn.0.weight is (9, 52), expected (8, 52)"),
    (["+model.ffnn_depth=2"], "missing: ", "span_emb_score_ffnn.6.weight"),
    (["+model.max_span_width=6"], "emb_span_width.weight is (5, 4), expected (6, 4)"),
    (["model.higher_order=cluster_merging"], "emb_cluster_size.weight"),
    (["model.higher_order=max_antecedent"], "gate_ffnn.weight"),
    (["model.coref_depth=2"], "model.coref_depth=2"),
    (["+model.head=bilinear"], FILE),
    (["+model.freeze_models=all", "+model.ffn_size=3"], "model.ffn_size", "ffnn_size"),
    (["taskmodule.genres=[bc,bn]"], "emb_genre.weight is (7, 4), expected (2, 4)"),
    (["taskmodule.genres=[bc,bn,mz,nw,pt,tc,tc]"], "taskmodule.genres", "tc"),
    (["+taskmodule.max_training_sentences=9"], "emb_segment_distance.weight is (3, 4), expected (9, 4)"),
    (["taskmodule.max_segment_len=65"], "taskmodule.max_segment_len=65", "64"),
    (["taskmodule.max_segment_len=2"], "taskmodule.max_segment_len=2"),
    (["checkpoint=nowhere.bin"], "checkpoint=nowhere.bin"),
    (["encoder=no/such/bert"], "no/such/bert"),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, torch.Tensor], Any]:
    model = bert(tmp_path_factory.mktemp("bert"))
    return checkpoint(Settings(), model), model


@pytest.mark.parametrize("fault", TABLE)
def test_checkpoints(
    fault: Fault, sound: Any, composed: Composed, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convert import convert

    monkeypatch.chdir(tmp_path)
    bert(tmp_path / "bert")
    torch.save(sound[0], tmp_path / FILE)
    given: Sequence[str] = fault.change if isinstance(fault.change, list) else []
    if not given:
        fault.change(tmp_path)
    places = [f"checkpoint='{tmp_path}'", f"encoder='{tmp_path / 'bert'}'", f"model_save_dir='{tmp_path / 'model'}'"]
    cfg = composed("convert", *places, "taskmodule.max_segment_len=16", *given)
    refusal.of(lambda: convert(cfg), *fault.named)


def test_the_folder_of_a_checkpoint_without_a_config_is_no_source_but_tells_the_way(
    sound: Any, tmp_path: Path, refusal: Refusal
) -> None:
    from transferlab.encoders.multi_encoder import MultiEncoder

    bert(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(sound[0], tmp_path / "pytorch_model.bin")
    assert MultiEncoder({"published": str(tmp_path)}).hidden_size == 16
    (tmp_path / "config.json").unlink()
    refusal.of(lambda: MultiEncoder({"published": str(tmp_path)}), str(tmp_path), "pytorch_model.bin", "src/convert.py")
