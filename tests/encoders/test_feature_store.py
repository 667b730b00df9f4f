"""A directory with a limit, one writer at a time, and nothing half written."""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime
from pathlib import Path

import pytest
import torch
from filelock import FileLock, Timeout

from transferlab.encoders import stored_layer
from transferlab.encoders.feature_store import EVICTED, LOCK, FeatureStore, describe, existing
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.stored_layer import StoredLayer

ROW = torch.ones(10, 25)  # 1000 bytes in float32


def layer(store: FeatureStore, name: str) -> StoredLayer:
    return store.layer("weights", name, "float32", {"encoder": name, "layer": 1, "hidden_size": 25})


def add(store: FeatureStore, name: str, rows: int = 4, first: int = 0) -> bool:
    stored = layer(store, name)
    for number in range(first, first + rows):
        stored.add(number.to_bytes(16, "little"), ROW)
    with store.writing("weights"):
        return store.write(stored)


def names(store: FeatureStore) -> set[str]:
    return {entry.about["encoder"] for entry in store.entries()}


def use(store: FeatureStore, name: str, when: int) -> None:
    os.utime(next(store.directory.glob(f"*/{name}-*/layer.json")), (when, when))


def another(store: FeatureStore, limit: float | None = None) -> FeatureStore:
    return FeatureStore(store.directory, store.dtype, limit or store.limit / 1e9)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features", "float32", limit_gb=16e-6)  # three layers of four rows


def test_what_lies_where(store):
    assert store.entries() == []
    assert add(store, "a")
    (entry,) = store.entries()
    assert entry.folder == store.directory / "weights" / "a-float32-float32"
    assert json.loads((entry.folder / "layer.json").read_text()) == {
        "encoder": "a", "layer": 1, "hidden_size": 25, "precision": "float32", "dtype": "float32",
    }  # fmt: skip
    assert entry.rows == 4 and 4000 < entry.size < 5000
    assert abs((datetime.now() - entry.used).total_seconds()) < 60
    assert describe(entry) == "a, layer 1, 4 rows, 0.0 MB"


def test_nothing_is_made_before_something_is_written(store):
    layer(store, "a")
    assert not store.directory.exists()
    with store.writing("weights"):
        assert store.write(layer(store, "a"))
    assert store.entries() == []


def test_opening_a_layer_counts_as_use(store):
    add(store, "a")
    use(store, "a", 1000)
    another(store).entries()
    assert store.entries()[0].used.year == 1970, "looking does not"
    layer(another(store), "a")
    assert store.entries()[0].used.year > 2000


def test_the_least_recently_used_layers_of_others_are_evicted(store, caplog):
    for name in "abc":
        add(store, name)
    for when, name in enumerate("bac", start=1000):
        use(store, name, when)
    with caplog.at_level(logging.INFO):
        assert add(another(store), "d")
    assert names(store) == {"a", "c", "d"}
    assert "features of b, layer 1, 4 rows, 0.0 MB are evicted (features.limit_gb)" in caplog.text
    assert sum(entry.size for entry in store.entries()) <= store.limit
    # the process that has it open goes on with what it has, and writes it anew
    assert torch.equal(layer(store, "b").gather([bytes(16)], 10, torch.device("cpu"))[0], ROW)


def test_layers_in_use_are_not_evicted_and_what_does_not_fit_is_refused(store, caplog):
    for name in "abc":
        add(store, name)
        use(store, name, 1000)
    assert not add(store, "d")
    assert names(store) == {"a", "b", "c"} and len(layer(store, "d")) == 0
    assert "do not fit into" in caplog.text and "features.limit_gb=1.6e-05" in caplog.text


def test_nothing_is_evicted_in_vain(store):
    for name in "ab":
        add(store, name)
    assert not add(another(store), "huge", rows=20)
    assert names(store) == {"a", "b"}


def test_a_full_disk_is_said(store, monkeypatch):
    usage = type("Usage", (), {"free": 5e8})
    monkeypatch.setattr("transferlab.encoders.feature_store.shutil.disk_usage", lambda place: usage)
    assert "do not fit on the disk of" in (store.lacking(10) or "")


@pytest.mark.parametrize("error", [OSError(122, "disk quota exceeded")])
def test_a_write_that_fails_is_said_and_forgotten(store, error, monkeypatch, caplog):
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(stored_layer, "write_shard", fail)
    assert not add(store, "a")
    assert "features cannot be written" in caplog.text and "quota" in caplog.text
    assert len(layer(store, "a")) == 0


def test_a_layer_that_is_evicted_while_it_is_written_is_written_again(store, monkeypatch):
    write = stored_layer.write_shard
    calls = []

    def evicted_once(folder: Path, rows: list) -> Path:
        calls.append(folder)
        if len(calls) == 1:
            os.replace(folder, folder.with_name(f"{EVICTED}00"))
            raise FileNotFoundError(folder)
        return write(folder, rows)

    monkeypatch.setattr(stored_layer, "write_shard", evicted_once)
    assert add(store, "a")
    (entry,) = another(store).entries()
    assert entry.rows == 4 and entry.about["encoder"] == "a"


def test_what_died_while_it_was_evicted_goes_at_the_next_write(store):
    add(store, "a")
    ruin = store.directory / "weights" / f"{EVICTED}1234"
    ruin.mkdir()
    (ruin / "x.safetensors").write_bytes(b"x")
    assert [entry.about["encoder"] for entry in store.entries()] == ["a"]
    add(store, "b")
    assert not ruin.exists()


def test_a_lock_may_be_held_twice_by_its_process_and_is_released(store):
    another = FileLock(store.directory / "weights" / LOCK, timeout=0)
    with store.writing("weights"):
        with store.writing("weights"):
            pass
        with pytest.raises(Timeout), another:
            pass
    with another:
        assert another.is_locked


def test_a_process_that_is_forked_holds_locks_of_its_own(store):
    with store.writing("weights"):
        pass
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with store.writing("weights"):
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_directory_that_cannot_be_written_is_said(tmp_path: Path):
    store = FeatureStore(tmp_path / "file" / "features")
    (tmp_path / "file").write_text("")
    message = r"features.directory=.* cannot be written .*choose another one, or features=off"
    with pytest.raises(EncoderError, match=message), store.writing("weights"):
        pass
    with pytest.raises(EncoderError, match=r"file is a file; name a directory, or features=off"):
        FeatureStore(tmp_path / "file" / "features")


def test_garbled_descriptions_are_no_descriptions(store):
    for name, content in (("a", "{"), ("b", "[1]"), ("c", None)):
        add(store, name)
        place = next(store.directory.glob(f"*/{name}-*/layer.json"))
        place.unlink() if content is None else place.write_text(content)
    assert [(entry.rows, entry.about) for entry in store.entries()] == [(4, {})] * 3
    assert all(describe(entry) for entry in store.entries())
    assert add(another(store, limit=1), "c", first=4)
    assert [entry.about["encoder"] for entry in store.entries() if entry.about] == ["c"]


def test_encoders_of_a_process_share_a_store(tmp_path: Path):
    options = {"directory": str(tmp_path), "dtype": "float32"}
    assert FeatureStore.of(**options) is FeatureStore.of(**options)
    assert FeatureStore.of(**options) is not FeatureStore.of(**options, limit_gb=1)
    store = FeatureStore.of(**options)
    assert layer(store, "a") is layer(store, "a")
    assert layer(store, "a") is not store.layer("weights", "a", torch.bfloat16, {})


def test_refusals():
    with pytest.raises(EncoderError, match=r"features.dtype=float8: choose one of float16, bfloat16, float32"):
        FeatureStore("x", dtype="float8")
    with pytest.raises(EncoderError, match=r"features.limit_gb=0: "):
        FeatureStore("x", limit_gb=0)


def test_the_nearest_folder_that_exists(tmp_path: Path):
    assert existing(tmp_path / "a" / "b") == tmp_path == existing(tmp_path)
