"""Records of measurements, CSV files of fractions, and how their numbers are written in tables, in percent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from transferlab.utils.errors import UserError

NONE = "–"


class NoRecordError(UserError):
    """The record of a table is not there: it was not kept, or was not measured yet."""


def read(place: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read a record; empty cells of texts are empty texts, those of numbers NaN.

    Raises:
        NoRecordError: there is no such file.
        UserError: a column is missing.
    """
    file = place / name
    if not file.is_file():
        raise NoRecordError(f"there is no record {file}; measure it, or mark the table by 'no records'")
    frame = pd.read_csv(file)
    if missing := [column for column in columns if column not in frame]:
        raise UserError(f"{file}: no column {', '.join(missing)}; it needs {', '.join(columns)}")
    texts = frame.select_dtypes(exclude="number").columns
    return frame.fillna(dict.fromkeys(texts, ""))


def percent(value: float, digits: int = 2) -> str:
    """A fraction in percent."""
    return number(100 * value, digits)


def number(value: float, digits: int = 2) -> str:
    """A dash where there is none; no minus before a zero."""
    return NONE if pd.isna(value) else f"{round(value, digits) + 0.0:.{digits}f}"


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign."""
    return NONE if pd.isna(value) else f"{round(value, digits) + 0.0:+.{digits}f}"


def rank(value: float) -> str:
    """A rank; with a half where two sources share it."""
    return NONE if pd.isna(value) else f"{value:g}"


def spread(values: pd.Series, digits: int = 2) -> str:
    """Mean and standard deviation of fractions over seeds, in percent; of one seed its value alone."""
    mean = percent(values.mean(), digits)
    return mean if len(values) < 2 else f"{mean} ± {percent(values.std(), digits)}"


def interval(low: float, high: float, digits: int = 2) -> str:
    """Both ends of an interval."""
    return NONE if pd.isna(low) or pd.isna(high) else f"{number(low, digits)} to {number(high, digits)}"


def p_value(value: float) -> str:
    """Three digits."""
    return NONE if pd.isna(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
