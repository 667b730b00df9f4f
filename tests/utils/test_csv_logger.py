"""One ``metrics.csv`` for a run that is resumed."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from transferlab.utils.csv_logger import RunCSVLogger


def rows(place: Path) -> list[dict[str, str]]:
    with (place / "csv" / "version_0" / "metrics.csv").open(newline="") as file:
        return [{key: text for key, text in row.items() if text} for row in csv.DictReader(file)]


def log(logger: RunCSVLogger, *values: dict[str, float]) -> None:
    for step, metrics in enumerate(values):
        logger.log_metrics(metrics, step)
    logger.save()


def test_rows_behind_a_checkpoint_are_written_anew(tmp_path: Path) -> None:
    first = RunCSVLogger(str(tmp_path))
    first.keep(0)
    log(first, {"a": 1.0}, {"b": 2.0}, {"a": 3.0})
    assert first.rows == 3
    second = RunCSVLogger(str(tmp_path))
    second.keep(2)
    assert rows(tmp_path) == [{"a": "1.0", "step": "0"}, {"b": "2.0", "step": "1"}]
    log(second, {"c": 4.0})
    assert second.rows == 3 and rows(tmp_path)[2] == {"c": "4.0", "step": "0"}
    assert [path.name for path in (tmp_path / "csv").iterdir()] == ["version_0"]


def test_the_second_validation_of_a_checkpoint_is_in_the_file_already(tmp_path: Path) -> None:
    first = RunCSVLogger(str(tmp_path))
    log(first, {"a": 1.0}, {"val/a": float("nan")}, {"val/a": 2.0})
    again = RunCSVLogger(str(tmp_path))
    again.keep(3)
    for logger in (first, again):
        logger.log_metrics({"val/a": 2.0}, 2)
        logger.log_metrics({"val/a": float("nan")}, 1)
        logger.save()
        assert len(rows(tmp_path)) == 3
    again.log_metrics({"test/a": 2.0}, 2)
    again.save()
    assert len(rows(tmp_path)) == 4


def test_a_line_that_a_kill_cut_is_dropped(tmp_path: Path) -> None:
    first = RunCSVLogger(str(tmp_path))
    log(first, {"a": 1.0}, {"a": 2.0})
    file = tmp_path / "csv" / "version_0" / "metrics.csv"
    file.write_text(file.read_text().rstrip()[:-1])
    second = RunCSVLogger(str(tmp_path))
    second.keep(1)
    log(second, {"a": 3.0})
    assert [row["a"] for row in rows(tmp_path)] == ["1.0", "3.0"]


def test_a_run_that_starts_anew_starts_the_file_anew(tmp_path: Path) -> None:
    log(RunCSVLogger(str(tmp_path)), {"a": 1.0})
    again = RunCSVLogger(str(tmp_path))
    again.keep(0)
    log(again, {"b": 2.0})
    assert rows(tmp_path) == [{"b": "2.0", "step": "0"}]


def test_a_new_column_never_leaves_half_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = RunCSVLogger(str(tmp_path))
    log(logger, {"a": 1.0})

    def stopped(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        log(logger, {"b": 2.0})
    assert rows(tmp_path) == [{"a": "1.0", "step": "0"}]
