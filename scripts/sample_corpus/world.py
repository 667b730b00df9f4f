"""The invented world: people, organisations, places and works, in circles that know each other.

A circle has two sides that mirror one another on purpose. Each side has an organisation of the *same* kind, a
professional of the *same* trade (often of the same gender), a director, a founder, a relative and two works, so that
"the company", "the engineer", "she" and even a surname fit several entities and only the text says which one is meant.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from .domains import DOMAINS, JURORS, MANAGERS, RELATIVES, SUBJECTS, Domain
from .names import read_names


@dataclass(eq=False)
class Entity:
    """Anything a text can refer to; identity, not equality, says who is who."""


@dataclass(eq=False)
class Place(Entity):
    name: str
    country: str
    nationality: str
    noun: str = "city"


@dataclass(eq=False)
class Org(Entity):
    name: list[str]  # words; the article is not part of it
    article: bool  # "the Corvus Museum"
    alias: str | None  # "Corvus", or an acronym
    acronym: bool
    kind: str  # "a maker of electric buses"
    nouns: Sequence[str]  # "company", "firm"
    place: Place
    founded: int
    staff: int
    founder: Person | None = None
    director: Person | None = None


@dataclass(eq=False)
class Person(Entity):
    first: str
    surname: str
    female: bool
    profession: str
    adjective: str | None
    home: Place  # where this person was born
    city: Place  # where this person lives
    born: int
    school: Org  # university
    subject: str  # what this person studied
    since: int  # start of the present job
    employer: Org | None = None
    sibling: Person | None = None
    spouse: Person | None = None
    married: int = 0
    company: Org | None = None  # that this person founded


@dataclass(eq=False)
class Work(Entity):
    title: list[str]
    quoted: bool  # a title between quotation marks, or a name like "the Heron Bridge"
    nouns: Sequence[str]  # "novel", "book"
    creator: Person
    year: int
    made: tuple[str, str]  # wrote, written
    topic: str


@dataclass(eq=False)
class Thing(Entity):
    """Something or someone that only one document brings up: a letter, the workers, a neighbour."""

    noun: str
    plural: bool = False
    female: bool | None = None  # set for people


@dataclass(eq=False)
class Prize(Entity):
    name: list[str]
    place: Place


@dataclass(eq=False)
class Group(Entity):
    members: tuple[Entity, ...]


@dataclass
class Circle:
    """People, organisations, places and works by the letters that templates use (see ``cast``)."""

    members: dict[str, Entity] = field(default_factory=dict)
    domain: Domain = DOMAINS[0]

    def cast(self, mirrored: bool) -> dict[str, Entity]:
        """The roles of a story, seen from one side of the circle or from the other.

        People: A, B professionals, C, G their relatives, D, E directors, F, K founders, M politician, I detective,
        J juror, H host. Organisations: O, Q. Places: P, R, where O and Q are, and L. Works: W, V by A, X, Y by B.
        U is a prize.
        """
        swap = dict(zip("ABCGDEFKOQPRWXVY", "BAGCEDKFQORPXWYV", strict=True)) if mirrored else {}
        return {swap.get(role, role): entity for role, entity in self.members.items()}


class NamePool:
    """Draws names without repetition until the pool is empty, then starts again."""

    def __init__(self, rng: random.Random, items: Sequence[str]) -> None:
        self.rng, self.items = rng, list(items)
        self.left: list[str] = []

    def draw(self) -> str:
        if not self.left:
            self.left = list(self.items)
            self.rng.shuffle(self.left)
        return self.left.pop()


class SplitNames:
    """The names of one split: a share of every list, and a few cities that all splits have in common."""

    def __init__(self, rng: random.Random, shares: dict[str, list[str]]) -> None:
        self.pools = {key: NamePool(rng, items) for key, items in sorted(shares.items())}

    def __getitem__(self, key: str) -> str:
        return self.pools[key].draw()


def split_names(rng: random.Random) -> dict[str, SplitNames]:
    """Disjoint names for the three splits (60/20/20 %), but for a tenth of the cities."""
    shares: dict[str, dict[str, list[str]]] = {"train": {}, "development": {}, "test": {}}
    for key, values in read_names().items():
        if key == "title nouns":
            for share in shares.values():
                share[key] = values
            continue
        items = rng.sample(values, len(values))
        common = items[: len(items) // 10] if key == "cities" else []
        own = items[len(common) :]
        cuts = [0, len(own) * 6 // 10, len(own) * 8 // 10, len(own)]
        for i, split in enumerate(shares):
            shares[split][key] = own[cuts[i] : cuts[i + 1]] + common
    return {split: SplitNames(rng, share) for split, share in shares.items()}


def make_circle(rng: random.Random, pool: SplitNames, domain: Domain) -> Circle:
    """Two mirrored sides, an outsider, a host and a third place."""
    places: list[Place] = []
    while len(places) < 3:
        name, country, nationality = pool["cities"].split(", ")
        if all(place.name != name for place in places):
            places.append(Place(name, country, nationality))
    universities = [
        Org(["University", "of", place.name], True, None, False, "a university", ("university",), place,
            rng.randrange(1820, 1960), rng.randrange(120, 400) * 10)
        for place in places
    ]  # fmt: skip
    circle = Circle(domain=domain)
    profession = rng.choice(domain.professions)
    same_gender = rng.random() < 0.85
    female = rng.random() < 0.5
    used: set[str] = set()

    def person(job: str, gender: bool, home: Place, lives: Place, surname: str | None = None) -> Person:
        first = pool["women" if gender else "men"]
        while first in used:
            first = pool["women" if gender else "men"]
        used.add(first)
        born = rng.randrange(1946, 1992)
        adjective = rng.choice([None, None, "gifted", "quiet", "tall", "shy", "cheerful"])
        adjective = "young" if born >= 1984 else "veteran" if born < 1956 else adjective
        school, subject = rng.choice(universities), SUBJECTS.get(job, domain.subject)
        since = rng.randrange(max(born + 24, 1996), 2018)
        surname = surname or pool["surnames"]
        return Person(first, surname, gender, job, adjective, home, lives, born, school, subject, since)

    for side, letters in enumerate(("ACDFOPWV", "BGEKQRXY")):
        pro, relative, director, founder, org, place, work, second = tuple(letters)
        here, away = places[side], places[2 - side]
        circle.members[place] = here
        circle.members[org] = company = _organisation(rng, pool, domain, here)
        gender = female if side == 0 or same_gender else not female
        star = person(profession, gender, away if rng.random() < 0.6 else here, here)
        star.employer = company
        star.since = max(star.since, company.founded + rng.randrange(1, 6))
        sibling = rng.random() < 0.75
        kin = person(rng.choice(RELATIVES), gender == (rng.random() < 0.65) if sibling else not gender, star.home,
                     rng.choice(places), star.surname if sibling or rng.random() < 0.4 else None)  # fmt: skip
        if sibling:
            star.sibling, kin.sibling = kin, star
        else:
            star.spouse, kin.spouse = kin, star
            star.married = kin.married = rng.randrange(max(star.born, kin.born) + 22, 2020)
        boss = person(rng.choice(MANAGERS), gender == (rng.random() < 0.7), rng.choice(places), here)
        boss.employer, company.director = company, boss
        boss.since = max(boss.since, company.founded + rng.randrange(1, 6))
        maker = person(rng.choice(MANAGERS), rng.random() < 0.5, here, here)
        maker.born = company.founded - rng.randrange(27, 45)
        maker.adjective, maker.company, company.founder = None, company, maker
        for letter, entity in ((pro, star), (relative, kin), (director, boss), (founder, maker)):
            circle.members[letter] = entity
        first_year = max(star.born + 23, 1990)
        years = sorted(rng.sample(range(first_year, 2024), 2))
        for letter, year in ((second, years[0]), (work, years[1])):
            circle.members[letter] = _work(rng, pool, domain, star, year)
    circle.members["L"] = places[2]
    for letter, job in (("M", "politician"), ("I", "detective"), ("J", rng.choice(JURORS)), ("H", "journalist")):
        circle.members[letter] = person(job, rng.random() < 0.5, rng.choice(places), rng.choice(places))
    circle.members["U"] = Prize([pool["surnames"], rng.choice(["Prize", "Award", "Medal"])], rng.choice(places))
    return circle


def _organisation(rng: random.Random, pool: SplitNames, domain: Domain, place: Place) -> Org:
    pattern = rng.choice(domain.org_names)
    article = pattern.startswith("the ")
    words = pattern.removeprefix("the ").replace("*", pool["organisations"]).split()
    acronym = len(words) >= 4 and rng.random() < 0.8
    alias = "".join(w[0] for w in words if w[0].isupper()) if acronym else words[0]
    return Org(words, article, alias, acronym, domain.kind, domain.org_nouns, place,
               rng.randrange(1962, 2012), rng.randrange(3, 95) * 10)  # fmt: skip


def _work(rng: random.Random, pool: SplitNames, domain: Domain, creator: Person, year: int) -> Work:
    pattern = rng.choice(domain.work_names)
    title = pattern.removeprefix("the ").replace("*", pool["organisations"]).split() if pattern else []
    if not title:
        first, second = pool["title adjectives"], pool["title nouns"]
        while second == first:
            second = pool["title nouns"]
        title = ["The", first, second]
    return Work(title, not pattern, domain.work_nouns, creator, year, domain.made, rng.choice(domain.topics))


def make_circles(rng: random.Random, pool: SplitNames, count: int) -> list[Circle]:
    """Circles over all domains in turn, in random order."""
    order = [DOMAINS[i % len(DOMAINS)] for i in range(count)]
    rng.shuffle(order)
    return [make_circle(rng, pool, domain) for domain in order]
