"""The gold tags of documents: as annotated, or made from the entities that tags can express."""

from __future__ import annotations

from transferlab.documents import Document, Entity
from transferlab.utils.errors import UserError
from transferlab.utils.tagging import spans_of_tags, tags_of_spans

LAYERS = ("entities", "tags")


def gold_tags(document: Document, layer: str, scheme: str | None) -> list[str]:
    """One tag for each word of a document.

    Args:
        document: with the layer.
        layer: ``entities`` (of which tags are made) or ``tags`` (which are taken as they are) of its gold annotation.
        scheme: one of ``transferlab.utils.tagging.SCHEMES``; None, with ``tags`` only, where tags are no spans.

    Raises:
        UserError: the document lacks the layer, or has a tag that is none of the scheme.
    """
    given = getattr(document.gold, layer)
    if given is None:
        other = next((name for name in LAYERS if getattr(document.gold, name) is not None), None)
        remedy = f"it has gold.{other}: set taskmodule.layer={other}" if other else "choose data that has them"
        raise UserError(f"{document.name} has no gold.{layer}: it can be predicted, not trained on or scored; {remedy}")
    if scheme is None:
        return given
    if layer == "tags":
        try:
            spans_of_tags(given, scheme)
        except UserError as error:
            raise UserError(f"{document.name}, taskmodule.scheme={scheme}: {error}") from error
        return given
    tags: list[str] = []
    for (first, last), entities in zip(document.sentences, expressible(document), strict=True):
        spans = [(entity.start - first, entity.end - first, entity.label) for entity in entities]
        tags += tags_of_spans(spans, last - first + 1, scheme)
    return tags


def expressible(document: Document) -> list[list[Entity]]:
    """The gold entities that tags can express, by sentence.

    One that crosses the end of a sentence is left out; of those that overlap the longest is kept, of equally long ones
    the first in the text, of equal ones the first annotated.
    """
    sentence_of = [i for i, (start, end) in enumerate(document.sentences) for _ in range(start, end + 1)]
    kept: list[list[Entity]] = [[] for _ in document.sentences]
    taken: set[int] = set()
    for entity in sorted(document.gold.entities or [], key=lambda entity: (entity.start - entity.end, entity.start)):
        words = range(entity.start, entity.end + 1)
        if sentence_of[entity.start] == sentence_of[entity.end] and taken.isdisjoint(words):
            kept[sentence_of[entity.start]].append(entity)
            taken.update(words)
    return kept


def only_arguments(document: Document) -> bool:
    """Whether a document is an example of one relation, and its gold entities are the two arguments of it."""
    if len(document.gold.relations or []) != 1:
        return False
    (relation,) = document.gold.relations or []
    return {(entity.start, entity.end) for entity in document.gold.entities or []} == {relation.head, relation.tail}


def tags_of_type(kind: str, scheme: str) -> set[str]:
    """All tags that a scheme has for a type: those of neighbouring spans of three words and of one."""
    return set(tags_of_spans([(0, 2, kind), (3, 5, kind), (6, 6, kind)], 7, scheme))
