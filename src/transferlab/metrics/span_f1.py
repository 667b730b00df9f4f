"""Scores of labelled spans (named entities, chunks) and of single tags (parts of speech).

A predicted span is correct when start, end and type are those of a gold span; one on words that are all ``O``
in the gold tags is a false positive like every other. Counts are summed over the corpus and divided once, 0/0
is 0. Tags are read as conlleval does (Tjong Kim Sang and De Meulder 2003), or strictly as seqeval can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torchmetrics import Metric

from transferlab.metrics.class_counts import (
    PARTS,
    ByClass,
    ClassCounts,
    Counts,
    counts_by_class,
    macro_average,
    occurring,
    precision_recall_f1,
    ratio,
    total,
)
from transferlab.utils.errors import UserError
from transferlab.utils.tagging import TypedSpan, spans_of_tags

Tags = Sequence[str]
WORDS = ("right", "items")  # columns of a sequence: words with the right tag, and all


def sequence_scores(
    gold: Sequence[Tags], predicted: Sequence[Tags], scheme: str = "IOB2", strict: bool = False
) -> dict[str, Any]:
    """Score the spans that tags stand for.

    Args:
        gold: for each sequence its tags, one per word.
        predicted: for each sequence as many tags.
        scheme: of both, one of ``transferlab.utils.tagging.SCHEMES``.
        strict: drop malformed spans of both sides; see :func:`transferlab.utils.tagging.spans_of_tags`.

    Returns:
        as fractions the micro average ``precision``, ``recall``, ``f1``; the means over types
        ``macro_precision``, ``macro_recall``, ``macro_f1``, in which a type counts that is only predicted, as in
        seqeval; the number of gold spans ``support``; under ``types`` for each type ``precision``, ``recall``, ``f1``
        and ``support``.

    Raises:
        UserError: lengths that differ, or a tag that is none of the scheme (names the sequence, from 0).
    """
    return _scores(_counts_by_type(*_spans(gold, predicted, scheme, strict)))


def span_scores(
    gold_spans: Sequence[Iterable[TypedSpan]],
    predicted_spans: Sequence[Iterable[TypedSpan]],
    averaged: Callable[[Counts], bool] = occurring,
) -> dict[str, Any]:
    """Score spans that may nest and overlap; returns what :func:`sequence_scores` does.

    Args:
        gold_spans: for each document its ``(start, end, type)``; a repeated span counts once.
        predicted_spans: for each document the same.
        averaged: the types that a macro average runs over, ``in_gold`` or ``occurring`` of ``class_counts.py``.

    Raises:
        UserError: not as many documents in both.
    """
    _require_same_length("documents", gold_spans, predicted_spans)
    return _scores(_counts_by_type(gold_spans, predicted_spans), averaged)


def tag_accuracy(gold: Sequence[Tags], predicted: Sequence[Tags]) -> float:
    """The fraction of words with the right tag, for tags that are no spans such as parts of speech.

    Raises:
        UserError: lengths that differ (names the sequence, from 0).
    """
    correct, words = _tag_counts(gold, predicted)
    return ratio(correct, words)


class SpanScore(ClassCounts):
    """The scores of :func:`sequence_scores` over all sequences since the last reset, on all processes.

    The state is ``[types, 3]``: correct, predicted and gold spans of each type, a plain sum.

    Args:
        types: those that can be predicted; of others in gold :meth:`expect` must be told. ``""`` is that of bare tags.
        scheme: of gold and predicted tags.
        strict: drop malformed spans of both sides.
        options: those of ``torchmetrics.Metric``.
    """

    def __init__(self, types: Iterable[str], scheme: str = "IOB2", strict: bool = False, **options: Any) -> None:
        super().__init__(types, **options)
        spans_of_tags([], scheme)  # refuses an unknown scheme before the first batch
        self.scheme = scheme
        self.strict = strict

    def update(self, gold: Sequence[Tags], predicted: Sequence[Tags]) -> None:
        """Add sequences of tags.

        Raises:
            UserError: as :func:`sequence_scores`, or a type that is not listed; nothing has been added then.
        """
        self.add(_counts_by_type(*_spans(gold, predicted, self.scheme, self.strict)))

    def item_counts(self, gold: Tags, predicted: Tags) -> dict[str, float]:
        """The counts of one sequence; see :class:`~transferlab.metrics.item_counts.CountsItems`."""
        return self.columns_of(_counts_by_type(*_spans([gold], [predicted], self.scheme, self.strict)))

    def description(self) -> dict[str, Any]:
        """Of the kind ``spans``."""
        return {"kind": "spans"}

    def compute(self) -> dict[str, float]:
        """Fractions: ``precision``, ``recall``, ``f1``, ``macro_f1``, and ``PER_precision``... of each listed type."""
        scores = _scores(self.by_class())
        flat = {name: scores[name] for name in (*PARTS, "macro_f1")}
        named = [kind for kind in self.classes if kind]
        return flat | {f"{kind}_{part}": scores["types"][kind][part] for kind in named for part in PARTS}


class TagAccuracy(Metric):
    """:func:`tag_accuracy` over all sequences since the last reset, on all processes.

    The state is ``[2]``: words with the right tag, and words. ``options`` are those of ``torchmetrics.Metric``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    counts: torch.Tensor

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.add_state("counts", default=torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, gold: Sequence[Tags], predicted: Sequence[Tags]) -> None:
        """Add sequences of tags.

        Raises:
            UserError: as :func:`tag_accuracy`; nothing has been added then.
        """
        self.counts += self.counts.new_tensor(_tag_counts(gold, predicted))

    def item_columns(self) -> list[str]:
        """Words with the right tag, and words."""
        return list(WORDS)

    def item_counts(self, gold: Tags, predicted: Tags) -> dict[str, float]:
        """The counts of one sequence; see :class:`~transferlab.metrics.item_counts.CountsItems`."""
        return dict(zip(WORDS, map(float, _tag_counts([gold], [predicted])), strict=True))

    def description(self) -> dict[str, Any]:
        """Of the kind ``tags``."""
        return {"kind": "tags"}

    def compute(self) -> dict[str, float]:
        """The fraction ``accuracy``."""
        correct, words = self.counts.tolist()
        return {"accuracy": ratio(correct, words)}


def _spans(
    gold: Sequence[Tags], predicted: Sequence[Tags], scheme: str, strict: bool
) -> tuple[list[list[TypedSpan]], list[list[TypedSpan]]]:
    """Gold and predicted spans of each sequence."""
    _require_same_lengths(gold, predicted)

    def read(side: str, sequences: Sequence[Tags]) -> list[list[TypedSpan]]:
        spans = []
        for number, tags in enumerate(sequences):
            try:
                spans.append(spans_of_tags(tags, scheme, strict))
            except UserError as error:
                raise UserError(f"{side} sequence {number}: {error}") from error
        return spans

    return read("gold", gold), read("predicted", predicted)


def _counts_by_type(gold: Sequence[Iterable[TypedSpan]], predicted: Sequence[Iterable[TypedSpan]]) -> ByClass:
    """The counts of every type on either side."""
    pairs = list(zip(map(set, gold), map(set, predicted), strict=True))
    return counts_by_class(
        (kind for key, response in pairs for _, _, kind in key & response),
        (kind for _, response in pairs for _, _, kind in response),
        (kind for key, _ in pairs for _, _, kind in key),
    )


def _scores(by_type: ByClass, averaged: Callable[[Counts], bool] = occurring) -> dict[str, Any]:
    overall = total(by_type.values())
    types = {kind: precision_recall_f1(*counts) | {"support": counts.gold} for kind, counts in by_type.items()}
    macro = {f"macro_{part}": mean for part, mean in macro_average(by_type, averaged).items()}
    return precision_recall_f1(*overall) | macro | {"support": overall.gold, "types": types}


def _tag_counts(gold: Sequence[Tags], predicted: Sequence[Tags]) -> tuple[int, int]:
    """Words with the right tag, and words."""
    _require_same_lengths(gold, predicted)
    correct = sum(
        one == other
        for tags, others in zip(gold, predicted, strict=True)
        for one, other in zip(tags, others, strict=True)
    )
    return correct, sum(map(len, gold))


def _require_same_lengths(gold: Sequence[Tags], predicted: Sequence[Tags]) -> None:
    _require_same_length("sequences", gold, predicted)
    for number, (tags, others) in enumerate(zip(gold, predicted, strict=True)):
        _require_same_length("tags", tags, others, where=f"sequence {number}: ")


def _require_same_length(what: str, gold: Sequence[Any], predicted: Sequence[Any], where: str = "") -> None:
    if len(gold) != len(predicted):
        raise UserError(f"{where}{len(gold)} gold but {len(predicted)} predicted {what}; they are paired by position")
