"""A training that is never validated ends with its model and its results all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "overrides",
    [
        ["trainer.max_steps=1"],
        ["+trainer.limit_val_batches=0", "trainer.max_epochs=1"],
        ["trainer.check_val_every_n_epoch=3"],
        ["trainer.max_steps=1", "probes={seed: [1, 2]}"],
    ],
    ids=lambda overrides: overrides[-1],
)
@pytest.mark.usefixtures("without_pictures")
def test_it_keeps_its_model_and_its_results(overrides, train, tmp_path: Path, caplog) -> None:
    metrics = train(*overrides)
    assert "monitor=val/conll_f1" in caplog.text, "that there is no best epoch is said"
    run = tmp_path / "run"
    assert "test/conll_f1" in metrics and (run / "checkpoints" / "last.ckpt").is_file()
    for result in list((run / "probes").glob("*")) or [run]:
        assert "test/conll_f1" in json.loads((result / "metrics.json").read_text())
        assert (result / "model" / "transferlab.json").is_file()
