"""Generated files in every layout of GLUE, SNLI and SciTail; the hub is played by local directories."""

import json
import logging
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from transferlab.data.readers.base import SPLITS, DataError
from transferlab.data.readers.glue import TASKS, GlueReader
from transferlab.data.text_overlap import overlap, texts_of

MNLI_HEAD = "index promptID pairID genre s1_binary_parse s2_binary_parse s1_parse s2_parse sentence1 sentence2"
PARSES = ["( )"] * 4


def write(file: Path, *rows: list[str] | str, start: str = "", end: str = "\n") -> Path:
    """A TSV file of rows given as lists or as words."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(row.split() if isinstance(row, str) else row) + end for row in rows]
    file.write_bytes((start + "".join(lines)).encode())
    return file


def read(reader: GlueReader, split: str) -> list[tuple]:
    return [(d.text, d.text_pair, d.gold.label) for d in reader.read(split)]


def mrpc_rows(*labels: str) -> list[list[str]]:
    head = ["Quality", "#1 ID", "#2 ID", "#1 String", "#2 String"]
    return [head, *([label, "1", "2", f'He said " a{i}', f"b{i} ."] for i, label in enumerate(labels))]


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch):
    for variable in ("GLUE_DIR", "SNLI_DIR", "SCITAIL_DIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Write a dataset of the hub: columns, and a split's rows without the label; labels are class numbers."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")

    def build(columns: dict[str, object], **splits: list[tuple]) -> str:
        features = datasets.Features(
            {
                name: datasets.ClassLabel(names=kind) if isinstance(kind, list) else datasets.Value(kind)
                for name, kind in columns.items()
            }
        )
        config = tmp_path / "hub" / "README.md"
        config.parent.mkdir()
        names = [{"split": split, "path": f"{split}.parquet"} for split in splits]
        parts = [{"config_name": name, "data_files": names} for name in [*TASKS, "plain_text", "snli_format"]]
        config.write_text(f"---\nconfigs: {json.dumps(parts)}\n---\n")
        for split, rows in splits.items():
            table = [dict(zip(columns, row, strict=True)) for row in rows]
            datasets.Dataset.from_list(table, features=features).to_parquet(config.with_name(f"{split}.parquet"))
        return str(config.parent)

    return build


def test_quotes_and_a_byte_order_mark_lose_no_rows(tmp_path):
    write(tmp_path / "MRPC" / "train.tsv", *mrpc_rows("1", "0", "1"), start="\ufeff", end="\r\n")
    reader = GlueReader("mrpc", tmp_path)
    assert reader.splits == ("train",)
    assert read(reader, "train") == [
        ('He said " a0', "b0 .", "1"),
        ('He said " a1', "b1 .", "0"),
        ('He said " a2', "b2 .", "1"),
    ]
    document = next(reader.read("train")).validate()
    assert document.name == "mrpc-train-1"
    assert document.words == ["He", "said", '"', "a0"]
    assert [document.text[a:b] for a, b in document.offsets] == document.words
    with pytest.raises(DataError, match=r"has no split 'test'.*\['train'\]"):
        reader.read("test")


@pytest.mark.parametrize("folder", ["MRPC", "mrpc", "."])
def test_the_directory_of_all_tasks_or_of_one_serves(tmp_path, monkeypatch, folder):
    for name in ("train", "dev", "test"):
        write(tmp_path / folder / f"{name}.tsv", *mrpc_rows("1"))
    monkeypatch.setenv("GLUE_DIR", str(tmp_path))
    assert GlueReader("mrpc").splits == SPLITS


def test_the_names_of_the_microsoft_release(tmp_path):
    write(tmp_path / "msr_paraphrase_train.txt", *mrpc_rows("1", "0"), start="\ufeff")
    write(tmp_path / "msr_paraphrase_test.txt", *mrpc_rows("1"))
    reader = GlueReader("mrpc", tmp_path)
    assert {split: len(list(reader.read(split))) for split in reader.splits} == {"train": 2, "test": 1}


@pytest.mark.parametrize(
    ("task", "folder", "head", "row", "expected"),
    [
        ("sst2", "SST-2", "sentence label", ["it is good ", "1"], ("it is good ", None, "1")),
        ("qnli", "QNLI", "index question sentence label", ["0", "Q ?", "S", "entailment"], ("Q ?", "S", "entailment")),
        (
            "rte",
            "RTE",
            "index sentence1 sentence2 label",
            ["0", "A", "B", "not_entailment"],
            ("A", "B", "not_entailment"),
        ),
        ("wnli", "WNLI", "index sentence1 sentence2 label", ["0", "A", "B", "0"], ("A", "B", "0")),
        (
            "qqp",
            "QQP",
            "id qid1 qid2 question1 question2 is_duplicate",
            ["7", "1", "2", "A ?", "B ?", "1"],
            ("A ?", "B ?", "1"),
        ),
        (
            "stsb",
            "STS-B",
            "index genre filename year old_index source1 source2 sentence1 sentence2 score",
            ["0", "g", "f", "y", "1", "none", "none", "A", "B", "3.800"],
            ("A", "B", 3.8),
        ),
        (
            "mnli",
            "MNLI",
            MNLI_HEAD + " label1 gold_label",
            ["0", "1", "2", "g", *PARSES, "A", "B", "neutral", "contradiction"],
            ("A", "B", "contradiction"),
        ),
    ],
)
def test_columns_of_each_task(tmp_path, task, folder, head, row, expected):
    write(tmp_path / folder / "train.tsv", head, row)
    hidden = {head.split()[-1], "label1", "qid1", "qid2"}  # what the official test files lack
    unlabelled = [pair for pair in zip(head.split(), row, strict=True) if pair[0] not in hidden]
    name = "test_matched.tsv" if task == "mnli" else "test.tsv"
    write(tmp_path / folder / name, *(list(cells) for cells in zip(*unlabelled, strict=True)))
    reader = GlueReader(task, tmp_path)
    assert read(reader, "train") == [expected]
    assert read(reader, "test") == [(*expected[:2], None)]


def test_cola_has_no_header_but_in_its_test_file(tmp_path):
    write(tmp_path / "CoLA" / "train.tsv", ["gj04", "1", "", 'They "left.'], ["gj04", "0", "*", "Them left."])
    write(tmp_path / "CoLA" / "test.tsv", "index sentence", ["0", "Bill whistled."])
    reader = GlueReader("cola", tmp_path)
    assert read(reader, "train") == [('They "left.', None, "1"), ("Them left.", None, "0")]
    assert read(reader, "test") == [("Bill whistled.", None, None)]


def test_mnli_matched_and_mismatched(tmp_path):
    head = MNLI_HEAD + " label1 gold_label"
    for name in ("dev_matched", "dev_mismatched", "train"):
        write(tmp_path / f"{name}.tsv", head, ["0", "1", "2", "g", *PARSES, name, "B", "x", "neutral"])
    assert read(GlueReader("mnli", tmp_path), "validation") == [("dev_matched", "B", "neutral")]
    reader = GlueReader("mnli", tmp_path, mismatched=True)
    assert read(reader, "validation") == [("dev_mismatched", "B", "neutral")]
    assert read(reader, "train") == [("train", "B", "neutral")]
    with pytest.raises(DataError, match=r"dataset\.mismatched is for dataset\.task=mnli, not rte"):
        GlueReader("rte", tmp_path, mismatched=True)


SNLI_HEAD = "gold_label s1_binary_parse s2_binary_parse s1_parse s2_parse sentence1 sentence2 captionID pairID label1"


@pytest.mark.parametrize("ending", ["txt", "jsonl"])
def test_snli_leaves_out_pairs_without_agreement_and_counts_them(tmp_path, caplog, ending):
    rows = [(label, f"A{i}", f"B{i}") for i, label in enumerate(["neutral", "-", "entailment", "-"])]
    file = tmp_path / "snli_1.0" / f"snli_1.0_test.{ending}"
    if ending == "txt":
        write(file, SNLI_HEAD, *([label, *PARSES, a, b, "c", "p", "x"] for label, a, b in rows))
    else:
        file.parent.mkdir()
        keys = ("gold_label", "sentence1", "sentence2")
        file.write_text("".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in rows))
    reader = GlueReader("snli", tmp_path)
    with caplog.at_level(logging.INFO):
        documents = list(reader.read("test"))
    assert [(d.name, d.text, d.gold.label) for d in documents] == [
        ("snli-test-1", "A0", "neutral"),
        ("snli-test-3", "A2", "entailment"),
    ]
    assert "left out 2 pairs" in caplog.text


def test_scitail(tmp_path):
    write(tmp_path / "SciTailV1.1" / "tsv_format" / "scitail_1.0_dev.tsv", ["A", 'The "B', "entails"])
    assert read(GlueReader("scitail", tmp_path), "validation") == [("A", 'The "B', "entails")]


def test_a_wrong_number_of_columns_is_refused_with_file_and_line(tmp_path):
    write(tmp_path / "train.tsv", "index sentence1 sentence2 label", ["0", "A", "B", "entailment"], ["1", "A", "B"])
    with pytest.raises(DataError, match=r"train\.tsv, line 3: 3 columns where the header names 4: .*'sentence2'"):
        list(GlueReader("rte", tmp_path).read("train"))


def test_the_broken_rows_of_qqp_are_left_out_with_a_warning(tmp_path, caplog):
    head = "id qid1 qid2 question1 question2 is_duplicate"
    good = ["7", "1", "2", "A ?", "B ?", "1"]
    write(tmp_path / "train.tsv", head, good, ["8", "3", "4", "What"], ["is it ?", "0"], good)
    assert len(read(GlueReader("qqp", tmp_path), "train")) == 2
    assert "left out 2 rows with a wrong number of columns, first line 3" in caplog.text


def test_files_of_another_task_are_refused_before_they_are_read(tmp_path):
    write(tmp_path / "train.tsv", *mrpc_rows("1"))
    with pytest.raises(
        DataError, match=r"train\.tsv, line 2: there is no column 'sentence1'; the columns are \['Quality'"
    ):
        GlueReader("rte", tmp_path)


def test_a_training_file_without_labels_is_refused(tmp_path):
    write(tmp_path / "train.tsv", "index sentence", ["0", "A"])
    with pytest.raises(DataError, match=r"no column 'label'; the columns are \['index', 'sentence'\]"):
        GlueReader("sst2", tmp_path)


@pytest.mark.parametrize(("score", "message"), [("5.1", "from 0 to 5"), ("nan", "number")])
def test_scores_are_checked(tmp_path, score, message):
    write(tmp_path / "train.tsv", "sentence1 sentence2 score", ["A", "B", "5.000"], ["A", "B", score])
    with pytest.raises(DataError, match=rf"train\.tsv, line 3, column 'score': .*'{score}' .*{message}"):
        list(GlueReader("stsb", tmp_path).read("train"))


def test_an_unknown_label_is_refused_with_the_choices(tmp_path):
    write(tmp_path / "train.tsv", *mrpc_rows("1", "yes"))
    with pytest.raises(DataError, match=r"line 3, column 'Quality': the label 'yes' of mrpc .* 0, 1"):
        list(GlueReader("mrpc", tmp_path).read("train"))


def test_an_unknown_task_and_an_empty_place_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"dataset\.task=mrcp: .*did you mean mrpc"):
        GlueReader("mrcp")
    with pytest.raises(DataError, match=r"holds no files of mnli.*dev_matched\.tsv, test_matched\.tsv.*GLUE_DIR"):
        GlueReader("mnli", tmp_path)


def test_rows_of_the_hub_have_the_labels_of_the_files(hub):
    columns = {"sentence1": "string", "sentence2": "string", "label": ["not_equivalent", "equivalent"], "idx": "int32"}
    name = hub(columns, train=[("A", "B", 1, 0), ("C", "D", 0, 1)], test=[("E", "F", -1, 0)])
    reader = GlueReader("mrpc", hub_name=name)
    assert read(reader, "train") == [("A", "B", "1"), ("C", "D", "0")]
    assert read(reader, "test") == [("E", "F", None)]
    assert [document.name for document in reader.read("train")] == ["mrpc-train-1", "mrpc-train-2"]


def test_a_folder_and_the_hub_are_one_corpus(hub, tmp_path):
    pairs = [("The house stood near the river.", "Nobody had seen him since."), ("A", "B b"), ("C", "D")]
    write(tmp_path / "MRPC" / "train.tsv", mrpc_rows()[0], *(["1", "0", "1", *pair] for pair in pairs))
    columns = {"sentence1": "string", "sentence2": "string", "label": ["not_equivalent", "equivalent"]}
    folder = GlueReader("mrpc", tmp_path)
    on_hub = GlueReader("mrpc", hub_name=hub(columns, train=[(*pair, 1) for pair in reversed(pairs)]))
    assert folder.corpus_id() == on_hub.corpus_id() != GlueReader("rte", hub_name="x").corpus_id()
    texts = [texts_of(reader.read("train")) for reader in (folder, on_hub)]
    assert texts[0].content == texts[1].content and overlap(*texts).shared == 3


def test_scores_of_the_hub(hub):
    columns = {"sentence1": "string", "sentence2": "string", "label": "float32"}
    reader = GlueReader("stsb", hub_name=hub(columns, train=[("A", "B", 3.8)], test=[("A", "B", -1.0)]))
    assert read(reader, "train") == [("A", "B", 3.8)]
    assert read(reader, "test") == [("A", "B", None)]


def test_snli_of_the_hub_leaves_out_what_has_no_label(hub):
    nli = {"premise": "string", "hypothesis": "string", "label": ["entailment", "neutral", "contradiction"]}
    snli = GlueReader("snli", hub_name=hub(nli, test=[("A", "B", -1), ("C", "D", 2)]))
    assert read(snli, "test") == [("C", "D", "contradiction")]


def test_scitail_of_the_hub(hub):
    columns = {"sentence1": "string", "sentence2": "string", "gold_label": "string"}
    name = hub(columns, train=[("A", "B", "entailment"), ("C", "D", "neutral")])
    assert read(GlueReader("scitail", hub_name=name), "train") == [("A", "B", "entails"), ("C", "D", "neutral")]


def test_mnli_of_the_hub_takes_the_validation_split_of_its_genres(hub):
    columns = {"premise": "string", "hypothesis": "string", "label": ["entailment", "neutral", "contradiction"]}
    name = hub(columns, validation_matched=[("A", "B", 0)], validation_mismatched=[("C", "D", 1)])
    assert read(GlueReader("mnli", hub_name=name), "validation") == [("A", "B", "entailment")]
    assert read(GlueReader("mnli", mismatched=True, hub_name=name), "validation") == [("C", "D", "neutral")]


def test_offline_the_message_says_what_to_set():
    with pytest.raises(DataError) as refusal:
        next(GlueReader("rte").read("train"))
    name = "nyu-mll/glue, configuration rte"
    for piece in (name, "GLUE_DIR", "dataset.data_dir", "HF_HUB_OFFLINE", "gluebenchmark.com", "train.tsv"):
        assert piece in str(refusal.value)


def test_the_sample_is_read_whole(project_root, monkeypatch, tmp_path):
    monkeypatch.setenv("GLUE_DIR", str(tmp_path))  # the place that its config names goes before
    with initialize_config_dir(str(project_root / "configs"), version_base="1.3"):
        cfg = compose("train", overrides=["dataset=sample_mrpc", "paths.output_dir=/run"])
    reader = instantiate(cfg.dataset, _convert_="all")
    documents = {split: list(reader.read(split)) for split in SPLITS}
    assert {split: len(found) for split, found in documents.items()} == {"train": 600, "validation": 120, "test": 120}
    for found in documents.values():
        assert {document.validate().gold.label for document in found} == {"0", "1"}
        assert all(document.text and document.text_pair for document in found)
