"""Targets of every family, made of the embedded sample, and tiny encoders to look at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from transferlab.data.datamodule import TransferDataModule
from transferlab.data.readers.columns import ColumnReader
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.glue import GlueReader
from transferlab.data.readers.squad import SquadReader
from transferlab.data.readers.tacred import TacredReader
from transferlab.encoders.sources import resolve
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.question_answering import QuestionAnsweringTaskModule
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
FAMILIES: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "texts": (lambda: GlueReader("mrpc", SAMPLE / "mrpc"), TextClassificationTaskModule),
    "words": (
        lambda: ColumnReader(FILES, SAMPLE / "conll2003", scheme="IOB1", target_scheme="IOB2"),
        TokenClassificationTaskModule,
    ),
    "relations": (lambda: TacredReader(SAMPLE / "tacred"), RelationExtractionTaskModule),
    "questions": (lambda: SquadReader(SAMPLE / "squad"), QuestionAnsweringTaskModule),
    "coreference": (lambda: Conll2012Reader(SAMPLE / "conll2012"), CoreferenceTaskModule),
}
Target = Callable[..., tuple[Any, TransferDataModule]]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two encoders of three layers, width 16, with the tokenizer of the packaged one."""
    made = {}
    for seed, name in enumerate(("one", "two")):
        place = tmp_path_factory.mktemp("tiny") / name
        tokenizer = AutoTokenizer.from_pretrained(resolve("minilm"))
        tokenizer.save_pretrained(place)
        torch.manual_seed(seed)
        sizes = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32}
        # a narrower distribution would make all texts look alike
        BertModel(BertConfig(vocab_size=len(tokenizer), initializer_range=0.3, **sizes)).save_pretrained(place)
        made[name] = str(place)
    return made


@pytest.fixture
def sample_target(tiny: dict[str, str]) -> Target:
    """Makes the prepared taskmodule and the datamodule of a family."""

    def make(family: str, sources: Mapping[str, str] = tiny, **options: Any) -> tuple[Any, TransferDataModule]:
        reader, kind = FAMILIES[family]
        taskmodule = kind(tokenizers=load_tokenizers(sources)[0], **options)
        datamodule = TransferDataModule(reader(), taskmodule, batch_size=4)
        taskmodule.prepare(datamodule.documents("train"))
        return taskmodule, datamodule

    return make
