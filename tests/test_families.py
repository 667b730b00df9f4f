"""Every task family from end to end on a tiny encoder: trained, saved as a source, evaluated, predicted, probed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from transferlab.documents import read_jsonl

ROOT = Path(__file__).resolve().parents[1]
QUICK = [
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "+trainer.enable_progress_bar=false",
    "callbacks.rich_progress_bar=null",
    "callbacks.model_summary=null",
    "extras.print_config=false",
    "extras.ignore_warnings=true",
    *(f"datamodule.select_n.{split}=6" for split in ("train", "validation", "test")),
]
SMALL_HEAD = ["model.ffnn_size=8", "model.max_span_width=3"]
# experiment -> the score of the test split that its runs report, and the layer that it predicts
FAMILIES = {
    "ner": ("f1", "entities"),
    "re": ("f1", "relations"),
    "squad": ("best_f1", "questions"),
    "mrpc": ("accuracy_f1", "label"),
}
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with the tokenizer of the small encoder, and room for the sources trained from it."""
    from transferlab.encoders.sources import resolve

    place = tmp_path_factory.mktemp("families")
    tokenizer = AutoTokenizer.from_pretrained(resolve("minilm"))
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(tokenizer), **sizes)).save_pretrained(place / "tiny")
    tokenizer.save_pretrained(place / "tiny")
    return place


@pytest.fixture
def run(place: Path, tmp_path: Path) -> Run:
    def run(root: str, *overrides: str, name: str = "run") -> dict[str, Any]:
        import evaluate
        import predict
        import train

        always = [f"paths.output_dir={tmp_path / name}", f"paths.model_dir={place}", "extras.print_config=false"]
        with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
            cfg = compose(root, overrides=[*always, *overrides])
        return {"train": train.train, "evaluate": evaluate.evaluate, "predict": predict.predict}[root](cfg)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("experiment", FAMILIES)
def test_a_source_is_trained_evaluated_and_predicts(run: Run, place: Path, tmp_path: Path, experiment: str) -> None:
    score, layer = FAMILIES[experiment]
    saved = place / "pretrained" / experiment
    metrics = run(
        "train", f"experiment={experiment}", f"encoder={place / 'tiny'}", f"model_save_dir={saved}", "seed=0", *QUICK
    )
    assert 0 <= metrics[f"test/{score}"] <= 1

    model, report = AutoModel.from_pretrained(saved, output_loading_info=True, add_pooling_layer=False)
    assert not report["unexpected_keys"] and not report["missing_keys"]
    assert len(AutoTokenizer.from_pretrained(saved)) <= model.config.vocab_size
    card = (saved / "README.md").read_text(encoding="utf-8")
    assert f"test/{score}" in card and "data" in card and "command" in card

    dataset = {"ner": "conll2003", "re": "tacred", "squad": "squad", "mrpc": "mrpc"}[experiment]
    again = run(
        "evaluate",
        f"dataset=sample_{dataset}",
        f"model_name_or_path={saved}",
        "trainer.accelerator=cpu",
        "+trainer.enable_progress_bar=false",
        "datamodule.select_n.test=6",
        name="evaluate",
    )
    assert again[f"test/{score}"] == pytest.approx(metrics[f"test/{score}"], abs=1e-6)

    written = run("predict", f"dataset=sample_{dataset}", f"model_name_or_path={saved}", "select_n=4", name="predict")
    documents = list(read_jsonl(written["jsonl"]))
    assert len(documents) == 4
    for document in documents:
        assert getattr(document.gold, layer) is not None, "gold stays beside predictions"
        assert document.predicted is not None and getattr(document.predicted, layer) is not None


@pytest.mark.slow
def test_sources_are_probed_at_depths_and_by_any_target(run: Run, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # drawing takes as long as all else; the test below draws
    monkeypatch.setattr("transferlab.callbacks.attention_weights.plot_attention", lambda content, path: None)
    for source in FAMILIES:
        if not (place / "pretrained" / source).exists():
            shutil.copytree(place / "tiny", place / "pretrained" / source)
    metrics = run("train", "experiment=reverse_probing", "sources=[ner,re_1,squad,mrpc,ner_1]", *SMALL_HEAD, *QUICK)
    assert 0 <= metrics["test/conll_f1"] <= 1
    weights = [metrics[f"test/attention/{source}/mean"] for source in ("ner", "re_1", "squad", "mrpc", "ner_1")]
    assert sum(weights) == pytest.approx(1, abs=1e-4)
    metrics = run("train", "experiment=[ner,probing]", "sources=[re,squad_1]", *QUICK, name="ner")
    assert 0 <= metrics["test/f1"] <= 1 and "test/attention/squad_1/mean" in metrics
    metrics = run("train", "experiment=[re,probing]", "sources=[ner,mrpc]", *QUICK, name="re")
    assert 0 <= metrics["test/f1"] <= 1 and "test/attention/mrpc/mean" in metrics
    metrics = run("train", "experiment=[squad,probing]", "sources=[ner,mrpc]", *QUICK, name="squad")
    assert 0 <= metrics["test/best_f1"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("experiment", "data"), [("reverse_probing_conll2012", "dataset.data_dir=data/sample/conll2012")]
)
def test_reverse_probing_configs_for_corpora_that_are_not_here(
    run: Run, place: Path, experiment: str, data: str
) -> None:
    for source in ("ner", "re"):
        if not (place / "pretrained" / source).exists():
            shutil.copytree(place / "tiny", place / "pretrained" / source)
    data = f"dataset.data_dir={ROOT / 'data' / 'sample' / 'conll2012'}"
    metrics = run("train", "experiment=reverse_probing_conll2012", data, "sources=[ner,re_1]", *SMALL_HEAD, *QUICK)
    assert 0 <= metrics["test/conll_f1"] <= 1
