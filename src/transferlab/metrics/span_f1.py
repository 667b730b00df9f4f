"""Scores of labelled spans (named entities, chunks) and of single tags (parts of speech).

A predicted span is correct when start, end and type are those of a gold span; one on words that are all ``O``
in the gold tags is a false positive like every other. Counts are summed over the corpus and divided once, 0/0
is 0. Tags are read as conlleval does (Tjong Kim Sang and De Meulder 2003), or strictly as seqeval can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torchmetrics import Metric

from transferlab.utils.errors import UserError
from transferlab.utils.tagging import TypedSpan, spans_of_tags

Tags = Sequence[str]
Counts = tuple[int, int, int]  # correct, predicted, gold

PARTS = ("precision", "recall", "f1")


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
        ``macro_precision``, ``macro_recall``, ``macro_f1``, in which a type counts that is only predicted; the
        number of gold spans ``support``; under ``types`` for each type ``precision``, ``recall``, ``f1`` and
        ``support``.

    Raises:
        UserError: lengths that differ, or a tag that is none of the scheme (names the sequence, from 0).
    """
    return _scores(_counts_by_type(*_spans(gold, predicted, scheme, strict)))


def span_scores(
    gold_spans: Sequence[Iterable[TypedSpan]], predicted_spans: Sequence[Iterable[TypedSpan]]
) -> dict[str, Any]:
    """Score spans that may nest and overlap; returns what :func:`sequence_scores` does.

    Args:
        gold_spans: for each document its ``(start, end, type)``; a repeated span counts once.
        predicted_spans: for each document the same.

    Raises:
        UserError: not as many documents in both.
    """
    _require_same_length("documents", gold_spans, predicted_spans)
    return _scores(_counts_by_type(gold_spans, predicted_spans))


def tag_accuracy(gold: Sequence[Tags], predicted: Sequence[Tags]) -> float:
    """The fraction of words with the right tag, for tags that are no spans such as parts of speech.

    Raises:
        UserError: lengths that differ (names the sequence, from 0).
    """
    correct, words = _tag_counts(gold, predicted)
    return _ratio(correct, words)


class SpanScore(Metric):
    """The scores of :func:`sequence_scores` over all sequences since the last reset, on all processes.

    The state is ``[types + 1, 3]``: correct, predicted and gold spans of each type, a plain sum. The last row
    is shared by all types that are not listed: they count fully in the micro average, and together as one
    type in the macro average.

    Args:
        types: those of the training documents.
        scheme: of gold and predicted tags.
        strict: drop malformed spans of both sides.
        options: those of ``torchmetrics.Metric``.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    counts: torch.Tensor

    def __init__(self, types: Sequence[str], scheme: str = "IOB2", strict: bool = False, **options: Any) -> None:
        super().__init__(**options)
        spans_of_tags([], scheme)  # refuses an unknown scheme before the first batch
        self.types = list(dict.fromkeys(types))
        self.scheme = scheme
        self.strict = strict
        zeros = torch.zeros(len(self.types) + 1, 3, dtype=torch.int64)  # [types + 1, 3]
        self.add_state("counts", default=zeros, dist_reduce_fx="sum")

    def update(self, gold: Sequence[Tags], predicted: Sequence[Tags]) -> None:
        """Add sequences of tags.

        Raises:
            UserError: as :func:`sequence_scores`; nothing has been added then.
        """
        by_type = _counts_by_type(*_spans(gold, predicted, self.scheme, self.strict))
        rows = {kind: row for row, kind in enumerate(self.types)}
        added = torch.zeros(len(self.types) + 1, 3, dtype=torch.int64)  # [types + 1, 3]
        for kind, counts in by_type.items():
            added[rows.get(kind, -1)] += torch.tensor(counts)
        self.counts += added.to(self.counts.device)

    def compute(self) -> dict[str, float]:
        """Fractions: ``precision``, ``recall``, ``f1``, ``macro_f1``, and ``PER_precision``... of listed types."""
        *listed, others = [tuple(row) for row in self.counts.tolist()]
        by_type = dict(zip(self.types, listed, strict=True))
        scores = _scores(by_type | {None: others})
        flat = {name: scores[name] for name in (*PARTS, "macro_f1")}
        return flat | {f"{kind}_{part}": scores["types"][kind][part] for kind in self.types for part in PARTS}


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

    def compute(self) -> dict[str, float]:
        """The fraction ``accuracy``."""
        correct, words = self.counts.tolist()
        return {"accuracy": _ratio(correct, words)}


def precision_recall_f1(correct: int, predicted: int, gold: int) -> dict[str, float]:
    """``{"precision", "recall", "f1"}`` of counts, as fractions; 0/0 is 0."""
    precision, recall = _ratio(correct, predicted), _ratio(correct, gold)
    f1 = _ratio(2 * precision * recall, precision + recall)
    return dict(zip(PARTS, (precision, recall, f1), strict=True))


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


def _counts_by_type(gold: Sequence[Iterable[TypedSpan]], predicted: Sequence[Iterable[TypedSpan]]) -> dict[str, Counts]:
    """(correct, predicted, gold) of every type on either side, in alphabetical order."""
    correct_of, predicted_of, gold_of = Counter[str](), Counter[str](), Counter[str]()
    for key, response in zip(map(set, gold), map(set, predicted), strict=True):
        correct_of.update(kind for _, _, kind in key & response)
        predicted_of.update(kind for _, _, kind in response)
        gold_of.update(kind for _, _, kind in key)
    return {
        kind: (correct_of[kind], predicted_of[kind], gold_of[kind]) for kind in sorted(predicted_of.keys() | gold_of)
    }


def _scores(by_type: Mapping[Any, Counts]) -> dict[str, Any]:
    table = np.array(list(by_type.values()), dtype=np.int64).reshape(-1, 3)  # [types, 3]
    correct, predicted, gold = table.sum(axis=0).tolist()
    types = {kind: precision_recall_f1(*counts) | {"support": counts[2]} for kind, counts in by_type.items()}
    seen = [types[kind] for kind, counts in by_type.items() if any(counts)]
    macro = {f"macro_{part}": _ratio(sum(scores[part] for scores in seen), len(seen)) for part in PARTS}
    return precision_recall_f1(correct, predicted, gold) | macro | {"support": gold, "types": types}


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


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
