"""One pass over a split: order, and going on from where it was stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from transferlab.transferability import embedding_pass
from transferlab.transferability.embedding_pass import batches_of, embed
from transferlab.utils.errors import UserError


class Batch:
    def __init__(self, examples: list[int]) -> None:
        self.inputs: dict[str, Any] = {}
        self.examples = examples

    def to(self, device: Any) -> Batch:
        return self


class Taskmodule:
    def collate(self, examples: list[int], training: bool) -> Batch:
        assert not training
        return Batch(examples)


class Sum:
    """Adds up squares of sums, so that it matters who shares a batch; may stop in the middle."""

    shuffled = True

    def __init__(self, stop_at: int | None = None) -> None:
        self.total, self.examples, self.updates, self.stop_at = torch.zeros(1, dtype=torch.float64), 0, 0, stop_at

    def settings(self) -> dict[str, Any]:
        return {}

    def begin(self, batches: int) -> None:
        assert batches == len(BATCHES)

    def update(self, batch: Batch) -> None:
        if self.updates == self.stop_at:
            raise KeyboardInterrupt
        self.total += sum(batch.examples) ** 2
        self.examples += len(batch.examples)
        self.updates += 1

    def state(self) -> dict[str, Tensor]:
        return {"total": self.total, "examples": torch.tensor(self.examples)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self.total, self.examples = state["total"], int(state["examples"])


EXAMPLES = list(range(20))
BATCHES = batches_of(EXAMPLES, 3, shuffled=True, seed=1, epochs=2)


def run(embedder: Sum, place: Path, **identity: Any) -> Sum:
    embed(embedder, Taskmodule(), EXAMPLES, BATCHES, place / "task" / ".unfinished", identity)
    return embedder


def test_a_stopped_pass_goes_on(tmp_path, monkeypatch):
    whole = run(Sum(), tmp_path / "other")
    monkeypatch.setattr(embedding_pass, "SAVE_EVERY", -1.0)
    with pytest.raises(KeyboardInterrupt):
        run(Sum(stop_at=9), tmp_path)
    again = run(Sum(), tmp_path)
    assert again.updates == len(BATCHES) - 9
    assert torch.equal(again.total, whole.total) and again.examples == whole.examples == 40


def test_another_pass_starts_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(embedding_pass, "SAVE_EVERY", -1.0)
    with pytest.raises(KeyboardInterrupt):
        run(Sum(stop_at=9), tmp_path, mode="exact")
    assert run(Sum(), tmp_path, mode="parity").updates == len(BATCHES)


def test_a_damaged_file_starts_anew(tmp_path):
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / ".unfinished").write_bytes(b"half")
    assert run(Sum(), tmp_path).updates == len(BATCHES)


def test_the_order_of_batches():
    ordered = batches_of([1, 5, 3, 4, 2], 2, shuffled=False, seed=0, epochs=1)
    assert ordered == [[1, 3], [2, 4], [0]], "the longest together, first"
    assert sorted(p for batch in BATCHES[:7] for p in batch) == EXAMPLES
    assert BATCHES[:7] != BATCHES[7:], "every epoch has other batches"
    assert batches_of(EXAMPLES, 3, True, 1, 2) == BATCHES != batches_of(EXAMPLES, 3, True, 2, 2)
    with pytest.raises(UserError, match="batch_size=0: at least 1"):
        batches_of(EXAMPLES, 0, True, 1, 1)
