"""Scores as functions of counts summed over items, and how each item moves them.

Most are ratios of sums (F1, accuracy, LEA), or means of such (CoNLL F1, macro F1): what is left without an item is the
sums less its row. Correlations are recomputed from the values. 0/0 is 0, as in ``transferlab.metrics``.

A score that is no mean over items is linearised: every item gets a value so that their mean is the score, and their
scatter that of the score over other items, the pseudo-values of the jackknife (Efron 1982). They are
theta + (n - 1) (mean of theta_-j - theta_-i): the score that is logged stands, and not the one corrected for bias.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from transferlab.statistics.items import ItemCounts
from transferlab.utils.errors import UserError

Array = NDArray[np.float64]
PARTS = ("precision", "recall", "f1")
SIDES = ("recall numerator", "recall denominator", "precision numerator", "precision denominator")
CONLL = ("muc", "b_cubed", "ceaf_e")
VALUES = ("gold", "predicted")
CELLS_AT_ONCE = 4_000_000  # of the ranks that are left without each unit: 32 MB


class Score(Protocol):
    """A score of the counts of items.

    Attributes:
        name: as it is logged.
        columns: the counts that it reads.
        higher_is_better: False for errors.
    """

    @property
    def name(self) -> str:
        """See above."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """See above."""
        ...

    @property
    def higher_is_better(self) -> bool:
        """See above."""
        ...

    def left_out(self, counts: Array, units: NDArray[np.intp], number: int) -> tuple[Array, Array]:
        """The score [] of all items, and the scores ``[units]`` without each unit in turn.

        Args:
            counts: ``[items, columns]``, those of ``columns``.
            units: for each item the number of its unit.
            number: of units.
        """
        ...


def linearised(items: ItemCounts, score: Score) -> tuple[float, Array]:
    """The score of one run, and a value for each unit (item, or document of items), whose mean is the score.

    Returns:
        the score, NaN where it is undefined, and ``[units]``.

    Raises:
        UserError: a column of the score is missing, or there are fewer than two units.
    """
    counts = items.of_columns(score.columns)
    units, number = items.units_that_vary()
    if number < 2:
        raise UserError(f"{items.split}: {number} item or document shows no scatter; two or more are needed")
    value, left_out = score.left_out(counts, units, number)
    return float(value), pseudo_values(value, left_out)


def pseudo_values(value: Array, left_out: Array) -> Array:
    """``[..., units]`` with the mean ``value`` [...], from the scores ``left_out`` [..., units] without each."""
    number = left_out.shape[-1]
    return value[..., None] + (number - 1) * (left_out.mean(axis=-1, keepdims=True) - left_out)


@dataclass(frozen=True)
class SumScore:
    """A score that is a function of sums: ``of_sums`` takes ``[..., columns]`` and gives ``[...]``."""

    name: str
    columns: tuple[str, ...]
    of_sums: Callable[[Array], Array]
    higher_is_better: bool = True

    def left_out(self, counts: Array, units: NDArray[np.intp], number: int) -> tuple[Array, Array]:
        """See :class:`Score`."""
        rows = counts
        if number < len(counts):
            rows = np.zeros((number, counts.shape[1]))
            np.add.at(rows, units, counts)
        return self.without_each(rows)

    def without_each(self, rows: Array) -> tuple[Array, Array]:
        """The score [...] of rows ``[..., units, columns]``, and the scores ``[..., units]`` without each of them."""
        sums = rows.sum(axis=-2)
        return self.of_sums(sums), self.of_sums(sums[..., None, :] - rows)


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of the columns ``gold`` and ``predicted``, or Spearman's, that of their ranks.

    NaN where one side is constant. Spearman's takes time of the order of units x items.
    """

    name: str
    ranks: bool
    columns: tuple[str, ...] = VALUES
    higher_is_better: bool = True

    def left_out(self, counts: Array, units: NDArray[np.intp], number: int) -> tuple[Array, Array]:
        """See :class:`Score`."""
        gold, predicted = counts.T
        if self.ranks:
            value = _correlation(rankdata(gold)[None], rankdata(predicted)[None], np.ones((1, len(gold))))[0]
            return value, self._ranks_left_out(gold, predicted, units, number)
        x, y = gold - gold.mean(), predicted - predicted.mean()
        moments = SumScore(self.name, self.columns, _pearson)
        return moments.left_out(np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1), units, number)

    def _ranks_left_out(self, gold: Array, predicted: Array, units: NDArray[np.intp], number: int) -> Array:
        """Ranks fall by the number of smaller values that are left out, and by half a rank for equal ones."""
        found = np.empty(number)
        step = max(1, CELLS_AT_ONCE // len(gold))
        for start in range(0, number, step):
            chunk = np.arange(start, min(start + step, number))
            gone = (units == chunk[:, None]).astype(np.float64)  # [chunk, items]
            lost = _ranks_lost if number < len(gold) else _ranks_lost_to_one
            x, y = (rankdata(values) - lost(values, gone) for values in (gold, predicted))
            found[chunk] = _correlation(x, y, 1 - gone)
        return found


@dataclass(frozen=True)
class MeanScore:
    """The plain mean of several scores, such as ``pearson_spearman``."""

    name: str
    scores: tuple[Score, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of all scores, one after the other."""
        return tuple(column for score in self.scores for column in score.columns)

    @property
    def higher_is_better(self) -> bool:
        """As for the first score."""
        return self.scores[0].higher_is_better

    def left_out(self, counts: Array, units: NDArray[np.intp], number: int) -> tuple[Array, Array]:
        """See :class:`Score`."""
        ends = np.cumsum([len(score.columns) for score in self.scores])[:-1]
        parts = np.split(counts, ends, axis=1)
        found = [score.left_out(part, units, number) for score, part in zip(self.scores, parts, strict=True)]
        return np.mean([value for value, _ in found], axis=0), np.mean([left for _, left in found], axis=0)


def ratio_score(name: str, numerator: str, denominator: str, higher_is_better: bool = True) -> SumScore:
    """One sum over another: accuracy (right, items), the exact match of questions, the mean of squared errors."""
    return SumScore(name, (numerator, denominator), lambda sums: ratio(sums[..., 0], sums[..., 1]), higher_is_better)


def micro_score(
    name: str, classes: Sequence[str] | None = None, part: str = "f1", precision_of_none: float = 0.0
) -> SumScore:
    """A part of the micro average, of the columns ``correct``, ``predicted``, ``gold``.

    Args:
        name: of the score.
        classes: read the columns ``<class> correct`` ... of these classes, and sum them.
        part: one of ``PARTS``.
        precision_of_none: precision where nothing is predicted, 1 in TACRED's program.
    """

    def of_sums(sums: Array) -> Array:
        counts = _by_class(sums).sum(axis=-2)
        value = _of_counts(counts)[PARTS.index(part)]
        return np.where(counts[..., 1] > 0, value, precision_of_none) if part == "precision" else value

    return SumScore(name, _class_columns(classes), of_sums)


def macro_score(name: str, classes: Sequence[str], part: str = "f1", predicted_too: bool = False) -> SumScore:
    """The mean of a part over classes, of the columns ``<class> correct``, ``<class> predicted``, ``<class> gold``.

    Args:
        name: of the score.
        classes: all that may count.
        part: one of ``PARTS``.
        predicted_too: count the classes that gold or predictions have, as in tagging, and not those of gold alone
            (``transferlab.metrics.class_counts`` says where which holds).
    """

    def of_sums(sums: Array) -> Array:
        counts = _by_class(sums)  # [..., classes, 3]
        averaged = (counts > 0).any(axis=-1) if predicted_too else counts[..., 2] > 0
        return ratio(np.where(averaged, _of_counts(counts)[PARTS.index(part)], 0).sum(axis=-1), averaged.sum(axis=-1))

    return SumScore(name, _class_columns(classes), of_sums)


def matthews_score(name: str, classes: Sequence[str]) -> SumScore:
    """Matthews' correlation for any number of classes (Gorodkin 2004), of the columns of ``macro_score``.

    Every item has one class. The score is 0 where it is undefined.
    """

    def of_sums(sums: Array) -> Array:
        correct, predicted, gold = np.moveaxis(_by_class(sums), -1, 0)  # each [..., classes]
        items = gold.sum(axis=-1)
        covariance = items * correct.sum(axis=-1) - (gold * predicted).sum(axis=-1)
        variances = [items**2 - (side**2).sum(axis=-1) for side in (gold, predicted)]
        return ratio(covariance, np.sqrt(variances[0]) * np.sqrt(variances[1]))

    return SumScore(name, _class_columns(classes), of_sums)


@dataclass(frozen=True)
class BestThreshold:
    """What questions score under the best no-answer threshold (``transferlab.metrics.question_answering.SquadScore``).

    The search starts with no question answered and answers one after the other by rising probability, those of equal
    probability together. It is repeated without each unit, in time of the order of units x items. NaN where a question
    has no probability.

    Args:
        name: of the score.
        gain: the column of what answering a question wins over saying that there is no answer.
    """

    name: str
    gain: str
    higher_is_better: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The gain, the probability that there is no answer and whether it lacks; whether that is right, or is not."""
        return self.gain, "no-answer probability", "unknown probability", "NoAns items", "HasAns items"

    def left_out(self, counts: Array, units: NDArray[np.intp], number: int) -> tuple[Array, Array]:
        """See :class:`Score`."""
        if counts[:, 2].any():
            return np.array(np.nan), np.full(number, np.nan)
        order = np.lexsort((counts[:, 0], counts[:, 1]))  # the worst first: as if the equally probable came together
        gain, _, _, unanswerable, answerable = counts[order].T
        units = units[order]
        found = np.empty(number)
        step = max(1, CELLS_AT_ONCE // len(units))
        for start in range(0, number, step):
            chunk = np.arange(start, min(start + step, number))
            found[chunk] = _best(gain, unanswerable, answerable, (units != chunk[:, None]).astype(np.float64))
        return _best(gain, unanswerable, answerable, np.ones((1, len(units))))[0], found


def _best(gain: Array, unanswerable: Array, answerable: Array, kept: Array) -> Array:
    """The best score ``[chunk]`` of the questions kept ``[chunk, items]``, which come by rising probability."""
    reached = np.maximum(np.cumsum(gain * kept, axis=-1).max(axis=-1), 0) + (unanswerable * kept).sum(axis=-1)
    return ratio(reached, ((unanswerable + answerable) * kept).sum(axis=-1))


def coreference_score(name: str, metrics: Sequence[str] = CONLL, part: str = "f1") -> SumScore:
    """The mean over coreference metrics of a part, of the columns ``<metric> recall numerator`` and other ``SIDES``.

    Args:
        name: of the score.
        metrics: rows of ``transferlab.metrics.coreference_counts``; those of the CoNLL F1, or one such as ``lea``.
        part: one of ``PARTS``.
    """

    def of_sums(sums: Array) -> Array:
        return _of_sides(sums)[PARTS.index(part)].mean(axis=-1)

    return SumScore(name, _side_columns(metrics), of_sums)


def blanc_score(name: str, part: str = "f1") -> SumScore:
    """A part of BLANC: the mean over those of its two classes of links that the key has."""

    def of_sums(sums: Array) -> Array:
        in_key = sums[..., 1::4] > 0  # [..., 2]
        values = np.where(in_key, _of_sides(sums)[PARTS.index(part)], 0)
        return ratio(values.sum(axis=-1), in_key.sum(axis=-1))

    return SumScore(name, _side_columns(("blanc_coreference", "blanc_non_coreference")), of_sums)


def ratio(numerator: Array, denominator: Array) -> Array:
    """The quotient; 0 where the denominator is 0."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.zeros(shape), where=np.asarray(denominator) != 0)


def _class_columns(classes: Sequence[str] | None) -> tuple[str, ...]:
    kinds = ("correct", "predicted", "gold")
    return kinds if classes is None else tuple(f"{name} {kind}" for name in classes for kind in kinds)


def _side_columns(metrics: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{metric} {side}" for metric in metrics for side in SIDES)


def _by_class(sums: Array) -> Array:
    """``[..., classes, 3]``."""
    return sums.reshape(*sums.shape[:-1], -1, 3)


def _of_counts(counts: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 of correct, predicted and gold ``[..., 3]``."""
    correct, predicted, gold = np.moveaxis(counts, -1, 0)
    return _parts(ratio(correct, predicted), ratio(correct, gold))


def _of_sides(sums: Array) -> tuple[Array, Array, Array]:
    """Precision, recall and F1 ``[..., metrics]`` of sums ``[..., metrics * 4]``."""
    recall_up, recall_down, precision_up, precision_down = np.moveaxis(sums.reshape(*sums.shape[:-1], -1, 4), -1, 0)
    return _parts(ratio(precision_up, precision_down), ratio(recall_up, recall_down))


def _parts(precision: Array, recall: Array) -> tuple[Array, Array, Array]:
    return precision, recall, ratio(2 * precision * recall, precision + recall)


def _pearson(sums: Array) -> Array:
    """Of the sums of 1, x, y, x^2, y^2 and xy ``[..., 6]``, centred; NaN where one side is constant to rounding."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    variances = [n * squares - total**2 for squares, total in ((xx, x), (yy, y))]
    defined = np.logical_and(*(v > 1e-12 * n * squares for v, squares in zip(variances, (xx, yy), strict=True)))
    norm = np.sqrt(np.where(defined, variances[0] * variances[1], 1))
    return np.where(defined, (n * xy - x * y) / norm, np.nan)


def _ranks_lost(values: Array, gone: Array) -> Array:
    """How much the rank of each value falls without those in ``gone`` [chunk, items], of weight 1."""
    distinct, place = np.unique(values, return_inverse=True)
    equal = np.zeros((len(gone), len(distinct)))  # left out of each distinct value
    for row, rows_gone in enumerate(gone):
        equal[row] = np.bincount(place, weights=rows_gone, minlength=len(distinct))
    smaller = np.cumsum(equal, axis=1) - equal
    return (smaller + equal / 2)[:, place]


def _ranks_lost_to_one(values: Array, gone: Array) -> Array:
    """The same where every row of ``gone`` has one item."""
    left_out = values[gone.argmax(axis=1)][:, None]
    return (values > left_out) + (values == left_out) / 2


def _correlation(x: Array, y: Array, kept: Array) -> Array:
    """Pearson's correlation along the last axis of the items kept (weight 1); NaN where one side is constant."""
    n = np.maximum(kept.sum(axis=-1, keepdims=True), 1)
    x, y = (kept * (side - (side * kept).sum(axis=-1, keepdims=True) / n) for side in (x, y))
    norm = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    return np.divide((x * y).sum(axis=-1), norm, out=np.full(norm.shape, np.nan), where=norm > 0)
