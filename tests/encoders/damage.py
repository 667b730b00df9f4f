"""What disks, copies and people do to shards."""

from __future__ import annotations

import json
from pathlib import Path


def flip_tensor(path: Path, tensor: str = "vectors", position: int = -1) -> None:
    """Flip a bit in the bytes of one tensor of a safetensors file; -1 is its last byte."""
    content = bytearray(path.read_bytes())
    header = int.from_bytes(content[:8], "little")
    start, end = json.loads(content[8 : 8 + header])[tensor]["data_offsets"]
    content[8 + header + (start if position >= 0 else end) + position] ^= 0x10
    path.write_bytes(content)
