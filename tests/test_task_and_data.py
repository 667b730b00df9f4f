"""Models and data that do not fit are refused, and the message says what the model reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from transferlab.data.datamodule import TransferDataModule
from transferlab.data.readers.columns import ColumnReader
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.glue import GlueReader
from transferlab.data.readers.squad import SquadReader
from transferlab.data.readers.tacred import TacredReader
from transferlab.documents import Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import Pipeline, Predictor
from transferlab.taskmodules.base import TaskModule
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.taskmodules.question_answering import QuestionAnsweringTaskModule
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule
from transferlab.utils.errors import UserError

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
FILES = {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}
FAMILIES: dict[str, tuple[Callable[[], Any], type[TaskModule]]] = {
    "pairs": (lambda: GlueReader("mrpc", SAMPLE / "mrpc"), TextClassificationTaskModule),
    "entities": (
        lambda: ColumnReader(FILES, SAMPLE / "conll2003", scheme="IOB1", target_scheme="IOB2"),
        TokenClassificationTaskModule,
    ),
    "relations": (lambda: TacredReader(SAMPLE / "tacred"), RelationExtractionTaskModule),
    "questions": (lambda: SquadReader(SAMPLE / "squad"), QuestionAnsweringTaskModule),
    "coreference": (lambda: Conll2012Reader(SAMPLE / "conll2012"), CoreferenceTaskModule),
}


@pytest.fixture(scope="module")
def prepared() -> dict[str, TaskModule]:
    """A taskmodule of each family that has seen the training documents of its sample."""
    tokenizers = load_tokenizers({"a": "minilm"})[0]
    made = {}
    for family, (reader, kind) in FAMILIES.items():
        made[family] = kind(tokenizers=dict(tokenizers))
        made[family].prepare(list(reader().read("train")))
    return made


def check_scored(taskmodule: Any, family: str) -> None:
    """What evaluate.py does before it computes anything."""
    datamodule = TransferDataModule(FAMILIES[family][0](), taskmodule)
    taskmodule.check_annotated(datamodule.documents("validation"))
    datamodule.check_labels(["validation"])


@pytest.mark.parametrize("data", FAMILIES)
@pytest.mark.parametrize("task", FAMILIES)
def test_only_the_data_of_its_task_is_scored(prepared: dict[str, TaskModule], task: str, data: str) -> None:
    if task == data or (task, data) == ("entities", "coreference"):  # OntoNotes has entities, too
        check_scored(prepared[task], data)
    else:
        with pytest.raises(UserError):
            check_scored(prepared[task], data)


def test_arguments_of_relations_are_not_all_entities(prepared: dict[str, TaskModule]) -> None:
    """Also where the types are those of the model."""
    taskmodule: Any = prepared["entities"]
    documents = list(TacredReader(SAMPLE / "tacred").read("test"))
    with pytest.raises(UserError, match="relation"):
        taskmodule.check_annotated(documents)
    documents[0].gold.entities = []
    taskmodule.check_annotated(documents)


@pytest.mark.parametrize(
    ("task", "given"),
    [
        ("pairs", "one text"),
        ("pairs", ("one", "two", "three")),
        ("pairs", ("one", 2)),
        ("pairs", 3),
        ("questions", "one text"),
        ("relations", "one text"),
        ("entities", ("one", "two")),
        ("coreference", ("one", "two")),
    ],
)
def test_predict_says_what_the_model_reads(
    prepared: dict[str, TaskModule], task: str, given: Any, tmp_path: Path
) -> None:
    predictor = Predictor(None, prepared[task], {}, tmp_path)  # type: ignore[arg-type]
    with pytest.raises(UserError):
        predictor.predict([given])


def test_single_texts_and_pairs_are_told_apart(prepared: dict[str, TaskModule]) -> None:
    pairs: Any = prepared["pairs"]
    single = TextClassificationTaskModule({}, labels=["a"], pairs=False)
    with pytest.raises(UserError, match="pairs of texts"):
        pairs.encode(pairs.document("one", "a text"))
    with pytest.raises(UserError, match="single texts"):
        single.encode(pairs.document("one", ("a text", "another")))
    again = TextClassificationTaskModule({}, **pairs.options())
    assert again.pairs is True and again.reads == pairs.reads
    mixed = TextClassificationTaskModule({})
    documents = [pairs.document("one", "a"), pairs.document("two", ("a", "b"))]
    for document in documents:
        document.gold.label = "x"
    mixed.prepare(documents)
    assert mixed.pairs is None


RAW = [Document("raw", ["Ann", "left"], [(0, 1)], text="Ann left", offsets=[(0, 3), (4, 8)])]


@pytest.mark.parametrize(
    ("tasks", "data", "fits"),
    [
        (["entities"], RAW, True),
        (["coreference"], RAW, True),
        (["relations"], RAW, False),
        (["questions"], RAW, False),
        (["entities", "relations"], RAW, True),
        (["relations", "entities"], RAW, False),
        (["coreference", "relations"], RAW, False),
        (["entities", "questions"], RAW, False),
        (["relations"], "relations", True),
        (["questions"], "questions", True),
        (["relations"], "entities", True),
        (["relations"], "coreference", True),  # OntoNotes has entities, too
        (["relations"], "pairs", False),
        (["questions"], "pairs", False),
        (["questions"], [], True),
    ],
)
def test_documents_and_pipelines(
    prepared: dict[str, TaskModule], tasks: list[str], data: Any, fits: bool, tmp_path: Path
) -> None:
    predictors = [Predictor(None, prepared[task], {}, tmp_path / task) for task in tasks]  # type: ignore[arg-type]
    documents = list(FAMILIES[data][0]().read("test")) if isinstance(data, str) else data
    if fits:
        Pipeline(predictors).check(documents)
    else:
        with pytest.raises(UserError, match="reads"):
            Pipeline(predictors).check(documents)
