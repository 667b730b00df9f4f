"""Which pairs of arguments a document asks about, and in which direction their relations are read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from transferlab.data.fine_words import covering_words
from transferlab.data.raw_text import document_from_text
from transferlab.documents import Document, Entity, Relation, Span
from transferlab.taskmodules.relation_markers import Argument
from transferlab.utils.errors import UserError


@dataclass(frozen=True)
class Candidate:
    """Two arguments of which a label is asked.

    Attributes:
        head: the first argument of the relation.
        tail: the second one.
        label: None where it is unknown.
        reverse: the label of the pair (tail, head), where training reads it too.
    """

    head: Argument
    tail: Argument
    label: str | None = None
    reverse: str | None = None

    @property
    def spans(self) -> tuple[Span, Span]:
        """Of head and tail."""
        return self.head.span, self.tail.span


@dataclass(frozen=True)
class Directions:
    """The labels of relations that are read from tail to head.

    Attributes:
        no_relation: the label of pairs without a relation, which says nothing about the other direction.
        symmetric: labels that hold in both directions alike.
        suffix: what marks the reverse of all other labels; None: they have none.
    """

    no_relation: str | None
    symmetric: frozenset[str]
    suffix: str | None

    def reverse(self, label: str) -> str | None:
        """The label of the pair (tail, head); None where it is not known."""
        if label == self.no_relation:
            return None
        if label in self.symmetric:
            return label
        return None if self.suffix is None else label + self.suffix

    def all_labels(self, gold: set[str]) -> list[str]:
        """The labels of a model: no_relation, those of the training documents, and their reverses.

        Raises:
            UserError: a symmetric label that the documents lack, or a label that looks like a reversed one.
        """
        unknown = sorted(self.symmetric - gold)
        if unknown:
            raise UserError(
                f"taskmodule.symmetric_relations names {', '.join(unknown)}; the training documents have "
                f"{', '.join(sorted(gold))}"
            )
        taken = sorted(label for label in gold if self.suffix is not None and label.endswith(self.suffix))
        if taken:
            raise UserError(
                f"taskmodule.reversed_suffix={self.suffix}: the label {taken[0]} ends like that already; choose another"
            )
        relations = sorted(gold - {self.no_relation})
        reverses = [self.reverse(label) for label in relations] if self.suffix is not None else []
        known = [self.no_relation, *relations, *reverses]
        return list(dict.fromkeys(label for label in known if label is not None))

    def restored(self, relation: Relation) -> Relation:
        """A relation as the corpus would write it, without a reversed label."""
        if self.suffix is None or not relation.label.endswith(self.suffix):
            return relation
        label = relation.label.removesuffix(self.suffix)
        return replace(relation, head=relation.tail, tail=relation.head, label=label)

    def merged(self, relations: Iterable[Relation]) -> list[Relation]:
        """Restored relations, each once, with the highest score that it was found with."""
        best: dict[tuple[Span, Span, str], Relation] = {}
        for found in relations:
            relation = self.restored(found)
            head, tail = relation.head, relation.tail
            if relation.label in self.symmetric:
                head, tail = sorted((head, tail))
            key = (head, tail, relation.label)
            if key not in best or (relation.score or 0.0) > (best[key].score or 0.0):
                best[key] = relation
        return list(best.values())


def annotated_candidates(
    document: Document, directions: Directions, all_pairs: bool = False, max_distance: int | None = None
) -> list[Candidate]:
    """The gold relations of a document.

    Args:
        document: with gold relations.
        directions: of the labels; where they have a suffix, relations are to be read in both directions, unless the
            corpus annotates the pair (tail, head) itself.
        all_pairs: add all other ordered pairs of gold entities, as no_relation. A pair is none of these where a
            relation of (tail, head) gives it a label.
        max_distance: of these other pairs, as for :func:`entity_pairs`.
    """
    relations, entities = document.gold.relations or [], document.gold.entities or []
    types = {(entity.start, entity.end): entity.label for entity in reversed(entities)}
    annotated = {(relation.head, relation.tail) for relation in relations}
    candidates = []
    for relation in relations:
        reverse = directions.reverse(relation.label)
        if directions.suffix is None or (relation.tail, relation.head) in annotated:
            reverse = None
        head, tail = (Argument(span, types.get(span, "")) for span in (relation.head, relation.tail))
        candidates.append(Candidate(head, tail, relation.label, reverse))
    if all_pairs:
        known = annotated | {(r.tail, r.head) for r in relations if directions.reverse(r.label) is not None}
        others = (pair for pair in entity_pairs(entities, max_distance) if pair.spans not in known)
        candidates += [replace(pair, label=directions.no_relation) for pair in others]
    return candidates


def asked_candidates(document: Document, all_pairs: bool = False, max_distance: int | None = None) -> list[Candidate]:
    """The pairs to predict: of predicted entities; else those of gold relations; else of gold entities.

    With ``all_pairs`` also the other pairs of gold entities: where absence is to be found too, asking only for what is
    annotated would give it away.
    """
    if document.predicted is not None and document.predicted.entities is not None:
        return entity_pairs(document.predicted.entities, max_distance)
    if document.gold.relations:
        without_reversal = Directions(None, frozenset(), None)
        annotated = annotated_candidates(document, without_reversal, all_pairs, max_distance)
        unique = {candidate.spans: candidate for candidate in annotated}
        return [replace(candidate, label=None) for candidate in unique.values()]
    return entity_pairs(document.gold.entities or [], max_distance)


def entity_pairs(entities: Iterable[Entity], max_distance: int | None = None) -> list[Candidate]:
    """All ordered pairs of entities.

    Args:
        entities: of several with the same span, the first one counts.
        max_distance: the most words between the two; None for any number.
    """
    arguments: dict[Span, Argument] = {}
    for entity in entities:
        span = (entity.start, entity.end)
        arguments.setdefault(span, Argument(span, entity.label))
    return [
        Candidate(head, tail)
        for head, tail in permutations(arguments.values(), 2)
        if max_distance is None or _words_between(head.span, tail.span) <= max_distance
    ]


def _words_between(one: Span, other: Span) -> int:
    """Words between two spans, 0 for those that touch or overlap."""
    return max(other[0] - one[1] - 1, one[0] - other[1] - 1, 0)


def document_with_entities(name: str, given: Any) -> Document:
    """The document of a raw text and the entities in it.

    Args:
        name: of the document.
        given: ``(text, [(start, end, type), ...])``: the first character of each entity, one past its last, and its
            type ("" for none).

    Raises:
        UserError: anything else, or an entity without a word.
    """
    match given:
        case (str(text), [*entities]) if all(isinstance(e, Sequence) and len(e) == 3 for e in entities):
            document = document_from_text(name, text)
        case _:
            raise UserError(
                f"{name}: relations hold between entities: give (text, [(start, end, type), ...]) with the characters "
                f"of each, not {str(given)[:60]!r}"
            )
    document.gold.entities = []
    for start, end, entity_type in entities:
        words = covering_words(document.offsets or [], start, end)
        if words is None:
            raise UserError(f"{name}: there is no word in the characters {start} to {end} of {text[:60]!r}")
        document.gold.entities.append(Entity(*words, entity_type))
    return document
