"""Distinct tokenizers once, words kept apart, and a padding token in any case."""

import json
import shutil

import pytest
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers

from .tiny import SPECIAL_TOKENS, TEXT, byte_level, save_tokenizer, wordpiece

WORDS = ["Anna", "sold", "the", "boat", "."]


@pytest.fixture
def save(tmp_path):
    """Save a tokenizer beside a bare configuration; return the folder."""

    def save_as(name: str, tokenizer: Tokenizer, special: dict[str, str], model_type: str = "bert") -> str:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"model_type": model_type}))
        save_tokenizer(tokenizer, tmp_path / name, special)
        return str(tmp_path / name)

    return save_as


def test_same_content_is_shared_under_the_first_id(make_model):
    models_ = {
        "a": make_model("bert"),
        "b": make_model("roberta", tokenizer="byte_level"),
        "c": make_model("electra"),
        "d": make_model("bert"),
    }
    tokenizers, keys = load_tokenizers(models_)
    assert keys == {"a": "a", "b": "b", "c": "a", "d": "a"}
    assert list(tokenizers) == ["a", "b"]


def test_content_that_differs_in_one_setting_is_not_shared(make_model, tmp_path):
    original = make_model("bert")
    changed = tmp_path / "changed"
    shutil.copytree(original, changed)
    settings = json.loads((changed / "tokenizer_config.json").read_text())
    (changed / "tokenizer_config.json").write_text(json.dumps(settings | {"padding_side": "left"}))
    assert load_tokenizers({"a": original, "b": str(changed)})[1] == {"a": "a", "b": "b"}


def test_every_subtoken_knows_its_word(make_model):
    for kind in ("wordpiece", "byte_level"):
        tokenizers, _ = load_tokenizers({"a": make_model("bert", tokenizer=kind)})
        words = tokenizers["a"](WORDS, is_split_into_words=True).word_ids()
        assert [word for word in dict.fromkeys(words) if word is not None] == [0, 1, 2, 3, 4]


def byte_level_tokenizer(split_first: bool, normalizer: normalizers.Normalizer | None = None) -> Tokenizer:
    tokenizer = byte_level()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if split_first:  # as in LLaMA 3
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(r" ?\p{L}+|[^\s\p{L}]+|\s+"), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    return tokenizer


@pytest.mark.parametrize("split_first", [False, True], ids=["byte_level", "split_then_byte_level"])
def test_byte_level_words_begin_with_a_space(save, split_first):
    loaded = load_tokenizers({"a": save("a", byte_level_tokenizer(split_first), SPECIAL_TOKENS["byte_level"])})[0]["a"]
    row = loaded(["boat", "don't"], is_split_into_words=True, add_special_tokens=False)
    by_word = [[], []]
    for token, word in zip(loaded.convert_ids_to_tokens(row["input_ids"]), row.word_ids(), strict=True):
        by_word[word].append(token)
    assert ["".join(tokens) for tokens in by_word] == ["Ġboat", "Ġdon't"]


@pytest.mark.parametrize("normalizer", [None, normalizers.NFC()], ids=["no_normalizer", "normalizer"])
@pytest.mark.parametrize("split_first", [False, True], ids=["byte_level", "split_then_byte_level"])
def test_a_tokenizer_that_was_saved_loads_as_the_same(save, tmp_path, split_first, normalizer):
    tokenizer = byte_level_tokenizer(split_first, normalizer)
    original = save("a", tokenizer, SPECIAL_TOKENS["byte_level"])
    again = tmp_path / "again"
    shutil.copytree(original, again)
    load_tokenizers({"a": original})[0]["a"].save_pretrained(again)
    tokenizers, keys = load_tokenizers({"a": original, "b": str(again)})
    assert keys == {"a": "a", "b": "a"}
    assert tokenizers["a"](["boat"], is_split_into_words=True).tokens().count("Ġ") == 0


def test_metaspace_words_begin_with_a_space(save):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    special = ["<pad>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=80, special_tokens=special, unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    loaded = load_tokenizers({"a": save("a", tokenizer, {"pad": "<pad>", "unk": "<unk>"})})[0]["a"]
    row = loaded(["the", "boat"], is_split_into_words=True)
    assert "".join(loaded.convert_ids_to_tokens(row["input_ids"])) == "▁the▁boat"


def test_tokenizer_without_padding_token_pads_with_the_end_of_text(save):
    special = {"eos": "</s>", "unk": "<unk>"}
    loaded = load_tokenizers({"a": save("a", byte_level(), special, "gpt2")})[0]["a"]
    assert loaded.pad_token == "</s>"


def test_tokenizer_that_cannot_pad_is_refused(save):
    with pytest.raises(EncoderError, match=r"'a'.*no token to pad with"):
        load_tokenizers({"a": save("a", wordpiece(), {"cls": "[CLS]"})})


def test_folder_without_tokenizer_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(EncoderError, match=r"'a' \(model.pretrained_models.a\): .* has no tokenizer"):
        load_tokenizers({"a": str(tmp_path)})


@pytest.mark.parametrize(
    ("words", "said", "expected"),
    [
        (["Anna", "anna", "Sold", "##s"], {}, ["Anna", "Sold", "##s"]),
        (["anna", "sold", "##s"], {}, ["anna", "sold", "##s"]),
        (["Anna", "anna", "sold", "##s"], {"do_lower_case": True}, ["anna", "sold", "##s"]),
        (["Anna", "anna", "sold", "##s"], {"model_max_length": 512}, ["Anna", "[UNK]"]),
    ],
)
def test_a_vocabulary_alone_tells_whether_its_text_is_lower_cased(tmp_path, words, said, expected):
    """A folder of old holds nothing else of its tokenizer, and transformers lower-cases then."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    if said:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps(said))
    tokenizer = load_tokenizers({"a": str(tmp_path)})[0]["a"]
    assert tokenizer.tokenize("Anna Solds") == expected
    tokenizer.save_pretrained(tmp_path / "again")
    (tmp_path / "again" / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert load_tokenizers({"a": str(tmp_path / "again")})[0]["a"].tokenize("Anna Solds") == expected
