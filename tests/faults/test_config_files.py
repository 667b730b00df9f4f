"""Config files of the user's own that Hydra cannot read, or would leave out in silence."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from .conftest import CONFIGS
from .faults import Fault, Refusal, rows

TEXTS = rows(
    ("monitor: [val/conll_f1\n", "line 2"),
    ("seed: 1\nseed: 2\n", "line 2", "seed"),
    ("model:\n  dropout: 0.1\n  dropout: 0.2\n", "line 3", "dropout"),
    ("- a\n- b\n", "line 1", "a list"),
    ("hello\n", "line 1", "hello"),
    ("3\n", "line 1", "3"),
    ("a:\n\t- b\n", "line 2"),
    ("a: !!python/name:os.system\n", "line 1", "python/name"),
    ("a: b\n  c: d\n", "line 2"),
    ("a: *nothing\n", "line 1", "nothing"),
    ("a: 'b\n", "a"),
    ("a: \x01\n", "a"),
    ("# caf\udce9\n", "UTF-8"),
    ("defaults: 3\n", "defaults", "3"),
    ("defaults:\n  model: tiny\n", "defaults", "tiny"),
)


@pytest.fixture(scope="module")
def configs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(CONFIGS, tmp_path_factory.mktemp("project") / "configs"))


@pytest.mark.parametrize("name", ["local/default", "experiment/mine"])
@pytest.mark.parametrize("fault", TEXTS)
def test_config_files(
    fault: Fault, name: str, refusal: Refusal, configs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import train

    file = configs / f"{name}.yaml"
    file.write_bytes(fault.change.encode("utf-8", "surrogateescape"))
    chosen = [] if name == "local/default" else ["experiment=mine"]
    line = ["--config-path", str(configs), *chosen, f"paths.log_dir={tmp_path / 'logs'}"]
    monkeypatch.setattr(sys, "argv", ["train.py", *line])
    try:
        refusal.of(train.main, str(file), *fault.named)
    finally:
        file.unlink()
