"""The hub is played by a local directory of parquet files: the library reads both in the same way."""

from pathlib import Path

import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.readers.hub import hub_rows, local_directory


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def hub(tmp_path) -> Path:
    """Two rows with classes at every depth; the second one is not labelled."""
    import datasets

    label = datasets.ClassLabel(names=["no", "yes"])
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": label,
            "tags": datasets.List(label),
            "spans": datasets.List({"kind": label, "start": datasets.Value("int32")}),
            "answers": {"text": datasets.List(datasets.Value("string"))},
        }
    )
    rows = [
        {
            "text": "a",
            "label": 1,
            "tags": [0, 1],
            "spans": [{"kind": 0, "start": 3}],
            "answers": {"text": ["x", "y"]},
        },
        {"text": "b", "label": -1, "tags": [], "spans": [], "answers": {"text": []}},
    ]
    (tmp_path / "hub").mkdir()
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "hub" / "train.parquet")
    return tmp_path / "hub"


def test_classes_at_every_depth_carry_their_names(hub):
    assert list(hub_rows(str(hub))) == [
        {
            "text": "a",
            "label": "yes",
            "tags": ["no", "yes"],
            "spans": [{"kind": "no", "start": 3}],
            "answers": {"text": ["x", "y"]},
        },
        {"text": "b", "label": None, "tags": [], "spans": [], "answers": {"text": []}},
    ]


def test_an_unknown_split_is_refused_at_the_call_with_those_that_exist(hub):
    with pytest.raises(DataError, match=r"split 'dev' of the dataset .*hub.*train"):
        hub_rows(str(hub), split="dev")


def test_an_unknown_configuration_is_refused(hub):
    with pytest.raises(DataError, match=r"configuration mrpc .*\n.*GLUE_DIR"):
        hub_rows(str(hub), "mrpc", remedy="Or set GLUE_DIR.")


def test_offline_names_dataset_variables_and_remedy():
    with pytest.raises(DataError) as refusal:
        hub_rows("nobody/nothing", "part", "main", remedy="Or set NOTHING_DIR or the key dataset.data_dir.")
    message = str(refusal.value)
    for piece in ("nobody/nothing, configuration part, revision main", "HF_HUB_OFFLINE is set", "HF_HOME"):
        assert piece in message
    assert message.endswith("Or set NOTHING_DIR or the key dataset.data_dir.")


def test_a_place_that_is_named_is_taken_and_must_exist(tmp_path, monkeypatch):
    monkeypatch.delenv("SOME_DIR", raising=False)
    assert local_directory(None, "SOME_DIR", "") is None
    assert local_directory(tmp_path, "SOME_DIR", "") == tmp_path
    monkeypatch.setenv("SOME_DIR", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"absent does not exist \(it comes from the environment variable SOME_DIR"):
        local_directory(None, "SOME_DIR", "")
