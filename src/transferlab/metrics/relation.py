"""Relation extraction: micro F1 as in TACRED, macro F1 as in SemEval-2010 Task 8.

Both come from how often each label is right, predicted and in gold. No label (None) is predicted where a model
abstains; it counts as the label for "none of the relations".

Sources: the scorers of Zhang et al. 2017 (TACRED) and of Hendrickx et al. 2010 (version 1.2).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from transferlab.metrics.class_counts import (
    PARTS,
    ByClass,
    ClassCounts,
    Counts,
    counts_by_class,
    in_gold,
    macro_average,
    precision_recall_f1,
    ratio,
    total,
)
from transferlab.metrics.item_counts import class_columns
from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

INSTANCE = ("right", "items")  # columns of an instance: whether its directed label is right, and that it is one
OTHER = "Other"  # none of the relations of SemEval-2010 Task 8
_DIRECTED = re.compile(r"(?P<relation>.+)\((?P<first>e[12]),(?P<second>e[12])\)")


def tacred_scores(
    gold: Sequence[str], predicted: Sequence[str | None], no_relation: str = "no_relation"
) -> dict[str, Any]:
    """Score as the official program of TACRED does.

    A relation predicted for an instance without one costs precision. As there, precision is 1 where nothing was
    predicted, of all relations together and of each.

    Args:
        gold: one label per instance.
        predicted: one per instance; None for no answer, which is ``no_relation``.
        no_relation: the label that stands for none.

    Returns:
        as fractions the micro average over all other labels ``precision``, ``recall``, ``f1``; under
        ``relations`` for each label in ``gold`` or ``predicted`` the same and ``support``, its gold instances.

    Raises:
        UserError: not as many gold as predicted labels.
    """
    return _tacred(_counts(gold, predicted, no_relation), no_relation)


def semeval_scores(
    gold: Sequence[str], predicted: Sequence[str | None], require_relation: bool = True
) -> dict[str, Any]:
    """Score SemEval-2010 Task 8: (9+1)-way with directionality taken into account, the official measure.

    Both directions make one relation, ``Cause-Effect``; an instance of it is correct when its direction is too,
    and one in the wrong direction is a false positive and a false negative of that relation. The macro averages
    are over the relations in ``gold``, ``Other`` left out.

    Args:
        gold: one label per instance, like ``Cause-Effect(e1,e2)`` or ``Other``.
        predicted: one per instance; None for no answer, which is ``Other``. Relations that ``gold`` has not
            are neither right nor charged to any relation.
        require_relation: refuse a ``gold`` of ``Other`` alone, over which no macro average exists; else it is 0, which
            a warning says.

    Returns:
        as fractions ``macro_precision``, ``macro_recall``, ``macro_f1``, ``accuracy`` (of the directed labels and
        Other); under ``relations`` for each relation in ``gold`` ``precision``, ``recall``, ``f1`` and
        ``support``, its gold instances.

    Raises:
        UserError: not as many gold as predicted labels, or no gold relation.
    """
    scores = _semeval(_counts(gold, predicted, OTHER))
    if not scores["relations"]:
        missing = f"none of the {len(gold)} gold labels is a relation, all are {OTHER}"
        if require_relation:
            raise UserError(
                f"{missing}: the macro average over relations does not exist; score more instances at once or check "
                "the labels"
            )
        log.warning(_ONLY_OTHER, missing)
    return scores


_ONLY_OTHER = "%s: the macro average over relations is given as 0; the accuracy stands"


class _RelationScore(ClassCounts):
    """What the two metrics share: the counts of the labels, and the one that stands for none of the relations."""

    def __init__(self, labels: Iterable[str], negative: str, **options: Any) -> None:
        super().__init__((*labels, negative), **options)
        self.negative = negative

    def update(self, gold: Sequence[str], predicted: Sequence[str | None]) -> None:
        """Add instances.

        Raises:
            UserError: not as many gold as predicted labels, or one that is not listed; nothing has been added then.
        """
        self.add(_counts(gold, predicted, self.negative))

    def item_counts(self, gold: str, predicted: str | None) -> dict[str, float]:
        """The counts of one instance; see :class:`~transferlab.metrics.item_counts.CountsItems`."""
        return self.columns_of(_counts([gold], [predicted], self.negative))


class TacredScore(_RelationScore):
    """The micro scores of :func:`tacred_scores` over all instances since the last reset, on all processes.

    The state is ``[labels, 3]``, a plain sum.

    Args:
        labels: those that can be predicted, and ``no_relation``; of others in gold :meth:`expect` must be told.
        no_relation: the label that stands for none.
        options: those of ``torchmetrics.Metric``.
    """

    def __init__(self, labels: Iterable[str], no_relation: str = "no_relation", **options: Any) -> None:
        super().__init__(labels, no_relation, **options)

    def description(self) -> dict[str, Any]:
        """Of the kind ``tacred``: the label that stands for none."""
        return {"kind": "tacred", "negative": self.negative}

    def compute(self) -> dict[str, float]:
        """Fractions ``precision``, ``recall``, ``f1``."""
        scores = _tacred(self.by_class(), self.negative)
        return {part: scores[part] for part in PARTS}


class SemevalScore(_RelationScore):
    """The scores of :func:`semeval_scores` over all instances since the last reset, on all processes.

    The state is ``[labels, 3]``, a plain sum.

    Args:
        labels: those that can be predicted, and ``Other``; of others in gold :meth:`expect` must be told.
        options: those of ``torchmetrics.Metric``.
    """

    _told = False  # that there is no relation

    def __init__(self, labels: Iterable[str], **options: Any) -> None:
        super().__init__(labels, OTHER, **options)

    def expect(self, gold: Iterable[Any]) -> None:
        """Forget what was added, and list the classes of the gold that is to be scored."""
        names = set(map(str, gold))
        super().expect(names)
        self._has_relations = bool(names - {OTHER})

    def item_columns(self) -> list[str]:
        """Those of relations, whose directions count together, and of the accuracy."""
        return [*class_columns(list(dict.fromkeys(map(_relation, self.classes)))), *INSTANCE]

    def columns_of(self, by_class: Mapping[str, Counts]) -> dict[str, float]:
        """The counts of one instance, or several."""
        instances = total(by_class.values())
        return {
            **super().columns_of(_by_relation(by_class)),
            **dict(zip(INSTANCE, (instances.correct, instances.gold), strict=True)),
        }

    def description(self) -> dict[str, Any]:
        """Of the kind ``semeval``: the name of what is no relation."""
        return {"kind": "semeval", "negative": OTHER}

    def compute(self) -> dict[str, float]:
        """Fractions ``macro_precision``, ``macro_recall``, ``macro_f1``, ``accuracy``.

        A part of a corpus, such as the batches tried before training, may hold no relation: its macro scores are 0.
        A warning says once where the whole has none.
        """
        scores = _semeval(self.by_class())
        instances = sum(counts.gold for counts in self.by_class().values())
        if instances and not (scores["relations"] or self._has_relations or self._told):
            log.warning(_ONLY_OTHER, f"none of the {instances} gold labels is a relation, all are {OTHER}")
            self._told = True
        return {name: value for name, value in scores.items() if name != "relations"}


def _counts(gold: Sequence[str], predicted: Sequence[str | None], negative: str) -> ByClass:
    """The counts of every label on either side."""
    if len(gold) != len(predicted):
        raise UserError(f"{len(gold)} gold but {len(predicted)} predicted labels; every instance needs one of each")
    answers = [negative if answer is None else answer for answer in predicted]
    correct = (label for label, answer in zip(gold, answers, strict=True) if label == answer)
    return counts_by_class(correct, answers, gold)


def _tacred(by_label: ByClass, no_relation: str) -> dict[str, Any]:
    relations = {label: counts for label, counts in by_label.items() if label != no_relation}
    return _tacred_parts(total(relations.values())) | {
        "relations": {label: _tacred_parts(counts) | {"support": counts.gold} for label, counts in relations.items()}
    }


def _tacred_parts(counts: Counts) -> dict[str, float]:
    """Scores with precision 1 where nothing was predicted; recall and with it F1 are 0 then."""
    scores = precision_recall_f1(*counts)
    return scores if counts.predicted else scores | {"precision": 1.0}


def _by_relation(by_label: Mapping[str, Counts]) -> ByClass:
    """The counts of relations, both directions together."""
    members: dict[str, list[Counts]] = {}
    for label, counts in by_label.items():
        members.setdefault(_relation(label), []).append(counts)
    return {name: total(of_relation) for name, of_relation in members.items()}


def _semeval(by_label: ByClass) -> dict[str, Any]:
    relations = {name: counts for name, counts in _by_relation(by_label).items() if name != OTHER}
    instances = total(by_label.values())
    return {
        **{f"macro_{part}": mean for part, mean in macro_average(relations, over=in_gold).items()},
        "accuracy": ratio(instances.correct, instances.gold),
        "relations": {
            name: precision_recall_f1(*counts) | {"support": counts.gold}
            for name, counts in relations.items()
            if in_gold(counts)
        },
    }


def _relation(label: str) -> str:
    """``Cause-Effect`` of ``Cause-Effect(e1,e2)``; labels without a direction stay as they are."""
    match = _DIRECTED.fullmatch(label)
    return match["relation"] if match else label
