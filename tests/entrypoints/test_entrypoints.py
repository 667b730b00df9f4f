"""The entrypoints as a user runs them, in one process and on tiny encoders and corpora."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from transferlab.documents import Annotations, Document, read_jsonl, write_jsonl
from transferlab.reporting.curves import read_metrics
from transferlab.utils.errors import UserError
from transferlab.utils.run_contents import files_below, own_files

from .tiny_runs import TINY


def test_training_leaves_all_results_and_a_model(train, compose_config, corpus, tmp_path, capsys, caplog):
    metrics = train("tags=[a]", "seed=0", "features.dtype=float32")
    run = tmp_path / "run"
    assert {"val/conll_f1", "test/conll_f1", "val/loss", "test/loss"} <= set(metrics)
    assert json.loads((run / "metrics.json").read_text()) == pytest.approx(metrics)
    assert json.loads((run / "run.json").read_text())["seed"] == 0
    assert OmegaConf.load(run / "config_resolved.yaml").seed == 0
    assert (run / "checkpoints" / "last.ckpt").is_file()
    assert "head match" in capsys.readouterr().out
    shared = "2 of 2 documents have most of their text in the training split"  # both are made of five sentences
    assert f"validation split: {shared}" in caplog.text and f"test split: {shared}" in caplog.text
    caplog.clear()

    from evaluate import evaluate

    source = ["dataset=jsonl", f"dataset.data_dir={corpus}", f"model_name_or_path={run}", "extras.print_config=false"]
    again = evaluate(compose_config("evaluate", *source, f"paths.output_dir={tmp_path / 'eval'}", "trainer=cpu"))
    assert again["test/conll_f1"] == pytest.approx(metrics["test/conll_f1"], abs=1e-6)
    assert again["test/loss"] == pytest.approx(metrics["test/loss"], rel=1e-5)
    assert "test split: 2 of 2 documents have most of their text" in caplog.text and "was trained on" in caplog.text
    itself = [f"model_name_or_path={run}", "extras.print_config=false", f"paths.output_dir={tmp_path / 'own'}"]
    assert evaluate(compose_config("evaluate", *itself, "trainer=cpu")) == again, "a model's own data is not another's"
    moved = corpus.rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"dataset\.data_dir"):
        evaluate(compose_config("evaluate", *itself, "trainer=cpu"))
    there = compose_config("evaluate", *itself, "trainer=cpu", f"+dataset.data_dir={moved}")
    assert evaluate(there) == again
    moved.rename(corpus)

    from predict import predict

    out = tmp_path / "predictions"
    written = predict(compose_config("predict", *source, f"paths.output_dir={out}", "pipeline.device=cpu"))
    predicted = list(read_jsonl(written["jsonl"]))
    assert [document.name for document in predicted] == ["test0", "test1"]
    assert "<html" in Path(written["html"]).read_text() and "#begin document" in Path(written["conll"]).read_text()

    from evaluate_documents import evaluate_documents

    scores = evaluate_documents(
        compose_config(
            "evaluate_documents", "metric=coref", f"+dataset.data_dir={written['jsonl']}",
            f"paths.output_dir={tmp_path / 'scores'}", "extras.print_config=false",
        )
    )  # fmt: skip
    assert scores["predicted"]["conll_f1"] == pytest.approx(metrics["test/conll_f1"], abs=1e-6)
    baselines = json.loads((run / "baselines.json").read_text())["test"]
    assert list(baselines) == ["head match on gold mentions", "head match on predicted mentions"]
    for name, of_run in baselines.items():
        assert scores[name]["conll_f1"] == pytest.approx(of_run["conll_f1"], abs=1e-6)
    assert "CoNLL F1" in (tmp_path / "scores" / "scores.md").read_text()
    for place in (run, tmp_path / "eval", out, tmp_path / "scores"):  # what is not known to be ours is never deleted
        assert set(files_below(place)) == set(own_files(place)) != set()


def test_predicting_raw_text(train, compose_config, tmp_path):
    train("trainer.max_epochs=1", "model.keep_singletons=true")
    (tmp_path / "in.txt").write_text("Ann met Bob. She saw him.\n")
    from predict import predict

    model = [f"model_name_or_path={tmp_path / 'run'}", "extras.print_config=false"]
    written = predict(
        compose_config("predict", *model, f"input={tmp_path / 'in.txt'}", f"paths.output_dir={tmp_path / 'out'}")
    )
    (document,) = read_jsonl(written["jsonl"])
    assert document.words == ["Ann", "met", "Bob", ".", "She", "saw", "him", "."]
    assert document.predicted is not None and document.predicted.clusters is not None


@pytest.mark.slow
def test_a_run_is_resumed_from_its_directory_alone(corpus, encoder, commands, tmp_path):
    run = partial(commands.run, "src/train.py", cwd=tmp_path)

    place = tmp_path / "first"
    done = run(*TINY, f"encoder={encoder}", f"dataset.data_dir={corpus}", f"hydra.run.dir={place}",
               "trainer.max_epochs=1", "seed=0")  # fmt: skip
    assert done.returncode == 0, done.stderr
    checkpoint = torch.load(place / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == 4
    assert not any(key.startswith("multi_encoder.encoders.") for key in checkpoint["state_dict"])
    (place / "metrics.json").unlink()

    for epochs in (3, None):  # the second time the run is over, and only evaluates once more
        done = run(f"resume={place}", *([f"trainer.max_epochs={epochs}"] if epochs else []))
        assert done.returncode == 0, done.stderr
        assert torch.load(place / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 12
    assert "test/conll_f1" in json.loads((place / "metrics.json").read_text())
    assert "test/conll_f1" in json.loads((place / "job_return.json").read_text())["metrics"]
    overrides = json.loads((place / "job_return.json").read_text())["overrides"]
    assert "seed=0" in overrides and not any(o.startswith(("resume=", "ckpt_path=")) for o in overrides)
    record = json.loads((place / "run.json").read_text())
    assert "resume=" not in record["command"] and len(record["resumed"]) == 2
    assert record["git"] and record["resumed"][0]["seed"] == 0
    epochs_logged = read_metrics(place).index.tolist()
    assert {0, 1, 2} <= set(epochs_logged), "the epochs before the resumption are part of the curve"
    assert [path.name for path in tmp_path.iterdir()] == ["first"]

    done = run(f"resume={place}", "trainer.max_epoch=3")
    assert done.returncode == 1 and "max_epoch" in done.stderr and "Traceback" not in done.stderr


BAD_CONFIGS = {
    "a misspelt key added": (["+model.ffn_size=10"], r"model\.ffn_size.*did you mean ffnn_size"),
    "an unknown root key": (["+sed=3"], r"sed.*did you mean seed"),
    "an unknown encoder id": (["model.freeze_models=[bert]"], r"model\.freeze_models.*'bert'.*choices: target"),
    "an impossible depth": (["+model.truncate_models.target=99"], r"model\.truncate_models\.target=99.*from 1 to 2"),
    "a missing directory": (["dataset.data_dir=/no/such/place"], r"/no/such/place does not exist.*dataset\.data_dir"),
    "no encoder": (["model.pretrained_models=null"], r"model\.pretrained_models: there is no encoder"),
    "too long segments": (["taskmodule.max_segment_len=513"], r"max_segment_len=513.*'target' reads at most 512"),
    "an unknown aggregation": (["model.aggregate=median"], r"model\.aggregate"),
    "an unknown split": (["+datamodule.select_n.dev=3"], r"datamodule\.select_n.*dev"),
    "a missing checkpoint": (["ckpt_path=/no/such.ckpt"], r"ckpt_path=/no/such\.ckpt does not exist"),
    "weights from nowhere": (["train=false"], r"never trained.*ckpt_path"),
    "singletons without a mention loss": (
        ["model.keep_singletons=true", "model.mention_loss_coef=0"],
        r"model\.keep_singletons=true needs a mention loss",
    ),
}


@pytest.mark.parametrize("case", BAD_CONFIGS)
def test_bad_configs_are_refused_by_name_before_training(train, case, monkeypatch):
    def no_training(*arguments: object, **options: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr("pytorch_lightning.Trainer.fit", no_training)
    overrides, message = BAD_CONFIGS[case]
    with pytest.raises(Exception, match="(?s)" + message) as caught:
        train(*overrides)
    from transferlab.utils.errors import user_error_of

    assert user_error_of(caught.value) is not None, "it would be shown as a traceback"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("monitor=val/accuracy", r"monitor=val/accuracy: there is no such score; choose one of val/loss.*conll_f1"),
        ("callbacks.epoch_log.metrics=[val/conl_f1]", "callbacks.epoch_log.metrics=val/conl_f1: .*val/conll_f1"),
        ("+optimized_metric=test/accuracy", "optimized_metric=test/accuracy: .*test/conll_f1"),
    ],
)
def test_a_score_that_there_is_not_is_refused_before_an_epoch_is_trained(override, message, train, monkeypatch):
    monkeypatch.setattr("transferlab.models.base.TransferModel.training_step", lambda *_: pytest.fail("it trains"))
    with pytest.raises(UserError, match=message):
        train(override)


def test_a_model_is_uploaded_and_a_refusal_of_the_hub_fails_nothing(train, tmp_path, monkeypatch, caplog):
    import huggingface_hub

    uploads = []

    class Hub:
        def create_repo(self, name, exist_ok):
            if name == "nobody/model":
                raise OSError("who are you?")
            return f"https://hub/{name}"

        def upload_folder(self, repo_id, folder_path):
            uploads.append((repo_id, sorted(path.name for path in Path(folder_path).iterdir())))

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    train("trainer.max_epochs=1", "push_to_hub=me/model")
    assert uploads[0][0] == "me/model" and "transferlab.json" in uploads[0][1]
    metrics = train("trainer.max_epochs=1", "push_to_hub=nobody/model", f"model_save_dir={tmp_path / 'other'}")
    assert "test/conll_f1" in metrics and "who are you?" in caplog.text and "hf upload nobody/model" in caplog.text


def test_an_unset_variable_names_itself(train, monkeypatch):
    monkeypatch.delenv("JSONL_DIR", raising=False)
    with pytest.raises(Exception, match=r"set the environment variable JSONL_DIR or the key dataset\.data_dir"):
        train("dataset.data_dir=null")


def test_resuming_nothing_is_a_message(commands, tmp_path):
    done = commands.run("src/train.py", f"resume={tmp_path}", cwd=tmp_path)
    assert done.returncode == 1
    assert ".hydra/config.yaml" in done.stderr and "Traceback" not in done.stderr


def test_a_misspelt_key_is_a_message_not_a_traceback(project_root, tmp_path):
    command = [sys.executable, str(project_root / "src" / "train.py"), "model.fnn_size=3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 1
    assert "error:" in done.stderr and "fnn_size" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "document",
    [
        Document("nothing", [], [], gold=Annotations(clusters=[])),
        Document("one word", ["Ann"], [(0, 0)], gold=Annotations(clusters=[])),
        Document("no clusters", ["Ann", "slept", "."], [(0, 2)], gold=Annotations(clusters=[])),
        Document("a long sentence", ["Ann"] * 700, [(0, 699)], gold=Annotations(clusters=[[(0, 0), (699, 699)]])),
    ],
    ids=lambda document: document.name,
)
def test_odd_documents_are_documents(train, corpus, tmp_path, document):
    data = tmp_path / "odd"
    for split in ("train", "validation", "test"):
        write_jsonl([document, *read_jsonl(corpus / f"{split}.jsonl")], data / f"{split}.jsonl")
    metrics = train(f"dataset.data_dir={data}", "trainer.max_epochs=1", "taskmodule.max_segment_len=128")
    assert 0 <= metrics["test/conll_f1"] <= 1


def test_unannotated_documents_cannot_be_trained_on(train, tmp_path):
    for split in ("train", "validation", "test"):
        write_jsonl([Document("plain", ["Ann"], [(0, 0)])], tmp_path / "plain" / f"{split}.jsonl")
    with pytest.raises(UserError, match="plain has no coreference annotation"):
        train(f"dataset.data_dir={tmp_path / 'plain'}")


def test_a_model_is_never_overwritten_by_another_run(train, tmp_path):
    train("trainer.max_epochs=1", f"model_save_dir={tmp_path / 'mine'}")
    with pytest.raises(UserError, match=r"model_save_dir=.* is not empty"):
        train("trainer.max_epochs=1", f"model_save_dir={tmp_path / 'mine'}", f"paths.output_dir={tmp_path / 'other'}")


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_missing_model_is_refused_before_the_config_is_printed(compose_config, tmp_path, capsys, command):
    run = getattr(import_module(command), command)
    place = tmp_path / "nothere"
    with pytest.raises(UserError, match=f"{place}: no such folder here") as refusal:
        run(compose_config(command, f"model_name_or_path={place}", "extras.print_config=true"))
    assert capsys.readouterr().out == "" and "Error" not in str(refusal.value)
