"""What the world knows about an entity, and ways to say it: S is the subject of a fact, Z its value.

The wordings of one relation mean the same, which makes them paraphrases; the sentence of a fact is also the evidence
for its relation and the answer to its questions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .discourse import Discourse
from .language import Sentence
from .world import Entity, Org, Person, Work

# relation: wordings; <year> is the year of the fact, <value> a value that is no entity
WORDINGS = {
    "per:city_of_birth": [
        "{S} {S~was} born in {Z} in <year> .",
        "{S} {S~was} born and raised in {Z} .",
        "{S} {S~is} a native of {Z} and {S~was} born in <year> .",
        "{S.p} birthplace is {Z} , where {S.p} parents had a [bakery|pharmacy|small hotel|bookshop] .",
        "It was in {Z} that {S} {S~was} born , in <year> .",
        "{S} {S~comes} from {Z} , where {S:he} {S~was} born in <year> .",
    ],
    "per:cities_of_residence": [
        "{S} {S~lives} in {Z} .",
        "{S} {S~has} lived in {Z} for [many|<n>] years .",
        "{S} moved to {Z} in <year> and {S~has} stayed there ever since .",
        "{S} {S~has} made {S:his} home in {Z} .",
        "{S} now {S~lives} in {Z} , in [a small flat near the station|an old house by the river] .",
        "{S.p} home is in {Z} .",
    ],
    "per:title": [
        "{S} {S~is} [a|a <adjective>] <value> .",
        "{S} {S~works} as a <value> .",
        "{S} {S~makes} {S:his} living as a <value> .",
        "{S} {S~has} been a <value> for [more than <n>|almost <n>] years .",
        "By profession {S} {S~is} a <value> .",
        "{S} [wanted|had wanted] to be a <value> [since childhood|from an early age] , and {S:he} became one .",
    ],
    "per:employee_of": [
        "{S} {S~has} worked for {Z.o} since <year> .",
        "{S} joined {Z.o} in <year> .",
        "{Z} hired {S.o} in <year> .",
        "{S} {S~has} been on the staff of {Z.o} since <year> .",
        "Since <year> {S} {S~has} been working at {Z.o} .",
        "{S} found a job at {Z.o} in <year> .",
    ],
    "per:schools_attended": [
        "{S} studied <value> at {Z.o} .",
        "{S} {S~is} a graduate of {Z.o} .",
        "{S} took a degree in <value> at {Z.o} .",
        "{S} went to {Z.o} to study <value> .",
        "{S} spent <n> years at {Z.o} , where {S:he} studied <value> .",
        "{Z} gave {S.o} a degree in <value> .",
    ],
    "per:siblings": [
        "{S} {S~has} a <kin> , {Z} .",
        "{Z} {Z~is} {S.p} <kin> .",
        "{S} grew up with {S:his} <kin> {Z} .",
        "{S.p} <kin> is called {Z:first} .",
        "{S} and {Z} have the same parents .",
    ],
    "per:spouse": [
        "{S} {S~is} married to {Z.o} .",
        "{S} married {Z.o} in <year> .",
        "{Z} {Z~has} been {S.p} <kin> since <year> .",
        "{S} and {Z} {S+Z~has} been married since <year> .",
        "In <year> {S} married {Z.o} .",
    ],
    "org:founded_by": [
        "{S} was founded by {Z.o} in <year> .",
        "{Z} founded {S.o} in <year> .",
        "It was {Z} who founded {S.o} , in <year> .",
        "{S} goes back to {Z.o} , who started {S:it} in <year> .",
        "{Z} set {S.o} up in <year> with [borrowed money|a small loan|<n> friends] .",
        "{S} was created by {Z.o} .",
    ],
    "org:city_of_headquarters": [
        "{S} is based in {Z} .",
        "{S} has {S:its} head office in {Z} .",
        "{S.p} headquarters are in {Z} .",
        "{S} is run from {Z} .",
        "{S} has {S:its} home in [the old town of|the centre of|the south of] {Z} .",
        "{S.p} main building stands in {Z} .",
    ],
    "org:top_members": [
        "{Z} {Z~is} the director of {S.o} .",
        "{S} is led by {Z.o} .",
        "{Z} {Z~has} run {S.o} since <year> .",
        "{Z} became director of {S.o} in <year> .",
        "Since <year> {S} has been led by {Z.o} .",
        "{S.p} director is called {Z:first} .",
    ],
    "org:number_of_employees": [
        "{S} employs about <value> people .",
        "About <value> people work for {S.o} .",
        "{S} has a staff of <value> .",
        "{S} gives work to <value> people .",
    ],
    "work:creator": [
        "{Z} <made> {S.o} in <year> .",
        "{S} was <made_participle> by {Z.o} in <year> .",
        "{S} is the work of {Z:name} , who finished {S:it} in <year> .",
        "It was {Z} who <made> {S.o} .",
        "In <year> {Z} finished {S.o} .",
        "{S} was completed by {Z.o} in <year> .",
    ],
}


@dataclass(frozen=True)
class Fact:
    relation: str
    subject: Entity
    value: Entity | str
    year: int = 0
    lexical: tuple[tuple[str, str], ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        return {"year": str(self.year), "value": str(self.value), **dict(self.lexical)}


def facts_about(entity: Entity) -> list[Fact]:
    """All facts of the world that have this subject."""
    if isinstance(entity, Person):
        job = (("adjective", entity.adjective or "good"),)
        facts = [
            Fact("per:city_of_birth", entity, entity.home, entity.born),
            Fact("per:title", entity, entity.profession, lexical=job),
            Fact("per:schools_attended", entity, entity.school, lexical=(("value", entity.subject),)),
        ]
        if entity.city is not entity.home:
            facts.append(Fact("per:cities_of_residence", entity, entity.city, min(entity.since + 1, 2019)))
        if entity.employer and entity.employer.director is not entity:
            facts.append(Fact("per:employee_of", entity, entity.employer, entity.since))
        if entity.sibling:
            kin = "sister" if entity.sibling.female else "brother"
            facts.append(Fact("per:siblings", entity, entity.sibling, lexical=(("kin", kin),)))
        if entity.spouse:
            kin = "wife" if entity.spouse.female else "husband"
            facts.append(Fact("per:spouse", entity, entity.spouse, entity.married, lexical=(("kin", kin),)))
        return facts
    if isinstance(entity, Org) and entity.founder and entity.director:
        return [
            Fact("org:founded_by", entity, entity.founder, entity.founded),
            Fact("org:city_of_headquarters", entity, entity.place),
            Fact("org:top_members", entity, entity.director, entity.director.since),
            Fact("org:number_of_employees", entity, str(entity.staff)),
        ]
    if isinstance(entity, Work):
        made = (("made", entity.made[0]), ("made_participle", entity.made[1]))
        return [Fact("work:creator", entity, entity.creator, entity.year, made)]
    return []


def is_known(discourse: Discourse, fact: Fact) -> bool:
    """True if the text has already said (or implied) the fact."""
    about = discourse.known.get(fact.subject, set())
    of_value = discourse.known.get(fact.value, set()) if isinstance(fact.value, Entity) else set()
    kin = dict(fact.lexical).get("kin", "")
    return fact.relation in about or {
        "per:city_of_birth": "home" in about,
        "per:title": "profession" in about,
        "per:siblings": f"{kin} of" in of_value or (isinstance(fact.value, Person) and fact.value in discourse.known),
        "per:spouse": f"{kin} of" in of_value or (isinstance(fact.value, Person) and fact.value in discourse.known),
        "org:founded_by": "founder of" in of_value,
        "org:city_of_headquarters": "place" in about,
        "org:top_members": "director of" in of_value,
    }.get(fact.relation, False)


def tell(discourse: Discourse, fact: Fact, wording: str | None = None, label: str = "-") -> list[Sentence]:
    """Say a fact; people and things that are new to the text come with their full name and nothing else."""
    text = wording or discourse.rng.choice(WORDINGS[fact.relation])
    discourse.cast["S"] = fact.subject
    if isinstance(fact.value, Entity):
        discourse.cast["Z"] = fact.value
    for role, entity in (("S", fact.subject), ("Z", fact.value)):
        if entity not in discourse.known:
            text = re.sub(rf"\{{{role}(\.[op])?(?::name)?\}}", rf"{{{role}\1:full}}", text, count=1)
    text = text.replace("{Z:first}", "{Z:full}")
    sentences = discourse.say(text, label, **fact.variables)
    learn(discourse, fact)
    return sentences


def learn(discourse: Discourse, fact: Fact) -> None:
    """Note what the reader knows after a fact was told."""
    discourse.known[fact.subject].add(fact.relation)
    known_of_subject = {"per:city_of_birth": "home", "per:title": "profession", "org:city_of_headquarters": "place"}
    if fact.relation in known_of_subject:
        discourse.known[fact.subject].add(known_of_subject[fact.relation])
    known_of_value = {"org:founded_by": "founder of", "org:top_members": "director of"}
    kin = dict(fact.lexical).get("kin")
    noun = f"{kin} of" if kin else known_of_value.get(fact.relation)
    if noun and isinstance(fact.value, Entity):
        discourse.known.setdefault(fact.value, set()).add(noun)
