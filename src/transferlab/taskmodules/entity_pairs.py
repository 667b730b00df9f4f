"""Pairs of entities of a document that stand near enough to each other to be asked about, made one by one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations

from transferlab.documents import Document, Entity, Span
from transferlab.taskmodules.relation_markers import Argument


@dataclass(frozen=True)
class PairBound:
    """How many words may stand between two arguments.

    Attributes:
        any_pair: of whatever pair; None: any number.
        across_sentences: of a pair without a sentence in common; None: any number.
        within_sentence: of a pair with one, where ``across_sentences`` is a number: a bound also for texts that are not
            cut into sentences.
    """

    any_pair: int | None = None
    across_sentences: int | None = None
    within_sentence: int = 0

    @property
    def farthest(self) -> int | None:
        """The most words between any two arguments; None: any number."""
        if self.across_sentences is None:
            return self.any_pair
        farthest = max(self.across_sentences, self.within_sentence)
        return farthest if self.any_pair is None else min(farthest, self.any_pair)

    def of(self, document: Document) -> Callable[[Span, Span], bool]:
        """Whether two spans of a document may make a pair."""
        farthest, across = self.farthest, self.across_sentences
        if farthest is None:
            return lambda one, other: True
        sentence_of = [
            number for number, (first, last) in enumerate(document.sentences) for _ in range(first, last + 1)
        ]

        def near(one: Span, other: Span) -> bool:
            between = words_between(one, other)
            if between > farthest:
                return False
            if across is None or between <= across:
                return True
            return sentence_of[one[0]] <= sentence_of[other[1]] and sentence_of[other[0]] <= sentence_of[one[1]]

        return near

    def far_relations(self, documents: Iterable[Document], no_relation: str | None) -> tuple[int, int]:
        """How many gold relations of documents lie beyond the bound, and how many there are."""
        far = total = 0
        for document in documents:
            near = self.of(document)
            relations = [relation for relation in document.gold.relations or [] if relation.label != no_relation]
            far += sum(not near(relation.head, relation.tail) for relation in relations)
            total += len(relations)
        return far, total


def words_between(one: Span, other: Span) -> int:
    """Words between two spans, 0 for those that touch or overlap."""
    return max(other[0] - one[1] - 1, one[0] - other[1] - 1, 0)


def entity_pairs(
    document: Document, entities: Iterable[Entity], bound: PairBound | None = None
) -> Iterator[tuple[Argument, Argument]]:
    """All ordered pairs of entities within a bound, in the order of the entities.

    What a pair costs depends on how many entities stand within the bound, not on the length of the document.

    Args:
        document: of the entities.
        entities: of several with the same span, the first one counts.
        bound: None: all pairs.
    """
    by_span: dict[Span, Argument] = {}
    for entity in entities:
        span = (entity.start, entity.end)
        by_span.setdefault(span, Argument(span, entity.label))
    arguments = list(by_span.values())
    farthest = None if bound is None else bound.farthest
    if bound is None or farthest is None:
        yield from permutations(arguments, 2)
        return
    near = bound.of(document)
    order = sorted(range(len(arguments)), key=lambda position: arguments[position].span)
    starts = [arguments[position].span[0] for position in order]
    longest = max((end - start for start, end in by_span), default=0)
    for position, head in enumerate(arguments):
        first = bisect_left(starts, head.span[0] - farthest - longest - 1)
        last = bisect_right(starts, head.span[1] + farthest + 1)
        for other in sorted(order[first:last]):
            if other != position and near(head.span, arguments[other].span):
                yield head, arguments[other]
