"""Baselines of every family are scored by one process, while the others of a distributed run do not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torchmetrics.metric
from transformers import AutoTokenizer

from transferlab.data.readers.columns import ColumnReader
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.glue import GlueReader
from transferlab.data.readers.squad import SquadReader
from transferlab.data.readers.tacred import TacredReader
from transferlab.encoders.sources import resolve
from transferlab.metrics.coreference import CoreferenceScore
from transferlab.metrics.head_match import HeadMatchScore
from transferlab.metrics.one_process import compute_alone
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.question_answering import QuestionAnsweringTaskModule
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "sample"
FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
FAMILIES: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "texts": (lambda: GlueReader("mrpc", SAMPLE / "mrpc"), TextClassificationTaskModule),
    "entities": (
        lambda: ColumnReader(FILES, SAMPLE / "conll2003", scheme="IOB1", target_scheme="IOB2"),
        TokenClassificationTaskModule,
    ),
    "relations": (lambda: TacredReader(SAMPLE / "tacred"), RelationExtractionTaskModule),
    "questions": (lambda: SquadReader(SAMPLE / "squad"), QuestionAnsweringTaskModule),
    "coreference": (lambda: Conll2012Reader(SAMPLE / "conll2012"), CoreferenceTaskModule),
}


@pytest.fixture
def one_of_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics believe that there are other processes to hear from, and there is none that answers."""
    monkeypatch.setattr(torchmetrics.metric, "jit_distributed_available", lambda: True)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_process_is_waited_for(family, one_of_several, monkeypatch):
    make_reader, kind = FAMILIES[family]
    documents = list(make_reader().read("validation"))
    taskmodule = kind({"a": AutoTokenizer.from_pretrained(resolve("minilm"))})
    found = taskmodule.baselines(documents)
    monkeypatch.undo()
    assert found and found == taskmodule.baselines(documents)


@pytest.mark.parametrize("kind", [CoreferenceScore, HeadMatchScore])
def test_metrics_inside_of_metrics_are_alone_too(kind, one_of_several):
    score, clusters = kind(), [[(0, 0), (1, 1)]]
    score.update(*([["Ann", "Ann"], clusters, clusters] if kind is HeadMatchScore else [clusters, clusters]))
    with pytest.raises(Exception, match="process group"):
        score.compute()
    score = kind()
    score.update(*([["Ann", "Ann"], clusters, clusters] if kind is HeadMatchScore else [clusters, clusters]))
    assert compute_alone(score)["conll_f1"] == 1.0
