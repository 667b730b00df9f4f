"""The corpus that a saved model was trained on: read again by a reader of ours, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from transferlab.data.readers.columns import ColumnReader
from transferlab.data.readers.jsonl import JsonLinesReader
from transferlab.documents import Document, write_jsonl
from transferlab.models.own_data import own_reader
from transferlab.models.registry import READERS, SavedModelError


def stated(name: Any, **options: Any) -> dict[str, Any]:
    return {"data": {"name": name, "options": options}}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_jsonl([Document("one", ["a"], [(0, 0)])], tmp_path / "data" / "test.jsonl")
    return tmp_path / "data"


def test_every_shipped_reader_has_a_name(project_root: Path) -> None:
    targets = {
        line.split()[1]
        for file in (project_root / "configs" / "dataset").glob("*.yaml")
        for line in file.read_text().splitlines()
        if line.startswith("_target_:")
    }
    assert len(targets) == len(READERS.names)
    for target in targets:
        kind = READERS.find(READERS.name(target), (), "here")
        assert f"{kind.__module__}.{kind.__qualname__}" == target and READERS.name_of(kind) in READERS.names


def test_the_place_and_the_options_are_those_of_training(data: Path, tmp_path: Path) -> None:
    reader = own_reader(tmp_path, stated("jsonl", data_dir=str(data)))
    assert isinstance(reader, JsonLinesReader)
    assert [document.name for document in reader.read("test")] == ["one"]


def test_the_caller_may_name_another_place(data: Path, tmp_path: Path) -> None:
    moved = stated("jsonl", data_dir="/nowhere/at/all")
    reader = own_reader(tmp_path, moved, given={"data_dir": str(data)})
    assert [document.name for document in reader.read("test")] == ["one"]
    with pytest.raises(SavedModelError, match="token"):
        own_reader(tmp_path, moved, given={"data_dir": str(data), "token": "x"})


def test_no_place_stands_for_the_variable_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "test.tsv").write_text("Ann\tB-PER\n\n")
    monkeypatch.setenv("WNUT17_DIR", str(tmp_path))
    reader = own_reader(
        tmp_path,
        stated(
            "columns", data_dir=None, variable="WNUT17_DIR", files={"test": "test.tsv"}, word_column=0, tag_column=1
        ),
    )
    assert isinstance(reader, ColumnReader) and len(list(reader.read("test"))) == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("jsonl", {"data_dir": "/nowhere/at/all"}),
        ("jsonl", {"data_dir": "/dev/zero"}),
        ("jsonl", {"data_dir": 3}),
        ("jsonl", {"data_dir": None, "token": "x"}),
        ("columns", {"variable": "HOME"}),
        ("table", {"files": {"test": "/etc/passwd"}}),
        ("table", {"files": {"test": "../../secret.csv"}}),
        ("table", {"hub": {"name": "../elsewhere"}}),
        ("os:system", {}),
        ("transferlab.data.readers.base:Path", {}),
        ("transferlab.data.readers.hub:hub_rows", {}),
        ("transferlab.inference:Predictor", {}),
        ("subprocess:Popen", {"args": "true"}),
        (None, {}),
        (["jsonl"], {}),
    ],
)
def test_refused(name: Any, options: dict[str, Any], data: Path, tmp_path: Path) -> None:
    with pytest.raises(SavedModelError):
        own_reader(tmp_path, stated(name, **options))


def test_a_model_of_the_hub_names_no_place_of_this_machine(data: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--who--ever" / "snapshots" / "0"
    snapshot.mkdir(parents=True)
    with pytest.raises(SavedModelError, match=r"dataset=\.\.\."):
        own_reader(snapshot, stated("jsonl", data_dir=str(data)))


def test_a_model_that_does_not_say_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match=r"dataset=\.\.\."):
        own_reader(tmp_path, {})
