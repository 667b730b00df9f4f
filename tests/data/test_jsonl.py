import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.jsonl import JsonLinesReader
from transferlab.documents import Document, DocumentError, write_jsonl


def document(name: str) -> Document:
    return Document(name, ["a", "b"], [(0, 1)])


def test_a_directory_has_the_splits_whose_files_it_holds(tmp_path):
    write_jsonl([document("v")], tmp_path / "validation.jsonl")
    write_jsonl([document("t1"), document("t2")], tmp_path / "train.jsonl")
    reader = JsonLinesReader(tmp_path)
    assert reader.splits == ("train", "validation")
    assert list(reader.read("train")) == [document("t1"), document("t2")]
    with pytest.raises(DataError, match=r"has no split 'test'.*\['train', 'validation'\]"):
        reader.read("test")


@pytest.mark.parametrize(("name", "split"), [("predictions.jsonl", "test"), ("my-train.jsonl", "train")])
def test_one_file_is_the_split_of_its_name_or_test(tmp_path, name, split):
    reader = JsonLinesReader(write_jsonl([document("x")], tmp_path / name))
    assert reader.splits == (split,)
    assert list(reader.read(split)) == [document("x")]


def test_an_empty_directory_is_refused_with_the_names_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"holds none of train\.jsonl, validation\.jsonl and test\.jsonl"):
        JsonLinesReader(tmp_path)


def test_nothing_set_names_variable_and_key(monkeypatch):
    monkeypatch.delenv("JSONL_DIR", raising=False)
    with pytest.raises(DataError, match=r"JSONL_DIR.*dataset\.data_dir"):
        JsonLinesReader()


def test_a_bad_line_is_named(tmp_path):
    (tmp_path / "test.jsonl").write_text('{"name": "a", "words": []}\n{"name": "b"}\n')
    with pytest.raises(DocumentError, match=r"test\.jsonl, line 2: b: missing field \['words'\]"):
        list(JsonLinesReader(tmp_path).read("test"))


def test_a_name_used_twice_is_refused(tmp_path):
    write_jsonl([document("x"), document("x")], tmp_path / "test.jsonl")
    with pytest.raises(DataError, match="document name 'x' was already used"):
        list(JsonLinesReader(tmp_path).read("test"))
