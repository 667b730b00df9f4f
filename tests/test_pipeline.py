"""Several models one after another: the class, and predict.py with entities and the relations between them."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from transferlab.documents import Annotations, Document, Entity, Relation, read_jsonl, write_jsonl
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import Pipeline, load
from transferlab.models.base import TransferModel
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.saving import save_model
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.taskmodules.base import TaskModule
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule
from transferlab.utils.errors import UserError

Predict = Callable[..., dict[str, str]]


class Noting:
    """A predictor that notes its name in each document, and on a list that it has seen it."""

    def __init__(self, name: str, seen: list[tuple[str, str]]) -> None:
        self.name, self.seen = name, seen

    def predict_documents(self, documents: Iterable[Document], batch_size: int = 1) -> Iterator[Document]:
        for document in documents:
            self.seen.append((self.name, document.name))
            document.meta["read by"] = [*document.meta.get("read by", []), f"{self.name}, {batch_size}"]
            yield document


def test_each_model_reads_what_those_before_it_said():
    seen: list[tuple[str, str]] = []
    pipeline = Pipeline([Noting("ner", seen), Noting("re", seen)])  # type: ignore[list-item]
    predictions = pipeline.predict_documents([Document("a", [], []), Document("b", [], [])], batch_size=3)
    assert next(predictions).meta == {"read by": ["ner, 3", "re, 3"]}
    assert seen == [("ner", "a"), ("re", "a")], "the second document waits until it is asked for"
    assert next(predictions).meta == {"read by": ["ner, 3", "re, 3"]}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("encoder")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "ann", "met", "bob", "."]
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(place)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=512, **sizes)).save_pretrained(place)
    return str(place)


def train_document() -> Document:
    gold = Annotations(
        entities=[Entity(0, 0, "PER"), Entity(2, 2, "PER")], relations=[Relation((0, 0), (2, 2), "knows")]
    )
    return Document("train", ["ann", "met", "bob", "."], [(0, 3)], gold=gold)


def save(
    model_class: type[TransferModel],
    taskmodule_class: type[TaskModule],
    encoder: str,
    answer: str,
    place: Path,
    **options: str,
) -> Path:
    """A saved model that knows the labels of one document and gives the same answer to everything."""
    sources = {"target": encoder}
    tokenizers, _ = load_tokenizers(sources)
    taskmodule = taskmodule_class(tokenizers)
    model = model_class(pretrained_models=sources, **taskmodule.prepare([train_document()]), **options).eval()
    layer = model.head.layers[-1]
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    layer.bias.data[model.hparams["labels"].index(answer)] = 9.0
    return save_model(
        model,
        place,
        tokenizers=tokenizers,
        taskmodule={
            "_target_": f"{taskmodule_class.__module__}.{taskmodule_class.__qualname__}",
            "options": taskmodule.options(),
        },
        facts={},
    )


@pytest.fixture(scope="module")
def saved(encoder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model to which every word is a person, and one to which all know each other."""
    place = tmp_path_factory.mktemp("models")
    relations = ClassificationModel, RelationExtractionTaskModule
    return {
        "ner": save(TokenClassificationModel, TokenClassificationTaskModule, encoder, "B-PER", place / "ner"),
        "re": save(*relations, encoder, "knows", place / "re", metric="tacred"),
    }


def composed(project_root: Path, output_dir: Path, *overrides: str) -> DictConfig:
    always = [f"paths.output_dir={output_dir}", "extras.print_config=false"]
    with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
        return compose("predict", overrides=[*always, *overrides])


@pytest.fixture
def predict(project_root: Path, tmp_path: Path) -> Predict:
    from predict import predict

    return lambda *overrides: predict(composed(project_root, tmp_path / "run", *overrides))


def ner_re(saved: dict[str, Path]) -> list[str]:
    return ["pipeline=ner_re", f"pipeline.ner_model={saved['ner']}", f"pipeline.re_model={saved['re']}"]


def test_entities_and_the_relations_between_them_in_raw_text(predict, saved, tmp_path, caplog):
    (tmp_path / "in.txt").write_text("ann met bob")
    with caplog.at_level(logging.INFO):
        written = predict(*ner_re(saved), f"input={tmp_path / 'in.txt'}", "+pipeline.device=cpu")
    (document,) = read_jsonl(written["jsonl"])
    assert document.predicted is not None and document.predicted.relations is not None
    assert [(e.start, e.end, e.label) for e in document.predicted.entities or []] == [(w, w, "PER") for w in range(3)]
    pairs = [(relation.head[0], relation.tail[0], relation.label) for relation in document.predicted.relations]
    assert sorted(pairs) == [(a, b, "knows") for a in range(3) for b in range(3) if a != b]
    assert list(written) == ["jsonl"], "files of clusters have nothing to say here"
    assert "no document has predicted clusters: conll, html" in caplog.text


def test_gold_stays_beside_the_predictions_of_a_split(predict, saved, tmp_path):
    from dataclasses import replace

    documents = [replace(train_document(), name=f"d{number}") for number in range(3)]
    write_jsonl(documents, tmp_path / "test.jsonl")
    source = ["dataset=jsonl", f"dataset.data_dir={tmp_path}", "pipeline.batch_size=2", "pipeline.device=cpu"]
    written = predict(*ner_re(saved), *source)
    read = list(read_jsonl(written["jsonl"]))
    assert [document.name for document in read] == ["d0", "d1", "d2"]
    for document in read:
        assert document.gold == train_document().gold
        assert document.predicted is not None
        assert len(document.predicted.entities or []) == 4 and len(document.predicted.relations or []) == 12


def test_one_model_is_a_pipeline_too(predict, saved, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"words": ["ann", "met"]}\n')
    written = predict(f"model_name_or_path={saved['ner']}", f"input={tmp_path / 'in.jsonl'}", "pipeline.device=cpu")
    (document,) = read_jsonl(written["jsonl"])
    assert document.predicted is not None and document.predicted.relations is None
    assert document.predicted.tags == ["B-PER", "B-PER"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], r"lacks a model; give model_name_or_path"),
        (["pipeline=ner_re", "pipeline.ner_model=x"], r"models=\['x', None\] lacks a model.* pipeline\.re_model"),
        (["model_name_or_path=x", "pipeline.models=[]"], r"lacks a model"),
        (["model_name_or_path=/no/such", "input=/no/such"], r"/no/such"),
        (["model_name_or_path=x", "+serializer.clusterz={}"], r"serializer\.clusterz.*choose one of .*clusters"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_read(predict, overrides, message, monkeypatch):
    def no_reading(path: str) -> None:
        raise AssertionError("the input was read")

    monkeypatch.setattr("transferlab.data.inputs.read_inputs", no_reading)
    with pytest.raises(UserError, match="(?s)" + message):
        predict(*overrides)


def test_the_device_can_be_added_as_published(project_root, tmp_path):
    assert composed(project_root, tmp_path, "model_name_or_path=x", "+pipeline.device=0").pipeline.device == 0


def test_a_model_of_another_task_has_no_place_in_a_pipeline(predict, saved, tmp_path):
    (tmp_path / "in.txt").write_text("ann met bob")
    turned = ["pipeline=ner_re", f"pipeline.ner_model={saved['re']}", f"pipeline.re_model={saved['ner']}"]
    with pytest.raises(UserError, match=r"relation_extraction.*token_classification"):
        predict(*turned, f"input={tmp_path / 'in.txt'}")
    with pytest.raises(UserError, match="texts with entities"):
        predict(f"model_name_or_path={saved['re']}", f"input={tmp_path / 'in.txt'}")
    assert not (tmp_path / "run" / "predictions.jsonl").exists()


def test_without_data_of_its_own_a_model_wants_to_be_given_some(predict, saved):
    with pytest.raises(UserError, match=r"dataset=\.\.\."):
        predict(f"model_name_or_path={saved['ner']}")


def test_evaluation_without_a_dataset_is_of_no_sample(saved, project_root, tmp_path):
    from evaluate import evaluate

    with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
        overrides = [f"paths.output_dir={tmp_path}", "extras.print_config=false", "trainer=cpu"]
        cfg = compose("evaluate", overrides=[f"model_name_or_path={saved['ner']}", *overrides])
    with pytest.raises(UserError, match=r"dataset=\.\.\."):
        evaluate(cfg)
    assert not (tmp_path / "metrics.json").exists()


def test_documents_are_predicted_as_they_are_read_and_are_not_held(saved):
    predictor = load(saved["ner"], device="cpu")
    read: list[weakref.ref[Document]] = []

    def documents() -> Iterator[Document]:
        for number in range(60):
            # every third has nothing to ask about
            words = [] if number % 3 == 0 else ["ann", "met", "bob"]
            document = Document(f"d{number}", words, [(0, 2)] if words else [])
            read.append(weakref.ref(document))
            yield document

    for number, document in enumerate(predictor.predict_documents(documents(), batch_size=4)):
        assert document.name == f"d{number}", "in the order of the input"
        assert document.predicted is not None and len(document.predicted.tags or []) == len(document.words)
        assert len(read) <= number + 8, "a batch ahead"
        assert sum(reference() is not None for reference in read) <= 9
    assert len(read) == 60


def test_what_is_predicted_does_not_depend_on_the_batches(saved):
    def relations(batch_size: int) -> list[list[tuple]]:
        entities = [Entity(word, word, "PER") for word in range(4)]
        documents = [
            Document(f"d{n}", ["ann", "met", "bob", "."] * 2, [(0, 7)], gold=Annotations(entities=entities[: n % 5]))
            for n in range(9)
        ]
        predicted = load(saved["re"], device="cpu").predict_documents(documents, batch_size)
        return [[(r.head, r.tail) for r in document.predicted.relations] for document in predicted]

    alone = relations(1)
    assert [len(found) for found in alone] == [0, 0, 2, 6, 12, 0, 0, 2, 6]
    assert all(relations(size) == alone for size in (2, 5, 100))


def test_a_failure_leaves_no_file_under_the_final_name(predict, saved, tmp_path, monkeypatch):
    (tmp_path / "in.jsonl").write_text('{"words": ["ann", "met"]}\n' * 9)
    seen = 0

    def failing(self, batch):
        nonlocal seen
        seen += 1
        if seen == 3:
            raise RuntimeError("out of memory")
        return original(self, batch)

    original = TokenClassificationModel.predictions
    monkeypatch.setattr(TokenClassificationModel, "predictions", failing)
    with pytest.raises(RuntimeError, match="out of memory"):
        predict(
            f"model_name_or_path={saved['ner']}", f"input={tmp_path / 'in.jsonl'}", "pipeline.device=cpu",
            "pipeline.batch_size=2",
        )  # fmt: skip
    assert seen == 3
    assert not [file.name for file in (tmp_path / "run").iterdir() if "predictions" in file.name]


def test_a_mistake_in_the_last_line_shows_before_a_model_is_loaded(predict, saved, tmp_path, monkeypatch):
    (tmp_path / "in.jsonl").write_text('{"words": ["ann", "met"]}\n' * 9 + '{"words": 3}\n')
    monkeypatch.setattr("transferlab.inference.load", lambda *_, **__: pytest.fail("a model was loaded"))
    with pytest.raises(UserError, match="line 10"):
        predict(f"model_name_or_path={saved['ner']}", f"input={tmp_path / 'in.jsonl'}")
