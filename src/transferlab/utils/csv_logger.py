"""``metrics.csv``, one file for a run however often it is stopped and resumed."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.loggers.csv_logs import ExperimentWriter
from pytorch_lightning.utilities import rank_zero_only


class Rows(ExperimentWriter):
    """The rows of a run; they go to a file that may hold earlier ones, and is whole whenever the process is killed."""

    def __init__(self, log_dir: str) -> None:
        super().__init__(log_dir)
        self.written = 0
        self._validations: set[tuple[int, frozenset[str]]] = set()

    def _check_log_dir_exists(self) -> None:
        """Leave earlier rows alone (Lightning deletes them): :meth:`keep` says what becomes of them."""

    def log_metrics(self, metrics_dict: dict[str, float], step: int | None = None) -> None:
        """Add a row, unless it is the second validation of a checkpoint: what it gave is in the file."""
        if step is not None and any(name.startswith("val/") for name in metrics_dict):
            validation = (step, frozenset(metrics_dict))
            if validation in self._validations:
                return
            self._validations.add(validation)
        super().log_metrics(metrics_dict, step)

    def keep(self, rows: int) -> None:
        """Drop all rows of the file but the first ones."""
        path = Path(self.metrics_file_path)
        before: list[dict[str, Any]] = []
        if rows and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                before = [row for _, row in zip(range(rows), reader, strict=False)]
                self.metrics_keys = list(reader.fieldnames or ())
        self.written = len(before)
        filled = [(int(row["step"]), {name for name, text in row.items() if text} - {"step"}) for row in before]
        self._validations = {(step, frozenset(names)) for step, names in filled}
        if before:
            self._write(before)
        else:
            self.metrics_keys = []
            path.unlink(missing_ok=True)

    def save(self) -> None:
        """Add new rows to the file."""
        self.written += len(self.metrics)
        super().save()

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        with open(self.metrics_file_path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self._write(rows)

    def _write(self, rows: list[dict[str, Any]]) -> None:
        partial = Path(self.log_dir, f".{self.NAME_METRICS_FILE}.partial")
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=self.metrics_keys)
            writer.writeheader()
            writer.writerows(rows)
        os.replace(partial, self.metrics_file_path)


class RunCSVLogger(CSVLogger):
    """Lightning's CSV logger, which a resumed run goes on with in the same file.

    Args:
        save_dir: of the run.
        name: folder in it.
        version: folder in that.
    """

    def __init__(self, save_dir: str, name: str = "csv", version: int | str = 0, **options: Any) -> None:
        super().__init__(save_dir, name=name, version=version, **options)

    @property
    @rank_zero_experiment
    def experiment(self) -> Rows:
        """What writes the file."""
        if self._experiment is None:
            self._experiment = Rows(self.log_dir)
        assert isinstance(self._experiment, Rows)
        return self._experiment

    @property
    def rows(self) -> int:
        """The rows of the run so far, all of them in the file; other processes than the main one write none."""
        if not isinstance(self._experiment, Rows):
            return 0
        self.save()
        return self._experiment.written

    @rank_zero_only
    def keep(self, rows: int) -> None:
        """Go on after the first rows of the file; drop those that a killed process wrote behind them."""
        self.experiment.keep(rows)
