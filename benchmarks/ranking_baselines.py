"""How often ignorant orders of sources have a verdict against random order, with few sources; and static baselines.

Targets are independent, so that nothing can be known of one from the others: every verdict is wrong.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

import results
from measuring import ROOT, Measuring, Values
from rankings import KINDS, Design, draw
from results import Section, table
from transferlab.statistics.crossed import crossed_mean
from transferlab.statistics.rankings import agreement_values, compare_methods
from transferlab.transferability.agreement import spearman
from transferlab.transferability.judging import FEWEST_SOURCES

TITLE = "rankings of few sources, and baselines"

Array = np.ndarray[Any, np.dtype[np.float64]]

RECORD = ROOT / "results" / "data" / "ranking_baselines_simulation.csv"
SIMULATIONS, TABLES = 500, 1000  # of intervals, and of verdicts
DESIGNS = [(3, 4), (3, 5), (3, 8)]  # targets, sources
COVERED, FALSE_WINS = 0.90, 0.07  # promised of methods from so many sources on
KNOWN = ("mean gain", "mean rank")


def run(measuring: Measuring) -> Section:
    """Simulate all designs."""
    rows = []
    for number, (targets, sources) in enumerate(DESIGNS[:1] if measuring.quick else DESIGNS):
        rows.append(simulated(targets, sources, *((20, 20) if measuring.quick else (SIMULATIONS, TABLES)), seed=number))
        print(rows[-1], flush=True)
    if not measuring.quick:
        results.write_record(RECORD, rows)
    return Section(shown(rows), [promise for row in rows for promise in broken(row)])


def shown(rows: list[Values]) -> str:
    """The table, and what stands above it."""
    lines = [
        [
            f"{row['targets']} targets, {row['sources']} sources",
            *(f"{100 * row[name]:.1f}" for name in ("lowest_coverage", "methods", "means")),
        ]
        for row in rows
    ]
    return (
        f"In percent, of {SIMULATIONS} simulations of each design: how often the interval of a mean Spearman "
        "correlation holds the expected one, the lowest of the three kinds of sources of `rankings`. And of "
        f"{TABLES} tables, where nothing that was measured for a target tells of another one: how many have a verdict "
        "against random order after Holm's correction, of five ignorant methods, one of which has the same order for "
        "all targets; and of the mean gain and the mean rank over the other targets. Every design: "
        "[ranking_baselines_simulation.csv](../results/data/ranking_baselines_simulation.csv).\n\n"
        + table("design | coverage | false verdicts, methods | false verdicts, means over other targets", lines)
    )


def broken(row: Values) -> list[str]:
    """Promises that a design does not hold, each a sentence."""
    if row["sources"] < FEWEST_SOURCES:
        return []
    name = f"{row['targets']} targets, {row['sources']} sources"
    found = [f"{name}: {row['lowest_coverage']:.1%} are covered"] if row["lowest_coverage"] < COVERED else []
    if row["methods"] > FALSE_WINS:
        found.append(f"{name}: {row['methods']:.1%} of tables have a false verdict")
    return found


def read_record() -> list[Values]:
    """Every design that is recorded."""
    return results.read_record(RECORD)


def simulated(targets: int, sources: int, simulations: int, tables: int, seed: int) -> Values:
    """The row of a design."""
    random = np.random.default_rng(seed)
    wins = np.array([_false_verdicts(targets, sources, random) for _ in range(tables)]).mean(axis=0)
    coverage = [_coverage(Design(kind, targets, sources, 2), simulations, random) for kind in KINDS]
    row: Values = {"targets": targets, "sources": sources, "simulations": simulations, "tables": tables}
    row |= {"lowest_coverage": round(min(coverage), 4), "methods": float(wins[0]), "means": float(wins[1])}
    return row


def _false_verdicts(targets: int, sources: int, random: np.random.Generator) -> tuple[bool, bool]:
    """Whether a table of ignorant methods, and one of means over other targets, has a verdict against random order."""
    truth = random.standard_normal((targets, sources))
    places = rankdata(truth, axis=1)
    ignorant = random.standard_normal((4, targets, sources)) + random.standard_normal((4, 1, sources))
    methods = {str(number): method for number, method in enumerate(ignorant)}
    methods["one order"] = np.broadcast_to(random.standard_normal(sources), truth.shape)
    means = {name: values.sum(axis=0) - values for name, values in zip(KNOWN, (truth, places), strict=True)}
    found = []
    for candidates in (methods, means):
        orders = candidates | {"random": np.zeros_like(truth)}
        tables = {name: dict(enumerate(order)) for name, order in orders.items()}
        compared = compare_methods(spearman, tables, dict(enumerate(truth)), "random")
        found.append(any(one.adjusted_p <= 0.05 for one in compared))
    return found[0], found[1]


def _coverage(design: Design, simulations: int, random: np.random.Generator) -> float:
    """How often the interval of one method holds the expected mean."""
    means, ends = [], []
    for _ in range(simulations):
        (method, *_), _, measured = draw(design, random)
        values = agreement_values(spearman, dict(enumerate(method)), dict(enumerate(measured.mean(axis=0))))
        mean = crossed_mean(np.stack(list(values.values()), axis=1))
        means.append(float(mean.value))
        ends.append(mean.interval())
    low, high = np.array(ends).T
    return float(((low <= np.mean(means)) & (np.mean(means) <= high)).mean())
