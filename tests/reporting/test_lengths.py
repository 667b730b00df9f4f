"""The reports of evaluate_documents.py metric=count_tokens and metric=count_characters."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from transferlab.documents import Annotations, Document, DocumentError, Question
from transferlab.reporting.lengths import character_length_report, token_length_report


def make(words: str, **fields) -> Document:
    split = words.split()
    return Document("d", split, [(0, len(split) - 1)] if split else [], **fields)


def test_words(capsys):
    report = token_length_report([make("a b c"), make(""), make("a b c d e f g h i")])
    assert report.scores["text"] == pytest.approx(
        {"count": 3, "mean": 4, "std": 14**0.5, "min": 0, "q25": 1.5, "median": 3, "q75": 6, "max": 9}
    )
    assert "| text | 3 | 4 | 3.74 | 0 | 1.50 | 3 | 6 | 9 |" in report.markdown()
    report.show()
    assert "█" in capsys.readouterr().out


def test_second_texts_and_questions_are_counted_apart():
    asked = Annotations(questions=[Question("1", "Who slept?"), Question("2", "When?")])
    documents = [make("a b", text_pair="a b c"), make("a", gold=asked)]
    scores = token_length_report(documents).scores
    assert {kind: (summary["count"], summary["max"]) for kind, summary in scores.items()} == {
        "text": (2, 2),
        "second text": (1, 3),
        "question": (2, 3),
    }
    characters = character_length_report(documents).scores
    assert [characters[kind]["max"] for kind in ("text", "second text", "question")] == [3, 5, 10]


def test_characters_are_those_of_the_raw_text_where_there_is_one():
    assert character_length_report([make("a b", text="a   b ")]).scores["text"]["max"] == 6
    assert character_length_report([make("ä b")]).scores["text"]["max"] == 3


def test_subtokens_of_a_tokenizer(tmp_path):
    vocabulary = {piece: i for i, piece in enumerate(["[PAD]", "[UNK]", "[CLS]", "sleep", "##ing", "ann"])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", model_max_length=4
    ).save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    report = token_length_report([make("ann sleeping"), make("ann sleeping sleeping bob")], tokenizer=str(tmp_path))
    assert (report.scores["text"]["min"], report.scores["text"]["max"]) == (3, 6)
    assert f"subtokens of {tmp_path}" in report.markdown()


def test_a_tokenizer_that_is_not_there_is_named():
    with pytest.raises(DocumentError, match=r"metric\.tokenizer=no/such/place/here: "):
        token_length_report([make("a")], tokenizer="no/such/place/here")


def test_no_documents(tmp_path):
    report = token_length_report([])
    assert report.scores == {}
    assert report.write_figures(tmp_path)
