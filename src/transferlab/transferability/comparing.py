"""What may be claimed of methods that rank sources: verdicts against one of them, and how sure the truth is.

In simulations of three targets (``benchmarks/ranking_baselines.py``), methods that know nothing have a false verdict
beside random order in 4 % of tables with five sources, in 6 % with four. Means over other targets are worse off, as
what was measured for each is in the predictions for all others: 10 % with five sources, 5 % with eight.
"""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd

from transferlab.statistics.rankings import ceiling, compare_methods, reliability
from transferlab.statistics.verdicts import Comparison, Verdict
from transferlab.transferability.candidates import Candidates
from transferlab.transferability.judging import FEWEST_SOURCES, FEWEST_TARGETS, MEASURES
from transferlab.utils.errors import UserError, near

SMALLER_IS_BETTER = ("best_rank", "regret_1", "regret_3")
OF_RELIABILITY = ("of_mean", "low", "high", "of_one_seed", "between_seeds")
FEWEST_FOR_CEILING = 4  # sources; from three the share of noise cannot be estimated without bias
DRAWS = 500  # for what a perfect predictor would reach; the mean of Spearman is known to 0.02 then


def compare_candidates(candidates: Candidates, compare_with: str, compare_by: str = "spearman") -> pd.DataFrame:
    """Compare every candidate with one of them, over sources and targets, corrected for their number (Holm).

    Targets with fewer sources than ``FEWEST_SOURCES`` have no part, nor have those for which the measure is not defined
    whatever is predicted (as Spearman where all sources measured the same). A candidate without scores for a target is
    compared on the others.

    Args:
        candidates: what is to be compared.
        compare_with: name of the candidate that the others are compared with, the reference.
        compare_by: one of ``MEASURES``.

    Returns:
        a row per candidate, in the unit of the measure (regret: percent):

        * ``mean`` over the targets that both have; ``difference`` to the reference there, with ``_low`` and
          ``_high``, its 95 % interval, and ``minimum_detectable_effect``, the true difference that such a comparison
          finds with a probability of 80 %. All but the first two are NaN with fewer targets than ``FEWEST_TARGETS``.
        * ``p``, ``adjusted_p`` (Holm), and ``verdict``, one of ``statistics.verdicts.Verdict``: there the targets take
          the place of the seeds.
        * ``measure`` and ``compared_with``; ``targets``: how many both have; ``sources``: of all of these; ``seeds``:
          the fewest of a target.

    Raises:
        UserError: an unknown measure, or no such candidate; names those that there are.
    """
    if compare_by not in MEASURES:
        raise UserError(f"compare_by={compare_by}: choose one of {', '.join(MEASURES)}")
    if not candidates.scored(compare_with):
        reason = candidates.unavailable.get(compare_with) or near(compare_with, candidates.names)
        raise UserError(
            f"compare_with={compare_with}: there is nothing of this name to compare with; choose one of "
            f"{', '.join(candidates.names)}" + (f" ({reason})" if reason else "")
        )
    used = comparable_targets(candidates, compare_by)
    of_all = {name: candidates.aligned(name, used) for name in candidates.names}
    both = {
        name: [target for target in used if target in tables and target in of_all[compare_with]]
        for name, tables in of_all.items()
    }
    fewest = FEWEST_TARGETS[compare_by]
    rows: dict[str, Comparison] = {}
    if both[compare_with]:
        found = compare_methods(
            MEASURES[compare_by],
            {name: {target: of_all[name][target] for target in targets} for name, targets in both.items() if targets},
            candidates.truth(used),
            compare_with,
            higher_is_better=compare_by not in SMALLER_IS_BETTER,
            fewest_targets=fewest,
        )
        rows = {one.setting: one for one in found}
    table = []
    for name, targets in both.items():
        one, enough = rows.get(name), len(targets) >= fewest
        without = Verdict.BASELINE if name == compare_with else Verdict.FEW_SEEDS
        table.append(
            {
                "method": name,
                "measure": compare_by,
                "compared_with": compare_with,
                "mean": one.mean.value if one else np.nan,
                "difference": one.difference.value if one else np.nan,
                "difference_low": one.difference.low if one and enough else np.nan,
                "difference_high": one.difference.high if one and enough else np.nan,
                "minimum_detectable_effect": one.minimum_detectable_effect if one and enough else np.nan,
                "p": one.p if one else np.nan,
                "adjusted_p": one.adjusted_p if one else np.nan,
                "verdict": str(one.verdict if one else without),
                "targets": len(targets),
                "sources": len({source for target in targets for source in candidates.measured[target].index}),
                "seeds": min((candidates.measured[target].shape[1] for target in targets), default=0),
            }
        )
    return pd.DataFrame(table).set_index("method")


def comparable_targets(candidates: Candidates, measure: str) -> list[str]:
    """The targets with enough sources to compare methods on, and an order of them that the measure can be taken of."""
    found = []
    for target, table in candidates.measured.items():
        truth = table.mean(axis=1).to_numpy()
        if len(truth) >= FEWEST_SOURCES and not np.isnan(MEASURES[measure](np.zeros(len(truth)), truth[None])).any():
            found.append(target)
    return found


def measured_reliability(candidates: Candidates, seed: int = 0) -> pd.DataFrame:
    """How sure what was measured is, and what could be reached under it.

    Args:
        candidates: with what was measured.
        seed: of the draws of ``ceiling``.

    Returns:
        a row per target: ``sources``, ``seeds``; the fields of :class:`~transferlab.statistics.rankings.Reliability`;
        and ``<measure>_ceiling``, what a predictor that knows the true transfer is expected to reach, for each of
        ``MEASURES``, from ``DRAWS`` draws. All but the counts are NaN with one seed, which tells nothing of its noise,
        or with two sources; the last also with three.
    """
    rows = {}
    for target, table in candidates.measured.items():
        measured = table.to_numpy().T  # [seeds, sources]
        row: dict[str, float] = {"sources": len(table), "seeds": len(measured)}
        known = len(measured) > 1 and len(table) > 2
        row |= asdict(reliability(measured)) if known else dict.fromkeys(OF_RELIABILITY, np.nan)
        reachable = known and len(table) >= FEWEST_FOR_CEILING
        for name, measure in MEASURES.items():
            row[f"{name}_ceiling"] = ceiling(measure, measured, seed=seed, draws=DRAWS) if reachable else np.nan
        rows[target] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("target")
