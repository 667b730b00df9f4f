"""A tiny encoder on disk, and documents to train on."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from transferlab.documents import Annotations, Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.taskmodules.coreference import CoreferenceTaskModule

WORDS = ["ann", "bob", "met", "her", "him", ".", "she", "he", "saw", "the", "mayor", "and"]


def save_tiny_encoder(directory: Path, seed: int, layers: int = 2, width: int = 16) -> str:
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(directory)
    fast.save_pretrained(directory)
    return str(directory)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One that no test changes."""
    return save_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", seed=0)


@pytest.fixture
def encoder(tmp_path: Path) -> str:
    return save_tiny_encoder(tmp_path / "encoder", seed=0)


@pytest.fixture
def other_encoder(tmp_path: Path) -> str:
    return save_tiny_encoder(tmp_path / "other", seed=1)


def document(name: str, sentences: list[str], clusters: list[list[tuple[int, int]]]) -> Document:
    words: list[str] = []
    spans = []
    for sentence in sentences:
        spans.append((len(words), len(words) + len(sentence.split()) - 1))
        words += sentence.split()
    return Document(name, words, spans, gold=Annotations(clusters=clusters)).validate()


@pytest.fixture
def documents() -> list[Document]:
    return [
        document("one", ["ann met bob .", "she saw him ."], [[(0, 0), (4, 4)], [(2, 2), (6, 6)]]),
        document("two", ["the mayor saw ann and bob .", "he met her ."], [[(0, 1), (7, 7)], [(3, 3), (9, 9)]]),
        document("three", ["bob .", "bob saw the mayor and ann .", "ann met him ."], [[(0, 0), (2, 2)]]),
    ]


@pytest.fixture
def taskmodule(encoder: str) -> CoreferenceTaskModule:
    return CoreferenceTaskModule(load_tokenizers({"target": encoder})[0], max_segment_len=16)
