import os
from collections import Counter
from pathlib import Path

import pytest

from transferlab.data.readers.base import SPLITS, DataError
from transferlab.data.readers.conllu import ConllUReader

from .conll_text import write

ROOT = Path(__file__).resolve().parents[2]


def row(number: int | str, form: str, upos: str = "X", xpos: str = "_", deprel: str = "dep") -> str:
    return "\t".join([str(number), form, "_", upos, xpos, "_", "0", deprel, "_", "_"])


DU = [
    "# newdoc id = d1",
    "# sent_id = s1",
    "# text = du pain",
    row("1-2", "du", "_", deprel="_"),
    row(1, "de", "ADP", "P", "case"),
    row(2, "le", "DET", "D", "det"),
    row(3, "pain", "NOUN", "N", "root"),
    row("3.1", "mangé", "VERB"),
    "",
]


def read(tmp_path: Path, *lines: str, **options):
    write(tmp_path / "xx_y-ud-train.conllu", "\n".join(lines) + "\n")
    return [document.validate() for document in ConllUReader(tmp_path, **options).read("train")]


@pytest.mark.parametrize(
    ("column", "tags"),
    [("upos", ["ADP", "DET", "NOUN"]), ("xpos", ["P", "D", "N"]), ("deprel", ["case", "det", "root"])],
)
def test_syntactic_words_are_tagged_and_ranges_and_empty_nodes_skipped(tmp_path, column, tags):
    (document,) = read(tmp_path, *DU, column=column)
    assert document.name == "s1"
    assert document.words == ["de", "le", "pain"]
    assert document.gold.tags == tags
    assert document.gold.entities is None


def test_sentences_without_an_id_or_with_a_used_one_are_numbered(tmp_path):
    lines = [*DU, row(1, "a"), "", "# sent_id = s1", row(1, "b"), "", "# sent_id =", row(1, "c")]
    assert [document.name for document in read(tmp_path, *lines)] == ["s1", "train-2", "train-3", "train-4"]


def test_documents_reach_from_one_newdoc_to_the_next(tmp_path):
    lines = [*DU, row(1, "a", "X"), "", "# newdoc", row(1, "b"), "", "#newdoc id=d3", row(1, "c")]
    documents = read(tmp_path, *lines, unit="document")
    assert [document.name for document in documents] == ["d1", "train-2", "d3"]
    assert documents[0].sentences == [(0, 2), (3, 3)]
    assert documents[0].gold.tags == ["ADP", "DET", "NOUN", "X"]


def test_documents_without_newdoc_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"conllu, line 2: dataset\.unit=document needs a line # newdoc"):
        read(tmp_path, "# sent_id = 1", row(1, "a"), unit="document")


def test_words_may_hold_spaces_and_number_signs_and_lines_may_end_in_carriage_returns(tmp_path):
    text = "\r\n".join([row(1, "#"), row(2, "10 000"), " \t", "# note", row(1, "_", "SYM"), ""])
    (tmp_path / "x-ud-test.conllu").write_bytes(b"\xef\xbb\xbf" + text.encode())
    documents = list(ConllUReader(tmp_path).read("test"))
    assert [document.words for document in documents] == [["#", "10 000"], ["_"]]


def test_a_column_without_any_value_is_no_annotation(tmp_path):
    annotated, bare = read(tmp_path, row(1, "a", xpos="N"), row(2, "b"), "", row(1, "c"), column="xpos")
    assert annotated.gold.tags == ["N", "_"]
    assert bare.gold.tags is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([*DU, "1\ta\tb"], r"train\.conllu, line 10: 3 columns \['1', 'a', 'b'\]; CoNLL-U has 10, .*: id, form, lemma"),
        ([row(1, "a").replace("\t", " ")], r"line 1: 1 columns"),
        ([row(1, "a"), row(3, "b")], r"line 2: the word 'b' has the id '3' where 2 is expected"),
        ([row(1, "a"), row(1, "b")], r"line 2: the word 'b' has the id '1' where 2 is expected; .*an empty line"),
        ([row(1, "")], r"line 1: the form or the upos of the row .* is empty; unknown ones are written _"),
        ([row(1, "a", "")], r"line 1: the form or the upos"),
        ([row(1, "a"), "# sent_id = 2", row(1, "b")], r"line 2: a comment inside a sentence"),
    ],
)
def test_malformed_files_are_refused_with_file_and_line(tmp_path, lines, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, *lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": "lemma"}, r"dataset\.column=lemma: choose one of upos, xpos, deprel"),
        ({"unit": "text"}, r"dataset\.unit=text: "),
    ],
)
def test_unknown_options_are_refused_with_the_choices(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        ConllUReader(tmp_path, **options)


def test_nothing_set_names_variable_and_source(monkeypatch):
    monkeypatch.delenv("CONLLU_DIR", raising=False)
    with pytest.raises(DataError, match=r"CONLLU_DIR.*dataset\.data_dir.*UniversalDependencies"):
        ConllUReader()


@pytest.fixture
def atis_dir() -> Path:
    path = Path(os.environ.get("UD_ATIS_DIR", ROOT.parent / "shared" / "data" / "sequence_labelling" / "ud_atis"))
    if not path.is_dir():
        pytest.skip(f"UD English Atis is not at {path}; set UD_ATIS_DIR")
    return path


@pytest.mark.corpus
def test_atis_has_the_counts_of_its_files(atis_dir):
    reader = ConllUReader(atis_dir)
    documents = {split: [document.validate() for document in reader.read(split)] for split in SPLITS}
    # counted with grep and awk: "# sent_id", rows of ten columns, and the fourth column of the test rows
    assert [len(documents[split]) for split in SPLITS] == [4274, 572, 586]
    assert [sum(len(document.words) for document in documents[split]) for split in SPLITS] == [48655, 6644, 6580]
    assert documents["validation"][0].name == "0001.dev"
    tags = Counter(tag for document in documents["test"] for tag in document.gold.tags)
    assert tags == {
        **{"PROPN": 1567, "ADP": 1434, "NOUN": 1166, "VERB": 629, "DET": 512, "PRON": 392, "AUX": 256, "ADJ": 220},
        **{"NUM": 127, "CCONJ": 109, "ADV": 76, "PART": 56, "INTJ": 36},
    }
    assert {document.gold.tags is None for document in ConllUReader(atis_dir, column="xpos").read("test")} == {True}
