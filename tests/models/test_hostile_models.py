"""Saved models that a stranger wrote: whatever their files ask for, none of their code runs, and one error says why.

Every attack of this file would write a marker, and none does.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.saving import save_trained
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.utils.errors import UserError

Change = Callable[[dict[str, Any]], None]
SHA = "0" * 40


class Touch:
    """What a pickle would do."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture(scope="module")
def harmless(tiny_encoder: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model."""
    sources = {"target": tiny_encoder}
    small = {"ffnn_size": 8, "max_span_width": 4, "feature_emb_size": 4, "use_metadata": False}
    model = CoreferenceModel(pretrained_models=sources, keep_singletons=True, mention_loss_coef=1.0, **small).eval()
    taskmodule = CoreferenceTaskModule(load_tokenizers(sources)[0], max_segment_len=16)
    return save_trained(model, tmp_path_factory.mktemp("harmless") / "saved", taskmodule, facts={})


@pytest.fixture
def place(harmless: Path, tmp_path: Path, marker: Path) -> Path:
    """A copy with code beside it, which nothing names yet."""
    place = Path(shutil.copytree(harmless, tmp_path / "saved"))
    (place / "evil.py").write_text(
        f"open({str(marker)!r}, 'w').close()\n"
        "from transformers import BertConfig, BertModel, BertTokenizer\n"
        "class Config(BertConfig):\n    model_type = 'evil'\n"
        "class Model(BertModel):\n    config_class = Config\n"
        "class Tokenizer(BertTokenizer):\n    pass\n"
    )
    return place


def change(file: Path, how: Change) -> None:
    content = json.loads(file.read_text())
    how(content)
    file.write_text(json.dumps(content))


def set_config_option(where: str, name: str, value: Any) -> Change:
    def how(description: dict[str, Any]) -> None:
        options = {name: value}
        description["model"]["options"][where] = {"target": options} if where == "pretrained_configs" else options

    return how


CODE = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}


def test_the_model_itself_is_harmless(place: Path, marker: Path) -> None:
    assert load(place, device="cpu").predict("ann met bob .") is not None
    assert not marker.exists()


@pytest.mark.parametrize("where", ["pretrained_configs", "pretrained_default_config"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trust_remote_code", True),
        ("code_revision", "main"),
        ("token", "secret"),
        ("use_auth_token", True),
        ("cache_dir", "elsewhere"),
        ("revision", "main"),
        ("proxies", {"https": "evil.example"}),
        ("local_files_only", False),
        ("force_download", True),
        ("subfolder", ".."),
        ("gguf_file", "model.gguf"),
        ("return_unused_kwargs", False),
        ("_from_pipeline", "x"),
        ("_from_auto", True),
        ("_commit_hash", SHA),
        ("_configuration_file", "../other.json"),
        ("_name_or_path", "who/evil"),
        ("_attn_implementation", "who/kernel"),
        ("attn_implementation", "who/kernel"),
        ("attn_implementation", {"": "who/kernel"}),
        ("auto_map", CODE),
        ("architectures", ["Evil"]),
        ("model_type", "evil"),
        ("tokenizer_class", "RagRetriever"),
        ("quantization_config", {"quant_method": "bitsandbytes"}),
        ("to_dict", 1),
        ("__class__", 1),
    ],
)
def test_no_keyword_of_a_loader_is_an_option(place: Path, marker: Path, where: str, name: str, value: Any) -> None:
    change(place / "transferlab.json", set_config_option(where, name, value))
    with pytest.raises(EncoderError, match=name):
        load(place, device="cpu")
    assert not marker.exists()


def test_the_reported_attack(place: Path, marker: Path) -> None:
    change(place / "transferlab.json", set_config_option("pretrained_configs", "trust_remote_code", True))
    change(place / "config.json", lambda config: config.update(auto_map=CODE, model_type="evil"))
    with pytest.raises(UserError):
        load(place, device="cpu")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("file", "entries"),
    [
        ("config.json", {"auto_map": CODE}),
        ("config.json", {"auto_map": CODE, "model_type": "evil"}),
        ("config.json", {"model_type": "evil"}),
        ("config.json", {"attn_implementation": "who/kernel"}),
        ("config.json", {"_attn_implementation": "who/kernel"}),
        ("config.json", {"_attn_implementation_internal": "who/kernel"}),
        ("config.json", {"experts_implementation": {"": "who/kernel"}}),
        ("config.json", {"quantization_config": {"quant_method": "torchao"}}),
        ("config.json", {"transformers_weights": "pytorch_model.bin"}),
        ("config.json", {"model_type": "detr", "backbone": "who/evil", "use_pretrained_backbone": True}),
        ("config.json", {"tokenizer_class": "RagRetriever"}),
        ("config.json", {"num_hidden_layers": 10**9}),
        ("config.json", {"hidden_size": 10**9}),
        ("config.json", {"vocab_size": "many"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}, "tokenizer_class": "Evil"}),
        ("tokenizer_config.json", {"tokenizer_class": "RagRetriever"}),
        ("tokenizer_config.json", {"tokenizer_class": "pipeline"}),
        ("tokenizer_config.json", {"tokenizer_class": ["BertTokenizer"]}),
        ("tokenizer_config.json", {"init_inputs": ["/etc/passwd"]}),
        ("model.safetensors.index.json", {"weight_map": {"a": "pytorch_model.bin"}}),
        ("model.safetensors.index.json", {"weight_map": {"a": "../other.safetensors"}}),
        ("adapter_config.json", {"base_model_name_or_path": "who/evil", "peft_type": "LORA"}),
    ],
)
def test_files_of_an_encoder(place: Path, marker: Path, file: str, entries: dict[str, Any]) -> None:
    if not (place / file).is_file():
        (place / file).write_text("{}")
    change(place / file, lambda content: content.update(entries))
    with pytest.raises(UserError):
        load(place, device="cpu")
    assert not marker.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.safetensors", "task.safetensors"])
def test_no_pickle_is_read(place: Path, marker: Path, name: str) -> None:
    for file in place.glob("*.safetensors"):
        if name != "task.safetensors" or file.name == name:
            file.unlink()
    (place / name).write_bytes(pickle.dumps(Touch(marker)))
    with pytest.raises(UserError):
        load(place, device="cpu")
    assert not marker.exists()


def set_part(part: str, **entries: Any) -> Change:
    return lambda description: description[part].update(entries)


def set_options(part: str, **options: Any) -> Change:
    return lambda description: description[part]["options"].update(options)


@pytest.mark.parametrize(
    "how",
    [
        set_part("model", name="os:system"),
        set_part("model", name="os.system"),
        set_part("model", name="subprocess:Popen"),
        set_part("model", name="evil:Model"),
        set_part("model", name="transferlab.models.saving:json"),
        set_part("model", name="transferlab.models.saving:shutil.rmtree"),
        set_part("model", name="transferlab.models.saving:save_model"),
        set_part("model", name="transferlab.models.base:LightningModule"),
        set_part("model", name="transferlab.models_evil:Model"),
        set_part("model", name="transferlab.models.evil:Model"),
        set_part("model", name="transferlab.taskmodules.coreference:CoreferenceTaskModule"),
        set_part("model", name="token_classification"),
        set_part("model", name=None),
        set_part("model", options=[]),
        set_part("model", _target_="os.system"),
        set_part("taskmodule", name="os:system"),
        set_part("taskmodule", name="transferlab.taskmodules.base:document_from_text"),
        set_part("taskmodule", name="transferlab.taskmodules.base:TaskModule"),
        set_options("model", features={"directory": "elsewhere"}),
        set_options("model", load_weights=False, trust=["os"]),
        set_options("model", aggregate={"type": "os"}),
        set_options("model", aggregate={"type": "../evil"}),
        set_options("model", compile="evil"),
        set_options("model", pretrained_configs={"target": "../elsewhere"}),
        set_options("model", max_span_width="wide"),
        set_options("taskmodule", tokenizers={}),
        set_options("taskmodule", max_segment_len=[]),
        set_part("encoders", target={"folder": ".."}),
        set_part("encoders", target={"folder": "encoders/../.."}),
        set_part("encoders", target={"folder": "/"}),
        set_part("encoders", target={"folder": 3}),
        set_part("encoders", target={"folder": 3, "source": "minilm", "fingerprint": "0"}),
        set_part("encoders", target={"folder": "evil"}),
        set_part("encoders", target={"source": "../elsewhere", "fingerprint": ""}),
        set_part("encoders", target={"source": "who/evil", "fingerprint": ""}),
        set_part("encoders", target={"source": {"_target_": "os.system"}, "fingerprint": ""}),
        set_part("encoders", target={}),
        set_part("encoders", **{"../up": {"folder": "."}}),
        lambda description: description.update(format=99),
        lambda description: description.update(eval_batch_size="many"),
        lambda description: description.update(eval_batch_size=0),
        lambda description: description.update(started_from=["x"]),
        lambda description: description.update(encoders=[]),
        lambda description: description.pop("model"),
    ],
)
def test_descriptions(place: Path, marker: Path, how: Change) -> None:
    change(place / "transferlab.json", how)
    with pytest.raises(UserError):
        load(place, device="cpu")
    assert not marker.exists()


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"format": 2, "model": "x"}'])
def test_descriptions_that_are_none(place: Path, text: str) -> None:
    (place / "transferlab.json").write_text(text)
    with pytest.raises(UserError):
        load(place, device="cpu")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "task.safetensors", "tokenizer.json"])
def test_links_out_of_the_folder_are_not_followed(place: Path, tmp_path: Path, name: str) -> None:
    shutil.move(place / name, tmp_path / name)
    (place / name).symlink_to(tmp_path / name)
    with pytest.raises(UserError, match=name):
        load(place, device="cpu")


def test_a_folder_that_is_a_link_out_is_not_followed(place: Path, encoder: str) -> None:
    (place / "encoders").symlink_to(Path(encoder).parent)
    change(place / "transferlab.json", set_part("encoders", target={"folder": f"encoders/{Path(encoder).name}"}))
    with pytest.raises(UserError, match="encoders"):
        load(place, device="cpu")


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """Put a folder into a cache of the hub, as a download would have."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))

    def publish(folder: Path, name: str) -> None:
        repository = cache / f"models--{name.replace('/', '--')}"
        for part in ("refs", "blobs", f"snapshots/{SHA}"):
            (repository / part).mkdir(parents=True)
        (repository / "refs" / "main").write_text(SHA)
        for number, file in enumerate(sorted(folder.iterdir())):
            blob = repository / "blobs" / str(number)
            shutil.copy(file, blob)
            (repository / "snapshots" / SHA / file.name).symlink_to(Path("../../blobs") / blob.name)

    return publish


def test_a_model_of_the_hub_is_loaded(place: Path, publish: Any, marker: Path) -> None:
    publish(place, "who/good")
    assert load("who/good", device="cpu").predict("ann met bob .") is not None
    assert not marker.exists()


@pytest.mark.parametrize(
    ("file", "how"),
    [
        ("transferlab.json", set_config_option("pretrained_configs", "trust_remote_code", True)),
        ("transferlab.json", set_part("model", name="evil:Model")),
        ("transferlab.json", set_part("encoders", target={"folder": "../../.."})),
        ("config.json", lambda config: config.update(auto_map=CODE)),
        ("config.json", lambda config: config.update(auto_map=CODE, model_type="evil")),
    ],
)
def test_a_hostile_model_of_the_hub_is_refused(place: Path, publish: Any, marker: Path, file: str, how: Change) -> None:
    change(place / file, how)
    publish(place, "who/evil")
    with pytest.raises(UserError):
        load("who/evil", device="cpu")
    assert not marker.exists()


def test_a_repository_without_a_saved_model_is_refused(encoder: str, publish: Any) -> None:
    publish(Path(encoder), "who/encoder")
    with pytest.raises(UserError, match=r"transferlab\.json"):
        load("who/encoder", device="cpu")


def test_an_encoder_of_the_hub_runs_no_code(place: Path, publish: Any, marker: Path) -> None:
    """One that transformers knows is read by its class, one that only its own code could read is refused."""
    (place / "transferlab.json").unlink()
    change(place / "config.json", lambda config: config.update(auto_map=CODE))
    publish(place, "who/known")
    model = MultiEncoder({"target": "who/known"})
    model.save_encoder("target", place / "again", None)
    assert "auto_map" not in json.loads((place / "again" / "config.json").read_text())
    shutil.rmtree(place / "again")
    change(place / "config.json", lambda config: config.update(model_type="evil"))
    publish(place, "who/unknown")
    with pytest.raises(EncoderError, match="who/unknown"):
        MultiEncoder({"target": "who/unknown"})
    (place / "model.safetensors").unlink()
    change(place / "config.json", lambda config: config.update(model_type="bert"))
    (place / "pytorch_model.bin").write_bytes(pickle.dumps(Touch(marker)))
    publish(place, "who/pickle")
    with pytest.raises(EncoderError, match="who/pickle"):
        MultiEncoder({"target": "who/pickle"})
    assert not marker.exists()
