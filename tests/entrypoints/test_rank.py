"""embed.py and rank.py: from saved models to embeddings, a ranking and its verdict."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from embed import embed
from rank import rank
from transferlab import transferability
from transferlab.callbacks.sweep_results import integrate, write_job
from transferlab.data.readers.jsonl import JsonLinesReader
from transferlab.data.text_overlap import TrainingTexts, texts_of
from transferlab.models.saving import SavedModelError
from transferlab.utils.errors import UserError
from transferlab.utils.run_contents import files_below, own_files

from .tiny_runs import TINY

pytestmark = pytest.mark.usefixtures("without_pictures")

METHODS = ["textemb", "taskemb", "logme", "hscore", "knn"]


@pytest.fixture(scope="module")
def encoders(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Three encoders that differ in their weights."""
    made = {"one": str(encoder)}
    config = BertConfig.from_pretrained(encoder)
    for seed, name in enumerate(("two", "three"), start=1):
        place = tmp_path_factory.mktemp("encoders") / name
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(place)
        AutoTokenizer.from_pretrained(encoder).save_pretrained(place)
        made[name] = str(place)
    return made


@pytest.fixture
def run_embed(compose_config: Callable[..., Any], corpus: Path, encoder: Path, tmp_path: Path) -> Callable[..., Any]:
    def run(*overrides: str) -> dict[str, Any]:
        fixed = [*TINY, "experiment=coref", "features=off", f"dataset.data_dir={corpus}", f"encoder={encoder}"]
        return embed(compose_config("embed", *fixed, f"library={tmp_path / 'library'}", *overrides))

    return run


@pytest.fixture
def run_rank(compose_config: Callable[..., Any], corpus: Path, encoders: dict[str, str], tmp_path: Path) -> Any:
    def run(*overrides: str, names: str = "") -> dict[str, Any]:
        sources = names or "{" + ",".join(f"{name}: {place}" for name, place in encoders.items()) + "}"
        of_target = f"target_overrides=['dataset=jsonl','dataset.data_dir={corpus}','features=off']"
        fixed = [f"sources={sources}", of_target, f"library={tmp_path / 'library'}", "target=coref"]
        return rank(compose_config("rank", *fixed, *overrides))

    return run


def sweep(place: Path, scores: dict[str, list[float]]) -> Path:
    """What a grid leaves behind."""
    for number, (source, seed, score) in enumerate((s, k, v) for s, row in scores.items() for k, v in enumerate(row)):
        job = place / str(number)
        (job / ".hydra").mkdir(parents=True)
        overrides = ["experiment=coref", f"sources=[{source}]", f"seed={seed}"]
        (job / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
        (job / ".hydra" / "config.yaml").write_text("monitor: val/conll_f1\ntask_name: coref\n")
        write_job(job, {"overrides": overrides, "seed": seed, "metrics": {"test/conll_f1": score}})
    integrate(place)
    return place


def test_from_models_to_a_verdict(train, run_embed, run_rank, encoders, corpus, tmp_path, capsys):
    for name, place in encoders.items():
        saved = f"model_save_dir={tmp_path / 'models' / name}"
        tuned = [
            "model.freeze_models=null",
            "trainer.max_epochs=1",
            "test=false",
            f"paths.output_dir={tmp_path / name}",
        ]
        train(*tuned, saved, f"encoder={place}")
        run_embed(f"task={name}", "embedding=textemb")
    run_embed("task=coref", "embedding=textemb", "datamodule.train_examples=3")
    # all were trained from encoders of their own here, so a task embedding of each must not be compared
    for name in ("one", "coref"):
        run_embed(f"task={name}", "embedding=taskemb", f"model_name_or_path={tmp_path / 'models' / 'one'}")
    run_embed("task=two", "embedding=taskemb", f"model_name_or_path={tmp_path / 'models' / 'two'}")
    with pytest.raises(UserError, match="taskemb of 'coref' and of 'two' cannot be compared: encoder is"):
        run_rank("methods=[taskemb]")

    measured = {"minilm": [0.5, 0.52], "one": [0.55, 0.57], "two": [0.6, 0.61], "three": [0.4, 0.45]}
    place = sweep(tmp_path / "grid", measured)
    capsys.readouterr()
    named = ["measured_as={coref: coref}", "sizes={one: 10, two: 30, three: 20}"]
    written = run_rank("methods=[textemb,logme,hscore,knn]", f"measured={place}", "layers=[last,best]", *named)
    scores = pd.read_csv(written["scores"], index_col="source")
    columns = ["textemb", "logme", "logme (best)", "hscore", "hscore (best)", "knn", "knn (best)"]
    assert list(scores.columns) == [*columns, "reciprocal rank fusion", "target"]
    assert set(scores.index) == set(encoders) and scores[columns].notna().all().all()
    assert (scores["logme (best)"] >= scores["logme"]).all()
    judged = pd.read_csv(written["judged"], index_col="method")
    assert {"random", *columns} <= set(judged.index) and judged.loc["random", "best_rank"] == 2
    assert judged.loc["data size", "best_rank"] == 1
    best = scores["logme"].rank(ascending=False)["two"]
    assert judged.loc["logme", "best_rank"] == best
    compared = pd.read_csv(written["compared"], index_col="method")
    assert set(compared.index) == set(judged.index), "nothing is left out"
    assert set(compared["verdict"]) == {"too few seeds", "reference"} and compared["p"].isna().all()
    reliability = pd.read_csv(written["reliability"]).iloc[0]
    # means .56 .605 .425, between .01755; half differences of the seeds .01 .005 .025, noise .00021667
    assert reliability["of_mean"] == pytest.approx(1 - 0.00021667 / 0.01755, rel=1e-5)
    for picture in ("agreement", "predictions_coref", "gains", "gain_distribution", "map_textemb", "graph_textemb"):
        assert Path(written[picture]).stat().st_size > 1000
    place = Path(written["report"]).parent
    assert set(files_below(place)) == set(own_files(place))  # what is not known to be ours is never deleted
    report = Path(written["report"]).read_text()
    assert "56.00 ± 1.41" in report and "pairs of mentions" in report and "predictions_coref.png" in report
    assert "No verdict on the methods" in report and "mean rank over other targets, as there is only one" in report
    assert "Spearman" in capsys.readouterr().out

    table = transferability.rank(
        "coref",
        encoders,
        method="logme",
        overrides=["dataset=jsonl", f"dataset.data_dir={corpus}", "features=off"],
    )
    assert list(table.columns) == ["score", "rank"] and table["score"].is_monotonic_decreasing
    assert table["score"].to_dict() == pytest.approx(scores["logme"].to_dict())


def test_an_embedding_is_made_once(run_embed, tmp_path, caplog):
    made = run_embed("embedding=textemb")
    file = Path(made["embedding"])
    assert file == tmp_path / "library" / "coref" / "textemb.safetensors"
    described = json.loads(file.with_suffix(".json").read_text())
    assert described["trained_on"][0]["documents"] == 4
    assert (
        described["examples"] == 4
        and described["space"]["per"] == "window"
        and len(described["space"]["encoder"]) == 64
    )
    before = file.stat().st_mtime_ns
    assert "examples" not in run_embed("embedding=textemb") and file.stat().st_mtime_ns == before
    with pytest.raises(UserError, match="was made with other settings; overwrite=true"):
        run_embed("embedding=textemb", "embedding.per=example")
    assert run_embed("embedding=textemb", "embedding.per=example", "overwrite=true")["examples"] == 4
    with pytest.raises(UserError, match="was made with other settings"):
        run_embed("embedding=textemb", "embedding.per=example", "datamodule.train_examples=2")
    assert not list(file.parent.glob(".*"))


def test_wrong_use_is_refused_with_the_reason(train, run_embed, run_rank, tmp_path):
    with pytest.raises(UserError, match="needs a model that was trained on the task"):
        run_embed("embedding=taskemb")
    with pytest.raises(UserError, match="reads a pretrained encoder"):
        run_embed("embedding=textemb", "model_name_or_path=x")
    with pytest.raises(SavedModelError, match="no such folder"):
        run_embed("embedding=taskemb", "model_name_or_path=no where")
    with pytest.raises(UserError, match="task: name what is embedded"):
        run_embed("embedding=textemb", "task=train")
    with pytest.raises(UserError, match=r"sources=\['ner'\]: an embedding is of one encoder; name it with encoder="):
        run_embed("embedding=textemb", "sources=[ner]")
    with pytest.raises(UserError, match=r"no textemb of 'coref'.*it is empty"):
        run_rank("methods=[textemb]")
    with pytest.raises(UserError, match="target=corref: did you mean coref"):
        run_rank("target=corref")
    with pytest.raises(UserError, match="methods: 'logmee'; did you mean logme"):
        run_rank("methods=[logmee]")
    with pytest.raises(UserError, match="layers=top: choose one of last, mean, best, each"):
        run_rank("layers=top")
    with pytest.raises(UserError, match="a ranking needs at least two, there is one"):
        run_rank("~sources.two", "~sources.three", "methods=[logme]")


def test_a_source_of_the_targets_own_corpus_is_left_out_with_what_was_measured(run_rank, encoders, corpus, tmp_path):
    own = tmp_path / "own"
    shutil.copytree(encoders["two"], own)
    model = {"name": "none", "options": {}}
    seen = TrainingTexts.of(texts_of(JsonLinesReader(corpus).read("train")), "tiny")
    (own / "transferlab.json").write_text(
        json.dumps({"format": 2, "trained_on": [seen.to_dict()], "model": model, "taskmodule": model, "encoders": {}})
    )
    written = run_rank("methods=[knn]", f"sources.two={own}")
    assert set(pd.read_csv(written["scores"])["source"]) == {"one", "three"}
    report = Path(written["report"]).read_text()
    assert "corpus of the target: two" in report and "| two | tiny | 4 of 4 |" in report
    trainings = pd.read_csv(written["trainings"]).set_index("split")
    assert trainings["shared"].to_dict() == {"train": 4, "validation": 2, "test": 2}, "they are made of five sentences"
    written = run_rank("methods=knn", f"sources.two={own}", "own_corpus=true")
    assert set(pd.read_csv(written["scores"])["source"]) == {"one", "two", "three"}
    assert "| two | tiny | 4 of 4 |" in Path(written["report"]).read_text()
    models = tmp_path / "models"  # cut off, it is left out as well
    for name, place in {"ner": own, "re": encoders["one"], "squad": encoders["three"]}.items():
        shutil.copytree(place, models / "pretrained" / name)
    written = run_rank("methods=[knn]", f"paths.model_dir={models}", names="[ner_1,re_1,squad]")
    assert set(pd.read_csv(written["scores"])["source"]) == {"re_1", "squad"}


def test_an_interrupted_ranking_keeps_what_there_is(run_rank, encoders, tmp_path, monkeypatch):
    scores = {"minilm": [0.5], "one": [0.6], "two": [0.55], "three": [0.4]}
    place = sweep(tmp_path / "grid", scores)

    def fails(*arguments: Any, **options: Any) -> None:
        raise UserError("stopped")

    monkeypatch.setattr("transferlab.rank_targets.judge_candidates", fails)
    with pytest.raises(UserError, match="stopped"):
        run_rank("methods=[logme,knn]", f"measured={place}")
    assert "knn" in (tmp_path / "run" / "ranking.md").read_text() and (tmp_path / "run" / "scores.csv").is_file()


def test_what_is_measured_is_checked_before_anything_is_predicted(run_rank, tmp_path, monkeypatch):
    monkeypatch.setattr("transferlab.rank_targets.predict", None)  # never called
    table = tmp_path / "table.csv"
    table.write_text("target,source,seed,score\ncoref,minilm,1,50\ncoref,one,1,60\n")
    with pytest.raises(UserError, match="a measured score of 60 is no fraction"):
        run_rank(f"measured={table}")
    table.write_text("target,source,seed,score\ncoref,one,1,0.5\n")
    with pytest.raises(UserError, match="there is no source 'minilm' to gain over"):
        run_rank(f"measured={table}")
    table.write_text("target,source,seed,score\ncoref,minilm,1,0.5\ncoref,one,1,0.6\n")
    for wrong, said in {
        "randm": "compare_with=randm.*did you mean random",
        "'logme (best)'": r"compare_with=logme \(best\)",
        "'mean rank over other targets'": "there is only one target",
    }.items():
        with pytest.raises(UserError, match=said):
            run_rank(f"measured={table}", "methods=[knn]", f"compare_with={wrong}")
    with pytest.raises(UserError, match="compare_by"):
        run_rank(f"measured={table}", "compare_by=f1")
    table.write_text("target,source,seed,score\nother,one,1,0.5\n")
    with pytest.raises(UserError, match=r"nothing was measured for coref, but for other.*measured_as"):
        run_rank(f"measured={table}")
