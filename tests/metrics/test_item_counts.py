"""The counts of single items sum up to what is logged, for every official score."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torchmetrics import Metric

from transferlab.metrics.classification import make_score
from transferlab.metrics.coreference import CoreferenceScore
from transferlab.metrics.glue import TASKS
from transferlab.metrics.item_counts import CountsItems, ItemTable
from transferlab.metrics.question_answering import SquadScore
from transferlab.metrics.span_f1 import SpanScore, TagAccuracy
from transferlab.statistics.item_files import read_description, read_items, write_items
from transferlab.statistics.items import ItemCounts, counts_by_name
from transferlab.statistics.logged_scores import logged_scores
from transferlab.statistics.scores import linearised
from transferlab.utils.errors import UserError

LABELS = ["0", "1", "other label"]
RELATIONS = ["Cause-Effect(e1,e2)", "Cause-Effect(e2,e1)", "Member-Collection(e1,e2)", "Other"]
TAGS = ["O", "B-PER", "I-PER", "B-LOC"]
Item = Callable[[random.Random], tuple[Any, ...]]


def one_class(draw: random.Random) -> tuple[Any, ...]:
    return draw.choice(LABELS), draw.choice(LABELS)


def several_classes(draw: random.Random) -> tuple[Any, ...]:
    return tuple(draw.sample(LABELS, draw.randrange(3)) for _ in range(2))


def values(draw: random.Random) -> tuple[Any, ...]:
    gold = float(draw.randrange(5))
    return gold, gold + draw.gauss(0, 1)


def relation(draw: random.Random) -> tuple[Any, ...]:
    return draw.choice(RELATIONS), draw.choice([*RELATIONS, None])


def tags(draw: random.Random) -> tuple[Any, ...]:
    words = draw.randrange(1, 8)
    return tuple(draw.choices(TAGS, k=words) for _ in range(2))


def question(draw: random.Random) -> tuple[Any, ...]:
    gold = [draw.choice(["the red car", "a car", "Rome"]) for _ in range(draw.randrange(3))]
    best = draw.choice(["red car", "car", "in Rome"])
    return gold, draw.choice([best, ""]), draw.choice([0.1, 0.5, draw.random()]), best


def document(draw: random.Random) -> tuple[Any, ...]:
    def clusters() -> list[list[tuple[int, int]]]:
        mentions = draw.sample([(place, place + 1) for place in range(12)], draw.randrange(9))
        found: dict[int, list[tuple[int, int]]] = {}
        for mention in mentions:
            found.setdefault(draw.randrange(4), []).append(mention)
        return list(found.values())

    return clusters(), clusters()


OFFICIAL: dict[str, tuple[Callable[[], Metric], Item]] = {
    **{
        task: (
            lambda task=task: make_score(
                task, "regression" if task in ("stsb", "regression") else "multi_class", LABELS
            ),
            values if task in ("stsb", "regression") else one_class,
        )
        for task in TASKS
        if task != "multi_label"
    },
    "multi_label": (lambda: make_score("multi_label", "multi_label", LABELS), several_classes),
    "charged": (
        lambda: make_score("multi_label", "multi_label", LABELS, {"charged_to": {"other label": "0"}}),
        lambda draw: (draw.sample(LABELS[:2], draw.randrange(3)), draw.sample(LABELS, draw.randrange(3))),
    ),
    "tacred": (lambda: make_score("tacred", "multi_class", RELATIONS, {"no_relation": "Other"}), relation),
    "semeval": (lambda: make_score("semeval", "multi_class", RELATIONS), relation),
    "spans": (lambda: SpanScore(["PER", "LOC", "MISC"]), tags),
    "tags": (TagAccuracy, tags),
    "coreference": (CoreferenceScore, document),
    "squad 2": (SquadScore, question),
    "squad 1": (lambda: SquadScore(1), lambda draw: (["a car", "Rome"], *question(draw)[1:2], float("nan"), "car")),
}
NO_SCORES = ("total", "thresh")  # numbers of questions, and thresholds


def table_of(score: Metric, items: list[tuple[Any, ...]]) -> ItemTable:
    assert isinstance(score, CountsItems)
    table = ItemTable(score.item_columns(), score.description())
    table.counts = {(place, 0): score.item_counts(*item) for place, item in enumerate(items)}
    return table


def items_of(table: ItemTable, split: str, documents: list[str]) -> ItemCounts:
    return counts_by_name(split, table.columns, table.counts, documents)


@pytest.mark.parametrize("name", OFFICIAL)
def test_sums_over_items_give_what_is_logged(name: str, tmp_path: Path) -> None:
    make, item = OFFICIAL[name]
    for seed, number in enumerate((1, 2, 30, 30, 30)):
        draw = random.Random(f"{name} {seed}")
        items = [item(draw) for _ in range(number)]
        score = make()
        score.update(*map(list, zip(*items, strict=True)))
        logged = {key: float(value) for key, value in score.compute().items() if not key.endswith(NO_SCORES)}
        table = table_of(score, items)
        write_items(tmp_path / f"{seed}.npz", items_of(table, "test", list("d" * number)), table.description)
        if number > 2 and name == "squad 2":
            assert len({item[2] for item in items}) < number  # some are equally probable, and the order is no matter
            other = make()
            other.update(*map(list, zip(*draw.sample(items, number), strict=True)))
            assert other.compute() == pytest.approx(score.compute(), abs=1e-12)
        file = tmp_path / f"{seed}.npz"
        kept, (columns, description) = read_items(file), read_description(file)
        assert tuple(columns) == kept.columns
        assert kept.units == (("d",) if number == 1 else tuple(f"d #{place}" for place in range(number)))
        found = logged_scores(description, kept.columns)
        assert found.keys() == logged.keys()
        for key, one in found.items():
            places, one_document = np.zeros(number, dtype=np.intp), 1
            value, _ = one.left_out(kept.of_columns(one.columns), places, one_document)
            assert float(value) == pytest.approx(logged[key], abs=1e-12, nan_ok=True), key


@pytest.mark.parametrize("name", OFFICIAL)
def test_left_out_items_are_as_if_they_had_not_been_scored(name: str) -> None:
    make, item = OFFICIAL[name]
    draw = random.Random(name)
    items = [item(draw) for _ in range(9)]
    documents = list("aabccdefg")
    table = table_of(make(), items)
    kept = items_of(table, "test", documents)
    assert kept.units[:4] == ("a #0", "a #1", "b", "c #0") and kept.groups == tuple(documents)
    for key, one in logged_scores(table.description, kept.columns).items():
        units, number = kept.units_that_vary()
        value, left_out = one.left_out(kept.of_columns(one.columns), units, number)
        for place, document_name in enumerate(dict.fromkeys(documents)):
            score = make()
            rest = [it for it, other in zip(items, documents, strict=True) if other != document_name]
            score.update(*map(list, zip(*rest, strict=True)))
            assert left_out[place] == pytest.approx(float(score.compute()[key]), abs=1e-9, nan_ok=True), key
        if np.isfinite(left_out).all():
            mean, pseudo = linearised(kept, one)
            assert mean == pytest.approx(float(value)) and pseudo.mean() == pytest.approx(float(value))


def test_a_class_that_training_never_saw_is_a_column() -> None:
    score = make_score("classification", "multi_class", ["a", "b"])
    score.expect(["a", "c"])
    score.update(["a", "c"], ["a", "b"])
    kept = items_of(table_of(score, [("a", "a"), ("c", "b")]), "test", ["x", "y"])
    macro = logged_scores(score.description(), kept.columns)["macro_f1"]
    value, _ = macro.left_out(kept.of_columns(macro.columns), *kept.units_that_vary())
    assert float(value) == pytest.approx(float(score.compute()["macro_f1"])) == pytest.approx(1 / 2)


def test_items_of_documents_with_odd_names_have_names_of_their_own() -> None:
    counts = {(place, 0): {"right": 1.0} for place in range(4)}
    assert counts_by_name("test", ["right"], counts, ["a", "a", "a #0", "b"]).units == ("a #1", "a #2", "a #0", "b")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "items" / "test.npz"
    write_items(file, ItemCounts("test", ("a", "b"), ("right", "items"), np.eye(2)), {"kind": "tags"})
    assert [path.name for path in file.parent.iterdir()] == ["test.npz"]
    whole = file.read_bytes()
    for damaged in (b"", b"no archive", whole[: len(whole) // 2], whole[:-200] + bytes(200)):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match=r"test\.npz"):
            read_items(file)
    for place in range(0, len(whole), 7):  # a flipped byte is found, or changes nothing
        changed = bytearray(whole)
        changed[place] ^= 0xFF
        file.write_bytes(bytes(changed))
        try:
            kept = read_items(file)
        except UserError:
            continue
        assert np.array_equal(kept.counts, np.eye(2)) and kept.units == ("a", "b")
    about = {
        "format": 1,
        "split": "test",
        "score": {"kind": "tags"},
        "columns": ["right"],
        "units": ["a", "b"],
        "groups": None,
    }
    places = {"row": np.array([0], np.int32), "column": np.array([0], np.int32), "count": np.array([1.0])}
    foreign: list[dict[str, Any]] = [
        {"row": np.array([-1], np.int32)},
        {"row": np.array([2], np.int32)},
        {"row": np.array([True])},
        {"row": np.array([[0]], np.int32)},
        {"row": np.array([0, 0], np.int32), "column": np.array([0, 0], np.int32), "count": np.array([1.0, 1.0])},
        {"row": np.array([0, 1], np.int32)},
        {"count": np.array([1j])},
        {"count": np.array(["1"])},
        {"about": {**about, "units": "ab"}},
        {"about": {**about, "units": {"a": 1, "b": 2}}},
        {"about": {**about, "groups": "ab"}},
        {"about": {**about, "split": 1}},
        {"about": {**about, "format": 2}},
        {"about": [about]},
    ]
    for change in [{}, *foreign]:
        arrays = {"about": about, **places, **change}
        arrays["about"] = np.frombuffer(json.dumps(arrays["about"]).encode(), np.uint8)
        np.savez(file, **arrays)
        if not change:
            assert read_items(file).counts.tolist() == [[1.0], [0.0]]
            continue
        with pytest.raises(UserError, match=r"test\.npz"):
            read_items(file)
    for description in ({"kind": ["glue"]}, {"kind": "glue", "names": 5}, {"kind": "squad"}):
        with pytest.raises(UserError, match="counts of the score"):
            logged_scores(description, ["a gold"])
    with pytest.raises(UserError, match=r"gone\.npz.*run what wrote it"):
        read_items(tmp_path / "gone.npz")
    with pytest.raises(UserError, match="kind"):
        logged_scores({"kind": "bleu"}, [])
