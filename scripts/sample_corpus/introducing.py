"""First mentions: how a text presents people, organisations and works that the reader has not met yet."""

from __future__ import annotations

from .memory import Memory
from .wordings import Name, Part, Ref, Wording, relations, title
from .world import Entity, Org, Person, Place, Prize, Work


def introduce(memory: Memory, entity: Entity, case: str, plain: bool, form: str | None) -> Wording | None:
    """The wording of a first mention (``plain``: without apposition), or None for what is just named."""
    plain = plain or case == "p" or form == "full"
    if isinstance(entity, Person):
        return _introduce_person(memory, entity, plain)
    if isinstance(entity, Org):
        full: list[Part] = [*(["the"] if entity.article else []), Name(entity.name, "ORG")]
        if form != "full" and entity.acronym and not memory.speaker:
            return Wording(full, "name", {"alias"}, ["-LRB-", Ref(entity, "alias"), "-RRB-"])
        if not plain and memory.rng.random() < memory.style.apposition:
            based: list[Part] = [",", *entity.kind.split(), "in", Ref(entity.place), ","]
            return Wording(full + based, "name", {"kind", "place"})
        return Wording(full, "name")
    if isinstance(entity, Work):
        if form == "name":
            return Wording(title(entity), "name")
        if form == "full":
            return Wording(
                ["the", entity.nouns[0], *title(entity)] if entity.quoted else title(entity), "name", {"noun"}
            )
        return _introduce_work(memory, entity, plain)
    if isinstance(entity, Place) and not plain and memory.rng.random() < 0.15:
        where: list[Part] = ["the", Name([entity.nationality], "NORP"), "city", "of", Name([entity.name], "GPE")]
        return Wording(where, "name")
    if isinstance(entity, Prize) and memory.rng.random() < 0.4:
        return Wording(["the", Name([entity.place.nationality], "NORP"), Name(entity.name, "WORK_OF_ART")], "name")
    return None


def _introduce_person(memory: Memory, person: Person, plain: bool) -> Wording:
    full = Name([person.first, person.surname], "PERSON")
    if memory.style.casual:
        full = Name([person.first], "PERSON")
    adjective = [person.adjective] if person.adjective and memory.rng.random() < 0.6 else []
    known = {"profession", "adjective"} if adjective else {"profession"}
    for anchor, noun in relations(person):
        if (person, f"{noun} of") in memory.silent:
            continue
        if (anchor in memory.known or memory.deictic(anchor)) and (
            memory.rng.random() < 0.9 or isinstance(anchor, Org)
        ):
            owner = Ref(anchor, "p")
            known = {f"{noun} of"}
            if plain or memory.style.casual:
                return Wording([owner, noun, full], "name", known)
            if isinstance(anchor, Org) and memory.rng.random() < 0.5:
                return Wording([full, ",", "the", noun, "of", Ref(anchor, form="name"), ","], "name", known)
            return Wording([owner, noun, ",", full, ","], "name", known)
    if memory.style.casual:
        return Wording([full], "name")
    company = person.employer
    directs = company and company.director is person and (person, "director of") not in memory.silent
    if company and directs and not plain and memory.rng.random() < 0.7:
        return Wording([full, ",", "the", "director", "of", Ref(company, form="name"), ","], "name", {"director of"})
    roll = memory.rng.random()
    job = [*adjective, person.profession]
    if roll > memory.style.apposition + 0.4:
        return Wording([full], "name")
    if plain or roll > memory.style.apposition:
        if memory.rng.random() < 0.4:
            return Wording(
                [Name([person.home.nationality], "NORP"), person.profession, full], "name", {"profession", "home"}
            )
        return Wording(["the", *job, full], "name", known)
    if memory.rng.random() < 0.25:
        return Wording(["a", *job, "named", full], "name", known)
    if memory.rng.random() < 0.6:
        return Wording([full, ",", "a", *job, "from", Ref(person.home), ","], "name", known | {"home"})
    return Wording([full, ",", "a", *job, ","], "name", known)


def _introduce_work(memory: Memory, work: Work, plain: bool) -> Wording:
    noun = memory.rng.choice(list(work.nouns))
    known = {"noun"}
    if memory.style.casual and work.creator in memory.known:
        return Wording([Ref(work.creator, "p"), noun], "nominal", known)
    if work.creator in memory.known or memory.deictic(work.creator):
        present = memory.deictic(work.creator) or any(
            u.entity is work.creator for u in memory.previous + memory.current
        )
        if memory.rng.random() < (0.75 if present else 0.4) and work.quoted:
            return Wording([Ref(work.creator, "p"), noun, *title(work)], "name", known)
    if plain:
        return Wording(["the", noun, *title(work)] if work.quoted else title(work), "name", known)
    about = "about" if work.quoted else "for"
    if memory.rng.random() < 0.5:
        return Wording([*title(work), ",", "a", noun, about, *work.topic.split(), ","], "name", known)
    return Wording(["a", noun, "called", *title(work)], "name", known)
