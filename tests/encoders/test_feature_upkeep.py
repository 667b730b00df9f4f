"""Looking at the store, verifying and pruning it."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from transferlab.encoders.feature_store import FeatureStore, LayerEntry
from transferlab.encoders.feature_upkeep import listing, prune, short, size_of, verify
from transferlab.encoders.sources import EncoderError

from .damage import flip_tensor

DAY = 86400
DEEP = ["org/deep 1", "org/deep 2", "org/deep 3", "org/deep 6"]


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    """Layers 1, 2, 3 and 6 of one encoder, and layer 2 of another; 4000 bytes each, used 5 to 1 days ago."""
    store = FeatureStore(tmp_path / "features", "float32", limit_gb=1)
    for age, (name, number) in enumerate(
        (("org/deep", 1), ("org/deep", 2), ("org/deep", 3), ("org/deep", 6), ("flat", 2))
    ):
        about = {"encoder": name, "layer": number, "hidden_size": 25}
        layer = store.layer(name.replace("/", "-"), f"{number}", "float32", about)
        for row in range(3 if number == 6 else 4):
            layer.add(bytes([row]) * 16, torch.ones(10, 25))
        store.write(layer)
        when = time.time() - (5 - age) * DAY + 60
        os.utime(layer.folder / "layer.json", (when, when))
    return store


def names(entries: list[LayerEntry]) -> list[str]:
    return sorted(f"{entry.about['encoder']} {entry.about['layer']}" for entry in entries)


def test_layers_with_equally_many_rows_share_a_line(store):
    out = io.StringIO()
    Console(file=out, width=80).print(listing(store, store.entries()))
    lines = [line.split() for line in out.getvalue().splitlines()]
    (flat,) = (entry for entry in store.entries() if entry.about["encoder"] == "flat")
    size, last = size_of(flat.size).split(), f"{flat.used:%Y-%m-%d}"
    assert ["flat", "2", "float32", "float32", "4", *size, last] in lines
    assert any(line[:4] == ["org/deep", "1-3", "float32", "float32"] and line[4] == "4" for line in lines)
    assert any(line[:3] == ["org/deep", "6", "float32"] and line[4] == "3" for line in lines)
    assert "of 1 GB (features.limit_gb)" in out.getvalue()


def test_damaged_files_are_deleted_and_the_others_stay(store, caplog):
    assert verify(store.entries()) == (5, 0)
    shards = sorted(store.directory.rglob("*.safetensors"))
    flip_tensor(shards[0])
    shards[1].write_bytes(b"")
    assert verify(store.entries()) == (5, 2)
    assert [path.exists() for path in shards] == [False, False, True, True, True]
    assert caplog.text.count("deleted, and its rows are computed again") == 2
    assert verify(store.entries()) == (3, 0)


@pytest.mark.parametrize(
    ("criteria", "remaining"),
    [
        ({"older_than_days": 2.5}, ["flat 2", DEEP[3]]),
        ({"encoder_contains": "deep"}, ["flat 2"]),
        ({"encoder_contains": "deep", "older_than_days": 4.5}, ["flat 2", *DEEP[1:]]),
        ({"to_gb": 10e-6}, ["flat 2", DEEP[3]]),
        ({"to_gb": 1}, ["flat 2", *DEEP]),
        ({"to_gb": 0}, []),
        ({"to_gb": 15e-6, "encoder_contains": "flat"}, DEEP),
        ({"everything": True}, []),
        ({"encoder_contains": "nothing"}, ["flat 2", *DEEP]),
    ],
)  # fmt: skip
def test_what_meets_all_criteria_goes(criteria, remaining, store):
    before = names(store.entries())
    gone = prune(store.entries(), **criteria)
    assert names(store.entries()) == remaining
    assert names(gone) == sorted(set(before) - set(remaining))


def test_nothing_goes_without_a_criterion(store):
    for criteria in ({}, {"everything": True, "to_gb": 1}):
        with pytest.raises(EncoderError, match=r"older_than_days=.*encoder_contains=.*to_gb=.*everything=true"):
            prune(store.entries(), **criteria)
    assert len(store.entries()) == 5


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 kB"), (4321, "4.32 kB"), (4.5e7, "45 MB"), (5e10, "50 GB"), (1.2345678e9, "1.235 GB")]
)
def test_sizes(size, words):
    assert size_of(size) == words


def test_long_names_lose_their_first_folders():
    assert short("bert-base-cased") == "bert-base-cased"
    assert short("/home/someone/" + "x" * 20 + "/models/pretrained/ner") == "…/models/pretrained/ner"
    assert len(short("y" * 100)) == 40
