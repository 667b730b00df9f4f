"""What the heads of saved sources say of items, and why some say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.question_answering_model import QuestionAnsweringModel
from transferlab.models.saving import save_model
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.transferability.layer_features import LayerFeatures
from transferlab.transferability.target_items import TargetItems

STATED = {"_target_": "transferlab.taskmodules.text_classification.TextClassificationTaskModule", "options": {}}


@pytest.fixture
def saved(tiny: dict[str, str], tmp_path: Path) -> Any:
    """Saves a model over a tiny encoder, as training would; returns where, and the model."""

    def save(name: str, kind: Any, **options: Any) -> tuple[str, Any]:
        torch.manual_seed(5)
        model = kind(pretrained_models={"one": tiny["one"]}, **options).eval()
        place = tmp_path / name
        save_model(model, place, tokenizers=load_tokenizers({"one": tiny["one"]})[0], taskmodule=STATED, facts={})
        return str(place), model

    return save


def asked(sample_target: Any, family: str, place: str, **options: Any) -> tuple[TargetItems, LayerFeatures]:
    target = TargetItems(*sample_target(family, {"source": place}), max_examples=10)
    return target, LayerFeatures(target, {"source": place}, device="cpu", **options)


def test_a_source_of_texts_says_what_it_would_predict(sample_target, saved):
    place, model = saved("texts", ClassificationModel, labels=["a", "b", "c"], head_depth=1)
    target, features = asked(sample_target, "texts", place)
    items = features.items_of("source")
    assert features.without_probabilities == {}
    expected = np.empty((len(target), 3), dtype=np.float32)
    with torch.no_grad():
        for one in target.batches:
            one.batch.inputs["one"] = one.batch.inputs["source"]
            expected[one.places] = model(one.batch).softmax(-1).numpy()
    for layer in items.values():
        np.testing.assert_allclose(layer.source_probabilities, expected, atol=1e-5)
    assert expected.std(axis=0).max() > 1e-3, "texts differ"


def test_a_source_of_words_says_the_tags_of_words_and_nothing_of_texts(sample_target, saved):
    place, model = saved("words", TokenClassificationModel, labels=["O", "B-X", "I-X"])
    target, features = asked(sample_target, "words", place)
    probabilities = features.items_of("source")["1"].source_probabilities
    with torch.no_grad():
        for one in target.batches:
            one.batch.inputs["one"] = one.batch.inputs["source"]
            sequences, units, _ = one.spans[:, 0].unbind(-1)
            expected = model(one.batch).softmax(-1)[sequences, units].numpy()
            np.testing.assert_allclose(probabilities[one.places.numpy()], expected, atol=1e-5)
    target, features = asked(sample_target, "texts", place)
    assert features.items_of("source")["3"].source_probabilities is None
    assert "a TokenClassificationModel, does not read texts" in features.without_probabilities["source"]


@pytest.mark.parametrize(
    ("family", "kind", "options", "reason"),
    [
        (
            "texts",
            ClassificationModel,
            {"problem": "regression", "metric": "regression"},
            "does not choose one of several",
        ),
        ("texts", QuestionAnsweringModel, {}, "does not choose one of several"),
        ("texts", ClassificationModel, {"labels": ["a", "b"], "num_units": 2}, "reads 2 vectors, and an item has 1"),
        ("relations", ClassificationModel, {"labels": ["a", "b"]}, "reads 1 vectors, and an item has 2"),
        ("words", ClassificationModel, {"labels": ["a", "b"]}, "a ClassificationModel, does not read words"),
        ("coreference", TokenClassificationModel, {"labels": ["O", "B-X"]}, "does not read pairs of mentions"),
        ("words", TokenClassificationModel, {"labels": ["O", "B-X"], "alignment": "mean"}, "model.alignment=mean"),
        (
            "words",
            TokenClassificationModel,
            {"labels": ["O", "B-X"], "normalize_embeddings": True},
            "does not read the vectors of its encoder as they are",
        ),
    ],
)
def test_sources_without_probabilities(sample_target, saved, family, kind, options, reason):
    place, _ = saved("source", kind, **options)
    _, features = asked(sample_target, family, place)
    assert features.items_of("source")["1"].source_probabilities is None
    assert reason in features.without_probabilities["source"]


def test_plain_encoders_and_cut_sources_have_none(sample_target, saved, tiny):
    place, _ = saved("words", TokenClassificationModel, labels=["O", "B-X"])
    sources = {"cut": place, "whole": place, "plain": tiny["one"]}
    target = TargetItems(*sample_target("words", sources), max_examples=5)
    features = LayerFeatures(target, sources, {"cut": 2, "whole": 3}, device="cpu")
    found = {name: features.items_of(name)["1"].source_probabilities is not None for name in sources}
    assert found == {"cut": False, "whole": True, "plain": False}
    assert "last layer, which is cut off" in features.without_probabilities["cut"]
    assert "without the head of a task" in features.without_probabilities["plain"]


def test_the_head_of_a_relation_reads_two_arguments(sample_target, tiny, tmp_path):
    taskmodule, _ = sample_target("relations")
    arguments = taskmodule.model_arguments() | {"metric": "tacred"}
    torch.manual_seed(3)
    model = ClassificationModel(pretrained_models={"one": tiny["one"]}, **arguments).eval()
    save_model(
        model, tmp_path / "re", tokenizers={"one": taskmodule.tokenizers["one"].tokenizer}, taskmodule=STATED, facts={}
    )
    assert "[H]" in json.dumps(json.loads((tmp_path / "re" / "tokenizer.json").read_text())["added_tokens"])
    target, features = asked(sample_target, "relations", str(tmp_path / "re"))
    probabilities = features.items_of("source")["3"].source_probabilities
    with torch.no_grad():
        for one in target.batches:
            one.batch.inputs["one"] = one.batch.inputs["source"]
            np.testing.assert_allclose(
                probabilities[one.places.numpy()], model(one.batch).softmax(-1)[one.spans[:, 0, 0]].numpy(), atol=1e-5
            )
