"""Vectors of items: equal to those of plain transformers, at every layer, with and without the feature store."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, GPT2Config, GPT2Model

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_store import FeatureStore
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.transferability.items import Items
from transferlab.transferability.layer_features import LayerFeatures
from transferlab.transferability.target_items import TargetItems
from transferlab.utils.errors import UserError

WIDTHS = {"texts": 16, "words": 16, "relations": 32, "questions": 16, "coreference": 48}
CPU = {"device": "cpu"}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of every pass of an encoder."""
    seen: list[int] = []
    plain = Encoder._layers_of

    def counted(self: Encoder, inputs: dict[str, Tensor], layers: Any) -> list[Tensor]:
        seen.append(len(inputs["input_ids"]))
        return plain(self, inputs, layers)

    monkeypatch.setattr(Encoder, "_layers_of", counted)
    return seen


@cache
def loaded(source: str) -> tuple[Any, Any]:
    return AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source).eval()


@torch.no_grad()
def hidden_states(source: str, *texts: Any) -> tuple[Any, list[Tensor]]:
    """What the tokenizer makes of words, and the layers [subtokens, h] by plain transformers."""
    tokenizer, model = loaded(source)
    encoded = tokenizer(*texts, is_split_into_words=True, return_tensors="pt")
    states = model(**encoded, output_hidden_states=True).hidden_states
    return encoded, [state[0] for state in states[1:]]


def equal(found: Any, expected: Tensor) -> None:
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", WIDTHS)
def test_every_family_with_and_without_store(sample_target, tiny, tmp_path, passes, family):
    target = TargetItems(*sample_target(family), max_examples=12, max_items=80)
    features = {"directory": str(tmp_path / "features"), "dtype": "float16"}
    plain = LayerFeatures(target, tiny, **CPU)
    stored = LayerFeatures(target, tiny, features=features, **CPU)
    for name in tiny:
        expected, first = plain.items_of(name), stored.items_of(name)
        assert list(expected) == ["1", "2", "3", "mean"]
        passes.clear()
        again = LayerFeatures(target, tiny, features=features, **CPU).items_of(name)
        assert bool(passes) == (family == "relations"), "the second time no encoder runs, unless it reads markers"
        for layer, items in expected.items():
            assert items.features.shape == (len(target), WIDTHS[family]) and items.features.dtype == np.float32
            assert items.labels is target.labels and items.source_probabilities is None
            assert len(np.unique(items.features, axis=0)) > 1
            for other in (first[layer], again[layer]):
                np.testing.assert_allclose(other.features, items.features, rtol=2e-3, atol=5e-3)
            np.testing.assert_array_equal(first[layer].features, again[layer].features)
    assert not np.allclose(plain.items_of("one")["3"].features, plain.items_of("two")["3"].features)
    assert len(FeatureStore(**features).entries()) == (0 if family == "relations" else 6)


def test_a_text_has_the_hidden_state_of_its_first_token(sample_target, tiny):
    taskmodule, datamodule = sample_target("texts")
    target = TargetItems(taskmodule, datamodule, max_examples=6)
    items = LayerFeatures(target, tiny, **CPU).items_of("two")
    documents = {document.name: document for document in datamodule.documents("train")}
    for one in target.batches:
        for (sequence, _, _), place in zip(one.spans[:, 0].tolist(), one.places.tolist(), strict=True):
            document = documents[one.batch.names[sequence]]
            _, layers = hidden_states(tiny["two"], document.text.split(), document.text_pair.split())
            for number, layer in enumerate(layers, start=1):
                equal(items[str(number)].features[place], layer[0])
            equal(items["mean"].features[place], torch.stack(layers)[:, 0].mean(dim=0))
            assert target.classes[target.labels[place]] == document.gold.label


@pytest.mark.parametrize("alignment", ["first", "last", "mean", "max"])
def test_a_word_has_those_of_its_subtokens(sample_target, tiny, alignment):
    taskmodule, datamodule = sample_target("words")
    target = TargetItems(taskmodule, datamodule, max_examples=4)
    items = LayerFeatures(target, tiny, alignment=alignment, **CPU).items_of("one")
    documents = {document.name: document for document in datamodule.documents("train")}
    one = target.batches[0]
    for (sequence, unit, _), place in zip(one.spans[:, 0].tolist(), one.places.tolist(), strict=True):
        encoded, layers = hidden_states(tiny["one"], documents[one.batch.names[sequence]].words)
        own = layers[1][[position for position, word in enumerate(encoded.word_ids()) if word == unit]]
        expected = {"first": own[0], "last": own[-1], "mean": own.mean(dim=0), "max": own.max(dim=0).values}
        equal(items["2"].features[place], expected[alignment])


def test_a_pair_of_mentions_has_both_and_their_product(sample_target, tiny):
    taskmodule, datamodule = sample_target("coreference")
    target = TargetItems(taskmodule, datamodule, max_examples=2, max_items=20)
    items = LayerFeatures(target, tiny, **CPU).items_of("one")
    documents = {document.name: document for document in datamodule.documents("train")}
    for one in target.batches:
        for pair, place in zip(one.spans.tolist(), one.places.tolist(), strict=True):
            encoded, layers = hidden_states(tiny["one"], documents[one.batch.names[pair[0][0]]].words)
            firsts: dict[int, int] = {}
            for position, word in enumerate(encoded.word_ids()):
                firsts.setdefault(-1 if word is None else word, position)
            for name, layer in (("1", layers[0]), ("mean", torch.stack(layers).mean(dim=0))):
                one_mention, other = (
                    layer[[firsts[word] for word in range(start, end + 1)]].mean(0) for _, start, end in pair
                )
                equal(items[name].features[place], torch.cat([one_mention, other, one_mention * other]))


def test_an_argument_has_the_hidden_state_of_its_marker(sample_target, tiny):
    taskmodule, datamodule = sample_target("relations", typed_markers=False)
    target = TargetItems(taskmodule, datamodule, max_examples=5)
    items = LayerFeatures(target, tiny, **CPU).items_of("one")
    tokenizer, model = AutoTokenizer.from_pretrained(tiny["one"]), AutoModel.from_pretrained(tiny["one"]).eval()
    words = taskmodule.model_arguments()["added_tokens"]
    tokenizer.add_tokens(list(words), special_tokens=True)
    table = model.get_input_embeddings().weight
    start = [table[tokenizer(text, add_special_tokens=False)["input_ids"]].mean(dim=0) for text in words.values()]
    table = torch.cat([table, torch.stack(start)])  # [vocabulary + markers, h], in the order of their ids
    one = target.batches[0]
    rows = one.batch.inputs["one"]
    with torch.no_grad():
        outputs = model(
            inputs_embeds=table[rows.input_ids], attention_mask=rows.attention_mask, output_hidden_states=True
        ).hidden_states
    opening = torch.tensor(tokenizer.convert_tokens_to_ids(["[H]", "[T]"]))
    for sequence, place in zip(one.spans[:, 0, 0].tolist(), one.places.tolist(), strict=True):
        markers = [(rows.input_ids[sequence] == marker).nonzero()[0, 0] for marker in opening]
        equal(items["3"].features[place], torch.cat([outputs[3][sequence, marker] for marker in markers]))


def test_a_source_that_knows_the_markers_has_its_own(sample_target, tiny, tmp_path, passes):
    taskmodule, _ = sample_target("relations", typed_markers=False)
    tokenizer, model = AutoTokenizer.from_pretrained(tiny["one"]), AutoModel.from_pretrained(tiny["one"])
    tokenizer.add_tokens(list(taskmodule.model_arguments()["added_tokens"]), special_tokens=True)
    tokenizer.save_pretrained(tmp_path / "knows")
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "knows")
    sources = {**tiny, "knows": str(tmp_path / "knows")}
    target = TargetItems(*sample_target("relations", sources, typed_markers=False), max_examples=8)
    features = LayerFeatures(target, sources, features={"directory": str(tmp_path / "features")}, **CPU)
    knows = features.items_of("knows")
    assert not np.allclose(knows["3"].features, features.items_of("one")["3"].features, atol=1e-2)
    passes.clear()
    np.testing.assert_array_equal(features.items_of("knows")["3"].features, knows["3"].features)
    assert passes == []


def test_the_first_layers_of_a_source_are_read_from_one_store(sample_target, tiny, tmp_path, passes):
    sources = {"one": tiny["one"], "one_2": tiny["one"]}
    target = TargetItems(*sample_target("words", sources), max_examples=10)
    features = LayerFeatures(target, sources, {"one_2": 2}, features={"directory": str(tmp_path)}, **CPU)
    whole = features.items_of("one")
    passes.clear()
    cut = features.items_of("one_2")
    assert list(cut) == ["1", "2", "mean"] and passes == []
    np.testing.assert_array_equal(cut["2"].features, whole["2"].features)
    np.testing.assert_allclose(
        cut["mean"].features, (whole["1"].features + whole["2"].features) / 2, rtol=1e-5, atol=1e-6
    )


def test_only_what_is_missing_in_the_store_is_computed(sample_target, tiny, tmp_path, passes):
    taskmodule, datamodule = sample_target("texts")
    store = {"features": {"directory": str(tmp_path)}, **CPU}
    few = TargetItems(taskmodule, datamodule, max_examples=4)
    LayerFeatures(few, tiny, **store).items_of("one")
    assert sum(passes) == 4
    every = TargetItems(taskmodule, datamodule)
    items = LayerFeatures(every, tiny, **store).items_of("one")
    assert sum(passes) == every.examples
    assert isinstance(items["1"], Items) and len(items["1"]) == len(every)


def test_a_source_that_says_the_same_of_every_text_is_refused(sample_target, tiny, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny["one"])  # which puts [CLS] in front
    tokenizer.save_pretrained(tmp_path)
    GPT2Model(GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=2, n_head=2)).save_pretrained(tmp_path)
    source = {"left": str(tmp_path)}
    for alignment in ("first", "last"):
        taskmodule, datamodule = sample_target("texts", source, alignment=alignment)
        features = LayerFeatures(
            TargetItems(taskmodule, datamodule, max_examples=4), source, alignment=alignment, **CPU
        )
        if alignment == "first":
            with pytest.raises(UserError, match=r"left.*model\.alignment=mean or last"):
                features.items_of("left")
        else:
            assert len(np.unique(features.items_of("left")["2"].features, axis=0)) == 4


def test_refusals(sample_target, tiny, tmp_path):
    taskmodule, datamodule = sample_target("texts", {"one": tiny["one"]})
    target = TargetItems(taskmodule, datamodule, max_examples=4)
    with pytest.raises(UserError, match="alignment='pooler': choose one of first, last, mean, max"):
        LayerFeatures(target, tiny, alignment="pooler")
    with pytest.raises(UserError, match=r"taskmodule\.alignment=first takes one token"):
        LayerFeatures(target, tiny, alignment="mean")
    with pytest.raises(EncoderError, match="truncated: there is no encoder 'three'"):
        LayerFeatures(target, tiny, {"three": 1})
    with pytest.raises(EncoderError, match="choose a whole number from 1 to 3"):
        LayerFeatures(target, tiny, {"one": 4}, **CPU).items_of("one")
    with pytest.raises(EncoderError, match="there is no encoder 'three'"):
        LayerFeatures(target, tiny, **CPU).items_of("three")
    shutil.copytree(tiny["one"], tmp_path / "other")
    tokenizer = AutoTokenizer.from_pretrained(tiny["one"])
    tokenizer.add_tokens(["office"])
    tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(UserError, match="has no tokenizers for other, only for one"):
        LayerFeatures(target, {"one": tiny["one"], "other": str(tmp_path / "other")})


@pytest.mark.corpus
@pytest.mark.slow
def test_a_real_corpus_separates_coreferent_pairs(litbank_dir: Path, tmp_path: Path):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score

    from transferlab.data.datamodule import TransferDataModule
    from transferlab.data.readers.litbank import LitBankReader
    from transferlab.taskmodules.coreference import CoreferenceTaskModule

    taskmodule = CoreferenceTaskModule(load_tokenizers({"minilm": "minilm"})[0])
    datamodule = TransferDataModule(LitBankReader(litbank_dir), taskmodule, select_n={"train": 6})
    target = TargetItems(taskmodule, datamodule, max_items=600)
    items = LayerFeatures(target, {"minilm": "minilm"}, **CPU).items_of("minilm")["mean"]
    scaled = (items.features - items.features.mean(0)) / items.features.std(0)
    assert cross_val_score(LogisticRegression(C=0.01), scaled, items.labels, cv=3).mean() > 0.6
