import json
import os
import stat
from dataclasses import replace

import pytest

from transferlab.documents import (
    Annotations,
    Answer,
    Document,
    DocumentError,
    Entity,
    Question,
    Relation,
    content_of,
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
        ({"words": "a b"}, "d: words: a list is expected, not 'a b'"),
        ({"words": ["a", 1]}, r"d: words\[1\]: .*1"),
        ({"words": None}, r"d: missing field \['words'\]"),
        ({"name": 3}, "name: a string is expected, not 3"),
        ({"sentences": [[0, 0], [2, 3]]}, r"d: sentence \(2, 3\) does not continue at word 1"),
        ({"sentences": [[0, 1]]}, "d: the sentences cover 2 of 4 words"),
        ({"sentences": [[0, 5]]}, "d: the sentences cover 6 of 4 words"),
        ({"speakers": ["x"]}, "d: 1 speakers for 4 words"),
        ({"speakers": ["x", "x", "x", None]}, r"d: speakers\[3\]: .*None"),
        ({"speakers": "abcd"}, "d: speakers: a list .*'abcd'"),
        ({"genre": 1}, "d: genre: a string is expected, not 1"),
        ({"text": ["a"]}, r"d: text: a string is expected, not \['a'\]"),
        ({"meta": ["x"]}, r"d: meta: an object is expected, not \['x'\]"),
        ({"offsets": [[0, 1]]}, "d: 1 offsets for 4 words"),
        ({"text": "abcd", "offsets": [[0, 1], [1, 2], [2, 3], [3, 5]]}, r"d: offsets \(3, 5\) lie outside 0..4"),
        ({"text": "abcd", "offsets": [[0, 1], [2, 1], [2, 3], [3, 4]]}, r"d: offsets \(2, 1\) lie outside 0..4"),
        ({"gold": {"clusters": [[[3, 4]]]}}, r"d: gold span \(3, 4\) lies outside the words; give 0..3"),
        ({"predicted": {"clusters": [[[2, 1]]]}}, r"d: predicted span \(2, 1\) lies outside"),
        ({"gold": {"entities": [{"start": -1, "end": 0, "label": "X"}]}}, r"gold span \(-1, 0\)"),
        ({"gold": {"relations": [{"head": [0, 0], "tail": [9, 9], "label": "X"}]}}, r"gold span \(9, 9\)"),
        ({"gold": {"tags": ["X"]}}, "d: 1 gold tags for 4 words"),
        ({"gold": {"clusters": [["12"]]}}, r"d: gold.clusters\[0\]\[0\]: a pair is expected, not '12'"),
        ({"gold": {"clusters": [[[True, True]]]}}, r"d: gold.clusters\[0\]\[0\]: .*True"),
        ({"gold": {"entities": [{"start": "0", "end": 0, "label": "X"}]}}, r"d: gold.entities\[0\].start: .*'0'"),
        ({"gold": {"entities": [{"start": 0.0, "end": 0, "label": "X"}]}}, r"d: gold.entities\[0\].start: .*0\.0"),
        ({"gold": {"entities": [{"start": None, "end": 0, "label": "X"}]}}, r"d: gold.entities\[0\].start: .*None"),
        ({"gold": {"entities": [{"start": 0, "end": 0, "label": None}]}}, r"d: gold.entities\[0\].label: .*None"),
        ({"gold": {"entities": [[0, 0, "X"]]}}, r"d: gold.entities\[0\]: .*0, 'X'"),
        (
            {"predicted": {"relations": [{"head": 0, "tail": [1, 1], "label": "X"}]}},
            r"predicted.relations\[0\].head: .*0",
        ),
        ({"gold": {"questions": [{"id": "1", "text": "?", "answers": [{"start": 0}]}]}}, r"answers\[0\]: .*'text'"),
        ({"gold": {"tags": "XXXX"}}, "d: gold.tags: .*'XXXX'"),
        ({"gold": {"tags": [1, 2, 3, 4]}}, r"d: gold.tags\[0\]: .*1"),
        ({"gold": {"label": {"a": 1}}}, r"d: gold.label: .*\{'a': 1\}"),
        ({"gold": {"label": ["a", 1]}}, r"d: gold.label\[1\]: .*1"),
        ({"gold": {"label": True}}, "d: gold.label: .*True"),
        ({"gold": []}, r"d: gold: .*\[\]"),
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


HALF = "\ud83d"


@pytest.mark.parametrize(
    "change",
    [
        {"name": f"d{HALF}"},
        {"words": ["a", HALF]},
        {"speakers": ["x", HALF]},
        {"text": f"a {HALF}"},
        {"text_pair": HALF},
        {"gold": Annotations(tags=["X", HALF])},
        {"gold": Annotations(label=HALF)},
        {"gold": Annotations(label=["a", HALF])},
        {"gold": Annotations(entities=[Entity(0, 0, HALF)])},
        {"gold": Annotations(relations=[Relation((0, 0), (1, 1), HALF)])},
        {"gold": Annotations(questions=[Question("1", HALF)])},
        {"gold": Annotations(questions=[Question(HALF, "?")])},
        {"gold": Annotations(questions=[Question("1", "?", [Answer(0, HALF)])])},
    ],
)
def test_half_a_character_is_refused_in_a_message_that_can_be_shown(change):
    with pytest.raises(DocumentError, match="d") as error:
        Document(**{"name": "d", "words": ["a", "b"], "sentences": [(0, 1)]} | change)
    assert str(error.value).encode()


def test_half_a_character_in_a_file_is_replaced_with_a_warning(tmp_path, caplog):
    path = tmp_path / "documents.jsonl"
    content = {"name": "d", "words": ["a", HALF], "text": f"a {HALF}", "gold": {"label": HALF}}
    path.write_text('{"name": "e", "words": ["a\\u0000"]}\n' + json.dumps(content))
    empty, document = read_jsonl(path)
    assert (document.words, document.text, document.gold.label) == (["a", "\ufffd"], "a \ufffd", "\ufffd")
    assert "documents.jsonl: 3 halves" in caplog.text and "line 2" in caplog.text
    assert list(read_jsonl(write_jsonl([empty, document], tmp_path / "again.jsonl"))) == [empty, document]


def test_the_hash_of_documents_is_of_their_texts_units_annotation_and_order():
    first, second = full_document(), Document("b", ["met", "Ann", "."], [(0, 2)])
    known = content_of([first, second])
    elsewhere = replace(first, name="/moved/a", meta={"place": "/moved"}, predicted=Annotations())
    assert content_of([elsewhere, second]) == known
    others = [
        [second, first], [first], [first, second, second], [first, replace(second, words=["met", "Bo", "."])],
        [first, replace(second, sentences=[(0, 0), (1, 2)])], [replace(first, gold=Annotations()), second],
    ]  # fmt: skip
    assert len({content_of(documents) for documents in others} | {known}) == len(others) + 1
