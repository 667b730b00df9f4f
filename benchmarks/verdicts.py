"""Whether intervals and verdicts hold what they promise: coverage and false wins in simulations; the time of a table.

The percentile bootstrap over items and seeds, and Satterthwaite's t interval, stand beside for comparison.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.special import stdtrit

import results
from measuring import ROOT, Measuring, Values
from results import Section, table
from simulated_runs import BASELINE, EFFECT, KINDS, SHIFTS, Design, simulate, true_score
from transferlab.statistics.crossed import CrossedMean, crossed_mean
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.scores import micro_score
from transferlab.statistics.verdicts import FEWEST_SEEDS, compare, holm

TITLE = "intervals and verdicts"

Array = np.ndarray[Any, np.dtype[np.float64]]

RECORD = ROOT / "results" / "data" / "verdicts_simulation.csv"
SIMULATIONS = 4000
ITEMS = {"accuracy": (50, 200, 1000), "micro_f1": (50, 200), "conll_like": (10, 50, 200)}  # documents of the last two
SEEDS = (2, 3, 5, 10)
CELLS = 400_000  # items x seeds x settings that are simulated at once
RESAMPLES = 500
LEVEL = 0.95
COVERED, COVERED_BY_TWO, FALSE_WINS = (0.93, 0.97), 0.90, 0.07  # what is promised
FEW_ITEMS = 50  # with fewer an interval may cover more
SECONDS = 2.0
SETTINGS, TABLE_SEEDS, TABLE_ITEMS = 50, 5, 2000


def run(measuring: Measuring) -> Section:
    """Simulate all designs, one after the other, and time a table."""
    designs = [
        Design(score, kind, items, seeds)
        for score in SHIFTS
        for kind in KINDS
        for items in ITEMS[score]
        for seeds in SEEDS
    ]
    rows = []
    for number, design in enumerate(designs[:: 37 if measuring.quick else 1]):
        rows.append(judge(design, 40 if measuring.quick else SIMULATIONS, seed=number))
        print(", ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    if not measuring.quick:
        results.write_record(RECORD, rows)
    timed = measuring.take_turns("verdicts.measure", {"table": {}})["table"]
    text = (
        f"{shown(rows)}\n\nA table of {SETTINGS} settings, {TABLE_SEEDS} seeds of {TABLE_ITEMS} items: "
        f"{timed['seconds']:.2g} s (at most {SECONDS:g} are promised)."
    )
    return Section(text, [promise for row in rows for promise in broken(row)] + slow(timed))


def shown(rows: list[Values]) -> str:
    """The table of all designs, and what stands around it."""
    lines = []
    for kind in KINDS:
        for seeds in SEEDS:
            of_both = [row for row in rows if (row["kind"], row["seeds"]) == (kind, seeds)]
            if of_both:
                lines.append([f"{kind}, {seeds} seeds", *(span(of_both, name) for name in SHOWN)])
    few = [row for row in rows if row["items"] < FEW_ITEMS]
    return (
        f"{SIMULATIONS} simulations of each design (`benchmarks/simulated_runs.py`): accuracy, micro F1 of documents, "
        "a mean of three F1s of documents. A row has what the error of a difference is made of, the number of seeds, "
        "and in percent the lowest and the highest value over scores and over 10 to 1,000 items: how often intervals "
        "of 95 % of the difference between two settings hold the true one, with paired seeds and without, those of a "
        "mean, and how often a table of three settings that are as the baseline has a verdict after Holm's correction. "
        "What not to do stands beside: Satterthwaite's t interval, and the percentile bootstrap over items and seeds. "
        "Every design: "
        "[verdicts_simulation.csv](../results/data/verdicts_simulation.csv).\n\n"
        + table("design | " + " | ".join(SHOWN.values()), lines)
        + f"\n\nWith 10 documents alone: differences {span(few, 'coverage')}, means {span(few, 'mean_coverage')}; "
        "a score of few documents is skewed, and no variance shows that. The others: differences "
        f"{span([row for row in rows if row not in few], 'coverage')}, means "
        f"{span([row for row in rows if row not in few], 'mean_coverage')}."
    )


SHOWN = {
    "coverage": "difference",
    "unpaired_coverage": "unpaired",
    "mean_coverage": "mean",
    "false_wins": "false wins",
    "satterthwaite_coverage": "Satterthwaite",
    "bootstrap_coverage": "bootstrap",
}


def span(rows: list[Values], name: str) -> str:
    """The lowest and the highest value in percent; a line where there is none."""
    values = [100 * row[name] for row in rows if row[name] is not None]
    return f"{min(values):.1f}–{max(values):.1f}" if values else "–"


def broken(row: Values) -> list[str]:
    """Promises that a design does not hold, each a sentence."""
    name = f"{row['score']}, {row['kind']}, {row['items']} items, {row['seeds']} seeds"
    if row["seeds"] < FEWEST_SEEDS:
        return [f"{name}: {row['coverage']:.1%} are covered"] if row["coverage"] < COVERED_BY_TWO else []
    found = []
    most = COVERED[1] if row["items"] >= FEW_ITEMS else 1
    if row["seeds"] <= 5 and not COVERED[0] <= row["coverage"] <= most:
        found.append(f"{name}: {row['coverage']:.1%} are covered")
    if row["false_wins"] > FALSE_WINS:
        found.append(f"{name}: {row['false_wins']:.1%} of tables have a false win")
    return found


def slow(timed: Values) -> list[str]:
    """The same of the time."""
    return [f"a table takes {timed['seconds']:.2g} s"] if timed["seconds"] > SECONDS else []


def judge(design: Design, simulations: int, seed: int) -> Values:
    """Coverage and false wins of a design; no false wins where there are too few seeds for verdicts."""
    random = np.random.default_rng(seed)
    mean = true_score(design, BASELINE + EFFECT)
    difference = mean - true_score(design, BASELINE)
    others = design.seeds - 2 if design.seeds >= 5 else design.seeds  # of the baseline where seeds are not paired
    held: dict[str, list[Array]] = {name: [] for name in SHOWN}
    batch = max(1, CELLS // (design.items * design.seeds * 5))
    for start in range(0, simulations, batch):
        values = simulate(design, min(batch, simulations - start), random)  # [simulations, settings, items, seeds]
        baseline, effect, nulls = values[:, 0], values[:, 1], values[:, 2:]
        paired = crossed_mean(effect - baseline)
        held["coverage"].append(within(*paired.interval(LEVEL), difference))
        held["satterthwaite_coverage"].append(within(*satterthwaite(paired), difference))
        held["bootstrap_coverage"].append(within(*bootstrap(effect - baseline, random), difference))
        held["mean_coverage"].append(within(*crossed_mean(effect).interval(LEVEL), mean))
        unpaired = crossed_mean(effect, baseline[..., :others])
        held["unpaired_coverage"].append(within(*unpaired.interval(LEVEL), difference))
        p_values = crossed_mean(nulls - baseline[:, None]).p_value()  # [simulations, nulls]
        held["false_wins"].append(np.array([(holm(row) <= 1 - LEVEL).any() for row in p_values]))
    row: Values = {"score": design.score, "kind": design.kind, "items": design.items, "seeds": design.seeds}
    row |= {"simulations": simulations} | {
        name: round(float(np.concatenate(of).mean()), 4) for name, of in held.items()
    }
    return row | ({"false_wins": None} if design.seeds < FEWEST_SEEDS else {})


def within(low: Array, high: Array, truth: float) -> Array:
    """Which intervals hold the truth."""
    return (low <= truth) & (truth <= high)


def satterthwaite(mean: CrossedMean, level: float = LEVEL) -> tuple[Array, Array]:
    """The t interval with the degrees of freedom that match the first two moments of the variance."""
    total = mean.item_variance + mean.seed_variance
    squares = mean.item_variance**2 / mean.item_freedom + mean.seed_variance**2 / mean.seed_freedom
    freedom = np.divide(total**2, squares, out=np.full_like(total, mean.item_freedom), where=squares > 0)
    half = stdtrit(freedom, (1 + level) / 2) * mean.standard_error
    return mean.value - half, mean.value + half


def bootstrap(values: Array, random: np.random.Generator, level: float = LEVEL) -> tuple[Array, Array]:
    """Percentiles of means ``[simulations]`` of items and seeds drawn with replacement, of ``[..., items, seeds]``."""
    items, seeds = values.shape[-2:]
    of_items = random.multinomial(items, np.full(items, 1 / items), RESAMPLES) / items
    of_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds
    means = ((of_items @ values) * of_seeds).sum(axis=-1)  # [simulations, resamples]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return low, high


def measure() -> Values:
    """Seconds for a table."""
    random = np.random.default_rng(0)
    units = tuple(map(str, range(TABLE_ITEMS)))
    gold = random.poisson(5, TABLE_ITEMS)

    def counts() -> ItemCounts:
        correct = random.binomial(gold, 0.7)
        rows = np.stack([correct, correct + random.poisson(1, TABLE_ITEMS), gold], axis=1).astype(np.float64)
        return ItemCounts("test", units, ("correct", "predicted", "gold"), rows)

    settings = {str(setting): {seed: counts() for seed in range(TABLE_SEEDS)} for setting in range(SETTINGS)}
    started = time.perf_counter()
    compare(settings, "0", micro_score("f1"))
    return {"seconds": time.perf_counter() - started}


def read_record() -> list[Values]:
    """Every design that is recorded."""
    return results.read_record(RECORD)
