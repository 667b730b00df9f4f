"""Rows of one layer: over several shards, unwritten, damaged, too large."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from transferlab.encoders.feature_shards import UNFINISHED, DamagedShardError, write_shard
from transferlab.encoders.stored_layer import StoredLayer

from .damage import flip_tensor

CPU = torch.device("cpu")


def key(number: int) -> bytes:
    return number.to_bytes(16, "little")


def vectors(number: int) -> torch.Tensor:
    """[1 to 4 tokens, 3] that tell the row."""
    return number + torch.arange(3.0)[None] / 8 + torch.arange(1.0 + number % 4)[:, None] / 64


def layer(folder: Path, dtype: torch.dtype = torch.float32) -> StoredLayer:
    made = StoredLayer(folder, dtype, {})
    made.refresh()
    return made


def filled(folder: Path, n: int = 12, per_shard: int = 5) -> StoredLayer:
    made = layer(folder)
    for start in range(0, n, per_shard):
        for number in range(start, min(n, start + per_shard)):
            made.add(key(number), vectors(number))
        made.write()
    return made


def assert_right(stored: StoredLayer, numbers: list[int]) -> None:
    gathered = stored.gather([key(number) for number in numbers], 4, CPU)
    assert gathered.shape == (len(numbers), 4, 3) and torch.isfinite(gathered).all()
    for number, row in zip(numbers, gathered, strict=True):
        assert torch.equal(row[: len(vectors(number))], vectors(number))


def test_rows_of_several_shards_come_in_the_order_asked_for(tmp_path: Path):
    numbers = [11, 0, 5, 5, 4, 10, 1, 11, 6]
    for stored in (filled(tmp_path), layer(tmp_path)):
        assert len(stored) == 12 and len(list(tmp_path.glob("*.safetensors"))) == 3
        assert_right(stored, numbers)
        assert_right(stored, [3])
        assert torch.equal(stored.row(key(7)), vectors(7))


def test_unwritten_rows_are_known_and_on_disk_after_writing(tmp_path: Path):
    stored = layer(tmp_path)
    stored.add(key(1), vectors(1))
    assert key(1) in stored and key(2) not in stored and len(stored) == 1
    assert stored.unwritten_bytes == vectors(1).nbytes
    assert torch.equal(stored.row(key(1)), vectors(1))
    assert key(1) not in layer(tmp_path)
    stored.write()
    assert stored.unwritten_bytes == 0 and len(stored) == 1
    assert_right(layer(tmp_path), [1])


def test_what_is_added_is_a_copy_rounded_to_the_type(tmp_path: Path):
    given = torch.full((2, 3), 1 / 3)
    kept = layer(tmp_path, torch.float16).add(key(0), given)
    given.zero_()
    assert kept is not None and torch.equal(kept, torch.full((2, 3), 1 / 3).half())


def test_a_row_on_disk_is_not_written_again(tmp_path: Path):
    stored = filled(tmp_path, 3)
    assert stored.add(key(1), vectors(1)) is not None
    assert not stored.unwritten


def test_values_beyond_the_type_are_not_kept_and_it_is_said_once(tmp_path: Path, caplog):
    stored = layer(tmp_path, torch.float16)
    with caplog.at_level(logging.WARNING):
        assert stored.add(key(0), torch.full((1, 3), 1e5)) is None
        assert stored.add(key(1), torch.full((1, 3), 2e5)) is None
    assert key(0) not in stored and len(stored) == 0
    assert caplog.text.count("features.dtype=float16 cannot hold some outputs") == 1
    assert layer(tmp_path, torch.bfloat16).add(key(0), torch.full((1, 3), 1e5)) is not None


def test_what_is_no_number_is_not_kept_and_the_encoder_is_named_once(tmp_path: Path, caplog):
    stored = layer(tmp_path, torch.float16)
    for value in (torch.nan, torch.inf):
        assert stored.add(key(0), torch.full((1, 3), value)) is None
    assert key(0) not in stored
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "the encoder" in warning and "nan" in warning


def test_refresh_finds_what_others_have_written(tmp_path: Path):
    first, second = layer(tmp_path), layer(tmp_path)
    first.add(key(1), vectors(1))
    first.write()
    assert key(1) not in second
    second.refresh()
    assert_right(second, [1])


def test_a_damaged_row_is_never_served_and_only_its_shard_is_lost(tmp_path: Path, caplog):
    filled(tmp_path, 5)
    (damaged,) = tmp_path.iterdir()
    filled(tmp_path, 12)  # writes the other rows
    flip_tensor(damaged)
    stored = layer(tmp_path)
    with pytest.raises(DamagedShardError):
        stored.gather([key(11), key(4)], 4, CPU)
    assert "damaged features are deleted" in caplog.text
    assert not damaged.exists()
    assert [n for n in range(12) if key(n) not in stored] == [0, 1, 2, 3, 4]
    assert_right(stored, [11, 5, 6])


def test_an_unreadable_shard_is_deleted_when_it_is_opened(tmp_path: Path, caplog):
    filled(tmp_path, 3)
    (path,) = tmp_path.iterdir()
    path.write_bytes(b"")
    assert len(layer(tmp_path)) == 0 and not path.exists()
    assert "damaged features are deleted" in caplog.text


def test_a_shard_that_cannot_be_opened_now_stays(tmp_path: Path, monkeypatch, caplog):
    filled(tmp_path, 3)
    (path,) = tmp_path.iterdir()

    def fail(path: Path) -> None:
        raise OSError("too many open files")

    monkeypatch.setattr("transferlab.encoders.stored_layer.Shard", fail)
    stored = layer(tmp_path)
    assert len(stored) == 0 and path.exists() and "too many open files" in caplog.text
    monkeypatch.undo()
    stored.refresh()
    assert_right(stored, [0, 1, 2])


def test_clean_deletes_what_died(tmp_path: Path):
    filled(tmp_path, 3)
    (tmp_path / f"{UNFINISHED}1").write_bytes(b"half")
    stored = layer(tmp_path)
    stored.clean()
    assert len(list(tmp_path.iterdir())) == 1
    assert_right(stored, [2])


def test_equal_rows_of_two_shards_are_one_row(tmp_path: Path):
    for _ in range(2):
        write_shard(tmp_path, [(key(1), vectors(1))])
    stored = layer(tmp_path)
    assert len(stored) == 1
    assert_right(stored, [1, 1])
