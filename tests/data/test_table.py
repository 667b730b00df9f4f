"""Tables in every form that the reader takes, and the corpora that are read as tables."""

import csv
import json
import logging
import os
from collections import Counter
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from transferlab.data.readers.base import SPLITS, DataError
from transferlab.data.readers.table import TableReader
from transferlab.documents import DocumentError

ROOT = Path(__file__).resolve().parents[2]
FILES = {split: f"{split}.*" for split in SPLITS}
# looked up here: in the tests themselves no variable is set
CORPORA = {
    variable: Path(os.environ.get(variable, ROOT.parent / "shared" / "data" / place))
    for variable, place in {
        "PAWS_DIR": "paraphrase/paws_wiki",
        "POEM_SENTIMENT_DIR": "classification/poem_sentiment",
        "COMPLEX_DIR": "regression/complex_lcp2021",
    }.items()
}


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for variable in ("TABLE_DIR", *CORPORA):
        monkeypatch.delenv(variable, raising=False)


def table(tmp_path: Path, content: str, file: str = "train.csv", **options) -> TableReader:
    for other in tmp_path.glob("*.*"):
        other.unlink()
    (tmp_path / file).write_bytes(content.encode())
    return TableReader(**{"files": FILES, "text": "text", "data_dir": tmp_path, **options})


def labels(reader: TableReader, split: str = "train") -> list:
    return [(document.text, document.gold.label) for document in reader.read(split)]


def test_csv_with_quotes_line_ends_and_byte_order_mark(tmp_path):
    content = '\ufefflabel,text\r\npos,"a ""b"", c\nd"\r\n\r\nneg,\r\npos,e\r\n'
    reader = table(tmp_path, content)
    assert reader.splits == ("train",)
    assert labels(reader) == [('a "b", c\nd', "pos"), ("", "neg"), ("e", "pos")]
    first, empty, _ = (document.validate() for document in reader.read("train"))
    assert first.words == ["a", '"b",', "c", "d"]
    assert [first.text[a:b] for a, b in first.offsets] == first.words
    assert (empty.name, empty.words, empty.sentences) == ("train-2", [], [])


def test_in_tsv_a_quote_is_a_character(tmp_path):
    assert labels(table(tmp_path, 'text\tlabel\n"a\t1\nb "\t0\n', "train.tsv")) == [('"a', "1"), ('b "', "0")]


def test_endings_can_be_overridden(tmp_path):
    reader = table(tmp_path, 'text|label\n"a|b"|1\n', "train.dat", delimiter="|", quoting=True)
    assert labels(reader) == [("a|b", "1")]
    with pytest.raises(DataError, match=r"train\.dat ends in none of \.csv, .*set dataset\.delimiter"):
        table(tmp_path, "text|label\n", "train.dat")


@pytest.mark.parametrize("separator", ["\r", "\x85", "\u2028", "\x0b"])
def test_other_line_ends_of_unicode_end_no_row(tmp_path, separator):
    reader = table(tmp_path, f"text\tlabel\na{separator}b\t1\n", "train.tsv")
    assert labels(reader) == [(f"a{separator}b", "1")]


def test_json_lines(tmp_path):
    rows = [{"text": "a", "label": 1}, {"text": "b", "label": "x"}, {"text": "c", "label": None}]
    reader = table(tmp_path, "\n\n".join(map(json.dumps, rows)), "train.jsonl")
    assert labels(reader) == [("a", "1"), ("b", "x"), ("c", None)]


def test_columns_by_number_where_there_is_no_header(tmp_path):
    reader = table(
        tmp_path, "7\ta\tb\t1\n8\tc\td\t0\n", "train.tsv", header=False, name=0, text=1, text_pair=2, label=3
    )
    assert [(d.name, d.text, d.text_pair, d.gold.label) for d in reader.read("train")] == [
        ("7", "a", "b", "1"),
        ("8", "c", "d", "0"),
    ]


def test_values(tmp_path):
    reader = table(tmp_path, "text,label\na,0.25\nb,-1e2\nc,\n", label_kind="value")
    assert labels(reader) == [("a", 0.25), ("b", -100.0), ("c", None)]
    broken = table(tmp_path, 'text,label\n"a\nb",1\nc,high\n', label_kind="value")
    with pytest.raises(DataError, match=r"train\.csv, line 4, column 'label': 'high'.* number"):
        list(broken.read("train"))


def test_several_classes(tmp_path):
    content = 'text,label\na,"x, y"\nb,\nc,z\n'
    assert labels(table(tmp_path, content, label_kind="several")) == [("a", ["x", "y"]), ("b", []), ("c", ["z"])]
    options = {"label_kind": "several", "separator": None, "label_names": {"0": "no", 1: "yes"}}
    rows = 'text\tlabel\na\t["0", 1]\nb\t[]\n'
    assert labels(table(tmp_path, rows, "train.tsv", **options)) == [("a", ["no", "yes"]), ("b", [])]
    with pytest.raises(DataError, match=r"line 2, column 'label': 'x y' is not a JSON list; dataset\.separator"):
        list(table(tmp_path, "text\tlabel\na\tx y\n", "train.tsv", **options).read("train"))


def test_lists_in_json_lines_are_several_classes(tmp_path):
    rows = '{"text": "a", "label": ["x", "y"]}\n{"text": "b", "label": null}\n'
    assert labels(table(tmp_path, rows, "train.jsonl", label_kind="several")) == [("a", ["x", "y"]), ("b", None)]


def test_label_names(tmp_path):
    reader = table(tmp_path, "text,label\na,1\nb,2\n", label_names={"1": "yes"})
    with pytest.raises(DataError, match=r"line 3, column 'label': '2'.* \['1'\] \(dataset\.label_names\)"):
        labels(reader)
    assert next(reader.read("train")).gold.label == "yes"


def test_texts_without_labels(tmp_path):
    assert labels(table(tmp_path, "text\na\n", label=None)) == [("a", None)]


def test_a_column_that_is_not_there_is_named_before_anything_is_read(tmp_path):
    with pytest.raises(
        DataError, match=r"train\.csv, line 2: there is no column 'text'; the columns are \['sentence', 'label'\]"
    ):
        table(tmp_path, "sentence,label\na,1\n")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train.tsv", "text\tlabel\na\t1\nb\n", r"train\.tsv, line 3: 1 columns where the header names 2"),
        ("train.csv", 'text,label\na,1\n"b,0\nc,1\n', r"train\.csv, line 3: .*dataset\.quoting=false"),
        ("train.jsonl", '{"text": "a", "label": 1}\n[1]\n', r"line 2: write one JSON object a line"),
        ("train.jsonl", '{"text": "a", "label": 1}\n{', r"train\.jsonl, line 2: "),
        (
            "train.jsonl",
            '{"text": "a", "label": 1}\n{"text": 3, "label": 1}',
            r"line 2, column 'text': 3 .*text",
        ),
        ("train.jsonl", '{"text": "a", "label": ["x"]}', r"line 1, column 'label': .*dataset\.label_kind=several"),
        ("train.jsonl", '{"text": "a", "label": NaN}', r"line 1, column 'label': nan .* null"),
        ("train.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}', r"line 2: there is no column 'label'"),
    ],
)
def test_broken_rows_are_refused_with_file_and_line(tmp_path, file, content, message):
    with pytest.raises(DataError, match=message):
        list(table(tmp_path, content, file).read("train"))


def test_other_refusals(tmp_path):
    with pytest.raises(DataError, match="names a column twice"):
        table(tmp_path, "text,text\na,1\n")
    with pytest.raises(DataError, match=r"dataset\.label_kind=classes: .*class, value, several"):
        table(tmp_path, "text,label\na,1\n", label_kind="classes")
    with pytest.raises(DataError, match=r"dataset\.files\.dev: "):
        table(tmp_path, "text,label\na,1\n", files={"dev": "dev.csv"})
    with pytest.raises(DataError, match=r"holds none of x\.csv.*Get it there"):
        table(tmp_path, "", files={"train": "x.csv"}, source="Get it there")
    with pytest.raises(DataError, match=r"environment variable MY_DIR or the key dataset\.data_dir"):
        TableReader(FILES, "text", variable="MY_DIR")
    twice = table(tmp_path, "id,text,label\n1,a,1\n1,b,1\n", name="id")
    with pytest.raises(DataError, match=r"line 3: the document name '1' was already used in .*line 2"):
        list(twice.read("train"))


def test_another_encoding_is_refused_by_name(tmp_path):
    (tmp_path / "train.csv").write_bytes("text,label\nZoë,1\n".encode("latin-1"))
    with pytest.raises((DataError, DocumentError), match=r"train\.csv is not UTF-8 .*iconv"):
        TableReader(FILES, "text", tmp_path)


def test_patterns_take_several_files_and_null_takes_none(tmp_path):
    for name in ("part-2.csv", "part-1.csv", "test.csv"):
        (tmp_path / name).write_text(f"text,label\n{name},1\n")
    reader = TableReader({"train": "part-*.csv", "validation": "dev.csv", "test": None}, "text", tmp_path)
    assert reader.splits == ("train",)
    assert [(d.name, d.text) for d in reader.read("train")] == [("train-1", "part-1.csv"), ("train-2", "part-2.csv")]


def test_one_file_is_the_split_that_it_names(tmp_path):
    (tmp_path / "my-train.csv").write_text("text,label\na,1\n")
    assert TableReader(FILES, "text", tmp_path / "my-train.csv").splits == ("train",)


def test_a_file_that_serves_two_splits_is_warned_of(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        table(tmp_path, "text,label\na,1\n", files={"train": "train.csv", "validation": "train.csv"})
    assert "serves both train and validation" in caplog.text


def test_long_texts_in_quoted_cells(tmp_path):
    text = "word " * 40_000
    assert labels(table(tmp_path, f'text,label\n"{text}",1\n')) == [(text, "1")]


def test_the_hub_stands_in_where_no_place_is_named(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    label = datasets.ClassLabel(names=["negative", "positive"])
    features = datasets.Features({"id": datasets.Value("int32"), "verse": datasets.Value("string"), "label": label})
    rows = [{"id": 5, "verse": "a", "label": 1}, {"id": 6, "verse": "b", "label": 0}]
    (tmp_path / "hub").mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "hub" / "train.parquet")
    options = {"name": 0, "text": 1, "label": 2, "label_names": {"-1": "negative", "1": "positive"}}
    reader = TableReader({"train": "train.tsv"}, hub={"name": str(tmp_path / "hub")}, **options)
    assert [(d.name, d.text, d.gold.label) for d in reader.read("train")] == [
        ("5", "a", "positive"),
        ("6", "b", "negative"),
    ]


def configured(dataset: str, *overrides: str) -> TableReader:
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        cfg = compose("train", overrides=[f"dataset={dataset}", "paths.output_dir=/run", *overrides])
    return instantiate(cfg.dataset, _convert_="all")


def test_offline_the_message_says_what_to_set():
    with pytest.raises(DataError) as refusal:
        next(configured("paws").read("train"))
    name = "google-research-datasets/paws, configuration labeled_final"
    for piece in (name, "PAWS_DIR", "dataset.data_dir", "HF_HUB_OFFLINE", "train.tsv"):
        assert piece in str(refusal.value)


def corpus(variable: str) -> Path:
    if not CORPORA[variable].is_dir():
        pytest.skip(f"there is no corpus at {CORPORA[variable]}; set {variable}")
    return CORPORA[variable]


def lines_of(file: Path) -> list[list[str]]:
    return [line.split("\t") for line in file.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.corpus
def test_paws_has_every_pair_and_can_be_trained_on_its_development_pairs():
    place = corpus("PAWS_DIR")
    keys = [f"dataset.data_dir={place}", "dataset.files.train=dev.tsv", "dataset.files.validation=test.tsv"]
    reader = configured("paws", *keys, "dataset.files.test=null")
    assert reader.splits == ("train", "validation")
    for split, file in (("train", "dev.tsv"), ("validation", "test.tsv")):
        documents = list(reader.read(split))
        assert len(documents) == 8_000
        assert [[d.text, d.text_pair, d.gold.label] for d in documents] == [
            row[1:] for row in lines_of(place / file)[1:]
        ]


@pytest.mark.corpus
def test_poem_sentiment_has_every_verse():
    place = corpus("POEM_SENTIMENT_DIR")
    reader = configured("poem_sentiment", f"dataset.data_dir={place}")
    documents = {split: list(reader.read(split)) for split in SPLITS}
    assert {split: len(found) for split, found in documents.items()} == {"train": 892, "validation": 105, "test": 104}
    assert {split: Counter(d.gold.label for d in found) for split, found in documents.items()} == {
        "train": {"no_impact": 555, "negative": 155, "positive": 133, "mixed": 49},
        "validation": {"no_impact": 69, "negative": 19, "positive": 17},
        "test": {"no_impact": 69, "negative": 19, "positive": 16},
    }


@pytest.mark.corpus
def test_complex_has_every_word_whatever_its_quotes():
    place = corpus("COMPLEX_DIR")
    reader = configured("complex", f"dataset.data_dir={place}")
    counts = {"train": (7_662, "train"), "validation": (421, "trial"), "test": (917, "test")}
    for split, (count, word) in counts.items():
        documents = list(reader.read(split))
        file = place / f"lcp_single_{word}.tsv"
        assert len(documents) == len({document.name for document in documents}) == count
        expected = [(name, text, token, float(value)) for name, _, text, token, value in lines_of(file)[1:]]
        assert [(d.name, d.text, d.text_pair, d.gold.label) for d in documents] == expected
        assert all(0 <= document.gold.label <= 1 for document in documents)
        with open(file, newline="", encoding="utf-8") as lines:
            assert sum(1 for _ in csv.reader(lines, delimiter="\t")) < count, "quoting would lose rows of this file"
