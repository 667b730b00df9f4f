"""The copy-me guide of the README, followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
QUICK = [
    "trainer.max_epochs=1",
    "+trainer.limit_train_batches=2",
    "+trainer.limit_val_batches=1",
    "+trainer.limit_test_batches=1",
    "+trainer.enable_progress_bar=false",
    "trainer.accelerator=cpu",
    "callbacks.rich_progress_bar=null",
    "callbacks.model_summary=null",
    "extras.print_config=false",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with every file that the guide tells to write."""
    place = tmp_path_factory.mktemp("project")
    for folder in ("src", "configs", "data/sample"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    guide = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Extending it")[2]
    named = re.compile(r"`((?:src|configs)/[\w./]+)`[^`]*?```(?:python|yaml)\n(.*?)```", re.DOTALL)
    files = dict(named.findall(guide))
    assert set(files) == {
        "src/transferlab/data/readers/headlines.py",
        "configs/dataset/headlines.yaml",
        "src/transferlab/taskmodules/genre.py",
        "configs/taskmodule/genre.yaml",
        "src/transferlab/encoders/maximum.py",
        "src/transferlab/transferability/fisher_ratio.py",
        "configs/estimator/fisher_ratio.yaml",
        "configs/source/scibert.yaml",
    }
    for name, content in files.items():
        assert not (place / name).exists()
        (place / name).write_text(content, encoding="utf-8")
    for split in ("train", "validation", "test"):
        lines = [f"{('sport', 'city')[i % 2]}\theadline number {i} of the {split} file\n" for i in range(8)]
        (place / f"{split}.txt").write_text("".join(lines), encoding="utf-8")
    return place


def run(project: Path, *arguments: str, script: str = "train", quick: Sequence[str] = QUICK) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")}
    environment["PYTHONPATH"] = str(project / "src")
    command = [sys.executable, f"src/{script}.py", *arguments, *quick]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def command_of(start: str) -> list[str]:
    """The arguments of the README's command that begins so."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(rf"`(python src/\w+\.py\s+{re.escape(start)}[^`]*)`", text)
    assert command is not None
    return command[1].split()[2:]


@pytest.mark.slow
def test_a_reader(project: Path) -> None:
    arguments = command_of("experiment=text_classification dataset=headlines")
    place = arguments.index("dataset.data_dir=...")
    arguments[place] = f"dataset.data_dir={project}"
    assert "accuracy" in run(project, *arguments)


@pytest.mark.slow
def test_a_task_family_an_aggregation_and_a_source(project: Path) -> None:
    source = project / "configs" / "source" / "scibert.yaml"
    source.write_text(source.read_text().replace("allenai/scibert_scivocab_uncased", "minilm"))  # there is no hub here
    arguments = command_of("taskmodule=genre")
    shown = run(project, *arguments, "model.aggregate=maximum", "sources=[scibert,minilm_4]")
    assert "accuracy" in shown and "macro F1" in shown


@pytest.mark.slow
def test_an_estimator(project: Path) -> None:
    arguments = command_of("+estimator@estimators.fisher_ratio=fisher_ratio")
    assert arguments.pop() == "sources=[re,squad]"  # which are not trained here
    methods = "methods=[fisher_ratio,hscore]"
    shown = run(project, *arguments, "sources=[minilm_1,minilm_3]", methods, "max_items=200", script="rank", quick=())
    assert re.search(r"fisher_ratio +[12] +[12]", shown)
