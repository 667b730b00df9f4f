"""What sources say of the documents that they were trained on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from transferlab.encoders.lineage import description_of, records_of, trained_on
from transferlab.encoders.sources import EncoderError


def saved(place: Path, **description: Any) -> str:
    place.mkdir(parents=True)
    (place / "config.json").write_text("{}")
    (place / "transferlab.json").write_text(json.dumps(description))
    return str(place)


def record(corpus: str) -> dict[str, Any]:
    return {"corpus": corpus, "ids": ""}


def test_records_of_a_chain_name_the_models_that_they_come_from(tmp_path: Path) -> None:
    first = saved(tmp_path / "first", trained_on=[record("a")])
    assert trained_on([first]) == [{"from": first, **record("a")}]
    second = saved(tmp_path / "second", trained_on=[record("b"), *trained_on([first])])
    third = saved(tmp_path / "third", trained_on=[record("c"), *trained_on([second])])
    assert [(r["from"], r["corpus"]) for r in trained_on([third])] == [(third, "c"), (second, "b"), (first, "a")]
    assert [r["corpus"] for r in trained_on([second, third, first])] == ["b", "a", "c"], "each once"


def test_what_is_not_recorded_is_said(tmp_path: Path) -> None:
    old = saved(tmp_path / "old", data={"task": "x"})
    assert trained_on([old]) == [{"from": old, "data": {"task": "x"}}]
    assert records_of({"trained_on": []}) == [] and records_of({}) == [{"data": None}]


def test_sources_that_are_no_saved_models_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "config.json").write_text("{}")
    assert trained_on(["minilm", str(tmp_path / "plain"), "no/such-model", "no such name"]) == []


def test_an_encoder_of_several_says_what_its_model_says(tmp_path: Path) -> None:
    saved(tmp_path / "model", trained_on=[record("a")])
    one = tmp_path / "model" / "encoders" / "one"
    one.mkdir(parents=True)
    (one / "config.json").write_text("{}")
    assert trained_on([str(one)]) == [{"from": str(one), **record("a")}]


def test_the_directory_of_a_run_is_the_model_in_it(tmp_path: Path) -> None:
    saved(tmp_path / "run" / "model", trained_on=[record("a")])
    assert description_of(str(tmp_path / "run"))["trained_on"] == [record("a")]


def test_a_damaged_description_is_named(tmp_path: Path) -> None:
    place = saved(tmp_path / "model")
    Path(place, "transferlab.json").write_text("{")
    with pytest.raises(EncoderError, match=r"model/transferlab\.json is damaged"):
        trained_on([place])


def test_a_model_on_the_hub_says_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = saved(tmp_path / "snapshot", trained_on=[record("a")])
    asked = []

    def download(repository: str, file: str, **options: Any) -> str:
        asked.append((repository, file))
        return str(Path(place, file))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert trained_on(["someone/model"]) == [{"from": "someone/model", **record("a")}]
    assert asked == [("someone/model", "transferlab.json")]
