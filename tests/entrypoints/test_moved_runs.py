"""A run, or a job of a sweep, that was moved or copied goes on with its own files, whatever became of the original."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .kills import outcome

pytestmark = pytest.mark.usefixtures("without_pictures")

SETTINGS = [
    "taskmodule.max_segment_len=16",
    "monitor=val/loss",
    "monitor_mode=min",
    "model.freeze_models=null",
    "callbacks.early_stopping=null",
    "model.bert_learning_rate=1e-1",  # it gets worse: the best epoch is one before the move
    "model.task_learning_rate=1e-1",
]


@pytest.mark.parametrize(("name", "kept"), [("a copy", "all"), ("moved", "last")])
def test_the_original_is_neither_needed_nor_read(train, tmp_path, name, kept):
    own = [*SETTINGS, f"keep_checkpoints={kept}"]

    def extend(sweep: Path) -> dict[str, object]:
        """As ``resume=<sweep>`` does with each of its jobs."""
        train(*own, "trainer.max_epochs=3", f"paths.output_dir={sweep / '0'}", f"resume={sweep}")
        return outcome(sweep / "0")

    original, place = tmp_path / "original", tmp_path / name
    train(*own, "trainer.max_epochs=2", f"paths.output_dir={original / '0'}")
    for other in (tmp_path / "unmoved", place):
        shutil.copytree(original, other)
    if name == "moved":
        shutil.rmtree(original)
    else:
        for file in (*original.rglob("*.ckpt"), *original.rglob("*.safetensors")):
            file.write_bytes(b"of another epoch")
    found = extend(place)
    assert original.exists() == (name == "a copy")
    assert found == extend(tmp_path / "unmoved")
