"""What the runs of sweeps may claim: settings held against one of them, from the counts of items they have kept."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from transferlab.statistics.item_files import item_file, read_description, read_items
from transferlab.statistics.items import ItemCounts, pool
from transferlab.statistics.logged_scores import logged_scores
from transferlab.statistics.scores import Array, Score, linearised
from transferlab.statistics.verdicts import FEWEST_SEEDS, Comparison, Interval, Verdict, compare_values
from transferlab.utils.errors import UserError, near
from transferlab.utils.run_files import score_of

LEVEL, POWER = 0.95, 0.8
FOLD = "dataset.fold"  # of a cross validation: its folds pool
FEW_UNITS = 20
MEANINGS = {
    Verdict.FEW_SEEDS: f"'{Verdict.FEW_SEEDS}': a verdict takes {FEWEST_SEEDS} seeds on both sides.",
    Verdict.SAME: f"'{Verdict.SAME}': each of its runs scores every item as that of the reference does.",
    Verdict.UNDEFINED: f"'{Verdict.UNDEFINED}': a run has no such score; it has diverged, or predicts one value only.",
    Verdict.NO_SCATTER: f"'{Verdict.NO_SCATTER}': items and seeds all differ by the same: no sign of how sure it is.",
}
COLUMNS = ("mean", "± 95 %", "seeds", "difference", "± 95 %", "verdict", "detectable")


@dataclass(frozen=True)
class Run:
    """A completed run.

    Attributes:
        directory: that holds its counts.
        seed: of its training.
        fold: of a cross validation, as it was given on the command line; None without.
        score: that was logged; its counts must give it. None where it is not known.
    """

    directory: Path
    seed: Hashable
    fold: str | None = None
    score: float | None = None


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
        reference = next(comparison for comparison in self.comparisons if comparison.setting == self.baseline)
        what = f"{self.items} items"
        if self.documents is not None:
            what += f" of {self.documents} documents (items of one document go together)"
        if self.folds > 1:
            what += f", {self.folds} folds pooled"
        one_seed = [comparison.setting for comparison in self.comparisons if comparison.seeds == 1]
        lines = [f"{self.metric} on {what}."]
        if len(one_seed) < len(self.comparisons):
            lines.append(
                "± is half of the 95 % interval, which is to hold the true value over new items and new seeds in 95 of "
                "100 cases (both are crossed random effects)."
            )
        if (self.documents or self.items) <= FEW_UNITS:
            lines.append("With so few documents or items the interval of a mean holds it in 88 to 95 of 100 cases.")
        if one_seed:
            settings = "all settings" if len(one_seed) == len(self.comparisons) else ", ".join(one_seed)
            lines.append(
                f"One seed ({settings}): ± is half of a 95 % interval over new items; another seed may differ more."
            )
        lines += self._pairs(others, reference)
        if others:
            seeds = ", and speak of new items only, for it has one seed" if reference.seeds == 1 else ""
            lines.append(f"Differences are to the reference, {self.baseline!r}, on the same items{seeds}.")
        corrected = sum(not math.isnan(comparison.adjusted_p) for comparison in others)
        if corrected:
            lines.append(
                f"Verdicts are corrected for {corrected} comparison{'s' * (corrected > 1)} (Holm, 5 %); intervals are "
                "of each alone."
            )
            lines.append(
                "'detectable' is the smallest true difference that such a comparison, alone, finds in 8 of 10 cases: "
                "what is smaller may be there and not be seen."
            )
        given = {comparison.verdict for comparison in others}
        return [*lines, *(sentence for verdict, sentence in MEANINGS.items() if verdict in given)]

    def _pairs(self, others: Sequence[Comparison], reference: Comparison) -> list[str]:
        """Which settings were not compared seed by seed, or not over all of their seeds."""
        independent = [one.setting for one in others if not one.paired]
        fewer = [one for one in others if one.paired and one.compared_seeds < max(one.seeds, reference.seeds)]
        lines = [
            f"{one.setting}: compared over the {one.compared_seeds} seeds that the reference has, too." for one in fewer
        ]
        if independent and len(independent) < len(others):
            settings = ", ".join(independent)
            lines.append(f"Not compared seed by seed, but as independent runs, which tells less: {settings}.")
        return lines

    def _number(self, value: float, signed: bool = False) -> str:
        if math.isnan(value):
            return "–"
        shown = f"{value:.4f}" if self.is_error else f"{100 * value:.2f}"
        return f"+{shown}" if signed and value > 0 else shown

    def _half(self, interval: Interval) -> str:
        return self._number((interval.high - interval.low) / 2)


def run_of(directory: Path, job: Mapping[str, Any], metric: str) -> Run:
    """A completed job, from what ``multirun_result.json`` says of it."""
    given = dict(plain(override).partition("=")[::2] for override in job["overrides"])
    seed = given.get("seed", job.get("seed"))
    return Run(directory, str(seed), given.get(FOLD), score_of(job["metrics"][metric], directory, metric))


def setting_of(overrides: Iterable[str]) -> tuple[str, ...]:
    """The overrides of a job, in plain form, but for those that tell the runs of a setting apart: seed and fold."""
    given = map(plain, overrides)
    return tuple(override for override in given if override.partition("=")[0] not in ("seed", FOLD))


def plain(override: str) -> str:
    """An override without what makes no difference: ``++`` before the key, quotes of words, blanks behind commas."""
    key, sign, value = override.partition("=")
    return key.lstrip("+") + sign + re.sub(r"""(["'])([\w.@/-]*)\1""", r"\2", re.sub(r",\s+", ",", value))


def by_setting(jobs: Iterable[tuple[Path, Mapping[str, Any]]]) -> dict[tuple[str, ...], list[tuple[Path, Any]]]:
    """Jobs with their directories by their setting, in whatever order their overrides were given."""
    groups: dict[tuple[str, ...], list[tuple[Path, Any]]] = {}
    names: dict[tuple[str, ...], tuple[str, ...]] = {}
    for place, job in jobs:
        setting = setting_of(job["overrides"])
        groups.setdefault(names.setdefault(tuple(sorted(setting)), setting), []).append((place, job))
    return groups


def judge_runs(settings: Mapping[str, Sequence[Run]], metric: str, baseline: str | None = None) -> Verdicts:
    """Hold the runs of every setting against those of one.

    Args:
        settings: {name: its completed runs}.
        metric: as logged, with the stage.
        baseline: name of a setting, or a part of a single one's; None: the first.

    Raises:
        UserError: no such baseline; runs that have kept no counts, or other ones than their score is of; of other
            items, in part of the folds only, or of one seed twice; or a metric that is no score of items. Says which.
    """
    if not any(settings.values()):
        raise UserError(f"no completed run has logged {metric}; wait for one, or name another score")
    name = find_setting(baseline, settings)
    stage, _, wanted = metric.partition("/")
    folds = sorted({run.fold or "" for runs in settings.values() for run in runs})
    runs_of = {setting: _by_seed(setting, runs, folds) for setting, runs in settings.items()}
    every = [run for seeds in runs_of.values() for of_seed in seeds.values() for run in of_seed]
    finite = [run for run in every if run.score is None or math.isfinite(run.score)]
    if not finite:
        raise UserError(f"{metric} is no number in any run; train them again, with a smaller learning rate for example")
    score = _score_of([item_file(run.directory, stage) for run in finite], stage, wanted)
    first: ItemCounts | None = None
    values: dict[str, dict[Hashable, Array]] = {}
    for setting, seeds in runs_of.items():
        values[setting] = {}
        for seed, of_seed in seeds.items():  # the counts of one run at a time are held
            if not all(run in finite for run in of_seed):  # it has diverged
                values[setting][seed] = np.full(1, np.nan)
                continue
            try:
                items = pool([_items(run, stage, score) for run in of_seed])
                first = first or items
                values[setting][seed] = linearised(items.in_order_of(first), score)[1]
            except UserError as error:
                raise UserError(f"{setting}, seed {seed}: {error}") from error
    if first is None:
        raise UserError(f"{metric} is no number in some fold of every seed; train these again")
    number = first.units_that_vary()[1]
    values = {
        setting: {seed: np.broadcast_to(of_seed, number) for seed, of_seed in seeds.items()}
        for setting, seeds in values.items()
    }
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


def _items(run: Run, stage: str, score: Score) -> ItemCounts:
    """The counts of a run, held against the score that it has logged."""
    file = item_file(run.directory, stage)
    items = read_items(file, score.columns)
    if items.split != stage:
        raise UserError(f"{file} holds the counts of {items.split!r}; put the file of {stage!r} in its place")
    value, _ = score.left_out(items.counts, np.zeros(len(items.units), dtype=np.intp), 1)
    if run.score is not None and not math.isclose(float(value), run.score, rel_tol=1e-4, abs_tol=1e-5):
        raise UserError(
            f"{file} gives {score.name} {float(value):.6g}, but its run has logged {run.score:.6g}: they are not of "
            "one evaluation; run it again"
        )
    return items


def _by_seed(setting: str, runs: Sequence[Run], folds: Sequence[str]) -> dict[Hashable, list[Run]]:
    """The runs of each seed of a setting, one for each fold."""
    members: dict[Hashable, dict[str, Run]] = {}
    for run in runs:
        of_seed, fold = members.setdefault(run.seed, {}), run.fold or ""
        if fold in of_seed:
            where = f"{of_seed[fold].directory} and {run.directory}"
            raise UserError(f"{setting}, seed {run.seed}: two runs, {where}; a copy is no further seed: leave one out")
        of_seed[fold] = run
    for seed, of_seed in members.items():
        if lacking := [fold for fold in folds if fold not in of_seed]:
            which = f"with {FOLD}={lacking[0]}" if lacking[0] else f"without {FOLD}, as other settings have one"
            raise UserError(
                f"{setting}, seed {seed}: there is no completed run {which}; add it, or leave the others out"
            )
    return {seed: [of_seed[fold] for fold in folds] for seed, of_seed in members.items()}
