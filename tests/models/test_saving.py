"""Saved models: Hugging Face layout, frozen encoders by reference, refusals."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.saving import SavedModelError, find_model, load_model, save_model, save_trained, trained_state

SMALL = {
    "ffnn_size": 8,
    "max_span_width": 4,
    "feature_emb_size": 4,
    "use_metadata": False,
    "keep_singletons": True,
    "mention_loss_coef": 1.0,
}


def save(models: dict[str, str], directory: Path, taskmodule, copy: bool = False, **options) -> CoreferenceModel:
    model = CoreferenceModel(pretrained_models=models, **SMALL, **options).eval()
    tokenizers, keys = load_tokenizers(models)
    save_model(
        model,
        directory,
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={
            "_target_": "transferlab.taskmodules.coreference.CoreferenceTaskModule",
            "options": taskmodule.options(),
        },
        facts={"scores": {"test/conll_f1": 0.5}, "data": {"_target_": "a.MadeUpReader", "fold": 0}, "command": "none"},
        copy_frozen_encoders=copy,
    )
    return model


def test_a_trained_encoder_is_saved_for_anyone(encoder, taskmodule, documents, tmp_path):
    model = save({"target": encoder}, tmp_path / "model", taskmodule)
    plain, info = AutoModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not info["unexpected_keys"]
    inputs = AutoTokenizer.from_pretrained(tmp_path / "model")("ann met bob", return_tensors="pt")
    with torch.no_grad():
        expected = model.multi_encoder.encoders["target"](inputs["input_ids"], inputs["attention_mask"])
        torch.testing.assert_close(plain.eval()(**inputs).last_hidden_state, expected)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "MadeUpReader" in card and "0.5000" in card and "fold: 0" in card


@pytest.mark.parametrize("copy", [False, True])
def test_a_loaded_model_predicts_the_same(encoder, other_encoder, taskmodule, documents, tmp_path, copy):
    models = {"target": encoder, "source": other_encoder}
    model = save(
        models, tmp_path / "model", taskmodule, copy, freeze_models=["source"], truncate_models={"source": 1},
        aggregate="attention",
    )  # fmt: skip
    assert (tmp_path / "model" / "encoders" / "source").exists() == copy
    predictor = load(tmp_path / "model", device="cpu")
    assert {name for name, p in predictor.model.named_parameters() if not p.requires_grad} == {
        name for name, p in model.named_parameters() if not p.requires_grad
    }
    examples = [example for document in documents for example in taskmodule.encode(document)]
    batch = taskmodule.collate(examples, training=False)
    with torch.no_grad():
        expected = model.predictions(batch)
    got = [document.predicted.clusters for document in predictor.predict_documents(documents, batch_size=2)]
    assert got == expected and any(got)


def test_the_state_of_a_model_comes_back_from_what_was_saved(encoder, other_encoder, taskmodule, tmp_path):
    models = {"target": encoder, "source": other_encoder}
    options = {"freeze_models": ["source"], "added_tokens": {"<e>": "ann", "</e>": "bob met"}, "aggregate": "attention"}
    model = CoreferenceModel(pretrained_models=models, **SMALL, **options)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * parameter.requires_grad
    save_trained(model, tmp_path / "model", taskmodule, facts={})
    expected = {key: value.clone() for key, value in model.state_dict().items()}
    found = trained_state(CoreferenceModel(pretrained_models=models, **SMALL, **options), tmp_path / "model")
    assert found.keys() == expected.keys() and sum("added_tokens" in key for key in found) == 2
    for key, value in expected.items():
        assert torch.equal(found[key], value), key
    with pytest.raises(SavedModelError, match="is not of this run"):
        trained_state(CoreferenceModel(pretrained_models=models, **{**SMALL, "ffnn_size": 9}), tmp_path / "model")


def test_a_model_and_its_frozen_encoder_are_moved_together(encoder, other_encoder, taskmodule, tmp_path):
    shutil.copytree(other_encoder, tmp_path / "before" / "encoders" / "source")
    models = {"target": encoder, "source": str(tmp_path / "before" / "encoders" / "source")}
    save(models, tmp_path / "before" / "runs" / "model", taskmodule, freeze_models=["source"], aggregate="attention")
    (tmp_path / "before").rename(tmp_path / "after")
    model, _ = load_model(tmp_path / "after" / "runs" / "model")
    assert model.hparams["pretrained_models"]["source"] == str(tmp_path / "after" / "encoders" / "source")
    (tmp_path / "after" / "runs").rename(tmp_path / "runs")
    with pytest.raises(EncoderError, match="before/encoders/source"):  # as it was called
        load_model(tmp_path / "runs" / "model")


def test_predictions_of_raw_text_point_into_the_text(encoder, taskmodule, tmp_path):
    save({"target": encoder}, tmp_path / "model", taskmodule)
    texts = ["ann met bob.  She saw him.", ""]
    first, second = load(tmp_path / "model", device="cpu").predict(texts)
    assert second == []
    mentions = [mention for cluster in first for mention in cluster]
    assert mentions
    assert all(texts[0][mention.start : mention.end] == mention.text for mention in mentions)


def test_a_run_directory_is_as_good_as_its_model(encoder, taskmodule, tmp_path):
    save({"target": encoder}, tmp_path / "run" / "model", taskmodule)
    assert find_model(tmp_path / "run") == tmp_path / "run" / "model" == find_model(tmp_path / "run" / "model")


def test_an_unfinished_run_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(SavedModelError, match=r"resume="):
        find_model(tmp_path)


def test_of_a_run_with_probes_the_models_are_named(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "probes" / name / "model").mkdir(parents=True)
        (tmp_path / "probes" / name / "model" / "transferlab.json").touch()
    with pytest.raises(SavedModelError, match=rf"{tmp_path}/probes/a, {tmp_path}/probes/b"):
        find_model(tmp_path)


def test_other_frozen_weights_than_in_training_are_refused(encoder, other_encoder, taskmodule, tmp_path):
    save({"target": encoder}, tmp_path / "model", taskmodule, freeze_models="all")
    description = json.loads((tmp_path / "model" / "transferlab.json").read_text())
    assert description["encoders"]["target"]["source"] == encoder
    Path(other_encoder, "model.safetensors").rename(Path(encoder, "model.safetensors"))
    with pytest.raises(SavedModelError, match=r"'target' was .* other weights now"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize("target", ["os.system", "transferlab.inference.load", "transferlab.models_evil.Model"])
def test_a_description_cannot_name_arbitrary_code(encoder, taskmodule, tmp_path, target):
    save({"target": encoder}, tmp_path / "model", taskmodule)
    file = tmp_path / "model" / "transferlab.json"
    description = json.loads(file.read_text())
    description["model"]["_target_"] = target
    file.write_text(json.dumps(description))
    with pytest.raises(SavedModelError, match=r"is not a class of transferlab\.models"):
        load_model(tmp_path / "model")


def test_an_interrupted_save_leaves_the_old_model(encoder, taskmodule, tmp_path, monkeypatch):
    save({"target": encoder}, tmp_path / "model", taskmodule)
    before = sorted((p.name, p.stat().st_size) for p in (tmp_path / "model").iterdir())
    monkeypatch.setattr("transferlab.models.saving.model_card", lambda description: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save({"target": encoder}, tmp_path / "model", taskmodule)
    assert sorted((p.name, p.stat().st_size) for p in (tmp_path / "model").iterdir()) == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
