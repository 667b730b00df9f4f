import logging
import os
from collections import Counter
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from transferlab.data.readers.base import SPLITS, DataError
from transferlab.data.readers.columns import ColumnReader
from transferlab.documents import Document, DocumentError, Entity

from .conll_text import write

ROOT = Path(__file__).resolve().parents[2]
HUB = {"name": "x/y", "revision": "r", "words": "tokens", "tags": "ner_tags", "scheme": "IOB2"}
FILES = {"train": "train.txt", "validation": ["eng.testa", "valid.txt"], "test": "test.txt"}
TWO_DOCUMENTS = """\
-DOCSTART- -X- O O

U.N. NNP I-NP I-ORG
official NN I-NP O
Ekeus NNP I-NP I-PER
Ann NNP I-NP B-PER
Bo NNP I-NP I-PER

He PRP I-NP O

-DOCSTART- -X- O O

Oslo NNP I-NP I-LOC
"""


def config(name: str, **options) -> dict:
    """The arguments that configs/dataset/<name>.yaml gives the reader, with some of them replaced."""
    loaded = OmegaConf.to_container(OmegaConf.load(ROOT / "configs" / "dataset" / f"{name}.yaml"))
    return {key: value for key, value in loaded.items() if key != "_target_"} | options


def read(tmp_path: Path, text: str, **options) -> list[Document]:
    write(tmp_path / "train.txt", text)
    reader = ColumnReader(FILES, data_dir=tmp_path, **options)
    return [document.validate() for document in reader.read("train")]


def test_sentences_carry_tags_in_the_target_scheme_and_the_entities(tmp_path):
    first, second, third = read(tmp_path, TWO_DOCUMENTS, scheme="IOB1")
    assert first.words == ["U.N.", "official", "Ekeus", "Ann", "Bo"]
    assert first.gold.tags == ["B-ORG", "O", "B-PER", "B-PER", "I-PER"]
    assert first.gold.entities == [Entity(0, 0, "ORG"), Entity(2, 2, "PER"), Entity(3, 4, "PER")]
    assert (second.gold.tags, second.gold.entities) == (["O"], [])
    assert [document.name for document in (first, second, third)] == ["train-1", "train-2", "train-3"]


def test_another_target_scheme(tmp_path):
    first = read(tmp_path, TWO_DOCUMENTS, scheme="IOB1", target_scheme="BIOES")[0]
    assert first.gold.tags == ["S-ORG", "O", "S-PER", "B-PER", "E-PER"]


def test_documents_reach_from_one_docstart_to_the_next_and_spans_end_with_their_sentence(tmp_path):
    text = TWO_DOCUMENTS.replace("He PRP I-NP O", "Cy NNP I-NP I-PER")
    first, second = read(tmp_path, text, scheme="IOB1", unit="document")
    assert first.sentences == [(0, 4), (5, 5)]
    assert first.gold.entities[-2:] == [Entity(3, 4, "PER"), Entity(5, 5, "PER")]
    assert first.gold.tags[-2:] == ["I-PER", "B-PER"]
    assert second.words == ["Oslo"]


def test_documents_without_docstart_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"train\.txt, line 1: dataset\.unit=document needs a line -DOCSTART-"):
        read(tmp_path, "a O\n", unit="document")


def test_plain_tags_are_kept_as_they_are_and_are_no_entities(tmp_path):
    first = read(tmp_path, TWO_DOCUMENTS, tag_column=1, scheme=None)[0]
    assert first.gold.tags == ["NNP", "NN", "NNP", "NNP", "NNP"]
    assert first.gold.entities is None


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("between", ["", "\t", "  ", "\t\t", "\n\n\t"])
def test_line_ends_byte_order_marks_and_lines_of_white_space(tmp_path, ends, mark, between):
    text = f"{mark}a\tB-x\nb\tI-x\n{between}\nc\tO"
    (tmp_path / "train.txt").write_bytes(text.replace("\n", ends).encode())
    for delimiter in ("\t", None):
        documents = list(ColumnReader(FILES, data_dir=tmp_path, delimiter=delimiter).read("train"))
        assert [(document.words, document.gold.tags) for document in documents] == [
            (["a", "b"], ["B-x", "I-x"]),
            (["c"], ["O"]),
        ]


def test_words_may_begin_with_a_number_sign_unless_it_marks_comments(tmp_path):
    text = "# id 5\tO\n#nlp\tB-topic\n"
    assert read(tmp_path, text, delimiter="\t")[0].words == ["# id 5", "#nlp"]
    assert read(tmp_path, text, delimiter="\t", comment="# ")[0].words == ["#nlp"]


def test_only_spaces_and_tabs_separate_columns(tmp_path):
    document = read(tmp_path, "10\u00a0000 \t  B-n  \n\u3000 I-n\nend\u2028 O\n")[0]
    assert document.words == ["10\u00a0000", "\u3000", "end\u2028"]
    assert document.gold.tags == ["B-n", "I-n", "O"]


def test_types_keep_their_hyphens(tmp_path):
    assert read(tmp_path, "a\tB-creative-work\n")[0].gold.entities == [Entity(0, 0, "creative-work")]


def test_docstart_ends_a_sentence_and_may_have_other_columns(tmp_path):
    documents = read(tmp_path, "-DOCSTART- O\na NN O\n-DOCSTART-\n\nb NN O\n")
    assert [document.words for document in documents] == [["a"], ["b"]]


def test_malformed_tags_are_repaired_and_counted(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        documents = read(tmp_path, "a O\nb I-x\n\nc B-x\nd I-y\ne I-y\n")
    assert [document.gold.tags for document in documents] == [["O", "B-x"], ["B-x", "B-y", "I-y"]]
    assert "train: repaired 2 tags that are not written in IOB2" in caplog.text
    assert "train.txt, line 1; if the whole corpus" in caplog.text


def test_iob2_read_as_iob1_has_the_same_entities(tmp_path, caplog):
    text = "a B-x\nb I-x\nc B-x\nd O\ne B-y\n"
    expected = read(tmp_path, text, scheme="IOB2")
    assert "repaired" not in caplog.text
    assert read(tmp_path, text, scheme="IOB1") == expected
    assert "repaired 2 tags that are not written in IOB1" in caplog.text


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a NN O\nb NN\n", {}, r"train\.txt, line 2: 2 columns \['b', 'NN'\] where the rows above have 3"),
        ("a NN O\n\nb NN O c NN O\n", {}, r"train\.txt, line 3: 6 columns"),
        ("a\tO\nb O\n", {"delimiter": "\t"}, r"line 2: 1 columns \['b O'\] .* by '\\t'"),
        ("\na O\n", {"tag_column": 3}, r"train\.txt, line 2: 2 columns \['a', 'O'\]; column 3 \(from 0\) does not"),
        ("a O\n", {"tag_column": -3}, r"column -3 \(from 0\) does not exist"),
        ("a\tO\n\tO\n", {"delimiter": "\t"}, r"line 1: column 0 \(from 0\) of the row \['', 'O'\] .* is empty"),
        ("a\tO\nb\t\n", {"delimiter": "\t"}, r"column -1 \(from 0\) of the row \['b', ''\] in this sentence is empty"),
        ("a O\n\nb NN\n", {}, r"train\.txt, line 3: tag 'NN' .* scheme IOB2"),
    ],
)
def test_malformed_files_are_refused_with_file_line_and_columns(tmp_path, text, options, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text, **options)


def test_another_encoding_is_refused(tmp_path):
    (tmp_path / "train.txt").write_bytes("Zoë O\n".encode("latin-1"))
    with pytest.raises(DocumentError, match=r"train\.txt is not UTF-8"):
        list(ColumnReader(FILES, data_dir=tmp_path).read("train"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheme": "IOB"}, r"dataset\.scheme=IOB: choose one of IOB1, "),
        ({"target_scheme": None}, r"dataset\.target_scheme=null: "),
        ({"unit": "text"}, r"dataset\.unit=text: choose one of sentence, document"),
    ],
)
def test_unknown_options_are_refused_with_the_choices(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        ColumnReader(FILES, data_dir=tmp_path, **options)


def test_nothing_set_names_variable_files_and_source(monkeypatch):
    monkeypatch.delenv("SOME_DIR", raising=False)
    with pytest.raises(DataError, match=r"SOME_DIR.*dataset\.data_dir.*train\.txt, eng\.testa, .*get it there"):
        ColumnReader(FILES, variable="SOME_DIR", source="get it there")


class TestHub:
    @pytest.fixture(autouse=True)
    def rows(self, monkeypatch):
        monkeypatch.delenv("SOME_DIR", raising=False)

        def hub_rows(name, config=None, revision=None, split="train", remedy=""):
            assert (name, config, revision, split) == ("x/y", None, "r", "validation")
            yield {"tokens": [], "pos_tags": [], "ner_tags": []}
            yield {"tokens": ["Ann", "left"], "pos_tags": ["NNP", "VBD"], "ner_tags": ["B-PER", "O"]}

        monkeypatch.setattr("transferlab.data.readers.columns.hub_rows", hub_rows)

    def test_it_is_read_where_no_place_is_named(self):
        reader = ColumnReader(FILES, variable="SOME_DIR", scheme="IOB1", target_scheme="BILOU", hub=HUB)
        assert reader.splits == SPLITS
        (document,) = reader.read("validation")
        assert (document.name, document.words) == ("validation-1", ["Ann", "left"])
        assert document.gold.tags == ["U-PER", "O"]
        assert document.gold.entities == [Entity(0, 0, "PER")]

    def test_other_columns_may_be_no_spans(self):
        hub = HUB | {"tags": "pos_tags", "scheme": None}
        (document,) = ColumnReader(FILES, variable="SOME_DIR", hub=hub).read("validation")
        assert (document.gold.tags, document.gold.entities) == (["NNP", "VBD"], None)

    def test_an_unknown_column_is_refused_with_those_there_are(self):
        reader = ColumnReader(FILES, variable="SOME_DIR", hub=HUB | {"tags": "tags"})
        with pytest.raises(DataError, match=r"dataset\.hub\.tags='tags'.* \['ner_tags', 'pos_tags'"):
            list(reader.read("validation"))

    def test_documents_are_refused(self):
        with pytest.raises(DataError, match=r"dataset\.unit=document: the copy on the hub .*SOME_DIR"):
            ColumnReader(FILES, variable="SOME_DIR", unit="document", hub=HUB)

    def test_a_place_that_is_named_goes_first(self, tmp_path, monkeypatch):
        write(tmp_path / "train.txt", "a O\n")
        monkeypatch.setenv("SOME_DIR", str(tmp_path))
        assert ColumnReader(FILES, variable="SOME_DIR", hub=HUB).splits == ("train",)


def test_the_sample_has_the_counts_of_its_readme():
    reader = ColumnReader(**config("conll2003", data_dir=ROOT / "data/sample/conll2003"))
    documents = {split: list(reader.read(split)) for split in SPLITS}
    assert [len(documents[split]) for split in SPLITS] == [628, 167, 162]
    assert [sum(len(document.words) for document in documents[split]) for split in SPLITS] == [7630, 1988, 1980]
    types = Counter(entity.label for document in documents["train"] for entity in document.gold.entities)
    assert types == {"LOC": 179, "MISC": 82, "ORG": 235, "PER": 372}
    whole = ColumnReader(**config("conll2003", data_dir=ROOT / "data/sample/conll2003", unit="document"))
    assert [len(list(whole.read(split))) for split in SPLITS] == [40, 10, 10]


def test_the_sample_is_well_formed_iob1(caplog):
    list(ColumnReader(**config("conll2003", data_dir=ROOT / "data/sample/conll2003")).read("train"))
    assert "repaired" not in caplog.text


@pytest.fixture
def wnut17_dir() -> Path:
    path = Path(os.environ.get("WNUT17_DIR", ROOT.parent / "shared" / "data" / "ner" / "wnut17"))
    if not path.is_dir():
        pytest.skip(f"WNUT-17 is not at {path}; set WNUT17_DIR")
    return path


@pytest.mark.corpus
def test_wnut17_has_the_counts_of_its_files(wnut17_dir, caplog):
    reader = ColumnReader(**config("wnut17", data_dir=wnut17_dir))
    documents = {split: [document.validate() for document in reader.read(split)] for split in SPLITS}
    # counted with awk: sentences, rows of two columns, tags that begin with B-, rows that begin with #
    assert [len(documents[split]) for split in SPLITS] == [3394, 1009, 1287]
    assert [sum(len(d.words) for d in documents[split]) for split in SPLITS] == [62730, 15733, 23394]
    assert [sum(len(d.gold.entities) for d in documents[split]) for split in SPLITS] == [1975, 836, 1079]
    hashes = [sum(word.startswith("#") for d in documents[split] for word in d.words) for split in SPLITS]
    assert hashes == [828, 22, 247]
    types = Counter(entity.label for d in documents["test"] for entity in d.gold.entities)
    assert types == {
        **{"corporation": 66, "creative-work": 142, "group": 165},
        **{"location": 150, "person": 429, "product": 127},
    }
    assert "repaired" not in caplog.text
