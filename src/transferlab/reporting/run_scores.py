"""The scores a run logged, printed beside the baselines of its task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from transferlab.reporting.score_table import score_table

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
    Console().print(score_table(systems, title=f"{split} split"))
