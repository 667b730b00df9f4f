"""Values of JSON held against the annotations of dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from transferlab.utils.records import RecordError, from_record


@dataclass
class Inner:
    start: int
    score: float | None = None


@dataclass
class Outer:
    name: str
    pairs: list[tuple[int, int]] = field(default_factory=list)
    inner: list[Inner] | None = None
    label: str | float | list[str] | None = None
    anything: dict[str, Any] = field(default_factory=dict)


def test_values_of_the_right_kinds_make_the_dataclass() -> None:
    record = {
        "name": "x",
        "pairs": [[0, 1]],
        "inner": [{"start": 1, "score": 2}],
        "label": ["a"],
        "anything": {"k": [1]},
    }
    assert from_record(Outer, record) == Outer("x", [(0, 1)], [Inner(1, 2)], ["a"], {"k": [1]})
    assert from_record(Outer, {"name": "x", "inner": None, "label": 1.5}) == Outer("x", label=1.5)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": None}, "name"),
        ({"name": b"x"}, "name"),
        ({"pairs": [[0, 1], [0]]}, "pairs[1]"),
        ({"pairs": [[0, "1"]]}, "pairs[0]"),
        ({"pairs": {"0": 1}}, "pairs"),
        ({"inner": [{"start": False}]}, "inner[0].start"),
        ({"inner": [{"start": 1, "score": "high"}]}, "inner[0].score"),
        ({"inner": [{"score": 1}]}, "inner[0]"),
        ({"inner": [{"start": 1, "end": 2}]}, "inner[0]"),
        ({"inner": {"start": 1}}, "inner"),
        ({"label": {}}, "label"),
        ({"label": False}, "label"),
        ({"anything": []}, "anything"),
    ],
)
def test_the_first_value_of_another_kind_is_named_by_its_place(change: dict[str, Any], place: str) -> None:
    with pytest.raises(RecordError) as error:
        from_record(Outer, {"name": "x"} | change)
    assert str(error.value).startswith(f"{place}: ")


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(RecordError, match="x"):
        from_record(Outer, ["x"])
