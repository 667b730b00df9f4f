"""The scores a run logged, printed beside the baselines of its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from transferlab.reporting.score_table import score_table
from transferlab.utils.terminal import VisibleConsole

PARTS = ("precision", "recall", "f1")


def nested_scores(flat: Mapping[str, float]) -> dict[str, Any]:
    """The names of metric objects as the nesting of metric functions: ``muc_f1`` becomes ``["muc"]["f1"]``.

    Precision, recall and F1 without a name are those of ``"all"``.
    """
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        metric, _, part = name.rpartition("_")
        if part in PARTS and all((f"{metric}_{other}" if metric else other) in flat for other in PARTS):
            nested.setdefault(metric or "all", {})[part] = value
        else:
            nested[name] = value
    return nested


def print_scores(
    metrics: Mapping[str, float], stage: str, baselines: Mapping[str, Mapping[str, float]], split: str
) -> None:
    """Print the table of a split.

    Args:
        metrics: what the run logged, ``<stage>/<name>``.
        stage: ``val`` or ``test``.
        baselines: by name, scores under the same names without the stage.
        split: for the title.
    """
    own = {name.removeprefix(f"{stage}/"): value for name, value in metrics.items() if name.startswith(f"{stage}/")}
    own = {name: value for name, value in own.items() if "/" not in name}  # cosine/<encoder> is no score
    systems = {"model": nested_scores(own)} | {name: nested_scores(scores) for name, scores in baselines.items()}
    VisibleConsole().print(score_table(systems, title=f"{split} split"))


def print_probes(results: Mapping[str, Mapping[str, float]], monitor: str) -> None:
    """Print one line per probe: the monitored score, and the same on the other split.

    Args:
        results: by name of the probe, what it logged.
        monitor: name of the score, ``val/<name>``.
    """
    last = monitor.rpartition("/")[2].removeprefix("best_")
    shown = [name for name in (monitor, f"test/{last}") if any(name in scores for scores in results.values())]
    table = Table("probe", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        table.add_column(name, justify="right")
    for probe, scores in results.items():
        table.add_row(probe, *(f"{100 * scores[name]:.2f}" if name in scores else "–" for name in shown))
    VisibleConsole().print(table)
