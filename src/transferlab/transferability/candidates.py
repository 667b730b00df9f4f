"""The orders of sources that are judged: those of all methods, their variants and fusion, and of static baselines.

A static baseline looks at nothing of the target: its data, its labels, or what was measured for it.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from transferlab.transferability.measured import relative_gain
from transferlab.transferability.ranking import FUSION, fused
from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

Array = np.ndarray[Any, np.dtype[np.float64]]

MEAN_GAIN = "mean gain over other targets"
MEAN_RANK = "mean rank over other targets"
DATA_SIZE = "data size"
RANDOM = "random"
STATIC = {  # what they are, for people
    MEAN_GAIN: "how much a source gained over no transfer, mean over the other targets of the table.",
    MEAN_RANK: "the rank of a source in what was measured for the other targets, as a share of the sources there, on "
    "average. Verdicts on these two are too lenient with few sources: in simulations of three targets one is "
    "wrong in 10 % of tables with five sources, in 5 % with eight.",
    DATA_SIZE: "sources that were trained on more examples first.",
    RANDOM: "no order; its values are the exact means over all orders.",
}


@dataclass(frozen=True)
class Candidates:
    """What is predicted by every candidate, and what was measured.

    Attributes:
        predicted: target -> sources x candidates, larger is better; NaN is ranked last. A candidate without any score
            of a target is not judged there.
        measured: target -> the same sources x seeds, without gaps.
        unavailable: {static baseline: why it predicts nothing}.
    """

    predicted: Mapping[str, pd.DataFrame]
    measured: Mapping[str, pd.DataFrame]
    unavailable: Mapping[str, str]

    @property
    def static(self) -> dict[str, str]:
        """The static baselines that there are, and what they are."""
        return {name: meaning for name, meaning in STATIC.items() if name in self.names}

    @property
    def names(self) -> list[str]:
        """All candidates: methods and fusion, then static baselines."""
        names = dict.fromkeys(str(name) for table in self.predicted.values() for name in table)
        return [*(name for name in names if name not in STATIC), *(name for name in STATIC if name in names)]

    def scored(self, name: str) -> list[str]:
        """The targets for which a candidate has scores."""
        return [target for target, table in self.predicted.items() if name in table and table[name].notna().any()]

    def aligned(self, name: str, targets: Sequence[str]) -> dict[Hashable, Array]:
        """The scores of a candidate for each of these targets that it has, over the sources of all of them."""
        sources, scored = self._sources(targets), self.scored(name)
        return {
            target: self.predicted[target][name].reindex(sources).to_numpy(dtype=np.float64)
            for target in targets
            if target in scored
        }

    def truth(self, targets: Sequence[str]) -> dict[Hashable, Array]:
        """What was measured of the same sources, mean over seeds; NaN for those that were not."""
        sources = self._sources(targets)
        return {target: self.measured[target].mean(axis=1).reindex(sources).to_numpy() for target in targets}

    def _sources(self, targets: Sequence[str]) -> list[Hashable]:
        return list(dict.fromkeys(source for target in targets for source in self.measured[target].index))


def candidates_of(
    targets: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    *,
    sizes: Mapping[str, int] | None = None,
    baseline: str | None = None,
) -> Candidates:
    """Bring together what is to be judged.

    Args:
        targets: target -> (scores: sources x methods; measured: sources x seeds, fractions). Seeds that not all sources
            have are left out, which a warning says.
        sizes: training examples of each source, for ``data size``.
        baseline: the row of the encoder that saw no source: what gains are relative to, and no source itself.

    Raises:
        UserError: no target; sources missing in one of the tables, fewer than two of them, scores above 1 (percent?),
            or no seed that all sources have; names the target.
    """
    if not targets:
        raise UserError("there is no target to judge; give the measured transfer of one or more")
    predicted: dict[str, pd.DataFrame] = {}
    measured: dict[str, pd.DataFrame] = {}
    for target, (scores, transfer) in targets.items():
        try:
            predicted[target], measured[target] = _checked(
                scores.drop(index=[baseline], errors="ignore"), transfer.drop(index=[baseline], errors="ignore")
            )
        except UserError as error:
            raise UserError(f"{target}: {error}") from error
    unavailable: dict[str, str] = {}
    elsewhere = _elsewhere(targets, measured, baseline, unavailable)
    without_size = {str(one) for table in measured.values() for one in table.index} - set(sizes or {})
    if without_size:
        unavailable[DATA_SIZE] = (
            f"the number of training examples is not known of {', '.join(sorted(without_size))}; sizes names them"
        )
    for target, table in predicted.items():
        sources = table.index
        static = {name: -by_target[target].reindex(sources) for name, by_target in elsewhere.items()}
        if sizes and not without_size:
            static[DATA_SIZE] = pd.Series({source: float(sizes[source]) for source in sources})
        static[RANDOM] = pd.Series(0.0, index=sources)
        for name, values in static.items():
            if name not in table and values.notna().any():
                table[name] = values
    for name in elsewhere:
        if not any(name in table for table in predicted.values()):
            unavailable[name] = "no source was measured for two targets"
    return Candidates(predicted, measured, unavailable)


def _checked(scores: pd.DataFrame, measured: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores with their fusion, and what was measured of the same sources on complete seeds."""
    sources = list(scores.index)
    for there, here, what in (
        (sources, set(measured.index), "no measured transfer"),
        (list(measured.index), set(sources), "no predicted score"),
    ):
        if missing := [str(source) for source in there if source not in here]:
            raise UserError(f"there is {what} for {', '.join(missing)}; add it or leave the source out everywhere")
    if len(sources) < 2 or not (scores.index.is_unique and measured.index.is_unique):
        raise UserError(f"judging needs two different sources or more, each once; there are {sources}")
    measured = measured.loc[sources]
    complete = measured.columns[measured.notna().all()]
    if complete.empty:
        raise UserError(f"there is no seed with a score for every source; the seeds are {list(measured.columns)}")
    if len(complete) < measured.shape[1]:
        left_out = [str(column) for column in measured.columns if column not in complete]
        log.warning("seeds that not all sources have are left out: %s", ", ".join(left_out))
    measured = measured[complete].astype(np.float64)
    if (highest := float(measured.to_numpy().max())) > 1:
        raise UserError(f"a measured score of {highest:g} is no fraction; divide percentages by 100")
    scores = scores.astype(np.float64).set_axis([str(method) for method in scores], axis="columns")
    for method, column in scores.items():
        if unscored := [str(source) for source in column.index[column.isna()]]:
            log.warning("%s has no score for %s: ranked last", method, ", ".join(unscored))
    if FUSION not in scores and not scores.empty:
        scores[FUSION] = fused(scores)
    return scores, measured


def _elsewhere(
    targets: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    measured: Mapping[str, pd.DataFrame],
    baseline: str | None,
    unavailable: dict[str, str],
) -> dict[str, dict[str, pd.Series]]:
    """{static baseline: {target: what is the smaller the better a source was for the other targets}}."""
    if len(targets) < 2:
        unavailable |= dict.fromkeys((MEAN_GAIN, MEAN_RANK), "there is only one target")
        return {}
    # a rank as a share of the sources that were measured there, as targets may have different ones
    places = {
        target: (table.mean(axis=1).rank(ascending=False) - 0.5) / len(table) for target, table in measured.items()
    }
    found = {MEAN_RANK: _over_others(places)}
    if baseline is None:
        unavailable[MEAN_GAIN] = "there is no encoder without transfer to gain over"
        return found
    try:
        gains = {
            target: relative_gain(pd.concat([table, transfer.loc[transfer.index == baseline, table.columns]]), baseline)
            for (target, table), (_, transfer) in zip(measured.items(), targets.values(), strict=True)
        }
    except UserError as error:
        unavailable[MEAN_GAIN] = str(error)
        return found
    return {MEAN_GAIN: _over_others({target: -table.mean(axis=1) for target, table in gains.items()})} | found


def _over_others(values: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """For each target, the mean of every source over the other targets that have it."""
    table = pd.DataFrame(values)
    return {target: table.drop(columns=target).mean(axis=1) for target in values}
