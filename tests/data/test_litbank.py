from pathlib import Path

import pytest

from transferlab.data.readers.base import SPLITS, DataError
from transferlab.data.readers.conll2012 import Conll2012Reader
from transferlab.data.readers.litbank import LitBankReader
from transferlab.data.statistics import corpus_statistics
from transferlab.data.writers import write_conll2012
from transferlab.documents import DocumentError, read_jsonl, write_jsonl

from .conll_text import conll, write


def small_litbank(root: Path, texts: str = "conll", splits: str = "splits") -> Path:
    """Three documents in ten folds; fold f holds document f mod 3 as test and its neighbours elsewhere."""
    ids = ["1_a_brat", "2_b_brat", "3_c_brat"]
    for name in ids:
        write(root / texts / f"{name}.conll", conll(name, part="0"))
    for fold in range(10):
        for shift, file in enumerate(("test.ids", "dev.ids", "train.ids")):
            write(root / splits / str(fold) / file, ids[(fold + shift) % 3] + ".tsv\n")
    return root


@pytest.mark.parametrize("layout", [("conll", "splits"), ("data/original/conll", "data/litbank_tenfold_splits")])
def test_both_layouts_are_read_and_documents_are_named_after_their_files(tmp_path, layout):
    small_litbank(tmp_path, *layout)
    reader = LitBankReader(tmp_path, fold=1)
    assert reader.splits == ("train", "validation", "test")
    assert {split: [document.name for document in reader.read(split)] for split in SPLITS} == {
        "train": ["1_a_brat"],
        "validation": ["3_c_brat"],
        "test": ["2_b_brat"],
    }


@pytest.mark.parametrize("fold", [-1, 10, True])
def test_an_unknown_fold_is_refused_with_the_choices(tmp_path, fold):
    with pytest.raises(DataError, match=rf"dataset\.fold={str(fold).lower()}: .*from 0 to 9"):
        LitBankReader(small_litbank(tmp_path), fold=fold)


def test_missing_documents_are_named_before_anything_is_read(tmp_path):
    small_litbank(tmp_path)
    (tmp_path / "conll" / "2_b_brat.conll").unlink()
    with pytest.raises(DataError, match=r"conll lacks 1 files that .*splits/0 names: 2_b_brat\.conll"):
        LitBankReader(tmp_path)


def test_another_encoding_is_refused_by_name(tmp_path):
    small_litbank(tmp_path)
    (tmp_path / "conll" / "1_a_brat.conll").write_bytes("Zoë".encode("latin-1"))
    with pytest.raises(DocumentError, match=r"1_a_brat\.conll is not UTF-8 .*iconv"):
        list(LitBankReader(tmp_path, fold=0).read("test"))


def test_a_missing_list_is_named(tmp_path):
    small_litbank(tmp_path)
    (tmp_path / "splits" / "4" / "dev.ids").unlink()
    with pytest.raises(DataError, match=r"splits/4/dev\.ids is missing"):
        LitBankReader(tmp_path, fold=4)


def test_a_directory_that_is_not_litbank_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"has not the two directories.*git clone"):
        LitBankReader(tmp_path)


def test_nothing_set_names_variable_key_and_source(monkeypatch):
    monkeypatch.delenv("LITBANK_DIR", raising=False)
    with pytest.raises(DataError, match=r"LITBANK_DIR.*dataset\.data_dir.*dbamman/lrec2020-coref"):
        LitBankReader()


@pytest.fixture
def corpus(litbank_dir):
    reader = LitBankReader(litbank_dir)
    return {split: list(reader.read(split)) for split in SPLITS}


@pytest.mark.corpus
def test_litbank_has_the_counts_of_its_files(corpus):
    assert {split: len(documents) for split, documents in corpus.items()} == {
        "train": 80,
        "validation": 10,
        "test": 10,
    }
    statistics = corpus_statistics(document for documents in corpus.values() for document in documents)
    # counted with awk in the files: rows, blank lines, opening brackets, and entities by number of openings
    assert statistics["documents"] == 100
    assert statistics["words"] == 210_532
    assert statistics["sentences"] == 8_562
    assert statistics["mentions"] == 29_103
    assert statistics["entities"] == 7_927
    assert statistics["singletons"] == 5_763
    assert round(statistics["singletons"] / statistics["mentions"], 2) == 0.20
    assert round(statistics["singletons"] / statistics["entities"], 2) == 0.73
    assert statistics["documents_with_speakers"] == 0
    assert statistics["genres"] == {"-": 100}


@pytest.mark.corpus
def test_the_test_parts_of_the_ten_folds_are_litbank(litbank_dir):
    names = [document.name for fold in range(10) for document in LitBankReader(litbank_dir, fold).read("test")]
    assert len(names) == len(set(names)) == 100


@pytest.mark.corpus
def test_litbank_comes_back_from_conll_and_from_json_lines(corpus, tmp_path):
    documents = [document.validate() for split in SPLITS for document in corpus[split]]
    write_conll2012(documents, tmp_path / "all.conll", layer="gold")
    assert list(Conll2012Reader(tmp_path / "all.conll").read("test")) == documents
    write_jsonl(documents, tmp_path / "all.jsonl")
    assert list(read_jsonl(tmp_path / "all.jsonl")) == documents
