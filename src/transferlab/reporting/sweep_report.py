"""A sweep as a table: what each setting scored over its seeds, beside the baseline, and how it weighed its sources."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from transferlab.statistics.sweep_verdicts import COLUMNS, Verdicts, by_setting, find_setting, judge_runs, run_of
from transferlab.statistics.verdicts import Comparison
from transferlab.utils.errors import UserError
from transferlab.utils.escaping import markdown, markdown_row
from transferlab.utils.run_files import (
    DAMAGED,
    RunFileError,
    job_directory,
    read_json,
    read_sweep,
    reported_score,
    score_of,
)
from transferlab.utils.score_names import is_error

RESULT = "multirun_result.json"
BASELINES = "baselines.json"
TEXTS = ("setting", "verdict", "weights")  # columns of words
_WEIGHT = re.compile(r"(?P<stage>val|test)/attention/(?P<source>.+)/mean")


@dataclass(frozen=True)
class Setting:
    """The runs of sweeps that differ in nothing but the seed.

    Attributes:
        name: the overrides that tell it from the others; ``a + b`` for several sources.
        sources: the sources it names, empty if it names none.
        scores: of the completed runs.
        mean: of the scores; NaN when a run diverged.
        std: their sample standard deviation, None for one run.
        weights: {source: mean weight that attention gave to it}, where there is attention.
        baselines: {name: mean score over its runs}; those that read no predictions score the same in each.
    """

    name: str
    sources: list[str]
    scores: list[float]
    mean: float
    std: float | None
    weights: dict[str, float]
    baselines: dict[str, float]


@dataclass(frozen=True)
class SweepReport:
    """What several sweeps scored on one metric.

    Attributes:
        metric: as logged, ``test/conll_f1``.
        settings: in the order of the sweeps.
        unfinished: jobs without a result.
        verdicts: on the settings; in words why there are none where the runs have not kept what they need.
    """

    metric: str
    settings: list[Setting]
    unfinished: int
    verdicts: Verdicts | str

    @property
    def is_error(self) -> bool:
        """Whether smaller is better."""
        return is_error(self.metric)

    @property
    def scale(self) -> int:
        """100 for fractions, which are shown in percent."""
        return 1 if self.is_error else 100

    @property
    def baselines(self) -> dict[str, float]:
        """The baselines that are the same for all settings."""
        first = self.settings[0].baselines
        same = {name for name in first if all(s.baselines.get(name) == first[name] for s in self.settings)}
        return {name: score for name, score in first.items() if name in same}

    def table(self) -> Table:
        """To print with rich."""
        table = Table(title=self.metric, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for column in self._header():
            table.add_column(column, justify="left" if column in TEXTS else "right", overflow="fold")
        for row in self._rows():
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """The table in Markdown."""
        header = self._header()
        lines = [f"# {markdown(self.metric)}", "", markdown_row(header)]
        lines += ["|" + "|".join("---" if h in TEXTS else "---:" for h in header) + "|"]
        lines += map(markdown_row, self._rows())
        if self.unfinished:
            jobs = "1 job has" if self.unfinished == 1 else f"{self.unfinished} jobs have"
            lines += ["", f"{jobs} no result (failed or unfinished), and no part in this."]
        for line in self.remarks():
            lines += ["", markdown(line)]
        return "\n".join(lines) + "\n"

    def remarks(self) -> list[str]:
        """Sentences on what the verdicts say, or on why there are none."""
        if isinstance(self.verdicts, str):
            return [f"There are no intervals and no verdicts: {self.verdicts}."]
        return self.verdicts.explanation()

    def to_dict(self) -> dict[str, Any]:
        """For JSON: scores as fractions."""
        judged = {"why": self.verdicts} if isinstance(self.verdicts, str) else self.verdicts.to_dict()
        return {**asdict(self), "verdicts": judged}

    def judged(self, setting: Setting) -> Comparison | None:
        """What can be said of a setting; None where there are no verdicts."""
        if isinstance(self.verdicts, str):
            return None
        return next(c for c in self.verdicts.comparisons if c.setting == setting.name)

    def mean(self, setting: Setting) -> float:
        """Of a setting; of a cross validation that of its pooled folds."""
        comparison = self.judged(setting)
        return setting.mean if comparison is None else comparison.mean.value

    def _header(self) -> list[str]:
        names = self._rivals()
        over = [f"over {name}" for name in names]
        weights = ["weights"] if any(setting.weights for setting in self.settings) else []
        if isinstance(self.verdicts, str):
            return ["setting", "mean", "std", "runs", *over, *weights]
        return ["setting", *COLUMNS[:2], "std", *COLUMNS[2:], *over, *weights]

    def _rivals(self) -> list[str]:
        """The names of all baselines."""
        return list(dict.fromkeys(name for setting in self.settings for name in setting.baselines))

    def _rows(self) -> list[list[str]]:
        header = self._header()
        rows = []
        for setting in self.settings:
            spread = "–" if setting.std is None else f"{self.scale * setting.std:.2f}"
            comparison = self.judged(setting)
            if comparison is None or isinstance(self.verdicts, str):
                row = [setting.name, f"{self.scale * setting.mean:.2f}", spread, str(len(setting.scores))]
            else:
                mean, interval, *rest = self.verdicts.cells(comparison)
                row = [setting.name, mean, interval, spread if self.verdicts.folds == 1 else "–", *rest]
            for name in self._rivals():
                known = name in setting.baselines
                row.append(f"{self.scale * (self.mean(setting) - setting.baselines[name]):+.2f}" if known else "–")
            if "weights" in header:
                row.append("  ".join(f"{source} {weight:.2f}" for source, weight in setting.weights.items()))
            rows.append(row)
        for name, score in self.baselines.items():
            rows.append([name, f"{self.scale * score:.2f}", *[""] * (len(header) - 2)])
        return rows


def report_sweeps(
    directories: Sequence[str | Path], metric: str | None = None, baseline: str | None = None
) -> SweepReport:
    """Read finished or running sweeps; runs of equal settings count together, whatever sweep they are of.

    Args:
        directories: of sweeps, each with ``multirun_result.json``.
        metric: as logged; None takes the test score of the metric that the runs monitored, or the metric itself where
            the runs have no test split.
        baseline: the setting that the others are held against, or a part of its name; None: the first.

    Raises:
        UserError: a directory without results, or without this metric; no such setting.
    """
    places = list(dict.fromkeys(Path(directory) for directory in directories))
    jobs = [(job_directory(place, job["job"]), job) for place in places for job in _read(place)]
    completed = [(place, job) for place, job in jobs if job["status"] == "completed"]
    if not completed:
        raise UserError(
            f"none of the {len(jobs)} jobs in {', '.join(map(str, places))} has completed; name another sweep"
        )
    known = sorted({name for _, job in completed for name in job["metrics"]})
    metric = metric or reported_score(completed[0][0], known)
    if metric not in known:
        raise UserError(f"score={metric}: no job has it; they have {', '.join(known)}")
    groups = by_setting((place, job) for place, job in completed if metric in job["metrics"])
    shared = {override for override in next(iter(groups)) if all(override in setting for setting in groups)}
    settings = [
        _setting(list(setting), shared if len(groups) > 1 else set(), metric, members)
        for setting, members in groups.items()
    ]
    names = Counter(setting.name for setting in settings)
    settings = [
        replace(setting, name=", ".join(overrides)) if names[setting.name] > 1 else setting
        for setting, overrides in zip(settings, groups, strict=True)
    ]
    held_against = find_setting(baseline, [setting.name for setting in settings])
    runs = {
        setting.name: [run_of(place, job, metric) for place, job in members]
        for setting, members in zip(settings, groups.values(), strict=True)
    }
    try:
        verdicts: Verdicts | str = judge_runs(runs, metric, held_against)
    except UserError as error:  # the means stand
        verdicts = str(error)
    return SweepReport(metric, settings, len(jobs) - len(completed), verdicts)


def _read(place: Path) -> list[dict[str, Any]]:
    file = place / RESULT
    if not file.is_file():
        raise UserError(f"{place} holds no {RESULT}: name the directory of a sweep, logs/<task>/multiruns/<id>")
    return read_sweep(file)


def _setting(
    overrides: list[str], shared: set[str], metric: str, members: list[tuple[Path, dict[str, Any]]]
) -> Setting:
    own = [override for override in overrides if override not in shared]
    parts = [" + ".join(_listed(o)) if o.startswith("sources=") else o.lstrip("+") for o in own]
    stage = metric.partition("/")[0]
    weights: dict[str, list[float]] = {}
    for run, job in members:
        for name, value in job["metrics"].items():
            if (match := _WEIGHT.fullmatch(name)) and match["stage"] == stage:
                weights.setdefault(match["source"], []).append(score_of(value, run, name))
    scores = [score_of(job["metrics"][metric], run, metric) for run, job in members]
    return Setting(
        name=", ".join(parts) or "all runs",
        sources=next((_listed(o) for o in overrides if o.startswith("sources=")), []),
        scores=scores,
        mean=statistics.fmean(scores),
        std=float(np.std(scores, ddof=1)) if len(scores) > 1 else None,  # NaN where a run diverged
        weights={source: statistics.fmean(values) for source, values in weights.items()},
        baselines=_baselines([run for run, _ in members], metric),
    )


def _listed(override: str) -> list[str]:
    return [item.strip() for item in override.partition("=")[2].strip("[]").split(",") if item.strip()]


def _baselines(runs: Sequence[Path], metric: str) -> dict[str, float]:
    """{name: score} of the baselines of runs; the mean where it differs, of those that have it."""
    stage, _, name = metric.partition("/")
    found: dict[str, list[float]] = {}
    for file in (run / BASELINES for run in runs):
        of_stage = read_json(file).get(stage, {}) if file.is_file() else {}
        if not isinstance(of_stage, dict):
            raise RunFileError(f"{file}: {stage!r} should map baselines to their scores; {DAMAGED}")
        for baseline, scores in of_stage.items():
            if not isinstance(scores, dict):
                raise RunFileError(f"{file}: {baseline!r} should map scores to numbers; {DAMAGED}")
            if name in scores:
                found.setdefault(baseline, []).append(score_of(scores[name], file, name))
    # a mean of equal numbers may be another one in its last digit
    return {name: scores[0] if len(set(scores)) == 1 else statistics.fmean(scores) for name, scores in found.items()}
