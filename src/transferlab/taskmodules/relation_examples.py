"""Pairs of arguments as rows, raw texts with entities as documents, and relations as answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transferlab.data.fine_words import covering_words
from transferlab.data.raw_text import document_from_text
from transferlab.documents import Document, Entity
from transferlab.taskmodules.relation_candidates import Candidate
from transferlab.taskmodules.tokenization import Line
from transferlab.utils.errors import UserError


@dataclass(frozen=True)
class RelationMention:
    """A relation in a raw text: the wording of its arguments, its label and how probable that is."""

    head: str
    tail: str
    label: str
    score: float | None = None


@dataclass(slots=True)
class RelationExample:
    """Two arguments in the rows of every encoder.

    Attributes:
        document: that they stand in.
        candidate: the arguments, and their labels if these are known.
        lines: by tokenizer key.
        reverse: the same arguments the other way round, where training reads them too.
    """

    document: Document
    candidate: Candidate
    lines: dict[str, Line]
    reverse: RelationExample | None = None

    @property
    def length(self) -> int:
        """Subtokens, of the tokenizer that makes most of them."""
        return max(len(line.subtokens) + len(line.pair[0] if line.pair else []) for line in self.lines.values())


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
            raise UserError(
                f"{name}: choose other characters than {start} to {end}: there is no word in {text[:60]!r} there"
            )
        document.gold.entities.append(Entity(*words, entity_type))
    return document
