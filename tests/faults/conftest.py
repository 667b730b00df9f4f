"""Composed configs that faults are put into, and what refuses them."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict

from .faults import Refusal

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
GIVEN = {
    "train": ["dataset=jsonl", "extras.print_config=false"],
    "evaluate": ["model_name_or_path=x", "extras.print_config=false", "trainer=cpu"],
    "predict": ["model_name_or_path=x", "extras.print_config=false", "pipeline.device=cpu"],
    "convert": ["checkpoint=x", "extras.print_config=false"],
    "rank": ["target=ner", "sources=[ner,re]", "extras.print_config=false"],
    "report": ["sweeps=x", "extras.print_config=false"],
    "evaluate_documents": ["extras.print_config=false"],
    "embed": ["dataset=jsonl", "task=mine", "extras.print_config=false"],
}
Composed = Callable[..., DictConfig]


@cache
def _base(root: str) -> DictConfig:
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose(root, overrides=["paths.output_dir=/nowhere", *GIVEN.get(root, [])])


@pytest.fixture
def composed(tmp_path: Path) -> Composed:
    """A config of a root with overrides of keys: composed once and changed as Hydra would, which is quicker."""

    def config(root: str, *overrides: str) -> DictConfig:
        cfg = copy.deepcopy(_base(root))
        with open_dict(cfg):
            cfg.paths.output_dir = str(tmp_path / "run")
            for override in OverridesParser.create().parse_overrides(list(overrides)):
                if override.is_delete():
                    cfg.pop(override.key_or_group)
                else:
                    OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True, force_add=True)
        OmegaConf.set_struct(cfg, True)
        return cfg

    return config


@pytest.fixture
def refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Refusal]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Refusal(tmp_path, capsys, monkeypatch)
    root.handlers[:], root.level = handlers, level  # a command line has set others, on streams that are gone


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    place = tmp_path_factory.mktemp("encoder")
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ann", "met", "bob"])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = [("[CLS]", 2), ("[SEP]", 3)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(place)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=7, max_position_embeddings=64, **sizes)).save_pretrained(place)
    return place
