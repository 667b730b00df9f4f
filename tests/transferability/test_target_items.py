"""Which items of a target are looked at, for every family of the embedded sample."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from transferlab.data.datamodule import TransferDataModule
from transferlab.documents import Annotations, Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.transferability.item_kinds import KINDS
from transferlab.transferability.target_items import KEPT, TargetItems
from transferlab.utils.batches import QuestionBatch, TokenBatch
from transferlab.utils.errors import UserError

PARTS = {"texts": 1, "words": 1, "relations": 2, "questions": 1, "coreference": 2}


class Labelled:
    """A corpus of texts with the given labels."""

    splits = ("train",)

    def __init__(self, labels: list[Any]) -> None:
        self.labels = labels

    def read(self, split: str) -> Any:
        for number, label in enumerate(self.labels):
            words = ["text", str(number)]
            yield Document(f"t{number}", words, [(0, 1)], text=" ".join(words), gold=Annotations(label=label))


def labelled(tiny: dict[str, str], gold: list[Any], **options: Any) -> tuple[Any, TransferDataModule]:
    taskmodule = TextClassificationTaskModule(load_tokenizers(tiny)[0], **options)
    datamodule = TransferDataModule(Labelled(gold), taskmodule, batch_size=4)  # type: ignore[arg-type]
    taskmodule.prepare(datamodule.documents("train"))
    return taskmodule, datamodule


@pytest.mark.parametrize("family", PARTS)
def test_items_of_every_family(sample_target, family):
    items = TargetItems(*sample_target(family), max_items=60)
    assert 2 <= len(items) <= 60 and items.parts == PARTS[family]
    assert items.labels.dtype == np.int64 and not items.regression
    assert sorted(set(items.labels.tolist())) == list(range(len(items.classes))), "every class occurs"
    described = items.describe()
    assert json.loads(json.dumps(described)) == described
    assert sum(described["classes"].values()) == described["items"] == len(items)
    places = torch.cat([one.places for one in items.batches])
    assert sorted(places.tolist()) == list(range(len(items)))
    for one in items.batches:
        sequences, first, last = one.spans.unbind(-1)
        assert (sequences < len(one.batch.names)).all() and (first <= last).all() and (last < one.batch.units).all()
        assert all(inputs.row_keys for inputs in one.batch.inputs.values())


def test_words_have_their_tags(sample_target):
    taskmodule, datamodule = sample_target("words")
    items = TargetItems(taskmodule, datamodule, max_items=10**6)
    for one in items.batches:
        sequences, units, _ = one.spans[:, 0].unbind(-1)
        tags = [taskmodule.labels[tag] for tag in one.batch.tag_ids[sequences, units].tolist()]
        assert tags == [items.classes[label] for label in items.labels[one.places]]
    documents = datamodule.documents("train")
    assert items.examples == sum(len(document.sentences) for document in documents)
    assert len(items) == sum(len(document.words) for document in documents)


def test_words_of_texts_are_in_answers_or_not(sample_target):
    items = TargetItems(*sample_target("questions"), max_items=10**6)
    counts = items.describe()["classes"]
    assert list(counts) == ["outside of answers", "in an answer"] and len(set(counts.values())) == 1
    for one in items.batches:
        for (sequence, unit, _), label in zip(one.spans[:, 0].tolist(), items.labels[one.places], strict=True):
            spans = one.batch.answer_spans[sequence].tolist()
            assert 1 <= unit <= one.batch.lengths[sequence]
            assert any(first <= unit <= last and first > 0 for first, last in spans) == bool(label)


def test_pairs_of_mentions_corefer_or_not(sample_target):
    items = TargetItems(*sample_target("coreference"))
    assert items.classes == ["different entities", "coreferent"]
    for one in items.batches:
        entities = [
            dict(zip(map(tuple, d.gold_mentions.tolist()), d.gold_cluster_ids.tolist(), strict=True))
            for d in one.batch.documents
        ]
        for (mention, earlier), label in zip(one.spans.tolist(), items.labels[one.places], strict=True):
            assert mention[0] == earlier[0], "of the same document"
            of_document = entities[mention[0]]
            assert (of_document[tuple(mention[1:])] == of_document[tuple(earlier[1:])]) == bool(label)


def test_the_choice_depends_on_the_seed_and_not_on_the_tokenizers(sample_target, tiny, tmp_path):
    from transformers import AutoTokenizer, BertConfig, BertModel

    _, datamodule = sample_target("texts")
    words = {word for document in datamodule.documents("train") for word in document.words[:4]}
    tokenizer = AutoTokenizer.from_pretrained(tiny["one"])
    assert tokenizer.add_tokens(sorted(words)) > 20
    tokenizer.save_pretrained(tmp_path)
    BertModel(BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_attention_heads=2)).save_pretrained(tmp_path)

    def chosen(seed: int, sources: dict[str, str]) -> tuple[list[Any], int]:
        items = TargetItems(*sample_target("texts", sources), max_examples=30, max_items=20, seed=seed)
        names = {
            place: name
            for one in items.batches
            for place, name in zip(one.places.tolist(), one.batch.names, strict=True)
        }
        subtokens = sum(int(i.attention_mask.sum()) for one in items.batches for i in one.batch.inputs.values())
        return [(names[place], label) for place, label in enumerate(items.labels.tolist())], subtokens

    first, subtokens = chosen(0, tiny)
    assert len(first) == 20 and chosen(0, tiny) == (first, subtokens) and chosen(1, tiny)[0] != first
    others, other_subtokens = chosen(0, {"other": str(tmp_path)})
    assert others == first and other_subtokens != subtokens


def test_examples_and_items_are_limited_and_rare_classes_stay(sample_target, tiny):
    assert TargetItems(*sample_target("words"), max_examples=5).examples == 5
    labels = ["often"] * 300 + ["rare"] * 2 + ["single"]
    items = TargetItems(*labelled(tiny, labels), max_items=20)
    assert items.describe()["classes"] == {"often": 20 - 3, "rare": KEPT, "single": 1}
    assert len(TargetItems(*labelled(tiny, labels), max_items=2)) == 2


def test_values_are_drawn_without_looking_at_them(tiny):
    labels = [0.0] * 500 + [float(value) for value in range(1, 51)]
    items = TargetItems(*labelled(tiny, labels, problem="regression"), max_items=110)
    assert items.regression and items.labels.dtype == np.float64 and items.classes == []
    assert 80 < (items.labels == 0).sum() < 110
    assert items.describe()["mean"] == pytest.approx(items.labels.mean())


def test_labels_that_training_has_not_seen_are_left_out(tiny):
    taskmodule, datamodule = labelled(tiny, ["a", "b", "c", "b"], labels=["a", "b"])
    items = TargetItems(taskmodule, datamodule)
    assert items.describe()["classes"] == {"a": 1, "b": 2} and items.examples == 4


def test_refusals(tiny, sample_target):
    with pytest.raises(UserError, match="several classes"):
        TargetItems(*labelled(tiny, [["a"], ["a", "b"]], problem="multi_label"))
    with pytest.raises(UserError, match="max_items=1"):
        TargetItems(*labelled(tiny, ["a", "b"]), max_items=1)
    taskmodule, datamodule = labelled(tiny, ["a", "b"])
    taskmodule.labels = []
    with pytest.raises(UserError, match="no items to estimate transferability from: none of 2 examples"):
        TargetItems(taskmodule, datamodule)


def test_unanswered_and_unknown_things_give_no_items():
    questions = QuestionBatch(
        {}, 5, ["a", "b", "c"], torch.tensor([4, 4, 4]),
        torch.tensor([[[0, 0], [-1, -1]], [[2, 3], [3, 3]], [[-1, -1], [-1, -1]]]), ["", "", ""], [[], [], []],
        [[], ["x"], None],
    )  # fmt: skip
    spans, labels = KINDS[QuestionBatch].find(questions, Random(0))
    assert spans[:, 0].tolist() == [[1, 1, 1], [1, 4, 4], [1, 2, 2], [1, 3, 3]] and labels.tolist() == [0, 0, 1, 1]
    words = TokenBatch({}, 3, ["a"], torch.tensor([2]), torch.tensor([[4, -100, -100]]), [None])
    spans, labels = KINDS[TokenBatch].find(words, Random(0))
    assert spans.tolist() == [[[0, 0, 0]]] and labels.tolist() == [4]
