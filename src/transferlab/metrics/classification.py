"""The official scores of what has labels, by the names that configs give them (``model.metric``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torchmetrics import Metric

from transferlab.metrics.glue import TASKS, GlueScore
from transferlab.metrics.relation import SemevalScore, TacredScore
from transferlab.utils.errors import UserError, near

# What is asked of a text, and the score for it that depends on no corpus.
GENERAL_SCORES = {"multi_class": "classification", "multi_label": "multi_label", "regression": "regression"}
_PROBLEMS = {"multi_label": "multi_label", "stsb": "regression", "regression": "regression"}  # others: multi_class


@dataclass(frozen=True)
class _Score:
    """How a score is made, called with the labels and its own options, and what it is a score of."""

    make: Callable[..., Metric]
    options: tuple[str, ...] = ()
    problem: str = "multi_class"


SCORES: dict[str, _Score] = {
    **{task: _Score(partial(GlueScore, task), ("positive",), _PROBLEMS.get(task, "multi_class")) for task in TASKS},
    "multi_label": _Score(partial(GlueScore, "multi_label"), ("positive", "charged_to"), "multi_label"),
    "tacred": _Score(TacredScore, ("no_relation", "charged_to")),
    "semeval": _Score(SemevalScore),
}


def problem_of(metric: str) -> str:
    """What a score is a score of: ``multi_class``, ``multi_label`` or ``regression``.

    Raises:
        UserError: there is no such score.
    """
    if metric not in SCORES:
        hint = near(metric, SCORES)
        raise UserError(f"model.metric={metric!r} does not exist; {hint} choose one of {', '.join(SCORES)}")
    return SCORES[metric].problem


def check_score(metric: str, problem: str, options: Mapping[str, Any] | None = None) -> None:
    """Refuse a score that does not exist, that is of another problem, or that does not know one of its options.

    Raises:
        UserError: naming key, value and choices.
    """
    if problem not in GENERAL_SCORES:
        raise UserError(f"taskmodule.problem={problem!r}: choose one of {', '.join(GENERAL_SCORES)}")
    if problem_of(metric) != problem:
        fitting = [name for name, score in SCORES.items() if score.problem == problem]
        raise UserError(
            f"model.metric={metric} scores a {problem_of(metric)} problem, not a {problem} one "
            f"(taskmodule.problem): choose one of {', '.join(fitting)}"
        )
    for name in options or {}:
        if name not in SCORES[metric].options:
            known = ", ".join(SCORES[metric].options) or "none"
            raise UserError(f"model.metric_options.{name}: {metric} has no such option; known: {known}")


def make_score(
    metric: str, problem: str, labels: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> Metric:
    """A fresh metric object, with ``update(gold, predicted)`` on plain labels or values.

    Args:
        metric: one of ``SCORES``.
        problem: what the model is trained for, one of ``GENERAL_SCORES``.
        labels: the classes that it can predict; none in regression.
        options: of the score: ``positive`` of mrpc, qqp and paws, ``no_relation`` of tacred, ``charged_to`` of tacred
            and multi_label.

    Raises:
        UserError: see :func:`check_score`; and where an option does not fit the labels.
    """
    check_score(metric, problem, options)
    try:
        return SCORES[metric].make(labels=labels, **(options or {}))
    except UserError as error:
        raise UserError(f"model.metric={metric}, model.metric_options: {error}") from error
