"""Halves of characters in JSON are replaced, counted and placed, keys that stand twice refused; all else is as Python
reads it.
"""

from __future__ import annotations

import json
import random

import pytest

from transferlab.utils.json_text import JsonFile


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\ud83d"', "a\ufffd"),
        (r'"\uDE00 b"', "\ufffd b"),
        (r'"\ud83d\ude00"', "😀"),
        (r'"\ud83d\ud83d\ude00\ude00"', "\ufffd😀\ufffd"),
        (r'"\\ud83d"', r"\ud83d"),
        (r'"\\\ud83d"', "\\\ufffd"),
        (r'"\ud83d\\ude00"', "\ufffd\\ude00"),
        (r'{"\ud83d": ["\u0000", "\n"]}', {"\ufffd": ["\0", "\n"]}),
        ('"😀"', "😀"),
    ],
)
def test_halves_of_characters_are_replaced_and_nothing_else(text: str, value: object) -> None:
    assert JsonFile("f").loads(text) == value


def test_random_strings_keep_their_length_and_all_that_can_be_encoded() -> None:
    generator = random.Random(0)
    signs = ["a", "\\", '"', "é", "😀", "\ud83d", "\ude00", "\0", "u", "d83d"]
    for _ in range(300):
        given = "".join(generator.choices(signs, k=generator.randint(0, 9)))
        expected = given.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins neighbouring halves
        read = JsonFile("f").loads(json.dumps(given))
        assert read.encode("utf-8").decode() == expected


def test_they_are_counted_with_the_line_of_the_first(caplog: pytest.LogCaptureFixture) -> None:
    file = JsonFile("corpus.json")
    file.loads('["a",\n"\\ud83d",\n"\\ude00"]', line=5)
    file.loads('"\\ud83d"', line=9)
    file.warn()
    assert "corpus.json: 3 halves" in caplog.text and "line 6" in caplog.text


def test_without_any_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    file = JsonFile("corpus.json")
    file.loads('"\\ud83d\\ude00"')
    file.warn()
    assert not caplog.records


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 5_000, "{", '"\\ud83'])
def test_what_cannot_be_read_is_no_json(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        JsonFile("f").loads(text)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ('{"a": 1,\n"a": 2}', "a", 2),
        ('[{"a": {"b": 1}, "b": 2},\n\n{"b": [{"c": "{\\"c\\": "}],\n "b"\n: 1}]', "b", 4),
        (r'{"é": 1, "\u00e9": 2}', "é", 1),
        ('{"x": "y", "y": "x",\n"": 1, "z:": [], "": 2}', "", 2),
        (r'{"a\"": {"a\"": 1}, "a\\": 1, "a\"": 2}', 'a"', 1),
    ],
)
def test_a_key_that_stands_twice_in_one_object_is_named_with_its_line(text: str, key: str, line: int) -> None:
    with pytest.raises(json.JSONDecodeError) as refused:
        JsonFile("f").loads(text)
    assert repr(key) in refused.value.msg and refused.value.lineno == line


def test_a_key_may_stand_in_several_objects() -> None:
    text = '{"a": {"a": ["a", {"a": "a"}, {"a": "\\"a\\":"}]}}'
    assert JsonFile("f").loads(text) == json.loads(text)
