"""TextEmb equals its formula, computed by hand from what AutoModel says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from transferlab.documents import Document
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.transferability.embedding_pass import batches_of, embed
from transferlab.transferability.text_embedding import COMPONENT, TextEmbedding
from transferlab.utils.errors import UserError


def embedding(
    taskmodule: Any, datamodule: Any, source: str, tmp_path: Any, size: int = 4, **options: Any
) -> torch.Tensor:
    added = taskmodule.model_arguments().get("added_tokens")
    multi_encoder = MultiEncoder({"one": source}, freeze_models="all", added_tokens=added)
    embedder = TextEmbedding(multi_encoder, **options)
    examples = datamodule.examples("train")
    batches = batches_of([example.length for example in examples], size, False, 0, 1)
    embed(embedder, taskmodule, examples, batches, tmp_path / "unfinished", {})
    assert embedder.examples == len(examples)
    return embedder.result()[COMPONENT]


@torch.no_grad()
def mean_of(model: Any, inputs: Any) -> torch.Tensor:
    """sum_t m_t h_t / sum_t m_t of one text, by hand."""
    hidden, mask = model(**inputs).last_hidden_state[0], inputs["attention_mask"][0]
    return sum((hidden[t] * mask[t] for t in range(len(mask))), torch.zeros(hidden.shape[1])) / mask.sum()


def test_pairs_of_texts_equal_the_formula(sample_target, tiny, tmp_path):
    """Both segments and the special tokens count; token types are those of the pair."""
    taskmodule, datamodule = sample_target("texts", {"one": tiny["one"]})
    model, tokenizer = AutoModel.from_pretrained(tiny["one"]).eval(), AutoTokenizer.from_pretrained(tiny["one"])
    documents: list[Document] = datamodule.documents("train")
    by_hand = torch.stack(
        [mean_of(model, tokenizer(d.text, d.text_pair, return_tensors="pt")) for d in documents]
    ).mean(0)
    found = embedding(taskmodule, datamodule, tiny["one"], tmp_path)
    torch.testing.assert_close(found, by_hand, rtol=1e-6, atol=1e-6)
    for size in (1, 7):
        again = embedding(taskmodule, datamodule, tiny["one"], tmp_path, size)
        torch.testing.assert_close(again, found, rtol=1e-6, atol=1e-6)


def test_words_equal_the_formula(sample_target, tiny, tmp_path):
    taskmodule, datamodule = sample_target("words", {"one": tiny["one"]})
    model, tokenizer = AutoModel.from_pretrained(tiny["one"]).eval(), AutoTokenizer.from_pretrained(tiny["one"])
    sentences = [d.words[first : last + 1] for d in datamodule.documents("train") for first, last in d.sentences]
    inputs = [tokenizer(sentence, is_split_into_words=True, return_tensors="pt") for sentence in sentences]
    by_hand = torch.stack([mean_of(model, one) for one in inputs]).mean(0)
    found = embedding(taskmodule, datamodule, tiny["one"], tmp_path)
    torch.testing.assert_close(found, by_hand, rtol=1e-6, atol=1e-6)


def test_long_texts_count_once_per_window_or_once(sample_target, tiny, tmp_path):
    short = {"max_segment_len": 64, "doc_stride": 16, "max_question_length": 24}
    taskmodule, datamodule = sample_target("questions", {"one": tiny["one"]}, **short)
    model = AutoModel.from_pretrained(tiny["one"]).eval()
    rows, examples = [], []
    for example in datamodule.examples("train"):
        batch = taskmodule.collate([example], training=False).inputs["one"]
        totals = []
        for ids, mask, types in zip(batch.input_ids, batch.attention_mask, batch.token_type_ids, strict=True):
            real = mask.bool()
            with torch.no_grad():
                hidden = model(ids[real][None], token_type_ids=types[real][None]).last_hidden_state[0]
            rows.append(hidden.mean(0))
            totals.append((hidden.sum(0), len(hidden)))
        examples.append(sum(t for t, _ in totals) / sum(n for _, n in totals))
    assert len(rows) > len(examples), "some texts have several windows"
    per_window = embedding(taskmodule, datamodule, tiny["one"], tmp_path)
    per_example = embedding(taskmodule, datamodule, tiny["one"], tmp_path, per="example")
    torch.testing.assert_close(per_window, torch.stack(rows).mean(0), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(per_example, torch.stack(examples).mean(0), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", ["relations", "coreference"])
def test_every_family_has_one_and_batches_do_not_matter(sample_target, tiny, tmp_path, family):
    taskmodule, datamodule = sample_target(family, {"one": tiny["one"]})
    found = embedding(taskmodule, datamodule, tiny["one"], tmp_path, 2)
    assert found.shape == (16,) and found.isfinite().all() and found.abs().sum() > 0
    torch.testing.assert_close(embedding(taskmodule, datamodule, tiny["one"], tmp_path, 5), found, rtol=1e-6, atol=1e-6)


def test_wrong_use_is_refused(tiny):
    with pytest.raises(UserError, match="reads one encoder, here are one, two"):
        TextEmbedding(MultiEncoder(tiny, freeze_models="all"))
    with pytest.raises(UserError, match=r"embedding\.per=word: choose one of window, example"):
        TextEmbedding(MultiEncoder({"one": tiny["one"]}), per="word")
    with pytest.raises(UserError, match="holds no texts"):
        TextEmbedding(MultiEncoder({"one": tiny["one"]})).result()
