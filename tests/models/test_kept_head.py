"""A run that keeps the head of the saved model it starts from predicts as that one did, before it trains."""

from __future__ import annotations

import pytest
import torch
from tests.transferability.tiny_tasks import TASKS, TEXTS, batches, classification, tiny_encoders

from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.kept_head import check_has_head, keep_head
from transferlab.models.registry import SavedModelError
from transferlab.models.saving import save_trained
from transferlab.taskmodules.coreference import CoreferenceTaskModule


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory):
    return tiny_encoders(tmp_path_factory)


def saved(task: str, encoder: str, place, **options):
    taskmodule, documents, model = TASKS[task]({"target": encoder}, **options)
    save_trained(model, place, taskmodule, facts={})
    return taskmodule, documents, model.eval()


@pytest.mark.parametrize("task", ["classes", "labels", "tokens", "questions", "coreference"])
def test_every_family_keeps_its_head(encoder, tmp_path, task):
    taskmodule, documents, source = saved(task, encoder(), tmp_path / "source")
    _, _, model = TASKS[task]({"target": str(tmp_path / "source")})
    of = batches(taskmodule, documents, 4)
    before = model.eval().loss(of[0])
    keep_head(model, taskmodule)
    assert torch.equal(model.loss(of[0]), source.loss(of[0])) and not torch.equal(model.loss(of[0]), before)


@pytest.mark.parametrize("depth", [0, 1])
def test_a_head_of_values_predicts_the_same_values_in_new_units(encoder, tmp_path, depth):
    options = {"head_depth": depth, "head_hidden_size": 8}
    taskmodule, documents, source = saved("values", encoder(), tmp_path / "source", **options)
    new = [-3.0, 2.0, 1.0, 0.5, 7.0, 2.5, -1.0, 3.5]
    other, _, model = classification({"target": str(tmp_path / "source")}, "regression", new, **options)
    keep_head(model, other)
    assert model.problem.value_std != source.problem.value_std
    (batch,) = batches(taskmodule, documents, len(TEXTS))
    labels = [[p.label for p in m.eval().predictions(batch)] for m in (source, model)]
    assert labels[1] == pytest.approx(labels[0], abs=1e-3) and max(labels[0]) - min(labels[0]) > 0.05


def test_what_cannot_be_kept_is_refused(encoder, tmp_path):
    saved("classes", encoder(), tmp_path / "source")
    start = {"target": str(tmp_path / "source")}
    relabelled, _, other = classification(start, "multi_class", ["yes", "no", "yes", "no", "no", "yes", "maybe", "no"])
    with pytest.raises(SavedModelError, match=r"labels.*perhaps.*maybe"):
        keep_head(other, relabelled)
    tags, _, tagger = TASKS["tokens"](start)
    with pytest.raises(SavedModelError, match=r"one of classification.*token_classification"):
        keep_head(tagger, tags)
    classes, _, deeper = TASKS["classes"](start, head_depth=1)
    with pytest.raises(SavedModelError, match=r"head\.layers\.1\.weight"):
        keep_head(deeper, classes)
    with pytest.raises(SavedModelError, match="model_load_mode"):
        check_has_head({"target": encoder()})
    with pytest.raises(SavedModelError, match="one, two"):
        check_has_head({"one": str(tmp_path / "source"), "two": encoder()})
    (tmp_path / "source" / "task.safetensors").write_bytes(b"half")
    with pytest.raises(SavedModelError, match=r"task\.safetensors"):
        keep_head(other, relabelled)


@pytest.mark.parametrize(
    ("name", "options"), [("unit", {"unit": "subtoken"}), ("genres", {"genres": ["nw", "bc"]}), ("genres", {})]
)
def test_a_head_that_reads_other_inputs_is_refused(encoder, tmp_path, name, options):
    """Their shapes are the same: the head would compute something else with them."""
    taskmodule, _, model = TASKS["coreference"]({"target": encoder()})
    taskmodule.genres = ["bc", "nw"] if name == "genres" else []
    save_trained(model, tmp_path / "source", taskmodule, facts={})
    start = {"target": str(tmp_path / "source")}
    _, _, again = TASKS["coreference"](start)
    tokenizers = load_tokenizers(start)[0]
    keep_head(again, CoreferenceTaskModule(tokenizers, max_segment_len=10, genres=taskmodule.genres))
    with pytest.raises(SavedModelError, match=rf"taskmodule\.{name}="):
        keep_head(again, CoreferenceTaskModule(tokenizers, max_segment_len=10, **options))
