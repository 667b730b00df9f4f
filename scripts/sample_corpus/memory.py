"""What a text has said so far: who was mentioned, what the reader knows, who speaks to whom."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .wordings import gender
from .world import Entity, Group, Place


@dataclass
class Use:
    entity: Entity
    form: str
    subject: bool


@dataclass(frozen=True)
class Style:
    """Habits of a genre, as probabilities, and how people are called: surname, title or first."""

    pronoun: float = 0.72
    nominal: float = 0.5
    names: str = "surname"
    apposition: float = 0.6
    casual: bool = False  # friends talk: first names only, nobody is explained


class Memory:
    """The state of a discourse."""

    def __init__(self, rng: random.Random, style: Style) -> None:
        self.rng, self.style = rng, style
        self.known: dict[Entity, set[str]] = {}
        self.previous: list[Use] = []
        self.current: list[Use] = []
        self.speaker: Entity | None = None
        self.addressee: Entity | None = None
        self.silent: set[tuple[Entity, str]] = set()  # facts that this text must not use

    def deictic(self, entity: Entity) -> str | None:
        """The row of I, you or we when the entity takes part in the conversation."""
        if entity is self.speaker:
            return "I"
        if entity is self.addressee:
            return "you"
        if isinstance(entity, Group) and self.speaker in entity.members:
            return "we"
        if isinstance(entity, Group) and self.addressee in entity.members:
            return "you"
        return None

    def pronoun_is_clear(self, entity: Entity) -> bool:
        """True if a pronoun would be understood; never for a place, as "in it" is no English."""
        if isinstance(entity, Place):
            return False
        window = self.previous + self.current
        if all(u.entity is not entity for u in window):
            return False
        rivals = [u for u in window if u.entity is not entity and gender(u.entity) == gender(entity)
                  and self.deictic(u.entity) is None]  # fmt: skip
        here = [u for u in self.current if u in rivals]
        if any(u.entity is entity for u in self.current):
            is_subject = any(u.entity is entity and u.subject for u in self.current)
            return not here or (is_subject and all(isinstance(u.entity, Place) for u in here))
        was_subject = any(u.entity is entity and u.subject for u in self.previous)
        return not rivals or (was_subject and not any(u.subject for u in self.current) and not here)

    def others(self, kind: type) -> list:
        return [e for e in self.known if isinstance(e, kind)]

    def in_focus(self, entity: Entity) -> bool:
        """True if the entity is in focus and none of its kind is: "the company" can only be this one."""
        window = self.current or self.previous
        kinds = [u.entity for u in window if type(u.entity) is type(entity)]
        return bool(kinds) and all(e is entity for e in kinds)
