"""The scores a run logged, as a table beside the baselines of its task."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

PARTS = ("precision", "recall", "f1")


def score_rows(scores: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Flat names grouped: ``muc_precision`` becomes row ``muc``, part ``precision``; any other name is a row of F1."""
    rows: dict[str, dict[str, float]] = {}
    for name, value in scores.items():
        row, _, part = name.rpartition("_")
        if part not in PARTS or f"{row}_precision" not in scores:
            row, part = name, "f1"
        rows.setdefault(row, {})[part] = value
    return rows


def scores_table(metrics: Mapping[str, float], stage: str, baselines: Mapping[str, Mapping[str, float]]) -> Table:
    """A row per score, columns P, R and F1 of the model and of each baseline, in percent.

    Args:
        metrics: what a run logged, ``<stage>/<name>``; the loss is left out.
        stage: ``val`` or ``test``.
        baselines: by name, scores under the same names without the stage.
    """
    own = {k.removeprefix(f"{stage}/"): v for k, v in metrics.items() if k.startswith(f"{stage}/")}
    systems = {"model": score_rows({k: v for k, v in own.items() if k != "loss"})}
    systems |= {name: score_rows(scores) for name, scores in baselines.items()}
    table = Table(title_justify="left")
    table.add_column("score")
    for name in systems:
        for part in ("P", "R", "F1"):
            table.add_column(f"{name}\n{part}" if part == "F1" else f"\n{part}", justify="right")
    for row in systems["model"]:
        cells = [f"{100 * s[row][p]:.2f}" if p in s.get(row, {}) else "" for s in systems.values() for p in PARTS]
        table.add_row(row, *cells)
    return table


def print_scores(
    metrics: Mapping[str, float], stage: str, baselines: Mapping[str, Mapping[str, float]], title: str
) -> None:
    """Print :func:`scores_table` to the terminal."""
    table = scores_table(metrics, stage, baselines)
    table.title = f"{title} split"
    Console().print(table)
