"""A sweep as a table: what each setting scored over its seeds, beside the baseline, and how it weighed its sources."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from transferlab.utils.errors import UserError

RESULT = "multirun_result.json"
BASELINES = "baselines.json"
_WEIGHT = re.compile(r"(?P<stage>val|test)/attention/(?P<source>.+)/mean")


@dataclass(frozen=True)
class Setting:
    """The runs of a sweep that differ in nothing but the seed.

    Attributes:
        name: the overrides that tell it from the others; ``a + b`` for several sources.
        sources: the sources it names, empty if it names none.
        scores: of the completed runs, as fractions.
        mean: of the scores; NaN when a run diverged.
        std: their sample standard deviation, None for one run.
        weights: {source: mean weight that attention gave to it}, where there is attention.
    """

    name: str
    sources: list[str]
    scores: list[float]
    mean: float
    std: float | None
    weights: dict[str, float]


@dataclass(frozen=True)
class SweepReport:
    """What several sweeps scored on one metric.

    Attributes:
        metric: as logged, ``test/conll_f1``.
        settings: in the order of the sweeps.
        baselines: {name: score}.
        unfinished: jobs without a result.
    """

    metric: str
    settings: list[Setting]
    baselines: dict[str, float]
    unfinished: int

    def table(self) -> Table:
        """To print with rich, in percent."""
        table = Table(title=self.metric, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in self._header():
            table.add_column(column, justify="left" if column in ("setting", "weights") else "right")
        for row in self._rows():
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """The table in Markdown."""
        header = self._header()
        lines = [f"# {self.metric}", "", "| " + " | ".join(header) + " |"]
        lines += ["|" + "|".join("---" if h in ("setting", "weights") else "---:" for h in header) + "|"]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in self._rows()]
        if self.unfinished:
            lines += ["", f"{self.unfinished} jobs have no result (failed or unfinished) and are left out."]
        return "\n".join(lines) + "\n"

    def _header(self) -> list[str]:
        weights = ["weights"] if any(setting.weights for setting in self.settings) else []
        return ["setting", "mean", "std", "runs", *(["over baseline"] if self.baselines else []), *weights]

    def _rows(self) -> list[list[str]]:
        header = self._header()
        best = max(self.baselines.values(), default=0.0)
        rows = []
        for setting in self.settings:
            spread = "–" if setting.std is None else f"{100 * setting.std:.2f}"
            row = [setting.name, f"{100 * setting.mean:.2f}", spread, str(len(setting.scores))]
            row += [f"{100 * (setting.mean - best):+.2f}"] if self.baselines else []
            if "weights" in header:
                row.append("  ".join(f"{source} {weight:.2f}" for source, weight in setting.weights.items()))
            rows.append(row)
        for name, score in self.baselines.items():
            rows.append([name, f"{100 * score:.2f}", "–", "–", "", *[""] * (len(header) - 5)])
        return rows


def report_sweeps(directories: Sequence[str | Path], metric: str | None = None) -> SweepReport:
    """Read finished or running sweeps.

    Args:
        directories: of sweeps, each with ``multirun_result.json``.
        metric: as logged; None takes the test score of the metric that the runs monitored.

    Raises:
        UserError: a directory without results, or without this metric.
    """
    places = [Path(directory) for directory in directories]
    results = [_read(place) for place in places]
    jobs = [(place / job["job"], job) for place, result in zip(places, results, strict=True) for job in result["jobs"]]
    completed = [(place, job) for place, job in jobs if job["status"] == "completed"]
    if not completed:
        raise UserError(f"none of the {len(jobs)} jobs in {', '.join(map(str, places))} has completed")
    metric = metric or _monitored(completed[0][0])
    if all(metric not in job["metrics"] for _, job in completed):
        known = sorted({name for _, job in completed for name in job["metrics"]})
        raise UserError(f"metric={metric}: no job has it; they have {', '.join(known)}")
    settings = [setting for result in results for setting in result["settings"] if metric in setting["metrics"]]
    shared = _shared([setting["overrides"] for setting in settings])
    return SweepReport(
        metric=metric,
        settings=[_setting(setting, shared, metric, [job for _, job in completed]) for setting in settings],
        baselines=_baselines(completed[0][0], metric),
        unfinished=len(jobs) - len(completed),
    )


def _read(place: Path) -> dict[str, Any]:
    file = place / RESULT
    if not file.is_file():
        raise UserError(f"{place} holds no {RESULT}: name the directory of a sweep, logs/<task>/multiruns/<id>")
    content = json.loads(file.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def _setting(setting: dict[str, Any], shared: set[str], metric: str, jobs: list[dict[str, Any]]) -> Setting:
    own = [override for override in setting["overrides"] if override not in shared]
    sources = next((_listed(o) for o in setting["overrides"] if o.startswith("sources=")), [])
    parts = [" + ".join(_listed(o)) if o.startswith("sources=") else o.lstrip("+") for o in own]
    members = [
        job for job in jobs if [o for o in job["overrides"] if not o.startswith("seed=")] == setting["overrides"]
    ]
    stage = metric.partition("/")[0]
    weights = {
        match["source"]: statistics["mean"]
        for name, statistics in setting["metrics"].items()
        if (match := _WEIGHT.fullmatch(name)) and match["stage"] == stage
    }
    statistics = setting["metrics"][metric]
    return Setting(
        name=", ".join(parts) or "all runs",
        sources=sources,
        scores=[float(job["metrics"][metric]) for job in members if metric in job["metrics"]],
        mean=float(statistics["mean"]),
        std=None if statistics["std"] is None else float(statistics["std"]),
        weights=weights,
    )


def _listed(override: str) -> list[str]:
    return [item.strip() for item in override.partition("=")[2].strip("[]").split(",") if item.strip()]


def _shared(overrides: list[list[str]]) -> set[str]:
    if len(overrides) < 2:
        return set()
    return {override for override in overrides[0] if all(override in other for other in overrides)}


def _monitored(run: Path) -> str:
    """The test score of what a run monitored on validation."""
    from omegaconf import OmegaConf

    monitor = OmegaConf.load(run / "config_resolved.yaml").monitor
    return f"test/{str(monitor).partition('/')[2]}"


def _baselines(run: Path, metric: str) -> dict[str, float]:
    file = run / BASELINES
    if not file.is_file():
        return {}
    stage, _, name = metric.partition("/")
    of_stage = json.loads(file.read_text(encoding="utf-8")).get(stage, {})
    return {baseline: scores[name] for baseline, scores in of_stage.items() if name in scores}
