"""Rows of subtokens with their special tokens, and windows over what is too long."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from tests.encoders.tiny import SPECIAL_TOKENS, byte_level, save_tokenizer, wordpiece
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from transferlab.taskmodules.tokenization import Line, WordTokenizer, flatten, windows


@pytest.fixture(params=["wordpiece", "byte_level"])
def tokenizer(request: pytest.FixtureRequest, tmp_path: Path):
    make = {"wordpiece": wordpiece, "byte_level": byte_level}[request.param]
    save_tokenizer(make(), tmp_path, SPECIAL_TOKENS[request.param])
    return AutoTokenizer.from_pretrained(tmp_path)


def test_rows_are_what_the_tokenizer_makes_of_words_and_pairs(tokenizer) -> None:
    first, second = ["Anna", "wrote", "to", "Ben"], ["the", "boat", "had", "sunk"]
    words = WordTokenizer(tokenizer)
    subtokens, pair = flatten(words.subtokens(first, 50)), flatten(words.subtokens(second, 50))
    inputs = words.inputs([Line(0, *subtokens), Line(1, *subtokens, pair=pair)], units=20)
    for row, expected in enumerate(
        (tokenizer(first, is_split_into_words=True), tokenizer(first, second, is_split_into_words=True))
    ):
        real = inputs.attention_mask[row].bool()
        ids = inputs.input_ids[row][real].tolist()
        if tokenizer.num_special_tokens_to_add():
            assert ids == expected["input_ids"]
        else:  # the end-of-text token sums up the row, and parts a pair
            end = tokenizer.eos_token_id
            assert ids == [*subtokens[0], *([end, *pair[0]] if row else []), end]
        types = expected.get("token_type_ids", [0] * len(ids))
        assert inputs.token_type_ids[row][real].tolist() == types
        assert not inputs.token_type_ids[row][~real].any()
    assert words.inputs([Line(0, *subtokens)], units=20).token_type_ids is None
    of_words = [word for word in tokenizer(first, is_split_into_words=True).word_ids() if word is not None]
    units = inputs.unit_ids[0][inputs.attention_mask[0].bool()].tolist()
    assert [unit for unit in units if unit >= 0] == of_words
    assert words.num_special == len(units) - len(of_words)


def test_units_of_special_tokens(tokenizer) -> None:
    words = WordTokenizer(tokenizer)
    ids, _ = flatten(words.subtokens(["Anna", "wrote"], 50))
    inputs = words.inputs([Line(1, ids, [2] * len(ids), first_unit=0, special_unit=1)], units=3)
    units = inputs.unit_ids[0].tolist()
    assert sorted(set(units)) in ([3, 4, 5], [3, 5]), "units of the second sequence begin at 3"
    assert units.count(3) == 1 and units.index(3) in (0, len(units) - 1)


def test_words_that_are_only_read_along_have_no_unit() -> None:
    assert flatten([[1], [2, 3], [4]], start=5, represented=(6, 6)) == ([1, 2, 3, 4], [-1, 6, 6, -1])
    assert flatten([]) == ([], [])


def test_windows_cover_every_word_once_and_fit() -> None:
    draw = random.Random(0)
    for _ in range(500):
        lengths = [draw.randint(1, 6) for _ in range(draw.randint(0, 60))]
        limit, overlap = draw.randint(6, 40), draw.randint(0, 20)
        cut = windows(lengths, limit, overlap)
        represented = [word for window in cut for word in range(window.represented[0], window.represented[1] + 1)]
        assert represented == list(range(len(lengths)))
        for window in cut:
            assert sum(lengths[window.start : window.end + 1]) <= limit
            assert window.start <= window.represented[0] <= window.represented[1] <= window.end
        for before, after in pairwise(cut):
            assert before.start < after.start and before.end < after.end
            assert sum(lengths[after.start : before.end + 1]) <= overlap


def test_a_word_is_represented_where_it_has_most_context() -> None:
    first, second, third = windows([1] * 20, limit=10, overlap=4)
    assert (first.start, first.end, first.represented) == (0, 9, (0, 7))
    assert (second.start, second.end, second.represented) == (6, 15, (8, 13))
    assert (third.start, third.end, third.represented) == (12, 19, (14, 19))
    assert windows([1] * 10, limit=10, overlap=4)[0].represented == (0, 9)


def unigram() -> Tokenizer:
    pieces = [
        "\u2581",
        "x",
        "\u2581x",
        *"北京大學はでผม서울",
        "북",
        "京都",
        "\u2581서",
        "울이",
        "Python",
        "\u2581Python",
    ]
    scores = [("<unk>", 0.0), *((piece, -1.0) for piece in pieces)]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return tokenizer


def wordpieces_of_all() -> Tokenizer:
    pieces = ["[UNK]", "x", "##x", "北", "京", "は", "##は", "서", "##울", "서울", "울", "Python", "##Python"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


@pytest.mark.parametrize(
    ("make", "words", "joined", "expected"),
    [
        # no blank in the form of a SentencePiece underscore before what continues
        (unigram, ["北", "京", "大"], [1, 2], ["\u2581 北", "京", "大"]),
        (unigram, ["北", "京", "大"], [], ["\u2581 北", "\u2581 京", "\u2581 大"]),
        (unigram, ["で", "Python", "で"], [1, 2], ["\u2581 で", "Python", "で"]),
        # 京都 and 서울 are one subtoken each, but two words
        (unigram, ["京", "都"], [1], ["\u2581 京", "<unk>"]),
        (wordpieces_of_all, ["서", "울"], [1], ["서", "##울"]),
        # Chinese characters begin anew in WordPiece, whatever stands before them; others after them, too
        (wordpieces_of_all, ["北", "京", "は", "は"], [1, 2, 3], ["北", "京", "は", "##は"]),
        (wordpieces_of_all, ["北", "Python", "ю", "京"], [1, 3], ["北", "Python", "[UNK]", "京"]),
    ],
)
def test_words_that_continue_without_a_blank_have_the_subtokens_of_a_continuation(make, words, joined, expected):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=make(), unk_token=make().id_to_token(0))
    subtokens = WordTokenizer(tokenizer).subtokens(words, 10, joined)
    assert [" ".join(tokenizer.convert_ids_to_tokens(word)) for word in subtokens] == expected


def test_words_of_other_scripts_are_read_as_behind_a_blank_or_continue(tokenizer) -> None:
    words = WordTokenizer(tokenizer)
    assert words.subtokens([], 5, []) == []
    plain = words.subtokens(["Ben", "boat", "Ben"], 20)
    assert words.subtokens(["Ben", "boat", "Ben"], 20, [1])[::2] == plain[::2]
    assert words.subtokens(["Ben", "boat", "Ben"], 1, [1]) == [
        word[:1] for word in words.subtokens(["Ben", "boat", "Ben"], 20, [1])
    ]
