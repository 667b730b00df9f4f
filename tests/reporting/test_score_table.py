import io

import pytest
from rich.console import Console

from transferlab.reporting.score_table import score_markdown, score_table


def scores(value: float, **more: dict) -> dict:
    part = {"precision": value, "recall": 1.0, "f1": value / 2}
    return {
        "muc": part,
        "b_cubed": part,
        "ceaf_m": part,
        "ceaf_e": part,
        "blanc": part,
        "lea": part,
        **more,
    } | {"conll_f1": value}


def printed(*args, **options) -> str:
    console = Console(width=80, file=io.StringIO())
    console.print(score_table(*args, **options))
    return console.file.getvalue()


def test_systems_stand_side_by_side_in_percent():
    text = printed({"model": scores(0.71234), "head match": scores(0.5)}, title="test split")
    lines = [line.split() for line in text.splitlines()]
    assert text.startswith("test split")
    assert ["score", "P", "R", "F1", "P", "R", "F1"] in lines
    assert ["B³", "71.23", "100.00", "35.62", "50.00", "100.00", "25.00"] in lines
    assert ["CoNLL", "F1", "71.23", "50.00"] in lines
    assert not any("mentions" in line for line in lines)


@pytest.mark.parametrize("systems", [1, 2, 3, 4, 5])
def test_it_fits_80_columns(systems):
    text = printed({f"a system with a long name {i}": scores(1.0) for i in range(systems)})
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("100.00") == (13 * systems if systems <= 3 else systems)  # nothing is cut off


def test_from_four_systems_on_only_f1_is_shown():
    lines = [line.split() for line in printed({name: scores(0.8) for name in "abcd"}).splitlines()]
    assert ["F1", "a", "b", "c", "d"] in lines
    assert ["MUC"] + ["40.00"] * 4 in lines


def test_a_metric_that_one_system_lacks_is_a_dash():
    mentions = {"precision": 0.9, "recall": 0.8, "f1": 0.85}
    systems = {"model": scores(0.7, mentions=mentions), "other": scores(0.6)}
    assert ["mentions", "90.00", "80.00", "85.00", "–", "–", "–"] in [x.split() for x in printed(systems).splitlines()]
    assert "| mentions | 90.00 | 80.00 | 85.00 | – | – | – |" in score_markdown(systems)


def test_markdown():
    lines = score_markdown({"model": scores(0.71234), "a|b": scores(0.5)}).splitlines()
    assert lines[0] == r"| score | model P | model R | model F1 | a\|b P | a\|b R | a\|b F1 |"
    assert lines[2] == "| MUC | 71.23 | 100.00 | 35.62 | 50.00 | 100.00 | 25.00 |"
    assert lines[-1] == "| **CoNLL F1** | | | **71.23** | | | **50.00** |"
    cells = {line.replace("\\|", "").count("|") for line in lines}
    assert cells == {8}


def test_numbers_without_parts_have_one_column_each():
    systems = {"model": {"accuracy": 0.5, "mse": 0.25, "loss": 3.0, "total": 7.0}, "majority": {"accuracy": 0.4}}
    lines = [line.split() for line in printed(systems).splitlines()]
    assert ["accuracy", "50.00", "40.00"] in lines and ["mse", "0.2500", "–"] in lines
    assert not any(line[:1] in (["loss"], ["total"]) for line in lines)
    assert score_markdown(systems).splitlines()[:3] == [
        "| score | model | majority |",
        "|---|---:|---:|",
        "| **accuracy** | **50.00** | **40.00** |",
    ]


def test_no_system_is_refused():
    with pytest.raises(ValueError, match="no system to show"):
        score_markdown({})
