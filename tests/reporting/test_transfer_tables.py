"""Tables of predicted and measured transfer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from transferlab.reporting.transfer_tables import ranking_table, reasons_list

RANKS = pd.DataFrame({"logme": [2.0, 1.0, np.nan], "fusion": [1.5, 1.5, 3.0]}, index=["ner", "re", "squad"])


def test_ranks_beside_what_was_measured() -> None:
    measured = pd.DataFrame({1: [0.5, 0.4, 0.6], 2: [0.7, 0.4, 0.6]}, index=["ner", "re", "squad"])
    table = ranking_table("wnut17", RANKS, measured, 100 * (measured - 0.5) / 0.5)
    assert table.columns == ["method", "ner", "re", "squad"]
    assert table.rows == [
        ["logme", "2", "1", "-"],
        ["fusion", "1.5", "1.5", "3"],
        ["measured", "1.5", "3", "1.5"],
        ["score %", "60.00 ± 14.14", "40.00 ± 0.00", "60.00 ± 0.00"],
        ["gain %", "20.00 ± 28.28", "-20.00 ± 0.00", "20.00 ± 0.00"],
    ]
    assert "predicted and measured" in str(table.title)


def test_many_sources_are_rows() -> None:
    ranks = pd.DataFrame({"logme": range(1, 7), "fusion": [2, 1, 3, 4, 5, 6]}, index=list("abcdef"), dtype=float)
    table = ranking_table("wnut17", ranks)
    assert table.columns == ["source", "logme", "fusion"]
    assert table.rows[:2] == [["b", "2", "1"], ["a", "1", "2"]]


def test_equal_reasons_are_said_once() -> None:
    reasons = {"leep": {"re": "no classes", "squad": "no classes", "ner": "cut off"}}
    assert reasons_list(reasons) == ["leep, re, squad: no classes", "leep, ner: cut off"]
