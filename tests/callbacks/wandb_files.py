"""What is in the file of an offline W&B run."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def wandb_records(directory: Path) -> list:
    """The records of the one W&B run of a directory, once it has ended."""
    (file,) = directory.glob("wandb/offline-run-*/run-*.wandb")
    deadline = time.monotonic() + 20
    while not any(record.HasField("exit") for record in _records(file)):  # written shortly after finish() returns
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return list(_records(file))


def wandb_history(records: list) -> dict[str, list[Any]]:
    """The values that were logged, in order, by their names."""
    logged: dict[str, list[Any]] = {}
    for record in records:
        for item in record.history.item:
            key = "/".join(item.nested_key) or item.key
            logged.setdefault(key, []).append(json.loads(item.value_json))
    return logged


def _records(file: Path) -> Iterator:
    """A LevelDB log with a header of 7 bytes and blocks of 32 KiB."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, position, pending = file.read_bytes(), 7, b""
    while position + 7 <= len(content):
        left = 32768 - position % 32768
        if left < 7:
            position += left
            continue
        _, length, kind = struct.unpack("<IHB", content[position : position + 7])
        pending += content[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield Record.FromString(pending)
            pending = b""
