import pytest

from transferlab.data.readers.base import DataError, data_directory, split_of_path, unique_names
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.coref_jsonlines import CorefJsonLinesReader
from transferlab.documents import Document


def test_an_unset_variable_is_refused_with_variable_key_and_remedy(monkeypatch):
    monkeypatch.delenv("SOME_DIR", raising=False)
    with pytest.raises(DataError, match=r"SOME_DIR.*dataset\.data_dir.*get it there"):
        data_directory(None, "SOME_DIR", "get it there")


@pytest.mark.parametrize("is_set", [True, False])
def test_another_form_of_the_corpus_that_is_there_is_named(monkeypatch, is_set):
    monkeypatch.delenv("SOME_DIR", raising=False)
    monkeypatch.setenv("OTHER_DIR", "/corpus" if is_set else "")
    with pytest.raises(DataError, match=r"SOME_DIR") as refused:
        data_directory(None, "SOME_DIR", "", {"OTHER_DIR": "same_in_json"})
    assert ("dataset=same_in_json" in str(refused.value)) == is_set


def test_ontonotes_names_its_other_form(monkeypatch, tmp_path):
    one, other = "CONLL2012_DIR", "CONLL2012_ONTONOTESV5_PREPROCESSED_DATA_DIR"
    monkeypatch.delenv(one, raising=False)
    monkeypatch.setenv(other, str(tmp_path))
    with pytest.raises(DataError, match="dataset=conll2012_ontonotesv5_preprocessed"):
        Conll2012Reader()
    monkeypatch.delenv(other)
    monkeypatch.setenv(one, str(tmp_path))
    with pytest.raises(DataError, match="dataset=conll2012,"):
        CorefJsonLinesReader()


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("SOME_DIR", "")
    with pytest.raises(DataError, match="no data directory is given"):
        data_directory(None, "SOME_DIR", "")


def test_the_key_wins_over_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_DIR", "/nonexistent")
    assert data_directory(str(tmp_path), "SOME_DIR", "") == tmp_path
    monkeypatch.setenv("SOME_DIR", str(tmp_path))
    assert data_directory(None, "SOME_DIR", "") == tmp_path


def test_a_missing_directory_is_refused_with_where_its_name_came_from(monkeypatch):
    with pytest.raises(DataError, match=r"/nonexistent does not exist \(it comes from dataset\.data_dir\)"):
        data_directory("/nonexistent", "SOME_DIR", "")
    monkeypatch.setenv("SOME_DIR", "/nonexistent")
    with pytest.raises(DataError, match=r"it comes from the environment variable SOME_DIR\)\. get it"):
        data_directory(None, "SOME_DIR", "get it")


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("data/train/data/english/annotations/bc/cctv/00/cctv_0000.v4_gold_conll", "train"),
        ("data/development/data/english/annotations/nw/x/test_0001.v4_gold_conll", "validation"),
        ("train.english.v4_gold_conll", "train"),
        ("dev.english.v4_gold_conll", "validation"),
        ("corpus-test.conll", "test"),
        ("contest.conll", None),
        ("train_and_test.conll", None),
        ("trained/a.conll", None),
    ],
)
def test_a_path_tells_its_split(path, split):
    assert split_of_path(path) == split


def test_two_documents_of_one_name_are_refused_with_both_files():
    pairs = [("a.conll", Document("x", [], [])), ("b.conll", Document("x", [], []))]
    with pytest.raises(DataError, match=r"b\.conll: the document name 'x' was already used in a\.conll.*one copy$"):
        list(unique_names(pairs))
    with pytest.raises(DataError, match=r"rename or remove one copy, or else$"):
        list(unique_names(pairs, "or else"))
