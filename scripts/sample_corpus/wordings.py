"""What references are made of: pronouns, names, nested references, and what entities lend to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .world import Entity, Group, Org, Person, Thing, Work

PRONOUNS = {
    "f": {"n": "she", "o": "her", "p": "her", "r": "herself"},
    "m": {"n": "he", "o": "him", "p": "his", "r": "himself"},
    "it": {"n": "it", "o": "it", "p": "its", "r": "itself"},
    "they": {"n": "they", "o": "them", "p": "their", "r": "themselves"},
    "I": {"n": "I", "o": "me", "p": "my", "r": "myself"},
    "you": {"n": "you", "o": "you", "p": "your", "r": "yourself"},
    "we": {"n": "we", "o": "us", "p": "our", "r": "ourselves"},
}


@dataclass
class Name:
    """Words that are a name of this type."""

    words: list[str]
    label: str


@dataclass
class Ref:
    """A nested reference."""

    entity: Entity
    case: str = "o"
    form: str | None = None


Part = str | Name | Ref


@dataclass
class Wording:
    parts: list[Part]
    form: str  # pronoun, nominal, name
    known: set[str] = field(default_factory=set)  # what the reader knows about the entity from now on
    after: list[Part] = field(default_factory=list)  # words that follow outside the mention


def gender(entity: Entity) -> str:
    """The pronoun row of an entity in the third person."""
    if isinstance(entity, Person | Thing) and entity.female is not None:
        return "f" if entity.female else "m"
    if isinstance(entity, Group) or (isinstance(entity, Thing) and entity.plural):
        return "they"
    return "it"


def title(work: Work) -> list[Part]:
    name = Name(work.title, "WORK_OF_ART" if work.quoted else "PRODUCT")
    return ["``", name, "''"] if work.quoted else ["the", name]


def relations(person: Person) -> list[tuple[Entity, str]]:
    """(anchor, noun) such that the person is the noun of the anchor: (Anna, "sister")."""
    found: list[tuple[Entity, str]] = []
    if person.sibling:
        found.append((person.sibling, "sister" if person.female else "brother"))
    if person.spouse:
        found.append((person.spouse, "wife" if person.female else "husband"))
    if person.employer and person.employer.director is person:
        found.append((person.employer, "director"))
    if person.company:
        found.append((person.company, "founder"))
    return found


def group_nouns(group: Group) -> list[str]:
    """What the members have in common, in the plural."""
    people = [m for m in group.members if isinstance(m, Person)]
    if not people:
        shared = {type(m) for m in group.members} in ({Org}, {Work})
        return [re.sub("y$", "ie", noun) + "s" for noun in group.members[0].nouns] if shared else []  # type: ignore[attr-defined]
    if len(people) < len(group.members):
        return []
    nouns = []
    if people[0].spouse is people[-1]:
        return ["couple"]
    if len({p.female for p in people}) == 1:
        nouns.append("women" if people[0].female else "men")
    if len({p.profession for p in people}) == 1:
        nouns.append(people[0].profession + "s")
    if people[0].sibling is people[-1]:
        nouns.append({2: "sisters", 0: "brothers"}.get(sum(p.female for p in people), "siblings"))
    return nouns
