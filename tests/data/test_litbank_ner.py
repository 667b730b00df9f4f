from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.readers.base import SPLITS, DataError
from transferlab.data.readers.litbank import LitBankReader
from transferlab.data.readers.litbank_ner import LitBankEntityReader
from transferlab.documents import Entity

from .conll_text import write

# "the lord of the manor" is in the second column, as it contains "the manor" of the first; the last one is empty
TEXT = """\
The\tB-PER\tO\tO\tO\t
lord\tI-PER\tO\tO\tO\t
left\tO\tO\tO\tO\t

the\tO\tB-PER\tO\tO\t
lord\tO\tI-PER\tO\tO\t
of\tO\tI-PER\tO\tO\t
the\tB-FAC\tI-PER\tO\tO\t
manor\tI-FAC\tI-PER\tO\tO\t

"""
LORD, LORD_OF_THE_MANOR, MANOR = Entity(0, 1, "PER"), Entity(3, 7, "PER"), Entity(6, 7, "FAC")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    monkeypatch.delenv("LITBANK_DIR", raising=False)
    monkeypatch.delenv("LITBANK_NER_DIR", raising=False)


def texts(root: Path, text: str = TEXT) -> Path:
    for name in ("1_a_brat", "2_b_brat", "3_c_brat"):
        write(root / f"{name}.tsv", text)
    return root


def folds(root: Path) -> Path:
    for name, file in (("1_a_brat", "train"), ("2_b_brat", "dev"), ("3_c_brat", "test")):
        write(root / "0" / f"{file}.ids", f"{name}.tsv\n")
    return root


def small_litbank(root: Path, text: str = TEXT) -> Path:
    texts(root / "tsv", text)
    folds(root / "splits")
    return root


def read(root: Path, **options):
    return next(LitBankEntityReader(root, **options).read("train")).validate()


def test_the_outermost_entities_are_made_of_all_columns(tmp_path):
    document = read(small_litbank(tmp_path))
    assert document.name == "1_a_brat"
    assert document.words == ["The", "lord", "left", "the", "lord", "of", "the", "manor"]
    assert document.sentences == [(0, 2), (3, 7)]
    assert document.gold.entities == [LORD, LORD_OF_THE_MANOR]
    assert document.gold.tags == ["B-PER", "I-PER", "O", "B-PER", "I-PER", "I-PER", "I-PER", "I-PER"]


@pytest.mark.parametrize(
    ("layer", "entities", "tags"),
    [
        (0, [LORD, MANOR], ["B-PER", "I-PER", "O", "O", "O", "O", "B-FAC", "I-FAC"]),
        (1, [LORD_OF_THE_MANOR], ["O", "O", "O", "B-PER", "I-PER", "I-PER", "I-PER", "I-PER"]),
        (3, [], ["O"] * 8),
    ],
)
def test_one_column(tmp_path, layer, entities, tags):
    gold = read(small_litbank(tmp_path), layer=layer).gold
    assert (gold.entities, gold.tags) == (entities, tags)


def test_all_keeps_nested_entities_and_the_tags_of_the_outermost(tmp_path):
    root = small_litbank(tmp_path)
    gold = read(root, layer="all").gold
    assert gold.entities == [LORD, LORD_OF_THE_MANOR, MANOR]
    assert gold.tags == read(root).gold.tags


def test_of_two_entities_with_the_same_words_the_outer_column_counts(tmp_path):
    root = small_litbank(tmp_path, "Oslo\tB-GPE\tB-LOC\tO\tO\t\n")
    assert read(root).gold.entities == [Entity(0, 0, "LOC")]
    assert read(root, layer="all").gold.entities == [Entity(0, 0, "GPE"), Entity(0, 0, "LOC")]


def test_files_may_have_more_columns_and_no_empty_one(tmp_path):
    root = small_litbank(tmp_path, "a\tB-PER\tO\tO\tO\tB-FAC\n")
    assert read(root, layer="all").gold.entities == [Entity(0, 0, "PER"), Entity(0, 0, "FAC")]


@pytest.mark.parametrize("folds_of", ["splits", "data/litbank_tenfold_splits"])
def test_the_clone_and_the_folds_of_the_other_clone(tmp_path, monkeypatch, folds_of):
    texts(tmp_path / "litbank" / "entities" / "tsv")
    folds(tmp_path / "coref" / folds_of)
    place = tmp_path / "litbank"
    with pytest.raises(DataError, match=r"litbank_tenfold_splits/0 is a directory.*dataset\.folds_dir.*LITBANK_DIR"):
        LitBankEntityReader(place)
    assert read(place, folds_dir=tmp_path / "coref").name == "1_a_brat"
    monkeypatch.setenv("LITBANK_DIR", str(tmp_path / "coref"))
    names = {split: [document.name for document in LitBankEntityReader(place).read(split)] for split in SPLITS}
    assert names == {"train": ["1_a_brat"], "validation": ["2_b_brat"], "test": ["3_c_brat"]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fold": 10}, r"dataset\.fold=10: "),
        ({"fold": 3}, r"none of .*/splits/3, .*/3 is a directory\. .*lrec2020-coref"),
        (
            {"layer": "inner"},
            r"dataset\.layer=inner: choose one of outermost, all or a whole number",
        ),
        ({"layer": 4}, r"dataset\.layer=4: .*from 0 to 3"),
    ],
)
def test_unknown_options_are_refused_with_the_choices(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        LitBankEntityReader(small_litbank(tmp_path), **options)


def test_a_fold_that_does_not_lie_beside_the_texts_is_taken_from_the_other_corpus(tmp_path, monkeypatch):
    write(folds(tmp_path / "coref" / "splits") / "3" / "train.ids", "2_b_brat.tsv\n")
    for file in ("dev", "test"):
        write(tmp_path / "coref" / "splits" / "3" / f"{file}.ids", "1_a_brat.tsv\n")
    monkeypatch.setenv("LITBANK_DIR", str(tmp_path / "coref"))
    assert read(small_litbank(tmp_path / "ner"), fold=3).name == "2_b_brat"


def test_missing_documents_are_named_before_anything_is_read(tmp_path):
    (small_litbank(tmp_path) / "tsv" / "2_b_brat.tsv").unlink()
    with pytest.raises(DataError, match=r"tsv lacks 1 files that .*splits/0 names: 2_b_brat\.tsv"):
        LitBankEntityReader(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tO\tO\t\n\nb\tO\t\n", r"1_a_brat\.tsv, line 3: 3 columns \['b', 'O', ''\] where the rows above have 4"),
        ("a\tO\tPER\t\n", r"1_a_brat\.tsv, line 1: tag 'PER'"),
        ("a\tO\t\t\nb\tO\tO\t\n", r"1_a_brat\.tsv, line 1: column 2 \(from 0\) of the row \['a', 'O', '', ''\]"),
    ],
)
def test_malformed_files_are_refused_with_file_and_line(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(small_litbank(tmp_path, text))


def test_nothing_set_names_variable_and_both_sources():
    with pytest.raises(DataError, match=r"LITBANK_NER_DIR.*dataset\.data_dir.*dbamman/litbank.*dbamman/lrec2020-coref"):
        LitBankEntityReader()


def corpus(place: Path, **options):
    reader = LitBankEntityReader(place, **options)
    return {split: [document.validate() for document in reader.read(split)] for split in SPLITS}


@pytest.mark.corpus
def test_litbank_has_the_counts_of_its_files(litbank_ner_dir):
    documents = corpus(litbank_ner_dir, layer="all")
    assert [len(documents[split]) for split in SPLITS] == [80, 10, 10]
    everything = [document for split in SPLITS for document in documents[split]]
    # counted with awk in the files: rows, and tags that begin with B-
    assert [sum(len(d.words) for d in documents[split]) for split in SPLITS] == [169456, 20438, 20638]
    assert sum(len(d.sentences) for d in everything) == 8562
    assert [sum(len(d.gold.entities) for d in documents[split]) for split in SPLITS] == [11186, 1463, 1263]
    types = Counter(entity.label for d in everything for entity in d.gold.entities)
    # as in the README of the corpus
    assert types == {"PER": 9383, "FAC": 2154, "LOC": 1170, "GPE": 878, "VEH": 197, "ORG": 130}


@pytest.mark.corpus
def test_columns_count_from_the_innermost_layer(litbank_ner_dir):
    sizes = []
    for layer in range(4):
        documents = [document for split in corpus(litbank_ner_dir, layer=layer).values() for document in split]
        sizes.append(sum(len(document.gold.entities) for document in documents))
    assert sizes == [11989, 1742, 162, 19]
    for documents in corpus(litbank_ner_dir, layer="all").values():
        for document in documents:
            spans = {(entity.start, entity.end) for entity in document.gold.entities}
            outermost = {
                (start, end)
                for start, end in spans
                if not any((s, e) != (start, end) and s <= start and end <= e for s, e in spans)
            }
            assert sum(tag.startswith("B-") for tag in document.gold.tags) == len(outermost)


@pytest.mark.corpus
def test_the_outermost_layer_has_11_769_entities(litbank_ner_dir):
    documents = [document for split in corpus(litbank_ner_dir).values() for document in split]
    # counted without any code of ours: spans of any column whose words do not all lie inside another's
    assert sum(len(document.gold.entities) for document in documents) == 11769


@pytest.mark.corpus
def test_names_and_words_are_those_of_the_coreference(litbank_ner_dir, litbank_dir):
    entities, coreference = LitBankEntityReader(litbank_ner_dir), LitBankReader(litbank_dir)
    for split in SPLITS:
        for one, other in zip(entities.read(split), coreference.read(split), strict=True):
            assert (one.name, one.words, one.sentences) == (other.name, other.words, other.sentences)
