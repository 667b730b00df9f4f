"""The scores that an evaluation logs, as functions of the counts of its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from transferlab.statistics.scores import (
    CONLL,
    PARTS,
    BestThreshold,
    Correlation,
    MeanScore,
    Score,
    SumScore,
    blanc_score,
    coreference_score,
    macro_score,
    matthews_score,
    micro_score,
    ratio,
    ratio_score,
)
from transferlab.utils.errors import UserError

_LAST = " gold"  # of the columns of a class
_LINKS = ("muc", "b_cubed", "ceaf_m", "ceaf_e", "lea", "mentions")
_QUESTIONS = ("HasAns", "NoAns")


def logged_scores(description: Mapping[str, Any], columns: Sequence[str]) -> dict[str, Score]:
    """The scores of counts, by the names under which they are logged, without the stage.

    Args:
        description: of the official score, as its ``description`` gives it.
        columns: of the counts.

    Raises:
        UserError: a kind of score that is not known here.
    """
    kind = description.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise UserError(f"counts of the score {kind!r}: there is no such kind; choose counts of {', '.join(_KINDS)}")
    classes = [column.removesuffix(_LAST) for column in columns if column.endswith(_LAST)]
    try:
        return _KINDS[kind](description, classes)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"counts of the score {kind!r}: their description {dict(description)} lacks something ({error}); was their "
            "file damaged? run what wrote it again"
        ) from error


def _glue(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    accuracy = ratio_score("accuracy", "right", "items")
    f1 = micro_score("f1", [str(description.get("positive"))])
    pearson, spearman = Correlation("pearson", ranks=False), Correlation("spearman", ranks=True)
    scores: list[Score] = [
        accuracy,
        ratio_score("exact_match", "right", "items"),
        f1,
        MeanScore("accuracy_f1", (accuracy, f1)),
        micro_score("micro_f1", classes),
        macro_score("macro_f1", classes),
        matthews_score("matthews_correlation", classes),
        pearson,
        spearman,
        MeanScore("pearson_spearman", (pearson, spearman)),
        ratio_score("mse", "squared error", "items", higher_is_better=False),
        ratio_score("mae", "absolute error", "items", higher_is_better=False),
    ]
    return {score.name: score for score in scores if score.name in description.get("names", ())}


def _spans(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    scores: list[Score] = [micro_score(part, classes, part) for part in PARTS]
    scores.append(macro_score("macro_f1", classes, predicted_too=True))
    scores += [micro_score(f"{name}_{part}", [name], part) for name in classes if name for part in PARTS]
    return _by_name(scores)


def _layer(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    occurring = description.get("averaged") == "occurring"
    micro: list[Score] = [micro_score(part, classes, part) for part in PARTS]
    return _by_name([*micro, *(macro_score(f"macro_{part}", classes, part, occurring) for part in PARTS)])


def _tags(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    return _by_name([ratio_score("accuracy", "right", "items")])


def _tacred(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    relations = [name for name in classes if name != description["negative"]]
    return _by_name([micro_score(part, relations, part, precision_of_none=1.0) for part in PARTS])


def _semeval(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    relations = [name for name in classes if name != description["negative"]]
    macro: list[Score] = [macro_score(f"macro_{part}", relations, part) for part in PARTS]
    return _by_name([*macro, ratio_score("accuracy", "right", "items")])


def _coreference(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    scores: list[Score] = [coreference_score("conll_f1", CONLL)]
    scores += [coreference_score(f"{metric}_{part}", [metric], part) for metric in _LINKS for part in PARTS]
    return _by_name([*scores, *(blanc_score(f"blanc_{part}", part) for part in PARTS)])


def _squad(description: Mapping[str, Any], classes: list[str]) -> dict[str, Score]:
    scores: list[Score] = []
    for what in ("exact", "f1"):
        scores.append(_over_questions(what, what, _QUESTIONS))
        if description["version"] == 2:
            scores += [_over_questions(f"{kind}_{what}", what, (kind,)) for kind in _QUESTIONS]
            scores.append(BestThreshold(f"best_{what}", f"{what} gain"))
    return _by_name(scores)


def _over_questions(name: str, what: str, kinds: Sequence[str]) -> Score:
    """The mean of a score over the questions of some kinds."""

    def of_sums(sums: Any) -> Any:
        return ratio(sums[..., ::2].sum(axis=-1), sums[..., 1::2].sum(axis=-1))

    return SumScore(name, tuple(f"{kind} {column}" for kind in kinds for column in (what, "items")), of_sums)


def _by_name(scores: Sequence[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


_KINDS: dict[Any, Callable[[Mapping[str, Any], list[str]], dict[str, Score]]] = {
    "glue": _glue,
    "spans": _spans,
    "layer": _layer,
    "tags": _tags,
    "tacred": _tacred,
    "semeval": _semeval,
    "coreference": _coreference,
    "squad": _squad,
}
