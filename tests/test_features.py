"""The feature store from the outside: the same losses with it, and features.py."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from pytorch_lightning import Callback, Trainer, seed_everything
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from transferlab.callbacks.fill_features import FillFeatures
from transferlab.data.datamodule import TransferDataModule
from transferlab.documents import Annotations, Document, Entity
from transferlab.encoders.feature_store import FeatureStore
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.coreference_model import CoreferenceModel
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule
from transferlab.utils.errors import UserError

if TYPE_CHECKING:
    from tests.commands import Commands

Features = Callable[..., dict[str, Any]]
WORDS = ["ann", "bob", "met", "her", "him", ".", "she", "he", "saw", "the", "mayor"]
TEXT = ["ann met bob . she saw him .", "the mayor saw ann . he met her .", "bob . bob saw ann . ann met him ."]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two encoders of two layers with one tokenizer."""
    made = {}
    for seed, name in enumerate(("one", "two")):
        place = tmp_path_factory.mktemp("encoders") / name
        words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
        tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
        ).save_pretrained(place)
        torch.manual_seed(seed)
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=512, **sizes)).save_pretrained(place)
        made[name] = str(place)
    return made


class Corpus:
    splits = ("train", "validation", "test")

    def read(self, split: str) -> Any:
        for number, text in enumerate(TEXT):
            words = text.split()
            people = [w for w, word in enumerate(words) if word in ("ann", "bob")]
            pronouns = [w for w, word in enumerate(words) if word in ("she", "he", "her", "him")]
            gold = Annotations(
                clusters=[[(w, w) for w in sorted(people + pronouns)]], entities=[Entity(w, w, "PER") for w in people]
            )
            ends = [w for w, word in enumerate(words) if word == "."]
            sentences = list(zip([0, *(end + 1 for end in ends[:-1])], ends, strict=True))
            yield Document(f"{split}{number}", words, sentences, gold=gold).validate()


class Losses(Callback):
    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, module: Any, outputs: Any, *arguments: Any) -> None:
        self.values.append(float(outputs["loss"]))


def train(
    family: str, encoders: dict[str, str], features: dict[str, Any] | None, unit: str = "word"
) -> tuple[list[float], int]:
    """The losses of 20 optimizer steps, and how often an encoder was run."""
    tokenizers, _ = load_tokenizers(encoders)
    taskmodule: Any
    if family == "coreference":
        model_class: Any = CoreferenceModel
        taskmodule = CoreferenceTaskModule(tokenizers, max_segment_len=8, max_training_sentences=2, unit=unit)
        options: dict[str, Any] = {"ffnn_size": 8, "max_span_width": 4, "feature_emb_size": 4, "use_metadata": False}
        options |= {"mention_loss_coef": 1.0, "keep_singletons": True}
    else:
        model_class, options = TokenClassificationModel, {}
        taskmodule = TokenClassificationTaskModule(tokenizers, max_segment_len=12, overlap=2)
    datamodule = TransferDataModule(Corpus(), taskmodule, batch_size=1)
    seed_everything(3, verbose=False)
    options |= {"freeze_models": "all", "aggregate": "attention", "task_learning_rate": 1e-2, "features": features}
    options |= {"cossim_target_embed_key": "one"}
    model = model_class(pretrained_models=encoders, **taskmodule.prepare(datamodule.documents("train")), **options)
    seen = Losses()
    trainer = Trainer(
        max_steps=20, accelerator="cpu", callbacks=[FillFeatures(), seen], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    runs = []
    for name in encoders:
        model.multi_encoder._encoder(name).stack.register_forward_pre_hook(lambda *arguments: runs.append(1))
    trainer.fit(model, datamodule)
    return seen.values, len(runs)


@pytest.mark.parametrize("family", ["coreference", "token_classification"])
def test_the_losses_are_the_same_with_and_without_store(family, encoders, tmp_path):
    off, _ = train(family, encoders, None)
    assert len(off) == 20 and len(set(off)) > 10
    features = {"directory": str(tmp_path / "features"), "dtype": "float32"}
    for filled in (False, True):
        on, runs = train(family, encoders, features)
        assert on == pytest.approx(off, rel=1e-5, abs=1e-5)
        assert (runs == 0) == filled, "a training over a full store runs no encoder"
    assert len(FeatureStore(**features).entries()) == 2


def test_units_of_coreference_share_what_is_stored(encoders, tmp_path):
    """Whole rows are stored, special tokens included."""
    features = {"directory": str(tmp_path / "features"), "dtype": "float32"}
    words, _ = train("coreference", encoders, features)
    off, _ = train("coreference", encoders, None, unit="subtoken")
    on, runs = train("coreference", encoders, features, unit="subtoken")
    assert runs == 0
    assert on == pytest.approx(off, rel=1e-5, abs=1e-5)
    assert on != pytest.approx(words, rel=1e-2)


@pytest.fixture
def features(project_root: Path, tmp_path: Path) -> Features:
    from features import features

    def run(*overrides: str) -> dict[str, Any]:
        always = [f"paths.output_dir={tmp_path / 'run'}", f"features.directory={tmp_path / 'features'}"]
        with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
            return features(compose("features", overrides=[*always, *overrides]))

    return run


def fill_overrides(encoders: dict[str, str], *more: str) -> list[str]:
    models = ",".join(f"{name}:{place}" for name, place in encoders.items())
    return [
        "action=fill", f"+model.pretrained_models={{{models}}}", "~model.pretrained_models.target",
        "model.freeze_models=all", "trainer.accelerator=cpu", *more,
    ]  # fmt: skip


def test_a_store_is_filled_listed_verified_and_pruned(features, encoders, tmp_path, capsys):
    assert features() == {"layers": 0, "bytes": 0}
    assert "nothing is stored in" in capsys.readouterr().out
    filled = features(*fill_overrides(encoders, "layers=all"))
    assert filled["layers"] == 4
    shown = capsys.readouterr().out
    assert "1-2" in shown and "float16" in shown and "/one" in shown.replace("\n", "")
    before = sorted((tmp_path / "features").rglob("*.safetensors"))
    assert features(*fill_overrides(encoders, "layers=all")) == filled
    assert sorted((tmp_path / "features").rglob("*.safetensors")) == before, "nothing was missing"
    assert features("action=verify") == {"files": 4, "damaged": 0}
    before[0].write_bytes(b"")
    assert features("action=verify") == {"files": 4, "damaged": 1}
    assert features("action=prune", "older_than_days=1")["layers"] == 0
    assert features("action=prune", "encoder_contains=/two")["layers"] == 2
    assert features("action=prune", "everything=true")["layers"] == 2
    assert features() == {"layers": 0, "bytes": 0}


def test_only_what_a_training_would_read_is_filled(features, encoders):
    assert features(*fill_overrides(encoders, "splits=[validation]", "trainer.precision=bf16-mixed"))["layers"] == 2
    some = features()["bytes"]
    assert features(*fill_overrides(encoders, "trainer.precision=bf16-mixed"))["bytes"] > some


def test_refusals(features, encoders):
    with pytest.raises(UserError, match="action=fil: choose one of list, verify, prune, fill"):
        features("action=fil")
    with pytest.raises(UserError, match=r"action=prune deletes .* none is given"):
        features("action=prune")
    with pytest.raises(UserError, match="layers=some: choose one of used, all"):
        features(*fill_overrides(encoders, "layers=some"))
    with pytest.raises(UserError, match=r"splits\[0\]=dev: choose one of train, validation, test"):
        features(*fill_overrides(encoders, "splits=[dev]"))
    with pytest.raises(UserError, match="no encoder is frozen"):
        features(*fill_overrides(encoders, "model.freeze_models=null"))
    with pytest.raises(UserError, match="nothing reads this key"):
        features("+older=3")


def test_the_entrypoint(commands: Commands, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("PROJECT_ROOT", "TRANSFERLAB_RUN_ID")}
    environment["FEATURES_DIR"] = str(tmp_path / "features")
    command = ["src/features.py", f"paths.log_dir={tmp_path / 'logs'}"]
    done = commands.run(*command, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert "nothing is stored in" in done.stdout
    refused = commands.run(*command, "action=prune", cwd=tmp_path, env=environment)
    assert refused.returncode == 1 and "none is given" in refused.stderr
    off = commands.run(*command, "features=off", cwd=tmp_path, env=environment)
    assert off.returncode == 1 and "features=off leaves no store" in off.stderr
