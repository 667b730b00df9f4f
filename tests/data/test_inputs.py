import json

import pytest

from transferlab.data.inputs import read_inputs
from transferlab.data.readers.base import DataError
from transferlab.documents import Annotations, Document, DocumentError, write_jsonl
from transferlab.utils.errors import UserError

from .conll_text import conll, write


def lines(path, *contents):
    return write(path, "".join(json.dumps(content) + "\n" for content in contents))


def test_raw_text(tmp_path):
    (document,) = read_inputs(write(tmp_path / "story.txt", "Ann left. She ran."))
    assert (document.name, document.sentences) == ("story", [(0, 2), (3, 5)])


def test_json_lines_take_four_forms(tmp_path):
    full = Document("full", ["a", "b"], [(0, 0), (1, 1)], speakers=["x", "y"], gold=Annotations(clusters=[]))
    path = lines(
        tmp_path / "in.jsonl",
        full.to_dict(),
        {"words": ["a", "b"]},
        {"sentences": [["a", "b"], [], ["c"]], "name": "own", "genre": "nw"},
        {"text": "Ann left. She ran.", "meta": {"id": 7}},
    )
    first, words, sentences, text = read_inputs(path)
    assert first == full
    assert (words.name, words.sentences) == ("in:2", [(0, 1)])
    assert (sentences.name, sentences.words, sentences.genre) == ("own", ["a", "b", "c"], "nw")
    assert sentences.sentences == [(0, 1), (2, 2)]
    assert (text.name, text.sentences, text.meta) == ("in:4", [(0, 2), (3, 5)], {"id": 7})
    assert text.span_text((3, 4)) == "She ran"


@pytest.mark.parametrize("name", ["x.conll", "x.v4_gold_conll", "x.v4_auto_conll"])
def test_conll_files_by_their_endings(tmp_path, name):
    (document,) = read_inputs(write(tmp_path / name, conll("nw/x")))
    assert (document.name, document.gold.clusters) == ("nw/x_part_000", [[(0, 0)]])


def test_a_directory_is_read_in_order_of_its_paths(tmp_path):
    write(tmp_path / "c.conll", conll("c"))
    write(tmp_path / "a" / "story.txt", "Ann left.")
    write_jsonl([Document("d", ["x"], [(0, 0)])], tmp_path / "b.jsonl")
    write(tmp_path / "readme.md", "no input")
    assert [document.name for document in read_inputs(tmp_path)] == ["a/story", "d", "c_part_000"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", r"in\.jsonl, line 1: .*words, sentences .* and text"),
        ("[]", "line 1: write one JSON object a line"),
        ('\n{"words"', "line 2: .*Expecting"),
        ('{"words": "Ann left"}', "in:1: words: a list"),
        ('{"sentences": ["Ann left"]}', "must be a list of lists of words"),
        ('{"sentences": [[1]]}', r"in:1: words\[0\]: .*1"),
        ('{"text": "Ann", "token": 1}', r"unknown field \['token'\]"),
    ],
)
def test_bad_lines_are_refused_with_their_place(tmp_path, content, message):
    path = write(tmp_path / "in.jsonl", content)
    with pytest.raises(DocumentError, match=message):
        read_inputs(path)


def test_a_name_used_twice_is_refused_with_a_remedy_that_fits(tmp_path):
    lines(tmp_path / "in.jsonl", {"words": [], "name": "x"}, {"words": [], "name": "x"})
    with pytest.raises(DataError, match=r"'x' was already used.*input=FILE") as refusal:
        read_inputs(tmp_path)
    assert "dataset." not in str(refusal.value)


def test_nothing_there_and_unknown_endings_are_refused_with_the_choices(tmp_path):
    with pytest.raises(DataError, match=r"input=.*none\.txt does not exist; .*\.txt, \.jsonl, \.conll, _conll"):
        read_inputs(tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"no file with a known ending: \.txt, \.jsonl"):
        read_inputs(write(tmp_path / "in.pdf", "x"))
    with pytest.raises(DataError, match="no file with a known ending"):
        read_inputs(tmp_path)


def test_another_encoding_is_refused_by_name(tmp_path):
    for name in ("in.jsonl", "in.txt", "in.conll"):
        (tmp_path / name).write_bytes('{"words": ["Zoë"]}'.encode("latin-1"))
        with pytest.raises(UserError, match=rf"{name} is not UTF-8 .*iconv"):
            read_inputs(tmp_path / name)


def test_a_malformed_conll_file_is_refused_with_its_line(tmp_path):
    path = write(tmp_path / "x.conll", conll("x").replace("(0)", "(0"))
    with pytest.raises(DataError, match=r"x\.conll, line 5: .*entity 0, opened in line 2"):
        read_inputs(path)
