import json
import os
import stat

import pytest

from transferlab.documents import (
    Annotations,
    Answer,
    Document,
    DocumentError,
    Entity,
    Question,
    Relation,
    read_jsonl,
    write_atomically,
    write_jsonl,
)


def full_document() -> Document:
    return Document(
        name="nw/a_part_000",
        words=["Ann", "met", "Bo", ".", "She", "smiled", "“"],
        sentences=[(0, 3), (4, 6)],
        speakers=["x"] * 7,
        genre="nw",
        text="Ann met Bo. She smiled “",
        offsets=[(0, 3), (4, 7), (8, 10), (10, 11), (12, 15), (16, 22), (23, 24)],
        gold=Annotations(
            clusters=[[(0, 0), (4, 4)], [(2, 2)]],
            entities=[Entity(0, 0, "PER")],
            relations=[Relation((0, 0), (2, 2), "met")],
            questions=[Question("q1", "Who?", [Answer(0, "Ann")]), Question("q2", "Why?")],
            tags=["NNP", "VBD", "NNP", ".", "PRP", "VBD", "``"],
        ),
        predicted=Annotations(clusters=[], entities=[Entity(2, 2, "PER", 0.5)], label=["a", "b"]),
        meta={"source": {"year": 2020}},
    )


def test_json_lines_bring_back_every_layer(tmp_path):
    documents = [full_document(), Document("empty", [], []), Document("one", ["word"], [(0, 0)])]
    path = write_jsonl(documents, tmp_path / "new" / "documents.jsonl")
    assert list(read_jsonl(path)) == documents


def test_a_layer_that_was_not_annotated_differs_from_an_empty_one():
    document = Document("d", ["w"], [(0, 0)], gold=Annotations(clusters=[]))
    back = Document.from_dict(json.loads(json.dumps(document.to_dict())))
    assert back.gold.clusters == []
    assert back.gold.entities is None
    assert back.predicted is None


def test_words_alone_make_one_sentence_and_null_means_absent():
    document = Document.from_dict({"name": "d", "words": ["a", "b"], "sentences": None, "gold": None})
    assert document.sentences == [(0, 1)]
    assert document.gold == Annotations()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wrods": []}, r"unknown field \['wrods'\].*'words'"),
        ({"words": "a b"}, "words must be a list of strings"),
        ({"words": ["a", 1]}, "words must be a list of strings"),
        ({"words": None}, "words must be a list of strings"),
        ({"name": 3}, "name 3 is not a string"),
        ({"sentences": [[0, 0], [2, 3]]}, r"d: sentence \(2, 3\) does not continue at word 1"),
        ({"sentences": [[0, 1]]}, "d: the sentences cover 2 of 4 words"),
        ({"sentences": [[0, 5]]}, "d: the sentences cover 6 of 4 words"),
        ({"speakers": ["x"]}, "d: 1 speakers for 4 words"),
        ({"speakers": ["x", "x", "x", None]}, "d: speakers must be a list of strings"),
        ({"speakers": "abcd"}, "d: speakers must be a list of strings"),
        ({"genre": 1}, "d: genre must be a string or null, not 1"),
        ({"text": ["a"]}, r"d: text must be a string or null, not \['a'\]"),
        ({"meta": ["x"]}, r"d: meta must be a JSON object or null, not \['x'\]"),
        ({"offsets": [[0, 1]]}, "d: 1 offsets for 4 words"),
        ({"text": "abcd", "offsets": [[0, 1], [1, 2], [2, 3], [3, 5]]}, r"d: offsets \(3, 5\) lie outside 0..4"),
        ({"text": "abcd", "offsets": [[0, 1], [2, 1], [2, 3], [3, 4]]}, r"d: offsets \(2, 1\) lie outside 0..4"),
        ({"gold": {"clusters": [[[3, 4]]]}}, r"d: gold span \(3, 4\) lies outside words 0..3"),
        ({"predicted": {"clusters": [[[2, 1]]]}}, r"d: predicted span \(2, 1\) lies outside"),
        ({"gold": {"entities": [{"start": -1, "end": 0, "label": "X"}]}}, r"gold span \(-1, 0\)"),
        ({"gold": {"relations": [{"head": [0, 0], "tail": [9, 9], "label": "X"}]}}, r"gold span \(9, 9\)"),
        ({"gold": {"tags": ["X"]}}, "d: 1 gold tags for 4 words"),
        ({"gold": {"clusters": [["12"]]}}, "a span is a pair of integers, not '12'"),
        ({"gold": {"chains": []}}, "d: .*chains"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_name(change, message):
    with pytest.raises(DocumentError, match=message):
        Document.from_dict({"name": "d", "words": ["a", "b", "c", "d"]} | change)


def test_missing_fields_are_named():
    with pytest.raises(DocumentError, match=r"missing field \['words'\]"):
        Document.from_dict({"name": "d"})


@pytest.mark.parametrize("line", ["{", "[]", '{"name": "d"}'])
def test_a_bad_line_is_refused_with_its_number(tmp_path, line):
    path = tmp_path / "documents.jsonl"
    path.write_text('{"name": "d", "words": []}\n\n' + line + "\n")
    with pytest.raises(DocumentError, match=r"documents.jsonl, line 3: "):
        list(read_jsonl(path))


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    path = tmp_path / "documents.jsonl"
    path.write_text('{"name": "d", "words": ["Zoë"]}\n', encoding="utf-8-sig")
    assert list(read_jsonl(path)) == [Document("d", ["Zoë"], [(0, 0)])]


def test_another_encoding_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "documents.jsonl"
    path.write_bytes('{"name": "d", "words": ["Zoë"]}\n'.encode("latin-1"))
    with pytest.raises(DocumentError, match=r"documents\.jsonl is not UTF-8 .*iconv"):
        list(read_jsonl(path))


def test_span_text_is_cut_from_the_text_where_there_is_one():
    document = full_document()
    assert document.span_text((2, 3)) == "Bo."
    document.offsets = None
    assert document.span_text((2, 3)) == "Bo ."


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    write_atomically(path, ["old"])

    def pieces():
        yield "new"
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        write_atomically(path, pieces())
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_has_the_permissions_that_the_user_asks_of_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file.txt", ["x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.txt").stat().st_mode) == 0o640
