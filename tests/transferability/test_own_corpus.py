"""Which sources were trained on the corpus of a target, by its texts; by names only where these are certain."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from transferlab.data.readers.conllu import ConllUReader
from transferlab.data.readers.jsonl import JsonLinesReader
from transferlab.data.readers.litbank_ner import LitBankEntityReader
from transferlab.data.readers.table import TableReader
from transferlab.data.span_overlap import spans_of
from transferlab.data.text_overlap import Overlap, TrainingTexts, texts_of
from transferlab.documents import Annotations, Document, Entity, write_jsonl
from transferlab.reporting.transfer_tables import training_table
from transferlab.transferability.library import TaskLibrary, TaskVectors
from transferlab.transferability.own_corpus import Training, _is_own, as_table, own_sources, trainings
from transferlab.transferability.target import compose_target


def saved(place: Path, **description: Any) -> str:
    """A folder that is a saved model, as far as is asked here."""
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "transferlab.json").write_text(json.dumps(description))
    return str(place)


def trained(place: Path, reader: Any, *more: dict[str, Any]) -> str:
    """A model that was trained on the training split of a reader."""
    return saved(place, trained_on=[record(reader), *more])


def record(reader: Any) -> dict[str, Any]:
    return TrainingTexts.of(texts_of(reader.read("train")), reader.corpus_id()).to_dict()


def table(place: Path, **splits: Sequence[str]) -> TableReader:
    place.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        lines = [f"{text},{number % 2}" for number, text in enumerate(rows)]
        (place / f"{split}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    return TableReader({split: f"{split}.csv" for split in splits}, "text", data_dir=place)


def treebank(place: Path, *sentences: str) -> ConllUReader:
    place.mkdir()
    rows = [
        "\n".join("\t".join([str(i), word, *"__N_____"]) for i, word in enumerate(sentence.split(), start=1))
        for sentence in sentences
    ]
    for split in ("train", "dev"):
        (place / f"x-ud-{split}.conllu").write_text("\n\n".join(rows if split == "train" else rows[:1]) + "\n\n")
    return ConllUReader(place)


def texts(prefix: str, count: int = 100) -> list[str]:
    return [f"{prefix} number {number:03}" for number in range(count)]


def found_of(
    target: str, place: Path | None, sources: dict[str, str], library: Path, *overrides: str
) -> list[Training]:
    at = [f"dataset.data_dir={place}"] if place else []
    return trainings(compose_target(target, [*at, *overrides]), sources, TaskLibrary(library))


def test_two_tables_with_one_reader_and_the_same_keywords(tmp_path: Path) -> None:
    table(tmp_path / "films", train=texts("film"), validation=texts("late film", 10))
    sources = {
        "books": trained(tmp_path / "1", table(tmp_path / "books", train=texts("book"))),
        "copy": trained(tmp_path / "2", table(tmp_path / "copy", train=texts("film"))),
        "tests": trained(tmp_path / "3", table(tmp_path / "other", train=[*texts("book"), *texts("late film", 2)])),
    }
    found = found_of("text_classification", tmp_path / "films", sources, tmp_path / "l", "dataset=table")
    assert [(one.source, one.own) for one in found] == [("books", False), ("copy", True), ("tests", True)]
    assert found[1].splits == {"train": Overlap(100, 100, 100, 0), "validation": Overlap(0, 10, 10, 0)}
    assert found[2].splits == {"train": Overlap(0, 100, 100, 0), "validation": Overlap(2, 10, 10, 0)}
    assert "100 of 100 documents of the train split, 0 of 10 documents of the validation split" in str(found[1])
    assert own_sources(found) == ["copy", "tests"] and not found[0].touches


@pytest.mark.parametrize(("common", "own"), [(1, False), (9, False), (10, True)])
def test_few_documents_in_common_are_told_and_a_tenth_of_a_splits_text_makes_it_the_own_corpus(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, common: int, own: bool
) -> None:
    caplog.set_level("INFO")
    table(tmp_path / "t", train=texts("film"), test=texts("late film"))
    source = trained(tmp_path / "m", table(tmp_path / "s", train=[*texts("book"), *texts("late film", common)]))
    found = found_of("text_classification", tmp_path / "t", {"s": source}, tmp_path / "l", "dataset=table")
    assert own_sources(found) == (["s"] if own else [])
    assert f"{common} of 100 documents of the test split" in caplog.text and found[0].touches


def test_treebanks_of_two_languages(tmp_path: Path) -> None:
    english = treebank(tmp_path / "en", "the dog sleeps in the garden", "she reads a book")
    german = treebank(tmp_path / "de", "der Hund schläft im Garten", "sie liest ein Buch")
    sources = {"en": trained(tmp_path / "1", english), "de": trained(tmp_path / "2", german)}
    assert own_sources(found_of("pos", tmp_path / "de", sources, tmp_path / "l")) == ["de"]
    assert own_sources(found_of("pos", tmp_path / "en", sources, tmp_path / "l")) == ["en"]


def test_litbank_entities_are_on_the_documents_of_litbank_coreference(
    tmp_path: Path, small_litbank: tuple[Path, Path]
) -> None:
    coreference, entities = small_litbank
    source = trained(tmp_path / "m", LitBankEntityReader(entities))
    (found,) = found_of("litbank_coref", coreference, {"litbank_ner": source}, tmp_path / "l")
    assert found.own and [found.splits[split].shared for split in ("train", "validation", "test")] == [1, 0, 0]
    (found,) = found_of("litbank_coref", coreference, {"litbank_ner": source}, tmp_path / "l", "dataset.fold=1")
    assert found.own and [found.splits[split].shared for split in ("train", "validation", "test")] == [0, 1, 0]


@pytest.mark.corpus
def test_litbank_itself(tmp_path: Path, litbank_dir: Path, litbank_ner_dir: Path) -> None:
    reader = LitBankEntityReader(litbank_ner_dir, folds_dir=litbank_dir)
    seen = TrainingTexts.of(texts_of(reader.read("train")), reader.corpus_id(), spans_of(reader.read("train")))
    source = saved(tmp_path / "m", trained_on=[seen.to_dict()])
    (found,) = found_of("litbank_coref", litbank_dir, {"litbank_ner": source}, tmp_path / "l")
    assert found.own and found.corpus == "litbank" and found.documents == 80
    assert [found.splits[split].shared for split in ("train", "validation", "test")] == [80, 0, 0]
    assert found.spans is not None and found.spans[0] > 9_000 and 0.985 < found.spans[1] / found.spans[0] < 0.989


def test_spans_that_a_source_has_learned_and_the_target_asks_for_are_counted(tmp_path: Path) -> None:
    words = ["Ann", "met", "the", "mayor", "of", "Bonn", "."]
    whole = [(0, len(words) - 1)]
    target = Annotations(clusters=[[(0, 0)], [(2, 5)]])
    learned = Annotations(entities=[Entity(2, 5, "PER"), Entity(5, 5, "GPE"), Entity(0, 0, "PER")])
    for folder, gold in (("t", target), ("s", learned)):
        (tmp_path / folder).mkdir()
        write_jsonl([Document("d", words, whole, gold=gold)], tmp_path / folder / "train.jsonl")
    reader = JsonLinesReader(tmp_path / "s")
    seen = TrainingTexts.of(texts_of(reader.read("train")), "x", spans_of(reader.read("train")))
    source = saved(tmp_path / "m", trained_on=[seen.to_dict()])
    (found,) = found_of("coref", tmp_path / "t", {"s": source}, tmp_path / "l", "dataset=jsonl")
    assert found.spans == (3, 2) and "2 of 3 annotated spans" in str(found)
    assert as_table([found])[["spans", "gold_spans"]].values.tolist() == [[3, 2]]
    assert "2 of 3 annotated spans" in training_table(as_table([found])).rows[0][-1]


def test_what_a_source_started_from_counts(tmp_path: Path) -> None:
    table(tmp_path / "t", train=texts("film"))
    first = record(table(tmp_path / "copy", train=texts("film")))
    source = trained(tmp_path / "m", table(tmp_path / "s", train=texts("book")), {"from": "models/first", **first})
    own, inherited = found_of("text_classification", tmp_path / "t", {"s": source}, tmp_path / "l", "dataset=table")
    assert (own.own, own.start, inherited.own, inherited.start) == (False, None, True, "models/first")
    assert own_sources([own, inherited]) == ["s"] and "started from models/first" in str(inherited)


def test_a_sample_that_tells_of_too_few_documents_decides_nothing() -> None:
    def own(*counts: int) -> bool:
        return _is_own(Overlap(*counts, counts[0] / max(counts[1], 1)))

    assert own(2, 20, 500) and own(1, 10, 10) and own(1, 1, 1)
    assert not own(1, 20, 500) and not own(10, 19, 500) and not own(0, 0, 0) and not own(0, 0, 500)


READERS = "transferlab.data.readers."
WNUT = {"_target_": READERS + "columns.ColumnReader", "variable": "WNUT17_DIR", "data_dir": None}
LITBANK = {"_target_": READERS + "litbank.LitBankReader", "data_dir": None, "fold": 0}
GLUE = {"_target_": READERS + "glue.GlueReader", "data_dir": None}
TABLE = {"_target_": READERS + "table.TableReader", "variable": "TABLE_DIR", "hub": None}
TREEBANK = {"_target_": READERS + "conllu.ConllUReader"}
TEXTS = "text_classification"
CSV = {"train": "train.csv", "validation": "validation.csv", "test": "test.csv"}


@pytest.mark.parametrize(
    ("target", "overrides", "data", "same"),
    [
        ("wnut17", [], WNUT, True),
        ("wnut17", [], WNUT | {"variable": "CONLL2003_DIR"}, False),
        ("wnut17", [], WNUT | {"data_dir": "/somewhere"}, False),
        ("wnut17", [], WNUT | {"_target_": "somewhere.Else"}, False),
        ("wnut17", [], {"name": "columns", "options": {"variable": "WNUT17_DIR", "data_dir": None}}, True),
        ("wnut17", [], {}, False),
        ("wnut17", [], "columns", False),
        ("wnut17", [], {"name": [], "options": None}, False),
        ("litbank_coref", [], LITBANK | {"fold": 3}, True),  # its test documents are in the other fold's training split
        ("litbank_ner", [], LITBANK, True),
        ("glue:rte", [], GLUE | {"task": "sst2"}, False),
        ("glue:rte", [], GLUE | {"task": "rte"}, True),
        (TEXTS, ["dataset=table"], TABLE | {"data_dir": None, "files": CSV}, False),
        (TEXTS, ["dataset=table", "dataset.data_dir=/a"], TABLE | {"data_dir": "/b", "files": CSV}, False),
        (TEXTS, ["dataset=table", "dataset.data_dir=/a"], TABLE | {"data_dir": "/a", "files": CSV}, True),
        (TEXTS, ["dataset=table", "dataset.data_dir=/a"], TABLE | {"data_dir": "/a", "files": {}}, False),
        (TEXTS, ["dataset=table", "dataset.data_dir=a"], TABLE | {"data_dir": "a", "files": CSV}, False),
        ("pos", [], TREEBANK | {"data_dir": None}, False),
        ("pos", ["dataset.data_dir=/en"], TREEBANK | {"data_dir": "/de"}, False),
    ],
)  # fmt: skip
def test_models_saved_before_go_by_names_that_are_certain(
    target: str, overrides: list[str], data: Any, same: bool, tmp_path: Path
) -> None:
    source = saved(tmp_path / "old", data=data)
    (found,) = found_of(target, None, {"old": source}, tmp_path / "l", *overrides)
    assert found.own is same and not found.splits and found.corpus is None and "not recorded" in str(found)


def test_encoders_that_are_no_saved_models_have_no_say(tmp_path: Path) -> None:
    assert found_of("wnut17", None, {"minilm": "minilm", "lost": "no where"}, tmp_path / "l") == []


def test_a_damaged_record_is_told_and_the_others_are_measured(tmp_path: Path) -> None:
    table(tmp_path / "t", train=texts("film"))
    good = record(table(tmp_path / "copy", train=texts("film")))
    sources = {
        "bad": saved(tmp_path / "1", trained_on=[good | {"ids": "?"}]),
        "good": saved(tmp_path / "2", trained_on=[good]),
    }
    bad, measured = found_of("text_classification", tmp_path / "t", sources, tmp_path / "l", "dataset=table")
    assert "damaged" in bad.unknown and str(tmp_path / "1") in bad.unknown and not bad.own and measured.own


def test_a_target_that_cannot_be_read_is_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LITBANK_DIR", raising=False)
    reader = table(tmp_path / "s", train=texts("book"))
    sources = {
        "books": trained(tmp_path / "1", reader),
        "litbank": saved(tmp_path / "2", trained_on=[record(reader)], data=LITBANK),
    }
    found = found_of("litbank_coref", None, sources, tmp_path / "l")
    assert [one.own for one in found] == [False, True], "names that are certain count"
    assert all("LITBANK_DIR" in one.unknown and not one.splits for one in found)


def test_the_embedding_of_a_task_stands_for_a_source_that_says_nothing(tmp_path: Path) -> None:
    table(tmp_path / "t", train=texts("film"))
    library = TaskLibrary(tmp_path / "library")
    for name in ("films", "books"):
        reader = table(tmp_path / name, train=texts(name.removesuffix("s")))
        about = {"trained_on": [record(reader)], "made_from": {"dataset": {}}}
        library.write(TaskVectors(name, "textemb", {"x": torch.ones(2)}, {}, about))
    library.write(TaskVectors("old", "textemb", {"x": torch.ones(2)}, {}, {"made_from": {"dataset": WNUT}}))
    sources = dict.fromkeys(("films", "books", "old", "other"), str(tmp_path / "not" / "there"))
    sources |= {"books": saved(tmp_path / "before", data={}), "plain": "minilm"}
    library.write(TaskVectors("plain", "textemb", {"x": torch.ones(2)}, {}, {"trained_on": [record(reader)]}))
    found = found_of("text_classification", tmp_path / "t", sources, library.directory, "dataset=table")
    assert [(one.source, one.own) for one in found] == [("films", True), ("books", False), ("old", False)]
    assert "not recorded" in found[2].unknown
    told = trained(tmp_path / "m", table(tmp_path / "c", train=texts("poem")))
    (found_one,) = found_of("text_classification", tmp_path / "t", {"films": told}, library.directory, "dataset=table")
    assert not found_one.own, "what the model says of itself comes first"


def test_a_table_of_what_was_measured() -> None:
    counts = {"train": Overlap(80, 80, 80, 0), "test": Overlap(1, 25, 300, 0)}
    found = [
        Training("a", "litbank", None, 80, counts, own=True),
        Training("a", "films", "models/first", 9, {"train": Overlap(0, 80, 80, 0), "test": Overlap(0, 300, 300, 0)}),
        Training("old", None, None, unknown="its documents are not recorded"),
    ]
    frame = as_table(found)
    assert list(frame["source"]) == ["a"] * 4 + ["old"] and frame["shared"].sum() == 81
    assert math.isnan(frame["documents"].iloc[-1]) and list(frame["own"]) == [True] * 2 + [False] * 3
    table = training_table(frame)
    assert table.columns[2:4] == ["train", "test"]
    assert table.rows == [
        ["a", "litbank", "80 of 80", "1 of 25 (of 300)", "yes"],
        ["a, started from models/first", "films", "0 of 80", "0 of 300", "no"],
        ["old", "not recorded", "-", "-", "its documents are not recorded"],
    ]
    assert isinstance(as_table([]), pd.DataFrame) and not len(as_table([]))
