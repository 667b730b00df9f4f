"""The store is filled before training, in one pass for all depths."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import LightningDataModule, LightningModule, Trainer
from tokenizers import Tokenizer, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from transferlab.callbacks.fill_features import FillFeatures, fill, passes, write_all
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.utils.batches import EncoderInputs, row_keys

CPU = torch.device("cpu")
SPLITS = {"train": range(10), "validation": range(8, 14), "test": range(12, 20)}


def save_encoder(place: Path, seed: int = 0) -> str:
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "a", "b"])}
    tokenizer = Tokenizer(models.WordPiece(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(place)
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=60, **sizes)).save_pretrained(place)
    return str(place)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def features(tmp_path: Path) -> dict[str, Any]:
    return {"directory": str(tmp_path / "features"), "dtype": "float32"}


class Model(LightningModule):
    def __init__(self, path: str, depths: list[int], **options: Any) -> None:
        super().__init__()
        options = {"freeze_models": "all", **options}
        truncated = {f"e{depth}": depth for depth in depths}
        self.multi_encoder = MultiEncoder(dict.fromkeys(truncated, path), truncate_models=truncated, **options)
        self.head = torch.nn.Linear(16, 1)

    def encode(self, batch: Any) -> torch.Tensor:
        return self.head(self.multi_encoder(batch.inputs, len(batch.ids), 4).embeddings).square().mean()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return self.encode(batch)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.encode(batch)

    test_step = validation_step

    def transfer_batch_to_device(self, batch: Any, device: Any, index: int) -> Any:
        return batch

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.head.parameters(), lr=0.1)


def batch_of(key: str, numbers: list[int]) -> Any:
    ids = torch.tensor([[5 + n, 6 + n, 7 + n, 8 + n] for n in numbers])
    units = torch.arange(4 * len(numbers)).view(-1, 4)
    inputs = EncoderInputs(ids, torch.ones_like(ids), units, torch.arange(len(numbers)))
    inputs.row_keys = row_keys(inputs)
    return SimpleNamespace(inputs={key: inputs}, ids=ids)


def loader_of(model: Model, split: str) -> DataLoader:
    (key,) = set(model.multi_encoder.tokenizer_keys.values())
    return DataLoader(list(SPLITS[split]), batch_size=3, collate_fn=lambda numbers: batch_of(key, numbers))


class Corpus(LightningDataModule):
    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        self.asked: list[str] = []

    def dataloader(self, split: str, training: bool = False, divided: bool = True) -> DataLoader:
        self.asked.append(split)
        return loader_of(self.model, split)

    def train_dataloader(self) -> DataLoader:
        return loader_of(self.model, "train")

    def val_dataloader(self) -> DataLoader:
        return loader_of(self.model, "validation")

    def test_dataloader(self) -> DataLoader:
        return loader_of(self.model, "test")


def encoders(model: Model) -> dict[str, Encoder]:
    return {name: model.multi_encoder._encoder(name) for name in model.multi_encoder.encoder_ids}


def count_rows(model: Model) -> dict[str, int]:
    counts = dict.fromkeys(model.multi_encoder.encoder_ids, 0)

    def hook(name: str) -> Any:
        def count(module: Any, args: Any, kwargs: Any) -> None:
            counts[name] += len(kwargs["input_ids"])

        return count

    for name, encoder in encoders(model).items():
        encoder.stack.register_forward_pre_hook(hook(name), with_kwargs=True)
    return counts


def trainer_for(model: Model, **options: Any) -> tuple[Trainer, Corpus]:
    plain = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    options = {"max_epochs": 2, "accelerator": "cpu", "callbacks": [FillFeatures()], **plain, **options}
    return Trainer(**options), Corpus(model)


def test_one_pass_serves_all_depths(path, features):
    model = Model(path, [2, 4, 1], features=features)
    counts = count_rows(model)
    (one,) = passes(model)
    assert one.encoder is encoders(model)["e4"] and one.features.kept == [1, 2, 4]
    fill(one, [loader_of(model, "train"), loader_of(model, "validation")], CPU)
    assert counts == {"e2": 0, "e4": 14, "e1": 0}
    plain = Model(path, [2, 4, 1])
    plain.head = model.head
    for batch in loader_of(model, "train"):
        torch.testing.assert_close(model.encode(batch), plain.encode(batch))
    assert sum(counts.values()) == 14


def test_every_layer_may_be_kept(path, features):
    (one,) = passes(Model(path, [2], features=features), every_layer=True)
    assert one.features.kept == [1, 2]


def test_other_weights_and_poolers_need_a_pass_of_their_own(path, features, tmp_path):
    other = save_encoder(tmp_path / "other", seed=1)
    both = torch.nn.ModuleList([Model(path, [4], features=features), Model(other, [2], features=features)])
    assert [one.features.kept for one in passes(both)] == [[4], [2]]
    pooled = Model(path, [4, 2], features=features, alignment="pooler")
    assert [one.features.kept for one in passes(pooled)] == [[4], [2]]
    assert passes(torch.nn.ModuleList([Model(path, [4], features=features), Model(path, [2], features=features)])) != []


def test_trained_encoders_need_none(path, features):
    assert passes(Model(path, [4], features=features, freeze_models=None)) == []
    assert passes(Model(path, [4])) == []


def test_nothing_is_read_when_all_is_there(path, features):
    first = Model(path, [4], features=features)
    fill(passes(first)[0], [loader_of(first, "train")], CPU)
    again = Model(path, [4], features={**features, "gpu_gb": 1})  # a store of its own, as in another process
    counts = count_rows(again)
    fill(passes(again)[0], [loader_of(again, "train")], CPU)
    assert counts == {"e4": 0}
    fill(passes(again)[0], [loader_of(again, "validation")], CPU)
    assert counts == {"e4": 4}, "rows 10 to 13 are new"


def test_what_does_not_fit_is_said_and_another_split_may_fit(path, features, caplog):
    features |= {"limit_gb": 2000e-9}
    model = Model(path, [4], features=features)
    counts = count_rows(model)
    (one,) = passes(model)
    fill(one, [loader_of(model, "train")], CPU)  # 10 rows of 256 bytes
    assert one.features.full and counts == {"e4": 0}
    assert one.features.store.entries() == []
    assert "features.limit_gb=2e-06" in caplog.text and "the encoder 'e4' computes its rows every time" in caplog.text
    fill(one, [loader_of(model, "validation")], CPU)
    assert not one.features.full and counts == {"e4": 6}


def test_training_reads_every_row_once(path, features):
    model = Model(path, [4, 2], features=features)
    counts = count_rows(model)
    trainer, corpus = trainer_for(model)
    trainer.fit(model, corpus)
    assert counts == {"e4": 14, "e2": 0} and corpus.asked == ["train", "validation"]
    trainer.test(model, corpus, verbose=False)
    assert counts == {"e4": 20, "e2": 0} and corpus.asked[2:] == ["test"]
    trainer.validate(model, corpus, verbose=False)
    assert counts == {"e4": 20, "e2": 0} and corpus.asked[3:] == ["validation"]


def test_the_precision_of_the_trainer_is_that_of_the_features(path, features):
    model = Model(path, [4], features=features)
    counts = count_rows(model)
    trainer, corpus = trainer_for(model, precision="bf16-mixed")
    trainer.fit(model, corpus)
    assert counts == {"e4": 14}
    assert {one.about["precision"] for one in encoders(model)["e4"].features.store.entries()} == {"float32+bfloat16"}


def test_splits_of_which_little_is_read_are_not_filled_but_kept_as_they_come(path, features):
    model = Model(path, [4], features=features)
    counts = count_rows(model)
    trainer, corpus = trainer_for(model, limit_train_batches=2, num_sanity_val_steps=0)
    trainer.fit(model, corpus)
    assert corpus.asked == ["validation"]
    assert counts == {"e4": 6 + 6}
    assert [entry.rows for entry in encoders(model)["e4"].features.store.entries()] == [12]


def test_without_a_store_nothing_happens(path):
    model = Model(path, [4])
    trainer, corpus = trainer_for(model, max_epochs=1, limit_val_batches=0)
    trainer.fit(model, corpus)
    assert corpus.asked == []


def test_write_all_writes_what_waits(path, features, caplog):
    model = Model(path, [4], features=features)
    with caplog.at_level(logging.WARNING):
        model.encode(next(iter(loader_of(model, "train"))))
    store = encoders(model)["e4"].features.store
    assert store.entries() == []
    write_all(model)
    assert [entry.rows for entry in store.entries()] == [3]
