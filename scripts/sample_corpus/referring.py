"""How an entity is worded at a place in a text: introduced, named, described or replaced by a pronoun.

The choice is made as a careful writer makes it: a pronoun only where number, gender or the topic leaves one reading, a
description only where it fits one of the entities in play, a surname only while nobody else in the text bears it.
"""

from __future__ import annotations

from .domains import SYNONYMS
from .introducing import introduce
from .memory import Memory
from .wordings import PRONOUNS, Name, Part, Ref, Wording, gender, group_nouns, relations, title
from .world import Entity, Group, Org, Person, Place, Prize, Thing, Work


class Referring(Memory):
    """Chooses wordings in the light of what was said."""

    def word(self, entity: Entity, case: str, form: str | None, plain: bool, extended: bool) -> Wording:
        """The wording of a reference; ``form`` forces a kind, ``extended``: more words follow in the mention."""
        if form in ("voc", "first"):
            assert isinstance(entity, Person)
            if form == "first" or self.style.names == "first":
                return Wording([Name([entity.first], "PERSON")], "name")
            return Wording(["Ms." if entity.female else "Mr.", Name([entity.surname], "PERSON")], "name")
        row = self.deictic(entity)
        if row and form in (None, "np"):
            return Wording([PRONOUNS[row][case]], "pronoun")
        new = entity not in self.known
        if form == "full" and isinstance(entity, Person):
            return Wording([Name([entity.first, entity.surname], "PERSON")], "name")
        if new or form in ("full", "name"):
            first = introduce(self, entity, case, plain or extended, form) if new else None
            return first or self._name(entity)
        clear = form != "np" and self.pronoun_is_clear(entity)
        here = any(u.entity is entity for u in self.current)
        if clear and not extended and self.rng.random() < (0.96 if here else self.style.pronoun):
            return Wording([PRONOUNS[gender(entity)][case]], "pronoun")
        if self.rng.random() < self.style.nominal and (nominal := self._nominal(entity, case)):
            return nominal
        return self._name(entity)

    def _name(self, entity: Entity) -> Wording:
        if isinstance(entity, Person):
            return Wording(self._person_name(entity), "name")
        if isinstance(entity, Org):
            alias = entity.alias if entity.alias and ("alias" in self.known[entity] or not entity.acronym) else None
            same = [o for o in self.others(Org) if o.alias == entity.alias]
            words = entity.name if alias is None or len(same) > 1 or self.rng.random() < 0.35 else [alias]
            return Wording([*(["the"] if entity.article else []), Name(words, "ORG")], "name")
        if isinstance(entity, Place):
            return Wording([Name([entity.name], "GPE")], "name")
        if isinstance(entity, Work):
            return Wording(title(entity), "name")
        if isinstance(entity, Prize):
            return Wording(["the", Name(entity.name, "WORK_OF_ART")], "name")
        return self._nominal(entity, "n") or Wording([PRONOUNS["they"]["n"]], "pronoun")

    def _person_name(self, person: Person) -> list[Part]:
        namesakes = [p for p in self.others(Person) if p is not person and p.surname == person.surname]
        style = self.style.names
        if style == "first":
            return [Name([person.first], "PERSON")]
        if namesakes:
            words = [person.first] if style == "surname" and self.rng.random() < 0.7 else [person.first, person.surname]
            return [Name(words, "PERSON")]
        if style == "title":
            return ["Ms." if person.female else "Mr.", Name([person.surname], "PERSON")]
        return [Name([person.surname], "PERSON")]

    def _nominal(self, entity: Entity, case: str) -> Wording | None:
        options: list[list[Part]] = []
        known = self.known.get(entity, set())
        if isinstance(entity, Person):
            options = self._person_nominals(entity, known, case)
        elif isinstance(entity, Org):
            same = [o for o in self.others(Org) if o.nouns[0] == entity.nouns[0]]
            if len(same) == 1 or self.in_focus(entity):
                options += [["the", noun] for noun in entity.nouns[:2] for _ in range(2)]
            if "place" in known and "kind" in known and all(o is entity or o.place is not entity.place for o in same):
                options += [["the", Name([entity.place.name], "GPE"), entity.nouns[0]]]
        elif isinstance(entity, Work):
            same = [w for w in self.others(Work) if w.nouns[0] == entity.nouns[0]]
            if "noun" in known and (len(same) == 1 or self.in_focus(entity)):
                options += [["the", noun] for noun in entity.nouns]
        elif isinstance(entity, Place):
            options += [["the", entity.noun]] if self.in_focus(entity) and self.rng.random() < 0.5 else []
        elif isinstance(entity, Prize):
            options += [["the", "prize"], ["the", entity.name[-1].lower()]]
        elif isinstance(entity, Thing):
            options += [["the", entity.noun] for _ in range(5)]
            options += [["these" if entity.plural else "this", entity.noun]]
        elif isinstance(entity, Group):
            options += [["the", *(["two"] if noun != "couple" else []), noun] for noun in group_nouns(entity)]
        return Wording(self.rng.choice(options), "nominal") if options else None

    def _person_nominals(self, person: Person, known: set[str], case: str) -> list[list[Part]]:
        others = [p for p in self.others(Person) if p is not person]
        colleagues = [p for p in others if p.profession == person.profession and "profession" in self.known[p]]
        options: list[list[Part]] = []
        if "profession" in known:
            if not colleagues:
                options += [["the", noun] for noun in (*[person.profession] * 2, *SYNONYMS.get(person.profession, ()))]
            elif self.in_focus(person):
                options += [["the", person.profession]]
            if "adjective" in known and all(p.adjective != person.adjective for p in colleagues):
                options += [["the", person.adjective or "", person.profession]] * (1 + bool(colleagues))
            if "home" in known and all(p.home is not person.home for p in colleagues):
                weight = 2 if colleagues and case != "p" else 0
                options += [["the", person.profession, "from", Ref(person.home)]] * weight
            if "home" in known and all(p.home.nationality != person.home.nationality for p in colleagues):
                options += [["the", Name([person.home.nationality], "NORP"), person.profession]]
        if all(p.female != person.female for p in others) and self.rng.random() < 0.5:
            options += [["the", "woman" if person.female else "man"]]
        window = [u.entity for u in self.previous + self.current]
        for anchor, noun in relations(person):
            near = anchor in window or self.deictic(anchor)
            if near and f"{noun} of" in known and (person, f"{noun} of") not in self.silent:
                options += [[Ref(anchor, "p"), noun]] * 2
                if isinstance(anchor, Org) and all(p.employer is not anchor or p is person for p in others):
                    options += [["the", noun]]
        return options
