"""A process that is killed while it writes the store leaves nothing wrong in it."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoConfig

from transferlab.callbacks.fill_features import Pass, fill
from transferlab.encoders import frozen_features
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_shards import UNFINISHED
from transferlab.encoders.feature_store import FeatureStore
from transferlab.utils.batches import EncoderInputs, row_keys

KILLS = 20
ROWS, PER_BATCH, TOKENS = 4000, 4, 16
CPU = torch.device("cpu")


def load(path: str, directory: Path | None) -> Encoder:
    store = None if directory is None else FeatureStore(directory, "float32")
    return Encoder("a", path, AutoConfig.from_pretrained(path), frozen=True, last_n_layers=2, store=store)


def batches() -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    input_ids = torch.randint(5, 399, (ROWS, TOKENS), generator=generator)
    made = []
    for ids in input_ids.split(PER_BATCH):
        rows = EncoderInputs(ids, torch.ones_like(ids), ids, torch.arange(len(ids)))
        rows.row_keys = row_keys(rows)
        made.append(SimpleNamespace(inputs={"a": rows}))
    return made


def write(path: str, directory: Path, rows: list[Any], started: Any) -> None:
    frozen_features.UNWRITTEN_BYTES = 0  # a shard of each layer for every batch
    FeatureStore.lacking = lambda self, size: None  # type: ignore[method-assign]  # else little of the time is writing
    encoder = load(path, directory)
    assert encoder.features is not None
    started.set()
    fill(Pass(encoder, encoder.features, "a"), [rows], CPU)


def check(path: str, directory: Path, expected: dict[bytes, torch.Tensor]) -> int:
    """Hold everything that a new reader is served against what it should be; return the rows of both layers."""
    encoder = load(path, directory)
    assert encoder.features is not None
    counts = []
    for position, number in enumerate(encoder.features.used):
        layer = encoder.features.layer(number, "float32")
        keys = [key for key in expected if key in layer]
        counts.append(len(keys))
        if keys:
            served = layer.gather(keys, TOKENS, CPU)
            right = torch.stack([expected[key] for key in keys]).chunk(2, dim=-1)[position]
            torch.testing.assert_close(served, right, rtol=1e-5, atol=1e-5)
    return sum(counts)


@pytest.mark.slow
def test_twenty_kills_while_it_writes(make_model, tmp_path: Path):
    path, directory, rows = make_model("bert"), tmp_path / "features", batches()
    plain = load(path, None)
    expected: dict[bytes, torch.Tensor] = {}
    for batch in rows:
        inputs = batch.inputs["a"]
        expected |= zip(inputs.row_keys, plain(inputs.input_ids, inputs.attention_mask), strict=True)
    draw = random.Random(0)
    fork = multiprocessing.get_context("fork")
    leftovers, progress = 0, [0]
    for _ in range(KILLS):
        started = fork.Event()
        process = fork.Process(target=write, args=(path, directory, rows, started))
        before = set(directory.rglob("*.safetensors"))
        process.start()
        assert started.wait(60)
        deadline = time.monotonic() + 60  # of this attempt, one shard is there: it is writing
        while set(directory.rglob("*.safetensors")) <= before and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.1))
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join(60)
        assert process.exitcode == -signal.SIGKILL, "it had not finished"
        leftovers += len(list(directory.rglob(f"{UNFINISHED}*")))
        progress.append(check(path, directory, expected))
    assert all(later > earlier for earlier, later in pairwise(progress)), "every attempt wrote"
    assert progress[-1] < 2 * ROWS, "all were killed before the end"
    assert leftovers, "some were killed within a write"
    print(f"{KILLS} kills, {leftovers} within a write; rows after each: {progress[1:]}")

    encoder = load(path, directory)
    assert encoder.features is not None
    fill(Pass(encoder, encoder.features, "a"), [rows], CPU)
    assert not list(directory.rglob(f"{UNFINISHED}*"))
    assert check(path, directory, expected) == 2 * ROWS
