"""The copy-me guide of the README, followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.commands import Commands

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


@pytest.fixture(scope="module")
def run(project: Path, commands: Commands) -> Callable[..., str]:
    def run(*arguments: str, script: str = "train", quick: Sequence[str] = QUICK) -> str:
        ours = ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")
        environment = {key: value for key, value in os.environ.items() if key not in ours}
        environment["PYTHONPATH"] = str(project / "src")
        done = commands.run(str(project / "src" / f"{script}.py"), *arguments, *quick, cwd=project, env=environment)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def command_of(start: str) -> list[str]:
    """The arguments of the README's command that begins so."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    command = re.search(rf"`(python src/\w+\.py\s+{re.escape(start)}[^`]*)`", text)
    assert command is not None
    return command[1].split()[2:]


@pytest.mark.slow
def test_a_reader(project: Path, run: Callable[..., str]) -> None:
    arguments = command_of("experiment=text_classification dataset=headlines")
    place = arguments.index("dataset.data_dir=...")
    arguments[place] = f"dataset.data_dir={project}"
    assert "accuracy" in run(*arguments)


@pytest.mark.slow
def test_a_task_family_an_aggregation_and_a_source(project: Path, run: Callable[..., str]) -> None:
    source = project / "configs" / "source" / "scibert.yaml"
    source.write_text(source.read_text().replace("allenai/scibert_scivocab_uncased", "minilm"))  # there is no hub here
    arguments = command_of("taskmodule=genre")
    shown = run(*arguments, "model.aggregate=maximum", "sources=[scibert,minilm_4]")
    assert "accuracy" in shown and "macro F1" in shown


@pytest.mark.slow
def test_an_estimator(run: Callable[..., str]) -> None:
    arguments = command_of("+estimator@estimators.fisher_ratio=fisher_ratio")
    assert arguments.pop() == "sources=[re,squad]"  # which are not trained here
    methods = "methods=[fisher_ratio,hscore]"
    shown = run(*arguments, "sources=[minilm_1,minilm_3]", methods, "max_items=200", script="rank", quick=())
    assert re.search(r"fisher_ratio +[12] +[12]", shown)
