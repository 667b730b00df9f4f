"""Scores of extractive question answering, with the conventions of the SQuAD 1.1 and 2.0 evaluation programs.

Sources: Rajpurkar et al. 2016 (1.1) and 2018 (2.0). Scores are fractions, where the programs print percent.
Version 2.0 knows questions that the text does not answer: their gold has no answer, and ``""`` is the right
prediction. The programs were made for English and are kept as they are: they divide answers at blanks, so in scripts
without blanks (Chinese, Japanese, Thai ...) an answer is one word, and its F1 is its exact match.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferlab.metrics.rows_metric import RowsMetric
from transferlab.utils.errors import UserError

VERSIONS = (1, 2)
ARTICLES = re.compile(r"\b(a|an|the)\b")
WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)

# The columns of the table of questions. The gains are what a system wins by giving its best answer rather
# than none: the score of a question that has an answer, else -1 (0 when the best answer is itself none).
COLUMNS = ("exact", "f1", "has answer", "exact gain", "f1 gain", "no-answer probability")
EXACT, F1, HAS_ANSWER, EXACT_GAIN, F1_GAIN, NO_ANSWER_PROBABILITY = range(len(COLUMNS))
Array = NDArray[np.float64]
# Columns of a question: those of its kind, and in version 2 what the search for the best threshold goes by.
KINDS = ("HasAns", "NoAns")
THRESHOLDS = ("exact gain", "f1 gain", "no-answer probability")
UNKNOWN = "unknown probability"  # of questions that came without a no-answer probability
QUESTION = (*(f"{kind} {what}" for kind in KINDS for what in ("exact", "f1", "items")), *THRESHOLDS, UNKNOWN)


def squad_scores(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    no_answer_probabilities: Mapping[str, float] | None = None,
    version: int = 2,
) -> dict[str, float]:
    """Score answers as the official programs do.

    Questions without a prediction count as wrong in version 1 and are left out in version 2, there of
    everything (the official threshold search still counts them); ``missing`` says how many they are.
    Predictions for questions that the golds lack are ignored.

    Args:
        golds: for each question id the wordings of its answers; none when the text does not answer it.
        predictions: for each question id the predicted wording, ``""`` for no answer.
        no_answer_probabilities: for each predicted id. As in the official program, one above 1 turns its
            prediction into no answer for ``exact`` and ``f1``, and the best threshold is searched on top of
            the given predictions, in the order of this mapping where probabilities are equal. Without
            meaning in version 1.
        version: 1 (SQuAD 1.1) or 2 (SQuAD 2.0).

    Returns:
        ``exact``, ``f1``, ``total`` and ``missing``; in version 2 also ``HasAns_*`` and ``NoAns_*`` of the
        first three, over the questions with and without a gold answer; with probabilities ``best_exact``
        and ``best_f1``, the scores under the best threshold, and these thresholds, ``best_exact_thresh`` and
        ``best_f1_thresh``: a question is answered when its probability is not above it.

    Raises:
        UserError: no such version; a prediction without its probability; in version 1 a question without
            gold answers.
    """
    _check_version(version)
    asked = [question for question in golds if question in predictions]
    missing = len(golds) - len(asked)
    probabilities: Mapping[str, float] = {}
    if version == 2 and no_answer_probabilities is not None:
        probabilities = no_answer_probabilities
        check_probabilities(asked, probabilities)
        asked = [question for question in probabilities if question in golds and question in predictions]
    elif version == 1:
        asked = list(golds)

    answers = [predictions.get(question) for question in asked]
    rows = _rows(
        asked,
        [golds[question] for question in asked],
        answers,
        answers,
        [probabilities.get(question, np.nan) for question in asked],
        version,
    )
    withheld = rows[:, NO_ANSWER_PROBABILITY] > 1.0
    rows[withheld, EXACT] = rows[withheld, F1] = 1 - rows[withheld, HAS_ANSWER]
    return _scores(rows, version, search=no_answer_probabilities is not None) | {"missing": float(missing)}


class SquadScore(RowsMetric):
    """The scores of :func:`squad_scores` over all questions since the last reset, on all processes.

    The plain scores are those of the final predictions, the best ones those of the best answers under the
    best threshold. The state is the table of questions ``[questions, len(COLUMNS)]``: sums would not do, for
    the best threshold depends on all questions at once. Questions of equal no-answer probability are answered
    together or not at all, so that scores do not depend on the order of questions; the official program, and
    :func:`squad_scores` with it, may stop between them.
    """

    is_differentiable = False
    higher_is_better = True

    def __init__(self, version: int = 2, **options: Any) -> None:
        """``version`` as in :func:`squad_scores`; ``options`` are those of ``torchmetrics.Metric``."""
        _check_version(version)
        super().__init__(len(COLUMNS), **options)
        self.version = version

    def update(
        self,
        golds: Sequence[Sequence[str]],
        predictions: Sequence[str | None],
        no_answer_probabilities: Sequence[float] | None = None,
        best_answers: Sequence[str | None] | None = None,
    ) -> None:
        """Add a batch of questions.

        Args:
            golds: for each question the wordings of its answers; none when the text does not answer it.
            predictions: for each question what the system says in the end, ``""`` for no answer; None where it
                says nothing at all, which is wrong.
            no_answer_probabilities: for each question.
            best_answers: for each question the best answer that is not ``""``, whatever the probability; the
                predictions when left out.

        Raises:
            UserError: as :func:`squad_scores`.
            ValueError: lists of different lengths. Nothing has been added in either case.
        """
        best_answers = predictions if best_answers is None else best_answers
        given = [np.nan] * len(golds) if no_answer_probabilities is None else no_answer_probabilities
        lengths = {len(golds), len(predictions), len(given), len(best_answers)}
        if len(lengths) > 1:
            raise ValueError(
                f"{len(golds)} questions with {len(predictions)} predictions, {len(given)} no-answer "
                f"probabilities and {len(best_answers)} best answers: each question needs one of each"
            )
        self.add_rows(_rows(range(len(golds)), golds, predictions, best_answers, given, self.version))

    def item_columns(self) -> list[str]:
        """Exact match, F1 and number, of questions of each kind, and what thresholds go by."""
        return list(QUESTION)

    def item_counts(
        self, gold: Sequence[str], prediction: str | None, probability: float, best_answer: str | None
    ) -> dict[str, float]:
        """The counts of one question; see :class:`~transferlab.metrics.item_counts.CountsItems`."""
        ((exact, f1, has_answer, *gains, probability),) = _rows(
            [0], [gold], [prediction], [best_answer], [probability], self.version
        ).tolist()
        kind = KINDS[0] if has_answer else KINDS[1]
        known = {UNKNOWN: 1.0} if np.isnan(probability) else dict(zip(THRESHOLDS, (*gains, probability), strict=True))
        return {f"{kind} exact": exact, f"{kind} f1": f1, f"{kind} items": 1.0, **known}

    def description(self) -> dict[str, Any]:
        """Of the kind ``squad``: its version."""
        return {"kind": "squad", "version": self.version}

    def compute(self) -> dict[str, float]:
        """What :func:`squad_scores` returns, less ``missing``.

        In version 2 the best scores are there when every question came with a probability.
        """
        rows = self.all_rows()
        # the worst first: a best score between equal probabilities cannot come out then. What is better in exact match
        # is so in F1 too, so that this order serves both.
        rows = rows[np.lexsort((rows[:, F1_GAIN], rows[:, EXACT_GAIN]))]
        return _scores(rows, self.version, search=not np.isnan(rows[:, NO_ANSWER_PROBABILITY]).any())


def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, then without English articles, single spaces."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(WITHOUT_PUNCTUATION)).split())


def check_probabilities(questions: Sequence[str], probabilities: Mapping[str, float]) -> None:
    """Refuse predictions of which some have a no-answer probability, and others none.

    Raises:
        UserError: names a question without.
    """
    for question in questions:
        if question not in probabilities:
            raise UserError(f"question {question!r} has a prediction but no no-answer probability: give both")


def _check_version(version: int) -> None:
    if version not in VERSIONS:
        raise UserError(f"SQuAD version {version!r}: choose 1 (SQuAD 1.1) or 2 (SQuAD 2.0)")


def _rows(
    names: Sequence[str | int],
    golds: Sequence[Sequence[str]],
    predictions: Sequence[str | None],
    best_answers: Sequence[str | None],
    no_answer_probabilities: Sequence[float],
    version: int,
) -> Array:
    """The table ``[questions, len(COLUMNS)]``, filled."""
    rows = np.empty((len(names), len(COLUMNS)))
    questions = zip(names, golds, predictions, best_answers, no_answer_probabilities, strict=True)
    for row, (name, gold, prediction, best_answer, probability) in enumerate(questions):
        if version == 1 and not gold:
            raise UserError(f"question {name!r} has no gold answer, which SQuAD 1.1 does not know: use version 2")
        matches = _matches(gold, prediction, version)
        if gold:
            gains = matches if best_answer == prediction else _matches(gold, best_answer, version)
        else:
            gains = (-1.0, -1.0) if best_answer else (0.0, 0.0)
        rows[row] = (*matches, bool(gold), *gains, probability)
    return rows


def _matches(gold: Sequence[str], prediction: str | None, version: int) -> tuple[float, float]:
    """Exact match and F1 with the gold answer that is nearest in each; 0 without a prediction."""
    if prediction is None:
        return 0.0, 0.0
    answers = [normalise_answer(answer).split() for answer in gold]
    if version == 2:
        answers = [answer for answer in answers if answer] or [[]]
    predicted = normalise_answer(prediction).split()
    exact = max(float(answer == predicted) for answer in answers)
    return exact, max(_f1(answer, predicted, version) for answer in answers)


def _f1(answer: list[str], predicted: list[str], version: int) -> float:
    """F1 over words, as bags; two empty answers agree in version 2 only."""
    if not answer and not predicted:
        return float(version == 2)
    common = (Counter(answer) & Counter(predicted)).total()
    return 2 * common / (len(answer) + len(predicted))


def _scores(rows: Array, version: int, search: bool) -> dict[str, float]:
    scores = _averages(rows, "")
    if version == 1:
        return scores
    has_answer = rows[:, HAS_ANSWER] == 1
    scores |= _averages(rows[has_answer], "HasAns_") | _averages(rows[~has_answer], "NoAns_")
    if search:
        for name, gain in (("exact", EXACT_GAIN), ("f1", F1_GAIN)):
            scores[f"best_{name}"], scores[f"best_{name}_thresh"] = _best_threshold(rows, gain)
    return scores


def _averages(rows: Array, prefix: str) -> dict[str, float]:
    questions = max(1, len(rows))
    return {
        f"{prefix}exact": float(rows[:, EXACT].sum()) / questions,
        f"{prefix}f1": float(rows[:, F1].sum()) / questions,
        f"{prefix}total": float(len(rows)),
    }


def _best_threshold(rows: Array, gain: int) -> tuple[float, float]:
    """The best score that a threshold can reach, and the lowest such threshold.

    The search starts with no question answered, under threshold 0, and answers one after the other by rising
    probability, in the order of the rows where probabilities are equal. It may stop between these, as the official
    one may.
    """
    rows = rows[np.argsort(rows[:, NO_ANSWER_PROBABILITY], kind="stable")]
    none_answered = float((rows[:, HAS_ANSWER] == 0).sum())
    reached = np.cumsum(np.concatenate([[none_answered], rows[:, gain]]))  # [questions + 1]
    thresholds = np.concatenate([[0.0], rows[:, NO_ANSWER_PROBABILITY]])  # [questions + 1]
    best = int(np.argmax(reached))
    return float(reached[best]) / max(1, len(rows)), float(thresholds[best])
