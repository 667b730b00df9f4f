"""How well methods predicted transfer, as tables and plain sentences: agreement, its reliability, and verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from transferlab.reporting.text_table import TextTable
from transferlab.statistics.verdicts import Verdict


@dataclass(frozen=True)
class Shown:
    """How a measure of agreement is shown.

    Attributes:
        heading: of its column.
        factor: what its numbers are multiplied by.
        digits: behind the point.
        least, most: values that it can have, after that.
        meaning: for people.
    """

    heading: str
    factor: int
    digits: int
    least: float
    most: float
    meaning: str


MEASURES = {
    "best_rank": Shown(
        "best at rank", 1, 1, 1, math.inf, "the predicted rank of the source that was truly best; 1 is right."
    ),
    "ndcg": Shown(
        "NDCG %", 100, 1, 0, 100, "normalised discounted cumulative gain, in which the first ranks count most."
    ),
    "ndcg_exp": Shown(
        "NDCG 2^r-1 %", 100, 1, 0, 100, "the same, with more weight on the best sources. 100 is right for both."
    ),
    "regret_1": Shown(
        "regret@1 %", 1, 1, 0, math.inf, "the part of the best score that is lost by trying the first source only."
    ),
    "regret_3": Shown(
        "regret@3 %", 1, 1, 0, math.inf, "the same for the best of the first three. 0 is right for both."
    ),
    "spearman": Shown(
        "Spearman", 1, 2, -1, 1, "rank correlation: 1 is the measured order, 0 no relation, -1 its reverse."
    ),
}
PERFECT = "perfect predictor, expected"
VERDICTS = {
    Verdict.BASELINE: "reference",
    Verdict.FEW_SEEDS: "none: too few targets",
    Verdict.NO_SCATTER: "none: nothing varies",
    Verdict.UNDEFINED: "none: not defined",
    Verdict.SAME: "the same order",
}  # others speak for themselves


def explanation(static: Mapping[str, str]) -> list[str]:
    """What the rows and columns of the tables are, as lines of Markdown.

    Args:
        static: what the baselines are that look at nothing of the target.
    """
    return [
        "Each row orders the sources: a method, a variant of it, the fusion of all methods, or a baseline. All that "
        "were run are shown; none was chosen by what was measured. Baselines look at nothing of the target:",
        "",
        *(f"* {name}: {meaning}" for name, meaning in static.items()),
        "",
        "Each predicted order is compared with the order of the measured scores (mean over seeds):",
        "",
        *(f"* {shown.heading}: {shown.meaning}" for shown in MEASURES.values()),
        "",
        "In brackets: the 95 % interval. For one target only Spearman has one, over other sources (four or more). That "
        "of a mean is over other sources and other targets, where there are enough of both.",
        "",
        "Reliability is the share of the variance between the sources' measured scores that is theirs; the rest is "
        "chance of the seeds. The perfect predictor knows the true transfer: its row is what it would reach on average "
        "under this chance, if the reliability is what was estimated (from two seeds and four sources on). A method "
        "can be beyond it by luck.",
        "",
    ]


def judgement_table(
    target: str, judged: pd.DataFrame, perfect: Mapping[str, float] | None = None, *, intervals: bool = True
) -> TextTable:
    """How well the orders of all candidates agree with what was measured.

    Args:
        target: for the title.
        judged: candidates x measures, see MEASURES, each with ``_low`` and ``_high``; ``targets`` of means.
        perfect: {measure: what a perfect predictor is expected to reach}, as a last row.
        intervals: of 95 %, behind each measure that has one.
    """
    counted = "targets" in judged and judged["targets"].notna().any()
    rows = []
    for method, row in judged.iterrows():
        cells = [str(method)]
        for measure in MEASURES:
            ends = (row[f"{measure}_low"], row[f"{measure}_high"]) if intervals else (math.nan, math.nan)
            shown = MEASURES[measure]  # an interval may reach beyond the values that there are
            low, high = (min(max(end, shown.least / shown.factor), shown.most / shown.factor) for end in ends)
            cells.append(_with_interval(measure, row[measure], low, high))
        rows.append([*cells, *([f"{row['targets']:.0f}"] if counted else [])])
    if perfect is not None:
        cells = [_with_interval(measure, perfect[measure], math.nan, math.nan) for measure in MEASURES]
        rows.append([PERFECT, *cells, *([""] if counted else [])])
    headings = [shown.heading for shown in MEASURES.values()]
    title = f"{target}: agreement of predicted and measured order"
    return TextTable(["method", *headings, *(["targets"] if counted else [])], rows, title)


def perfect_predictor(reliability: pd.DataFrame) -> dict[str, float] | None:
    """What a perfect predictor is expected to reach, on average over targets; None where a target does not tell.

    Args:
        reliability: a row per target, with ``<measure>_ceiling``.
    """
    means = {measure: float(reliability[f"{measure}_ceiling"].mean(skipna=False)) for measure in MEASURES}
    return None if all(map(math.isnan, means.values())) else means


def reliability_sentence(row: Mapping[str, Any]) -> str:
    """How far the measured order of the sources of one target can be relied on.

    Args:
        row: of ``measured_reliability``.
    """
    sources, seeds = int(row["sources"]), int(row["seeds"])
    if seeds < 2:
        return (
            f"Measured: {sources} sources with one seed. How much of their differences is chance cannot be known from "
            "one seed, nor what a perfect predictor would reach; two seeds or more tell."
        )
    if sources < 3:
        return f"Measured: two sources with {seeds} seeds. How much of their difference is chance takes three sources."
    if math.isnan(row["of_mean"]):
        return f"Measured: {sources} sources with {seeds} seeds, all with the same score: there is no order to predict."
    value, low, high = (100 * min(max(float(row[name]), 0.0), 1.0) for name in ("of_mean", "low", "high"))
    agree = row["between_seeds"]
    said = (
        f"Measured: {sources} sources with {seeds} seeds. Reliability of the means over the seeds: {value:.0f} % (95 % "
    )
    said += f"interval: {low:.0f} to {high:.0f} %)."
    if not math.isnan(agree):
        said += f" Two single seeds agree on the order with a Spearman correlation of {agree:.2f}."
    return said


def unscored_sentences(judged: pd.DataFrame) -> list[str]:
    """Which candidates lack scores, as they are judged as if these sources came last."""
    few = judged[(judged["unscored"] > 0) & (judged["unscored"] < judged["sources"])]
    return [
        f"{method} has no score for {row['unscored']:.0f} of {row['sources']:.0f} sources; these are ranked last."
        for method, row in few.iterrows()
    ]


def comparison_table(compared: pd.DataFrame) -> TextTable:
    """Every candidate beside the reference.

    Args:
        compared: of ``compare_candidates``.
    """
    measure, reference = str(compared["measure"].iloc[0]), str(compared["compared_with"].iloc[0])
    shown = MEASURES[measure]
    rows = []
    for method, row in compared.iterrows():
        verdict = Verdict(row["verdict"])
        difference = _with_interval(
            measure, row["difference"], row["difference_low"], row["difference_high"], signed=True
        )
        rows.append(
            [
                str(method),
                _number(shown.factor * row["mean"], shown.digits),
                difference,
                _probability(row["adjusted_p"]),
                VERDICTS.get(verdict, str(verdict)),
                _number(shown.factor * row["minimum_detectable_effect"], shown.digits),
                f"{row['targets']:.0f}",
            ]
        )
    columns = ["method", shown.heading, f"difference to {reference}", "p (Holm)", "verdict", "detectable", "targets"]
    return TextTable(columns, rows, f"Compared with {reference} by {shown.heading}")


def comparison_sentences(compared: pd.DataFrame, fewest_targets: int, fewest_sources: int) -> list[str]:
    """What the verdicts rest on, or why there are none.

    Args:
        compared: of ``compare_candidates``.
        fewest_targets: that a verdict needs.
        fewest_sources: that each of these targets needs.
    """
    reference = compared[compared.index == compared["compared_with"].iloc[0]].to_dict("records")[0]
    targets, sources, seeds = (int(reference[name]) for name in ("targets", "sources", "seeds"))
    needs = f"A verdict takes {fewest_targets} targets with {fewest_sources} sources each"
    if not targets:
        return [f"No verdict on the methods: {needs[0].lower()}{needs[1:]}, and no target here has so many sources."]
    if targets < fewest_targets:
        there = "there is one such target" if targets == 1 else f"there are {targets} such targets"
        return [
            f"No verdict on the methods: {needs[0].lower()}{needs[1:]}, and {there}. What a method does for so few "
            "targets says little of what it does for another."
        ]
    corrected = int(compared["adjusted_p"].notna().sum())
    lines = [
        f"Over {targets} targets and {sources} sources, each measured with at least {seeds} seed{'s' * (seeds > 1)}. "
        "The 95 % interval of a difference is over other sources and other targets, for this comparison alone. p and "
        f"verdict (at 5 %) are corrected for all {corrected} comparisons of the table (Holm).",
        "“No difference seen” is not “no difference”: “detectable” is the true difference that such a comparison, "
        "alone in its table, finds with a probability of 80 %. Smaller ones are found less often; where it is larger "
        "than any difference can be, hardly any could be found.",
    ]
    few = [str(name) for name, row in compared.iterrows() if row["verdict"] == Verdict.FEW_SEEDS]
    if few:
        lines.append(f"{needs} for which both have scores; there are fewer for {', '.join(few)}.")
    return lines


def unavailable_sentences(unavailable: Mapping[str, str]) -> list[str]:
    """Which static baselines are not in the tables, and why."""
    return [f"Without a row: {name}, as {reason}." for name, reason in unavailable.items()]


def _with_interval(measure: str, value: float, low: float, high: float, signed: bool = False) -> str:
    """``0.83 (0.28 to 0.97)`` in the unit of the table."""
    factor, digits = MEASURES[measure].factor, MEASURES[measure].digits
    text = _number(factor * value, digits, signed)
    if math.isnan(low) or math.isnan(high):
        return text
    return f"{text} ({_number(factor * low, digits, signed)} to {_number(factor * high, digits, signed)})"


def _number(value: float, digits: int, signed: bool = False) -> str:
    return "-" if math.isnan(value) else f"{value:{'+' if signed else ''}.{digits}f}"


def _probability(value: float) -> str:
    return "-" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
