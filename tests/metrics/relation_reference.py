"""What the official programs of TACRED and SemEval-2010 Task 8 compute, one instance after the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def plain_tacred(gold: Sequence[str], predicted: Sequence[str | None]) -> tuple[float, float, float]:
    """One instance after the other: what was guessed, what was there, what was right."""
    guesses = [(one, other) for one, other in zip(gold, predicted, strict=True) if other not in (None, "no_relation")]
    there = sum(label != "no_relation" for label in gold)
    right = sum(one == other for one, other in guesses)
    precision = right / len(guesses) if guesses else 1.0
    recall = right / there if there else 0.0
    return precision, recall, f1(precision, recall)


def plain_semeval(gold: Sequence[str], predicted: Sequence[str | None]) -> tuple[float, float, float]:
    """Instances sorted into right, wrong way round and wrong, relation by relation, as the official table is."""
    right: Counter[str] = Counter()
    wrong_way: Counter[str] = Counter()
    answers: defaultdict[str, int] = defaultdict(int)  # right or of another relation
    keys: Counter[str] = Counter()
    for key, answer in zip(gold, predicted, strict=True):
        key_relation = key.split("(")[0]
        keys[key_relation] += 1
        relation = (answer or "Other").split("(")[0]
        if relation == key_relation and answer != key:
            wrong_way[relation] += 1
        else:
            answers[relation] += 1
            right[relation] += answer == key
    scores = []
    for relation in keys.keys() - {"Other"}:
        charged = answers[relation] + wrong_way[relation]
        precision = right[relation] / charged if charged else 0.0
        recall = right[relation] / keys[relation]
        scores.append((precision, recall, f1(precision, recall)))
    return tuple(sum(column) / len(scores) for column in zip(*scores, strict=True))  # type: ignore[return-value]
