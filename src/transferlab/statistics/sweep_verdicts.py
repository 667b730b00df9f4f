"""What the runs of sweeps may claim: settings held against one of them, from the counts of items they have kept."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transferlab.statistics.item_files import item_file, read_description, read_items
from transferlab.statistics.items import ItemCounts, pool
from transferlab.statistics.logged_scores import logged_scores
from transferlab.statistics.scores import Array, Score, linearised
from transferlab.statistics.verdicts import FEWEST_SEEDS, Comparison, Interval, compare_values
from transferlab.utils.errors import UserError, near

LEVEL, POWER = 0.95, 0.8
FOLD = "dataset.fold"  # of a cross validation: its folds pool
COLUMNS = ("mean", "± 95 %", "seeds", "difference", "± 95 %", "verdict", "detectable")


@dataclass(frozen=True)
class Run:
    """A completed run.

    Attributes:
        directory: that holds its counts.
        seed: of its training.
        fold: of a cross validation, as it was given on the command line; None without.
    """

    directory: Path
    seed: Hashable
    fold: str | None = None


@dataclass(frozen=True)
class Verdicts:
    """All settings beside one of them.

    Attributes:
        metric: as logged, ``test/f1``.
        baseline: the setting that the others are held against.
        comparisons: one for each setting, in their order.
        items: that were scored, all folds together.
        documents: that these belong to, and that vary; None where items are independent.
        folds: that were pooled; 1 without a cross validation.
        is_error: whether smaller is better, and the score is no fraction.
    """

    metric: str
    baseline: str
    comparisons: list[Comparison]
    items: int
    documents: int | None
    folds: int
    is_error: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON, scores as fractions."""
        return {**asdict(self), "level": LEVEL, "power": POWER, "explanation": self.explanation()}

    def cells(self, comparison: Comparison) -> list[str]:
        """What ``COLUMNS`` say of a setting; scores in percent, errors as they are, a dash where nothing is known."""
        is_baseline = comparison.setting == self.baseline
        return [
            self._number(comparison.mean.value),
            self._half(comparison.mean),
            str(comparison.seeds),
            "–" if is_baseline else self._number(comparison.difference.value, signed=True),
            "–" if is_baseline else self._half(comparison.difference),
            str(comparison.verdict),
            "–" if is_baseline else self._number(comparison.minimum_detectable_effect),
        ]

    def explanation(self) -> list[str]:
        """Sentences on what the columns say, and what this design could have seen."""
        others = [comparison for comparison in self.comparisons if comparison.setting != self.baseline]
        what = f"{self.items} items"
        if self.documents is not None:
            what += f" of {self.documents} documents (items of one document go together)"
        if self.folds > 1:
            what += f", {self.folds} folds pooled"
        of_items_only = sorted(c.setting for c in self.comparisons if not c.over_seeds)
        lines = [f"{self.metric} on {what}."]
        if len(of_items_only) < len(self.comparisons):
            lines.append(
                "± is half of the 95 % interval, which holds the true value over new items and new seeds in 95 of 100 "
                "cases (both are crossed random effects)."
            )
        if of_items_only:
            settings = "all settings" if len(of_items_only) == len(self.comparisons) else ", ".join(of_items_only)
            lines.append(
                f"One seed ({settings}): ± is half of a 95 % interval over new items; another seed may differ more."
            )
        if any(c.seeds < FEWEST_SEEDS for c in self.comparisons):
            lines.append(f"Fewer than {FEWEST_SEEDS} seeds: no verdict.")
        if others:
            lines.append(
                f"Differences are to {self.baseline!r}, on the same items. Verdicts are corrected for {len(others)} "
                f"{'comparison' if len(others) == 1 else 'comparisons'} (Holm, 5 %); intervals are of each alone."
            )
            lines.append(
                "'detectable' is the smallest true difference that such a comparison, alone, finds in 8 of 10 cases: "
                "what is smaller may be there and not be seen."
            )
        return lines

    def _number(self, value: float, signed: bool = False) -> str:
        if math.isnan(value):
            return "–"
        shown = f"{value:.4f}" if self.is_error else f"{100 * value:.2f}"
        return f"+{shown}" if signed and value > 0 else shown

    def _half(self, interval: Interval) -> str:
        return self._number((interval.high - interval.low) / 2)


def run_of(directory: Path, job: Mapping[str, Any]) -> Run:
    """A completed job, from what ``multirun_result.json`` says of it."""
    given = dict(override.partition("=")[::2] for override in job["overrides"])
    seed = job.get("seed", given.get("seed"))
    return Run(directory, str(seed), given.get(FOLD))


def judge_runs(settings: Mapping[str, Sequence[Run]], metric: str, baseline: str | None = None) -> Verdicts:
    """Hold the runs of every setting against those of one.

    Args:
        settings: {name: its completed runs}.
        metric: as logged, with the stage.
        baseline: name of a setting, or a part of a single one's; None: the first.

    Raises:
        UserError: no such baseline; runs that have kept no counts, of other items, or in part of the folds only; or a
            metric that is no score of items. Says which.
    """
    name = find_setting(baseline, settings)
    stage, _, wanted = metric.partition("/")
    folds = sorted({str(run.fold) for runs in settings.values() for run in runs})
    files = {setting: _files(setting, runs, stage, folds) for setting, runs in settings.items()}
    score = _score_of(
        [file for seeds in files.values() for of_seed in seeds.values() for file in of_seed], stage, wanted
    )
    first: ItemCounts | None = None
    values: dict[str, dict[Hashable, Array]] = {}
    for setting, seeds in files.items():
        values[setting] = {}
        for seed, of_seed in seeds.items():  # the counts of one run at a time are held
            try:
                items = pool([read_items(file, score.columns) for file in of_seed])
                first = first or items
                values[setting][seed] = linearised(items.in_order_of(first), score)[1]
            except UserError as error:
                raise UserError(f"{setting}, seed {seed}: {error}") from error
    assert first is not None
    return Verdicts(
        metric=metric,
        baseline=name,
        comparisons=compare_values(values, name, higher_is_better=score.higher_is_better, level=LEVEL, power=POWER),
        items=len(first.units),
        documents=None if first.groups is None else len(set(first.groups)),
        folds=len(folds),
        is_error=not score.higher_is_better,
    )


def find_setting(wanted: str | None, names: Iterable[str]) -> str:
    """The setting of a name, or the only one whose name has ``wanted`` in it; None: the first.

    Raises:
        UserError: none, or several.
    """
    known = list(names)
    if wanted is None or wanted in known:
        return known[0] if wanted is None else wanted
    found = [name for name in known if wanted in name]
    if len(found) != 1:
        what = "several settings have it in their names" if found else "there is no such setting"
        choices = ", ".join(map(repr, found or known))
        raise UserError(f"baseline={wanted}: {what}; name one of {choices} {near(wanted, known)}".rstrip())
    return found[0]


def _score_of(files: Sequence[Path], stage: str, wanted: str) -> Score:
    """The score of that name of all files, over the classes of any of them."""
    found = [read_description(file) for file in files]
    description = found[0][1]
    if any(other != description for _, other in found):
        raise UserError("the runs were scored by different scores; compare those of one model.metric")
    columns = list(dict.fromkeys(column for of_file, _ in found for column in of_file))
    scores = logged_scores(description, columns)
    if wanted not in scores:
        known = ", ".join(f"{stage}/{score}" for score in scores)
        raise UserError(f"{stage}/{wanted} is no score of single items; there are {known}")
    return scores[wanted]


def _files(setting: str, runs: Sequence[Run], stage: str, folds: Sequence[str]) -> dict[Hashable, list[Path]]:
    """The files of each seed of a setting, one for each fold; a seed that comes again is another one."""
    members: dict[Hashable, dict[str, Path]] = {}
    for run in runs:
        seed, again = run.seed, 1
        while str(run.fold) in members.get(seed, {}):
            again += 1
            seed = (run.seed, again)
        members.setdefault(seed, {})[str(run.fold)] = item_file(run.directory, stage)
    for seed, of_folds in members.items():
        if lacking := [fold for fold in folds if fold not in of_folds]:
            raise UserError(f"{setting}, seed {seed}: there is no completed run with {FOLD}={lacking[0]}")
    return {seed: [of_folds[fold] for fold in folds] for seed, of_folds in members.items()}
