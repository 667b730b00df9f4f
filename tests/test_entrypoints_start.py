"""How fast the entrypoints answer: asking for help or for the config must not load torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

OFTEN = ["train", "evaluate", "predict", "evaluate_documents"]
ASKED = [(name, ["--help"]) for name in [*OFTEN, "convert", "embed", "features", "rank", "report", "runs"]]
ASKED += [(name, ["--cfg", "job"]) for name in OFTEN]


@pytest.mark.parametrize(("name", "question"), ASKED, ids=lambda value: value if isinstance(value, str) else value[0])
def test_entrypoint_answers_without_torch(name: str, question: list[str], project_root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", str(project_root / "src" / f"{name}.py"), *question]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert done.returncode == 0, done.stderr
    assert "task_name: " in done.stdout
    assert "hydra" in imported
    assert not imported & {"torch", "transformers", "pytorch_lightning", "matplotlib", "pandas", "wandb"}
    assert list(tmp_path.iterdir()) == []  # asking leaves nothing behind
