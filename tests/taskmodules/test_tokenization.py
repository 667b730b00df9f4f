"""Rows of subtokens with their special tokens, and windows over what is too long."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from tests.encoders.tiny import SPECIAL_TOKENS, byte_level, save_tokenizer, wordpiece
from transformers import AutoTokenizer

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
