"""One set of surroundings for every test: few threads, no network, no run of the caller's shell."""

from __future__ import annotations

import os
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.commands import Commands

ROOT = Path(__file__).resolve().parents[1]

# before torch is imported: the workers of xdist share the cores
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["PROJECT_ROOT"] = str(ROOT)
os.environ["TRANSFERLAB_RUN_ID"] = "test-run"
os.environ.pop("TRANSFERLAB_COMMAND", None)
# every worker of xdist has a feature store of its own, and the caller's is never touched
_FEATURES = tempfile.TemporaryDirectory(prefix="features-", ignore_cleanup_errors=True)
os.environ["FEATURES_DIR"] = _FEATURES.name


@pytest.fixture
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Command lines in processes of their own that need not import torch: ``commands.run("src/train.py", ...)``."""
    from tests.commands import Commands

    commands = Commands()
    yield commands
    commands.close()


@pytest.fixture
def litbank_dir() -> Path:
    """LitBank, where there is a copy; a test that asks for it is also marked ``corpus``."""
    path = Path(os.environ.get("LITBANK_DIR", ROOT.parent / "shared" / "data" / "coref" / "litbank"))
    if not path.is_dir():
        pytest.skip(f"LitBank is not at {path}; set LITBANK_DIR")
    return path


@pytest.fixture
def litbank_ner_dir() -> Path:
    """LitBank's entities, likewise."""
    path = Path(os.environ.get("LITBANK_NER_DIR", ROOT.parent / "shared" / "data" / "ner" / "litbank"))
    if not path.is_dir():
        pytest.skip(f"LitBank's entities are not at {path}; set LITBANK_NER_DIR")
    return path


@pytest.fixture
def small_litbank(tmp_path: Path) -> tuple[Path, Path]:
    """Three documents of generated text in LitBank's layouts, with coreference and with entities; two folds."""
    rng = random.Random(3)
    root = tmp_path / "litbank"

    def write(path: str, text: str) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")

    for number, name in enumerate(("1_a_brat", "2_b_brat", "3_c_brat")):
        sentences = [[f"w{rng.randrange(5000)}" for _ in range(rng.randint(4, 12))] + ["."] for _ in range(20)]
        rows = ["\n".join(f"{name} 0 {i} {word}" + " -" * 9 for i, word in enumerate(words)) for words in sentences]
        text = "\n\n".join(rows)
        write(f"coref/conll/{name}.conll", f"#begin document ({name}); part 0\n{text}\n\n#end document\n")
        tagged = ["\n".join(f"{word}\tO\tO\tO\tO\t" for word in words) for words in sentences]
        write(f"ner/tsv/{name}.tsv", "\n\n".join(tagged) + "\n")
        for fold in (0, 1):
            ids = ("train", "dev", "test")[(number + fold) % 3]
            for task in ("coref", "ner"):
                write(f"{task}/splits/{fold}/{ids}.ids", f"{name}.tsv\n")
    return root / "coref", root / "ner"


@pytest.fixture
def set_hydra_config(tmp_path: Path) -> Callable[..., None]:
    """What Hydra tells a job about itself, for a job ``train`` with the given overrides."""
    (tmp_path / "root.yaml").write_text("seed: 0\na: 1\nhydra: {job: {name: train}}\n")

    def set_config(*overrides: str) -> None:
        from hydra import compose, initialize_config_dir
        from hydra.core.hydra_config import HydraConfig

        exclude = "hydra.job.config.override_dirname.exclude_keys=[seed]"
        with initialize_config_dir(str(tmp_path), version_base="1.3"):
            HydraConfig.instance().set_config(
                compose("root", overrides=[exclude, *overrides], return_hydra_config=True)
            )

    return set_config


@pytest.fixture(autouse=True)
def _no_hydra_state() -> Iterator[None]:
    """Hydra keeps its configuration in singletons; no test sees that of another."""
    yield
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    GlobalHydra.instance().clear()
    HydraConfig.instance().cfg = None
