"""The commands that prepare the corpus, in real shells, and the training that reads what they have made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from transferlab.data.readers.conll2012 import Conll2012Reader

from ..subtoken_form import in_subtokens
from .miniature import FILES, corpus, expected, release, write

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "prepare_coref_data.sh"


def run(shell: str, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script from a working directory, as its users do."""
    program = shutil.which(shell)
    assert program, f"{shell} is missing"
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [program, str(SCRIPT), *arguments], cwd=place, env=environment, capture_output=True, text=True, timeout=60
    )


def written(place: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in place.iterdir()}


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_script_prepares_what_it_is_given(shell: str, tmp_path: Path) -> None:
    write(corpus("", words=False, whole=True), tmp_path / "skeletons, all")
    write(release(), tmp_path / "onto notes=5")
    given = ["skeletons, all", "--ontonotes", "onto notes=5", "--output", "it's here", "--partial"]
    done = run(shell, tmp_path, *given)
    assert done.returncode == 0, done.stderr
    assert written(tmp_path / "it's here") == expected()
    again = run(shell, tmp_path, *given)
    assert again.returncode == 1 and again.stderr.count("error: ") == 1 and "it's here" in again.stderr


def test_without_arguments_it_takes_what_lies_where_the_archive_is_downloaded_to(tmp_path: Path) -> None:
    nothing = run("sh", tmp_path)
    assert nothing.returncode == 1 and "data/conll-2012.zip" in nothing.stderr
    (tmp_path / "data").mkdir()
    write(corpus("v4", words=True) | corpus("v12", words=True, whole=True), tmp_path / "data" / "conll-2012.zip")
    counted = run("sh", tmp_path)
    assert counted.returncode == 1, "a part of the corpus must be asked for"
    assert "train 5 of 2,802" in counted.stderr and "Traceback" not in counted.stderr
    assert not (tmp_path / "data" / "ontonotes_coref").exists()
    assert run("sh", tmp_path, "--partial").returncode == 0
    assert written(tmp_path / "data" / "ontonotes_coref") == expected()


@pytest.mark.slow
def test_training_reads_what_was_prepared_and_the_same_in_subtokens(tmp_path: Path) -> None:
    import torch
    from hydra import compose, initialize_config_dir
    from transformers import AutoTokenizer, BertConfig, BertModel

    import train
    from transferlab.encoders.sources import resolve

    write(corpus("v4", words=False), tmp_path / "skeletons")
    write(release(), tmp_path / "release")
    done = run("sh", tmp_path, "skeletons", "--ontonotes", "release", "--partial")
    assert done.returncode == 0, done.stderr
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm"))
    tokenizer.save_pretrained(tmp_path / "tiny")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(tmp_path / "tiny")
    prepared = tmp_path / "data" / "ontonotes_coref"
    reader = Conll2012Reader(prepared)
    for split, name in FILES.items():
        records = [in_subtokens(document, tokenizer.tokenize, 384, tokens=True) for document in reader.read(split)]
        lines = [json.dumps(record) + "\n" for record in records]
        (prepared / f"{name}.english.384.jsonlines").write_text("".join(lines), encoding="utf-8")
    given = [f"dataset.data_dir={prepared}", f"encoder={tmp_path / 'tiny'}", "trainer=cpu", "trainer.max_epochs=1"]
    quiet = ["extras.print_config=false", "callbacks.rich_progress_bar=null", "callbacks.model_summary=null"]
    small = ["model.ffnn_size=4", "model.max_span_width=2"]
    scores = {}
    for name, options in {
        "conll": ["experiment=conll2012_coref", *small],
        "jsonlines": ["experiment=conll2012_coref", "dataset=conll2012_ontonotesv5_preprocessed", *small],
        "names": ["experiment=conll2012_ner"],
    }.items():
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            cfg = compose(
                "train", overrides=[*options, *given, *quiet, f"paths.output_dir={tmp_path / name}", "seed=1"]
            )
        scores[name] = train.train(cfg)
    assert "test/f1" in scores["names"]
    compared = [score for score in scores["conll"] if score.endswith(("loss", "f1"))]
    assert {"val/loss", "test/loss", "test/conll_f1"} <= set(compared)
    assert {score: scores["jsonlines"][score] for score in compared} == {
        score: scores["conll"][score] for score in compared
    }
