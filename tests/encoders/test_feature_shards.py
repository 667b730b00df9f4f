"""A shard is complete and right, or it is not a shard."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from transferlab.encoders import feature_shards
from transferlab.encoders.feature_shards import UNFINISHED, DamagedShardError, Shard, write_shard

from .damage import flip_tensor

DTYPES = [torch.float16, torch.bfloat16, torch.float32]


def rows(n: int = 3, dtype: torch.dtype = torch.float16) -> list[tuple[bytes, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [(bytes([i]) * 16, torch.randn(i + 1, 4, generator=generator).to(dtype)) for i in range(n)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_was_written_is_read(dtype, tmp_path: Path):
    written = rows(dtype=dtype)
    shard = Shard(write_shard(tmp_path / "new" / "folder", written))
    shard.check(range(3))
    assert shard.keys == [key for key, _ in written]
    for (_, vectors), start, length in zip(written, shard.starts, shard.lengths, strict=True):
        assert torch.equal(shard.vectors[start : start + length], vectors) and shard.vectors.dtype == dtype


@pytest.mark.parametrize("bits", [0x0F, 0x10, 0xFF])
def test_every_changed_byte_is_noticed(bits, tmp_path: Path):
    path = write_shard(tmp_path, rows())
    content, silent = path.read_bytes(), 0
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= bits
        path.unlink()  # what is mapped must not change
        path.write_bytes(changed)
        try:
            shard = Shard(path)
            shard.check([0, 1, 2])
        except DamagedShardError:
            continue
        silent += 1
    assert silent == 0


def test_only_the_rows_that_are_asked_for_are_checked_and_only_once(tmp_path: Path, monkeypatch):
    path = write_shard(tmp_path, rows())
    flip_tensor(path)
    shard = Shard(path)
    calls = []
    check = feature_shards._check
    monkeypatch.setattr(feature_shards, "_check", lambda vectors: calls.append(len(vectors)) or check(vectors))
    shard.check([0, 1])
    shard.check([1, 0])
    assert calls == [1, 2]
    with pytest.raises(DamagedShardError, match="row 2 does not fit its checksum"):
        shard.check([0, 2])


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"\0" * 64, None], ids=["empty", "text", "zeros", "cut"])
def test_what_is_not_a_shard_is_damaged(content, tmp_path: Path):
    path = write_shard(tmp_path, rows())
    path.write_bytes(path.read_bytes()[:-3] if content is None else content)
    with pytest.raises(DamagedShardError, match=path.name):
        Shard(path)


def test_a_shard_of_another_format_is_damaged(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(feature_shards, "FORMAT", "0")
    path = write_shard(tmp_path, rows())
    monkeypatch.undo()
    with pytest.raises(DamagedShardError):
        Shard(path)


def test_a_shard_in_the_folder_of_another_layer_is_damaged(tmp_path: Path):
    path = write_shard(tmp_path / "store" / "weights" / "layer-1", rows())
    other = tmp_path / "store" / "weights" / "layer-2"
    other.mkdir()
    with pytest.raises(DamagedShardError, match="weights/layer-1"):
        Shard(path.rename(other / path.name))
    (other / path.name).rename(path)
    (tmp_path / "store").rename(tmp_path / "elsewhere")  # a store may be moved
    assert len(Shard(tmp_path / "elsewhere" / "weights" / "layer-1" / path.name).keys) == len(rows())


def test_a_file_that_is_gone_is_not_damaged(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        Shard(tmp_path / "gone.safetensors")


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch):
    def fail(file: object) -> None:
        assert [path.name.startswith(UNFINISHED) for path in tmp_path.iterdir()] == [True]
        raise OSError("no space left")

    monkeypatch.setattr(feature_shards.os, "fsync", fail)
    with pytest.raises(OSError, match="no space left"):
        write_shard(tmp_path, rows())
    assert list(tmp_path.iterdir()) == []
