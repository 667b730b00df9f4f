"""CrossRE: sentences with entities and several relations of one pair."""

import json
import os
from pathlib import Path

import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.crossre import CrossReReader
from transferlab.documents import DocumentError, Entity, Relation

ROOT = Path(__file__).resolve().parents[2]
RECORD = {
    "doc_key": "ai-train-1",
    "sentence": ["Ann", "Lee", "plays", "Eve", "."],
    "ner": [[0, 1, "person"], [3, 3, "person"]],
    "relations": [[3, 3, 0, 1, "named", "actor", False, True], [3, 3, 0, 1, "origin", "", False, False]],
}


def reader(place: Path, *records: object, domain: str = "ai") -> CrossReReader:
    (place / "ai-train.json").write_text("".join(json.dumps(record) + "\n" for record in records))
    return CrossReReader(domain, place)


def test_a_line_is_a_document_and_labels_of_a_pair_are_relations(tmp_path):
    corpus = reader(tmp_path, RECORD, {"doc_key": "empty", "sentence": [], "ner": [], "relations": []})
    document, empty = corpus.read("train")
    assert corpus.splits == ("train",) and corpus.corpus_id() == "crossre/ai"
    assert (document.name, document.words) == ("ai-train-1", RECORD["sentence"])
    assert document.gold.entities == [Entity(0, 1, "person"), Entity(3, 3, "person")]
    assert document.gold.relations == [Relation((3, 3), (0, 1), "named"), Relation((3, 3), (0, 1), "origin")]
    assert (empty.words, empty.gold.relations) == ([], [])
    document.validate()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"sentence": "Ann Lee"}, "'sentence'"),
        ({"sentence": ["Ann", None]}, "'sentence'"),
        ({"ner": [[0, 5, "person"]]}, "0 to 5"),
        ({"ner": [[1, 0, "person"]]}, "1 to 0"),
        ({"ner": [["0", 1, "person"]]}, "'ner'"),
        ({"ner": [[0, 1, None]]}, "'ner'"),
        ({"ner": [{"start": 0}]}, "'ner'"),
        ({"relations": [[3, 3, 0, True, "named"]]}, "'relations'"),
        ({"relations": [[3, 3, "named"]]}, "'relations'"),
        ({"relations": [[3, 3, 0, 9, "named"]]}, "0 to 9"),
        ({"relations": None}, "'relations'"),
    ],
)
def test_malformed_lines_are_refused_with_their_place(tmp_path, change, names):
    corpus = reader(tmp_path, RECORD, RECORD | {"doc_key": "2"} | change)
    with pytest.raises(DataError, match="line 2") as error:
        list(corpus.read("train"))
    assert names in str(error.value)


def test_unknown_domains_and_places_without_files_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"dataset\.domain=sport: "):
        CrossReReader("sport", tmp_path)
    with pytest.raises(DataError, match=r"dataset\.domain=music"):
        reader(tmp_path, RECORD, domain="music")
    with pytest.raises((DataError, DocumentError), match="ai-train-1"):
        list(reader(tmp_path, RECORD, RECORD).read("train"))


@pytest.mark.corpus
def test_politics_has_its_sentences_and_pairs_with_several_labels():
    place = Path(os.environ.get("CROSSRE_DIR", ROOT.parent / "shared" / "data" / "re" / "crossre"))
    if not (place / "politics-train.json").is_file():
        pytest.skip(f"CrossRE is not at {place}; set CROSSRE_DIR")
    documents = list(CrossReReader("politics", place).read("train"))
    pairs = [{(r.head, r.tail) for r in document.gold.relations} for document in documents]
    assert (len(documents), sum(map(len, pairs))) == (101, 502)
    assert sum(len(document.gold.relations) for document in documents) > 502
