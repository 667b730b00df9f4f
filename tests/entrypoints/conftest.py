"""Tiny encoders and corpora, and the entrypoints in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from transferlab.documents import write_jsonl

from .tiny_runs import SENTENCES, TINY, make_document


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("corpus")
    for split, count in (("train", 4), ("validation", 2), ("test", 2)):
        write_jsonl([make_document(f"{split}{i}", i) for i in range(count)], place / f"{split}.jsonl")
    return place


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted({word for text, _ in SENTENCES for word in text.split()})
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    place = tmp_path_factory.mktemp("encoder")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(place)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), max_position_embeddings=512, **sizes)).save_pretrained(place)
    return place


Compose = Callable[..., DictConfig]


@pytest.fixture
def compose_config(project_root: Path, tmp_path: Path) -> Compose:
    def compose_config(root: str, *overrides: str) -> DictConfig:
        with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
            return compose(root, overrides=[f"paths.output_dir={tmp_path / 'run'}", *overrides])

    return compose_config


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing at the end of a training: that takes as long as training."""
    monkeypatch.setattr("transferlab.finishing.plot_curves", lambda *arguments, **options: ("", ""))
    monkeypatch.setattr("transferlab.callbacks.attention_weights.plot_attention", lambda content, path: None)


@pytest.fixture
def train(compose_config: Compose, corpus: Path, encoder: Path) -> Callable[..., dict[str, float]]:
    from train import train

    def run(*overrides: str) -> dict[str, float]:
        return train(compose_config("train", *TINY, f"encoder={encoder}", f"dataset.data_dir={corpus}", *overrides))

    return run
