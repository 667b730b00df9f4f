"""Whether intervals of how well sources are ranked hold what they promise, over sources and targets, in simulations.

The percentile bootstrap of the seeds stands beside for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import results
from measuring import ROOT, Measuring, Values
from results import Section, table
from transferlab.statistics.crossed import crossed_mean
from transferlab.statistics.rankings import agreement_values, ceiling, compare_methods, reliability, spearman_interval
from transferlab.statistics.verdicts import Verdict
from transferlab.transferability.agreement import best_rank, ndcg, regret, spearman
from verdicts import span

TITLE = "intervals of rankings"

Array = np.ndarray[Any, np.dtype[np.float64]]

RECORD = ROOT / "results" / "data" / "rankings_simulation.csv"
SIMULATIONS, JUDGED = 500, 200  # the bootstrap is tried on the first of them
MEASURES = {"spearman": spearman, "ndcg": ndcg, "regret_1": partial(regret, k=1), "best_rank": best_rank}
KINDS = {  # deviations of a source and of a source at a target; what predictions know of them, and their own errors
    "sources differ at targets": (0.04, 0.04, 0.7, (0.5, 1.0)),
    "sources alike at targets": (0.05, 0.015, 0.7, (0.5, 1.0)),
    "predictions know nothing": (0.04, 0.04, 0.0, (1.0, 1.0)),
}
NOISE, LEVEL = 0.04, 0.5  # deviation of a seed, mean score
COVERED, FALSE_WINS = 0.90, 0.07  # promised of Spearman from two targets on


@dataclass(frozen=True)
class Design:
    """What is simulated: one of ``KINDS``, and how many."""

    kind: str
    targets: int
    sources: int
    seeds: int


DESIGNS = [
    Design(kind, targets, sources, 2)
    for kind in KINDS
    for targets, sources in ((1, 8), (2, 8), (3, 8), (5, 8), (8, 8), (5, 20))
]


def run(measuring: Measuring) -> Section:
    """Simulate all designs."""
    rows = []
    for number, design in enumerate(DESIGNS[1::7] if measuring.quick else DESIGNS):
        rows += simulated(design, 20 if measuring.quick else SIMULATIONS, seed=number)
        print(rows[-len(MEASURES)], flush=True)
    if not measuring.quick:
        results.write_record(RECORD, rows)
    return Section(shown(rows), [promise for row in rows for promise in broken(row)])


def shown(rows: list[Values]) -> str:
    """The table, over kinds, and what stands around it."""
    lines = []
    for targets, sources in dict.fromkeys((row["targets"], row["sources"]) for row in rows):
        here = [row for row in rows if (row["targets"], row["sources"]) == (targets, sources)]
        of = {name: [row for row in here if row["measure"] == name] for name in MEASURES}
        lines.append(
            [
                f"{targets} targets, {sources} sources",
                *(span(of[name], "coverage") for name in MEASURES),
                span(of["spearman"], "false_wins"),
                *(span(of[name], "bootstrap_coverage") for name in ("spearman", "regret_1")),
            ]
        )
    known = [row for row in rows if row["measure"] == "spearman"]
    return (
        f"{SIMULATIONS} simulations of each design, two seeds; in percent, the lowest and the highest value over three "
        "kinds of sources and predictions: how often intervals of 95 %, over sources and targets, hold the expected "
        "agreement with transfer that two seeds measured; how often one of three methods that are as good as the "
        "baseline has a verdict by Spearman after Holm's correction. Beside them, for the first target, how often the "
        "intervals of bootstrapping its seeds hold the agreement with the transfer that endless seeds would show of "
        "these very sources. With one target only Spearman has an interval. Every design: "
        "[rankings_simulation.csv](../results/data/rankings_simulation.csv).\n\n"
        + table(
            "design | Spearman | NDCG | regret@1 | rank of the best | false wins | bootstrap, Spearman | "
            "bootstrap, regret@1",
            lines,
        )
        + "\n\nOne target, in percent: the interval of the reliability holds the true one in "
        f"{span(known, 'reliability_coverage')}, and `ceiling` is {span(known, 'ceiling')} on average where a perfect "
        f"predictor reaches a Spearman correlation of {span(known, 'reached')}."
    )


def broken(row: Values) -> list[str]:
    """Promises of Spearman that a design does not hold, each a sentence."""
    if row["measure"] != "spearman":
        return []
    name = f"{row['kind']}, {row['targets']} targets, {row['sources']} sources"
    found = [f"{name}: {row['coverage']:.1%} are covered"] if row["coverage"] < COVERED else []
    if row["false_wins"] is not None and row["false_wins"] > FALSE_WINS:
        found.append(f"{name}: {row['false_wins']:.1%} of tables have a false win")
    return found


def read_record() -> list[Values]:
    """Every design that is recorded."""
    return results.read_record(RECORD)


def simulated(design: Design, simulations: int, seed: int) -> list[Values]:
    """A row for each measure."""
    random = np.random.default_rng(seed)
    drawn = [draw(design, random) for _ in range(simulations)]
    kept = drawn[:JUDGED]
    rows = []
    for name, measure in MEASURES.items():
        means, ends, wins = [], [], []
        for methods, _, measured in drawn:
            truth = dict(enumerate(measured.mean(axis=0)))
            tables = {str(number): dict(enumerate(method)) for number, method in enumerate(methods)}
            values = np.stack(list(agreement_values(measure, tables["0"], truth).values()), axis=1)
            mean = crossed_mean(values)
            means.append(float(mean.value))
            of_one = spearman_interval(float(mean.value), design.sources) if name == "spearman" else (np.nan, np.nan)
            ends.append(mean.interval() if design.targets > 1 else of_one)
            if name == "spearman" and design.targets >= 3:
                found = compare_methods(measure, tables, truth, "0")
                wins.append(any(one.verdict in (Verdict.BETTER, Verdict.WORSE) for one in found))
        low, high = np.array(ends).T
        expected = np.mean(means)
        coverage = float(((low <= expected) & (expected <= high)).mean()) if np.isfinite(low).all() else None
        row: Values = {"kind": design.kind, "targets": design.targets, "sources": design.sources, "seeds": design.seeds}
        row |= {
            "simulations": simulations,
            "measure": name,
            "expected": round(float(expected), 4),
            "coverage": coverage,
        }
        row["false_wins"] = float(np.mean(wins)) if wins else None
        row["bootstrap_coverage"] = float(np.mean([bootstrap_holds(measure, one) for one in kept]))
        row |= of_reliability(design, kept) if name == "spearman" else dict.fromkeys(OF_RELIABILITY)
        rows.append(row)
    return rows


OF_RELIABILITY = ("reliability_coverage", "ceiling", "reached")


def draw(design: Design, random: np.random.Generator) -> tuple[list[Array], Array, Array]:
    """Predictions ``[targets, sources]`` of four methods, true scores, measured ones ``[seeds, targets, sources]``."""
    of_source, at_target, known, (own_source, own) = KINDS[design.kind]
    shape = (design.targets, design.sources)
    gains = of_source * random.standard_normal(design.sources) + at_target * random.standard_normal(shape)
    measured = LEVEL + gains + NOISE * random.standard_normal((design.seeds, *shape))
    scale = (of_source**2 + at_target**2) ** 0.5
    methods = [
        known * gains / scale
        + own_source * random.standard_normal(design.sources)
        + own * random.standard_normal(shape)
        for _ in range(4)
    ]
    return methods, LEVEL + gains, np.clip(measured, 0, 1)


def bootstrap_holds(measure: Any, drawn: tuple[list[Array], Array, Array]) -> bool:
    """Whether the interval over seeds holds the agreement with the true scores of the same sources, first target."""
    methods, true, measured = drawn
    seeds = len(measured)
    resamples = measured[np.array(list(product(range(seeds), repeat=seeds))), 0].mean(axis=1)
    low, high = np.quantile(measure(methods[0][0], resamples), [0.025, 0.975], method="inverted_cdf")
    value = float(measure(methods[0][0], true[0][None])[0])
    return bool(low - 1e-9 <= value <= high + 1e-9)


def of_reliability(design: Design, drawn: list[tuple[list[Array], Array, Array]]) -> Values:
    """Of the first target: coverage of the reliability's interval; the ceiling, and what true scores reach."""
    of_source, at_target, *_ = KINDS[design.kind]
    signal = of_source**2 + at_target**2
    true = signal / (signal + NOISE**2 / design.seeds)
    found = [reliability(measured[:, 0]) for _, _, measured in drawn]
    ceilings = [ceiling(spearman, measured[:, 0], draws=200) for _, _, measured in drawn]
    reached = [float(spearman(gains[0], measured[:, 0].mean(axis=0)[None])[0]) for _, gains, measured in drawn]
    values = ([one.low <= true <= one.high for one in found], ceilings, reached)
    return {name: round(float(np.mean(of)), 4) for name, of in zip(OF_RELIABILITY, values, strict=True)}
