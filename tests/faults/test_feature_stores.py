"""Damaged feature stores: what can be computed again is deleted and named; places that are no store are refused."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from transferlab.encoders import feature_shards
from transferlab.encoders.feature_store import ABOUT, FeatureStore

from .conftest import Composed
from .faults import Fault, Refusal, rows

Damage = Callable[[Path], None]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Two layers of three rows each."""
    store = FeatureStore(tmp_path / "store", "float32")
    for number in (1, 2):
        layer = store.layer("weights", str(number), "float32", {"encoder": "a", "layer": number, "hidden_size": 4})
        for row in range(3):
            layer.add(bytes([row]) * feature_shards.KEY_BYTES, torch.ones(row + 1, 4))
        store.write(layer)
    return store


def shard_of(folder: Path) -> Path:
    (shard,) = folder.glob("*.safetensors")
    return shard


def replaced(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        shard = shard_of(folder)
        content = change(shard.read_bytes())
        shard.unlink()  # what is mapped must not change
        shard.write_bytes(content)

    damage.__name__ = name
    return damage


def flipped(seed: int) -> Damage:
    """One bit, wherever it is."""

    def change(content: bytes) -> bytes:
        changed, position = bytearray(content), random.Random(seed).randrange(len(content))
        changed[position] ^= 1 << seed % 8
        return bytes(changed)

    return replaced(f"flipped bit {seed}", change)


def forged(**tensors: Any) -> Damage:
    """A shard whose checksums are right and whose tensors are not those of a shard."""

    def damage(folder: Path) -> None:
        shard = shard_of(folder)
        content = {name: tensor.clone() for name, tensor in load_file(shard).items()}
        shard.unlink()
        content |= {name: torch.as_tensor(value, dtype=content[name].dtype) for name, value in tensors.items()}
        index = feature_shards._index_check("", *(content[name] for name in ("vectors", "keys", "lengths", "checks")))
        save_file(content, shard, metadata={"format": feature_shards.FORMAT, "index": index})

    damage.__name__ = f"forged {' '.join(tensors)}"
    return damage


def without_numbers(folder: Path) -> None:
    """A shard as an encoder that gives nan for one row would have had it written: all checksums are right."""
    shard = shard_of(folder)
    read = feature_shards.Shard(shard)
    places = zip(read.keys, read.starts, read.starts + read.lengths, strict=True)
    content = [(key, read.vectors[start:end].clone()) for key, start, end in places]
    content[1][1][0, 2] = torch.nan
    shard.unlink()
    feature_shards.write_shard(folder, content).rename(shard)


SHARDS = [
    without_numbers,
    replaced("empty", lambda content: b""),
    replaced("truncated by a byte", lambda content: content[:-1]),
    replaced("half of it", lambda content: content[: len(content) // 2]),
    replaced("its head", lambda content: content[:4]),
    replaced("text", lambda content: b"what is this?\n" * 30),
    replaced("longer", lambda content: content + b"\0"),
    *(flipped(seed) for seed in range(6)),
    forged(lengths=[1, 2, 4]),
    forged(lengths=[-1, 3, 4]),
    forged(lengths=[6]),
    forged(lengths=[[1, 2, 3]]),
    forged(keys=[[1, 2], [3, 4], [5, 6]]),
    forged(checks=[1, 2]),
    forged(vectors=[1.0] * 6),
]


@pytest.mark.parametrize("damage", SHARDS, ids=lambda damage: damage.__name__)
def test_shards(damage: Damage, store: FeatureStore, composed: Composed, caplog: pytest.LogCaptureFixture) -> None:
    """Listed, read and verified without an error: the file is named and deleted, and the other layer stays."""
    from features import features

    broken, whole = (entry.folder for entry in store.entries())
    damage(broken)
    shard, good = shard_of(broken), shard_of(whole)
    place = f"features.directory={store.directory}"
    assert features(composed("features", place, "features.dtype=float32"))["layers"] == 2
    with caplog.at_level(logging.WARNING):
        assert features(composed("features", place, "action=verify")) == {"files": 2, "damaged": 1}
    assert shard.name in caplog.text and not shard.exists() and good.exists()
    with caplog.at_level(logging.INFO):
        assert features(composed("features", place, "action=prune", "to_gb=0"))["layers"] == 2


DESCRIPTIONS = ["", "{", "[]", "3", b"\xff\xfe", {}, {"layer": "x"}, {"layer": None, "encoder": [1]}, {"layer": {}}]


@pytest.mark.parametrize("content", DESCRIPTIONS, ids=repr)
def test_descriptions(content: Any, store: FeatureStore, composed: Composed) -> None:
    """Nothing depends on them: the layers are listed, verified and read."""
    from features import features

    (file, _) = (entry.folder / ABOUT for entry in store.entries())
    file.write_bytes(content if isinstance(content, bytes) else b"")
    if not isinstance(content, bytes):
        file.write_text(content if isinstance(content, str) else json.dumps(content))
    place = f"features.directory={store.directory}"
    assert features(composed("features", place))["layers"] == 2
    assert features(composed("features", place, "action=verify")) == {"files": 2, "damaged": 0}
    assert features(composed("features", place, "action=prune", "encoder_contains=nobody"))["layers"] == 0


@pytest.mark.parametrize("override", ["features.directory={}", "features.directory={}/below"])
def test_a_store_that_is_no_directory(override: str, composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from features import features

    (tmp_path / "file").write_text("x")
    cfg = composed("features", override.format(tmp_path / "file"))
    refusal.of(lambda: features(cfg), "file")


PLACES = rows(
    ("weights", "weights"),
    ("weights/lock", "weights"),
)


@pytest.mark.parametrize("fault", PLACES)
def test_places_in_a_store_that_cannot_be_written(fault: Fault, refusal: Refusal, tmp_path: Path) -> None:
    store = FeatureStore(tmp_path / "store")
    place = store.directory / fault.change
    place.parent.mkdir(parents=True)
    place.mkdir() if place.name == "lock" else place.write_text("x")

    def write() -> None:
        with store.writing("weights"):
            pytest.fail("written")

    refusal.of(write, f"features.directory={store.directory}", *fault.named)


def test_pruning_without_a_criterion(composed: Composed, refusal: Refusal, tmp_path: Path) -> None:
    from features import features

    (tmp_path / "store").mkdir()
    cfg = composed("features", f"features.directory={tmp_path / 'store'}", "action=prune")
    refusal.of(lambda: features(cfg), "prune")
