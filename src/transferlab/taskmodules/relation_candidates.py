"""Which pairs of arguments a document asks about, and in which direction their relations are read."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, replace

from transferlab.documents import Document, Relation, Span
from transferlab.taskmodules.entity_pairs import PairBound, entity_pairs
from transferlab.taskmodules.relation_markers import Argument
from transferlab.utils.errors import UserError


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two arguments of which a label, or several, are asked.

    Attributes:
        head: the first argument of the relation.
        tail: the second one.
        labels: None where they are unknown.
        reverse: the labels of the pair (tail, head), where training reads it too.
        missed: a gold relation that is not found, as its arguments lie too far apart to be asked about.
    """

    head: Argument
    tail: Argument
    labels: tuple[str, ...] | None = None
    reverse: tuple[str, ...] = ()
    missed: bool = False

    @property
    def spans(self) -> tuple[Span, Span]:
        """Of head and tail."""
        return self.head.span, self.tail.span

    @property
    def label(self) -> str | None:
        """The one label, where pairs have one; None where it is unknown."""
        return self.labels[0] if self.labels else None


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

    def originals(self, labels: Iterable[str]) -> dict[str, str]:
        """The reversed ones of a model's labels, and what each is the reverse of."""
        if self.suffix is None:
            return {}
        known = set(labels)
        return {label + self.suffix: label for label in sorted(known) if label + self.suffix in known}

    def restored(self, relation: Relation, asked: Container[tuple[Span, Span]] = ()) -> Relation:
        """A relation as the corpus would write it, without a reversed label.

        Args:
            relation: as predicted.
            asked: pairs whose relations stay as they are, for they have an answer of their own.
        """
        turned = (relation.tail, relation.head)
        if self.suffix is None or not relation.label.endswith(self.suffix) or turned in asked:
            return relation
        return Relation(*turned, relation.label.removesuffix(self.suffix), relation.score)

    def merged(self, relations: Iterable[Relation], gold: Iterable[Relation] = ()) -> list[Relation]:
        """Restored relations, each once, with the highest score that it was found with.

        Symmetric ones, whose direction means nothing, are written in that of ``gold``, if it has them, else in the
        order of the text.
        """
        annotated = {(relation.head, relation.tail, relation.label) for relation in gold}
        best: dict[tuple[Span, Span, str], Relation] = {}
        for found in relations:
            relation = self.restored(found)
            head, tail, label = key = relation.head, relation.tail, relation.label
            turned = (tail, head, label)
            if label in self.symmetric and key not in annotated and (turned in annotated or tail < head):
                key, relation = turned, replace(relation, head=tail, tail=head)
            if key not in best or (relation.score or 0.0) > (best[key].score or 0.0):
                best[key] = relation
        return list(best.values())


def annotated_candidates(
    document: Document, directions: Directions, all_pairs: bool = False, bound: PairBound | None = None
) -> Iterator[Candidate]:
    """The pairs of arguments with gold relations, each once with all of its labels.

    Args:
        document: with gold relations.
        directions: of the labels; where they have a suffix, relations are to be read in both directions, unless the
            corpus annotates the pair (tail, head) itself.
        all_pairs: add all other ordered pairs of gold entities, as no_relation. A pair is none of these where a
            relation of (tail, head) gives it a label. Where labels tell the direction themselves, by their suffix, one
            question for (head, tail) and (tail, head) will do; training reads both.
        bound: of these other pairs, as for :func:`~transferlab.taskmodules.entity_pairs.entity_pairs`; with
            ``all_pairs``, gold relations beyond it are missed, for nobody would ask about such a pair who does not
            know the answer.
    """
    relations, entities = document.gold.relations or [], document.gold.entities or []
    types = {(entity.start, entity.end): entity.label for entity in reversed(entities)}
    annotated: dict[tuple[Span, Span], dict[str, None]] = {}
    for relation in relations:
        annotated.setdefault((relation.head, relation.tail), {})[relation.label] = None
    near = bound.of(document) if all_pairs and bound is not None else None
    for pair, labels in annotated.items():
        reverse: tuple[str, ...] = ()
        if directions.suffix is not None and pair[::-1] not in annotated:
            reverse = tuple(label for label in map(directions.reverse, labels) if label is not None)
        head, tail = (Argument(span, types.get(span, "")) for span in pair)
        yield Candidate(head, tail, tuple(labels), reverse, missed=near is not None and not near(*pair))
    if all_pairs:
        none = () if directions.no_relation is None else (directions.no_relation,)
        both = directions.suffix is not None  # a pair's label tells of both directions
        known = annotated.keys() | {(r.tail, r.head) for r in relations if both or directions.reverse(r.label)}
        for head, tail in entity_pairs(document, entities, bound):
            if (head.span, tail.span) not in known and (not both or head.span < tail.span):
                yield Candidate(head, tail, none, none if both else ())


def require_one_label(documents: Iterable[Document]) -> None:
    """Raise UserError where a pair of arguments has several gold labels, of which a model could learn only one."""
    without_reversal = Directions(None, frozenset(), None)
    pairs = [(document, pair) for document in documents for pair in annotated_candidates(document, without_reversal)]
    several = [(document, pair) for document, pair in pairs if pair.labels and len(pair.labels) > 1]
    if several:
        document, pair = several[0]
        head, tail = map(document.span_text, pair.spans)
        raise UserError(
            f"{len(several)} of {len(pairs)} pairs of arguments have several labels, the first of them {head!r} and "
            f"{tail!r} in {document.name}: {', '.join(pair.labels or ())}; set model.metric=multi_label and "
            "monitor=val/micro_f1 for a model that gives a pair any number of labels, or keep one label of each pair"
        )


def require_one_direction(document: Document) -> None:
    """Raise UserError where gold relations of a pair of arguments are annotated in both directions."""
    pairs = {(relation.head, relation.tail) for relation in document.gold.relations or []}
    for head, tail in sorted(pairs):
        if (tail, head) in pairs:
            one, other = document.span_text(head), document.span_text(tail)
            raise UserError(
                f"{document.name}: relations of {one!r} and {other!r} are annotated in both directions, which "
                "taskmodule.add_reversed_relations=true with model.metric=multi_label cannot score, as two answers may "
                "then say the same; set taskmodule.add_reversed_relations=false"
            )


def asks_annotated(document: Document) -> bool:
    """Whether prediction asks for the pairs that are scored: no entities were predicted, and gold has relations."""
    entities = None if document.predicted is None else document.predicted.entities
    return entities is None and document.gold.relations is not None


def asked_candidates(
    document: Document, directions: Directions, all_pairs: bool = False, bound: PairBound | None = None
) -> Iterator[Candidate]:
    """The pairs to predict: of predicted entities; else those of gold relations; else of gold entities.

    A document in which annotators found no relation has no pair of the second kind: evaluation asks for none either.
    With ``all_pairs`` also the other pairs of gold entities: where absence is to be found too, asking only for what is
    annotated would give it away.
    """
    if asks_annotated(document):
        for candidate in annotated_candidates(document, directions, all_pairs, bound):
            if not candidate.missed:
                yield Candidate(candidate.head, candidate.tail)
        return
    found = None if document.predicted is None else document.predicted.entities
    for head, tail in entity_pairs(document, (document.gold.entities or []) if found is None else found, bound):
        yield Candidate(head, tail)
