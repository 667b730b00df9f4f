import json
import os
from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.tacred import TacredReader
from transferlab.documents import Entity, Relation, read_jsonl, write_jsonl

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "data" / "sample" / "tacred"
RECORD = {
    "id": "e1",
    "docid": "APW_1",
    "relation": "org:founded_by",
    "token": ["In", "1990", "Ann", "Lee", "founded", "Acme", "-LRB-", "UK", "-RRB-"],
    "subj_start": 5,
    "subj_end": 5,
    "obj_start": 2,
    "obj_end": 3,
    "subj_type": "ORGANIZATION",
    "obj_type": "PERSON",
    "stanford_pos": ["X"] * 9,
}


def write(directory: Path, **records: list[dict]) -> Path:
    """One file per split name of the corpus: train, dev, test."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in records.items():
        (directory / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return directory


def read_one(directory: Path, **changes: object) -> list:
    return list(TacredReader(write(directory, train=[RECORD | {"id": "e0"}, RECORD | changes])).read("train"))


def test_the_subject_is_the_head_and_spans_are_inclusive(tmp_path):
    (document,) = TacredReader(write(tmp_path, train=[RECORD])).read("train")
    assert document.name == "e1" and document.meta == {"docid": "APW_1"}
    assert document.words == RECORD["token"] and document.sentences == [(0, 8)]
    assert document.gold.entities == [Entity(5, 5, "ORGANIZATION"), Entity(2, 3, "PERSON")]
    assert document.gold.relations == [Relation((5, 5), (2, 3), "org:founded_by")]
    assert document.span_text(document.gold.relations[0].tail) == "Ann Lee"
    document.validate()


@pytest.mark.parametrize("below", [".", "data/json"])
def test_the_splits_are_those_whose_files_are_there(tmp_path, below):
    write(tmp_path / below, dev=[RECORD], test=[RECORD, RECORD | {"id": "e2"}])
    reader = TacredReader(tmp_path)
    assert reader.splits == ("validation", "test")
    assert [document.name for document in reader.read("test")] == ["e1", "e2"]
    with pytest.raises(DataError, match="has no split 'train'"):
        reader.read("train")


@pytest.mark.parametrize(("name", "split"), [("dev_rev", "validation"), ("my_records", "test"), ("train", "train")])
def test_one_file_is_the_split_of_its_name_or_test(tmp_path, name, split):
    reader = TacredReader(write(tmp_path, **{name: [RECORD]}) / f"{name}.json")
    assert reader.splits == (split,) and len(list(reader.read(split))) == 1


@pytest.mark.parametrize("change", [{"relation": None}, "drop"])
def test_test_records_may_lack_their_relation_and_are_then_not_annotated(tmp_path, change):
    record = RECORD | change if change != "drop" else {k: v for k, v in RECORD.items() if k != "relation"}
    reader = TacredReader(write(tmp_path, train=[record], test=[record]))
    (document,) = reader.read("test")
    assert document.gold.relations is None
    assert [entity.label for entity in document.gold.entities] == ["ORGANIZATION", "PERSON"]
    with pytest.raises(DataError, match=r"train\.json, record 1 \(id e1\): .*'relation'"):
        list(reader.read("train"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subj_end": 9}, r"subj_start=5 and subj_end=9 are no span of the 9 words; give the first and the last word"),
        ({"obj_start": -1}, r"obj_start=-1 and obj_end=3 are no span"),
        ({"obj_start": 4}, r"obj_start=4 and obj_end=3 are no span"),
        ({"subj_start": "5"}, r"'subj_start' must be a whole number, not '5'"),
        ({"obj_type": None}, r"'obj_type' must be a string, not 'None'"),
        ({"token": []}, r"'token' must be a list of words"),
        ({"token": ["a", 1]}, r"'token' must be a list of words"),
    ],
)
def test_a_malformed_record_is_named_by_file_number_and_id(tmp_path, changes, message):
    with pytest.raises(DataError, match=r"train\.json, record 2 \(id e1\): " + message):
        read_one(tmp_path, **changes)


@pytest.mark.parametrize("key", ["token", "subj_start", "subj_end", "obj_start", "obj_end", "subj_type", "obj_type"])
def test_a_missing_key_is_named(tmp_path, key):
    record = {k: v for k, v in RECORD.items() if k != key}
    with pytest.raises(DataError, match=rf"record 1 \(id e1\): the key '{key}' is missing"):
        list(TacredReader(write(tmp_path, train=[record])).read("train"))


def test_a_record_without_id_is_named_by_its_number(tmp_path):
    with pytest.raises(DataError, match=r"train\.json, record 1: the key 'id' is missing"):
        list(TacredReader(write(tmp_path, train=[{"token": ["a"]}])).read("train"))
    with pytest.raises(DataError, match=r"train\.json, record 1: write an object with the key 'id'"):
        list(TacredReader(write(tmp_path, train=["a"])).read("train"))


def test_an_id_used_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"record 2: .*'e0' was already used in .*record 1"):
        read_one(tmp_path, id="e0")


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"a": 1}\n{"a": 2}', r"test\.json, line 2: not JSON"), ("{}", r"test\.json: not a list but '{}'")],
)
def test_a_file_that_is_no_json_list_is_refused(tmp_path, text, message):
    (tmp_path / "test.json").write_text(text)
    with pytest.raises(DataError, match=message):
        list(TacredReader(tmp_path).read("test"))


def test_a_directory_without_its_files_and_no_directory_are_refused_with_the_source(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"holds none of the files train\.json, dev\.json, test\.json; .*LDC2018T24"):
        TacredReader(tmp_path)
    monkeypatch.delenv("TACRED_DIR", raising=False)
    with pytest.raises(DataError, match=r"TACRED_DIR.*dataset\.data_dir.*LDC2018T24"):
        TacredReader()


def test_the_sample_has_its_counts_and_comes_back_from_json_lines(tmp_path):
    reader = TacredReader(SAMPLE)
    documents = {split: list(reader.read(split)) for split in reader.splits}
    assert {split: len(found) for split, found in documents.items()} == {"train": 360, "validation": 80, "test": 80}
    labels = {split: Counter(d.gold.relations[0].label for d in found) for split, found in documents.items()}
    assert [labels[split]["no_relation"] for split in reader.splits] == [126, 36, 35]
    assert len(labels["train"]) == 13 and labels["train"]["per:title"] == 21
    write_jsonl(documents["test"], tmp_path / "test.jsonl")
    assert list(read_jsonl(tmp_path / "test.jsonl")) == documents["test"]


@pytest.mark.corpus
def test_the_schema_dummy_is_read():
    shared = ROOT.parent / "shared" / "data" / "re" / "tacred_schema_dummy"
    path = Path(os.environ.get("TACRED_DUMMY", shared / "dummy.json"))
    if not path.is_file():
        pytest.skip(f"the file of dummy records in the schema of TACRED is not at {path}; set TACRED_DUMMY")
    documents = [document.validate() for document in TacredReader(path).read("test")]
    assert len(documents) == 8
    assert Counter(document.gold.relations[0].label for document in documents) == {
        "per:employee_of": 2,
        "no_relation": 2,
        "per:title": 2,
        "per:siblings": 1,
        "per:city_of_birth": 1,
    }
    first = documents[0]
    assert first.span_text(first.gold.relations[0].head) == "Eusebius Sophronius Hieronymus"
    assert first.span_text(first.gold.relations[0].tail) == "Stridon"
    reversed_order = documents[6].gold.relations[0]
    assert reversed_order.tail < reversed_order.head == (7, 8)
