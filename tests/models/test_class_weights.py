"""Weights of classes: what balanced means, what the losses become, and that nothing else changes."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from transferlab import building
from transferlab.data.datamodule import TransferDataModule
from transferlab.documents import Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.inference import load
from transferlab.models.class_weights import ClassWeights
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.saving import save_model
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.taskmodules.token_classification import TokenClassificationTaskModule
from transferlab.utils.errors import UserError

TEXTS = [("ann saw bob", "good"), ("bob saw ann", "good"), ("she met him", "bad"), ("he met her", "good")]
METRICS = {"multi_class": "classification", "multi_label": "multi_label"}


def text(number: int, wording: str, label) -> Document:
    words = wording.split()
    found = Document(f"d{number}", words, [(0, len(words) - 1)])
    found.gold.label = label
    return found


class Corpus:
    splits = ("train",)

    def __init__(self, documents: list[Document]) -> None:
        self.documents = documents

    def read(self, split: str):
        return iter(self.documents)


def made(encoder: str, class_weights, problem: str = "multi_class"):
    """A model of texts and the batch of all of them."""
    several = problem == "multi_label"
    documents = [text(n, wording, [label] if several else label) for n, (wording, label) in enumerate(TEXTS)]
    taskmodule = TextClassificationTaskModule(load_tokenizers({"target": encoder})[0], problem, max_length=20)
    learned = taskmodule.prepare(documents)
    torch.manual_seed(0)
    model = ClassificationModel(
        pretrained_models={"target": encoder}, metric=METRICS[problem], class_weights=class_weights, **learned
    ).eval()
    datamodule = TransferDataModule(Corpus(documents), taskmodule, batch_size=3)
    building.balance_classes(model, datamodule)
    return model, taskmodule.collate(datamodule.examples("train"), training=True), taskmodule


@pytest.mark.parametrize("seed", range(3))
def test_balanced_is_that_of_scikit_learn(seed):
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.random.default_rng(seed).choice([0, 1, 3], p=[0.9, 0.06, 0.04], size=400)
    weights = ClassWeights("balanced", ["a", "b", "never", "c"])
    weights.balance(torch.from_numpy(labels).bincount(minlength=4))
    expected = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
    assert weights.values is not None
    np.testing.assert_allclose(weights.values[[0, 1, 3]], expected, rtol=1e-6)
    assert weights.values[2] == 1


@pytest.mark.parametrize("given", ["balanced", {"bad": 5.0}])
def test_losses_are_those_of_the_examples_times_the_weights_of_their_classes(tiny_encoder, given):
    model, batch, _ = made(tiny_encoder, given)
    plain, _, _ = made(tiny_encoder, None)
    weights = {"bad": 4 / (2 * 1), "good": 4 / (2 * 3)} if given == "balanced" else {"bad": 5.0, "good": 1.0}
    expected = F.cross_entropy(plain(batch), batch.labels, reduction="none") * torch.tensor(
        [weights[label] for label in batch.gold]
    )
    torch.testing.assert_close(model.losses(batch), expected)
    torch.testing.assert_close(model.loss(batch), expected.mean())
    assert model.predictions(batch) == plain.predictions(batch), "what is predicted, and so scored, is the same"
    torch.testing.assert_close(plain.loss(batch), F.cross_entropy(plain(batch), batch.labels), rtol=0, atol=0)


def test_of_several_classes_that_an_example_has_each_answer_is_weighed(tiny_encoder):
    model, batch, _ = made(tiny_encoder, {"bad": 3.0}, "multi_label")
    logits = model(batch)
    by_class = F.binary_cross_entropy_with_logits(logits, batch.labels, reduction="none")  # [n, c]
    weight = torch.where(batch.labels.bool(), torch.tensor([3.0, 1.0]), torch.tensor(1.0))  # labels: bad, good
    torch.testing.assert_close(model.losses(batch), (by_class * weight).mean(-1))
    balanced, _, _ = made(tiny_encoder, "balanced", "multi_label")
    assert balanced.class_weights.by_label() == {"bad": 2.0, "good": 0.667}


def test_words_are_weighed_by_their_tags(tiny_encoder, documents):
    for document in documents:
        document.gold.tags = ["NAME" if word in ("ann", "bob") else "O" for word in document.words]
    taskmodule = TokenClassificationTaskModule(
        load_tokenizers({"target": tiny_encoder})[0], layer="tags", scheme=None, max_segment_len=30, overlap=4
    )
    learned = taskmodule.prepare(documents)
    options = {"pretrained_models": {"target": tiny_encoder}, **learned}
    torch.manual_seed(0)
    model = TokenClassificationModel(class_weights="balanced", **options).eval()
    datamodule = TransferDataModule(Corpus(documents), taskmodule, batch_size=2)
    building.balance_classes(model, datamodule)
    tags = [tag for document in documents for tag in document.gold.tags or []]
    weights = {tag: len(tags) / (2 * tags.count(tag)) for tag in ("NAME", "O")}
    assert model.class_weights.by_label() == pytest.approx(weights, rel=1e-2)
    batch = taskmodule.collate(datamodule.examples("train"), training=True)
    logits, known = model(batch), batch.tag_ids.ne(-100)
    per_word = F.cross_entropy(logits[known], batch.tag_ids[known], reduction="none")
    weight = torch.tensor([weights[model.labels[tag]] for tag in batch.tag_ids[known].tolist()])
    torch.testing.assert_close(model.loss(batch), (per_word * weight).mean(), rtol=1e-5, atol=1e-6)
    singly = [model.loss(taskmodule.collate([e], training=True)) for e in datamodule.examples("train")]
    torch.testing.assert_close(model.losses(batch), torch.stack(singly), rtol=1e-4, atol=1e-5)


def test_a_saved_model_has_the_same_losses(tiny_encoder, tmp_path):
    model, batch, taskmodule = made(tiny_encoder, "balanced")
    tokenizers, keys = load_tokenizers({"target": tiny_encoder})
    kind = type(taskmodule)
    place = save_model(
        model,
        tmp_path / "saved",
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={"_target_": f"{kind.__module__}.{kind.__qualname__}", "options": taskmodule.options()},
        facts={},
    )
    torch.testing.assert_close(load(place, device="cpu").model.loss(batch), model.loss(batch))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("balancd", "balancd"),
        (True, "true"),
        (3.0, "3.0"),
        ({"baad": 2.0}, "baad"),
        ({"bad": 0}, "class_weights.bad"),
        ({"bad": -1.0}, "-1.0"),
        ({"bad": float("nan")}, "nan"),
        ({"bad": "2"}, "'2'"),
        ({"bad": True}, "true"),
    ],
)
def test_other_weights_are_refused(given, named):
    with pytest.raises(UserError, match=r"model\.class_weights") as error:
        ClassWeights(given, ["bad", "good"])
    assert named in str(error.value)


def test_values_have_no_classes_to_weigh():
    for given in ("balanced", {"a": 2.0}):
        with pytest.raises(UserError, match="no classes"):
            ClassWeights(given, [])
    assert ClassWeights(None, []).values is None


def test_models_without_classes_are_left_alone():
    building.balance_classes(SimpleNamespace(), None)  # type: ignore[arg-type]
