"""Relation extraction in the TACRED schema: facts and what only looks like a fact."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

from .coreference import lexicon_of
from .discourse import Discourse
from .facts import Fact, facts_about, is_known, tell
from .language import Sentence
from .memory import Style
from .tagging import tag
from .world import Circle, Entity, Org, Person, Place

RELATIONS = {
    "org:top_members": "org:top_members/employees",
    "org:number_of_employees": "org:number_of_employees/members",
}
NO_RELATION = "no_relation"
LABELS = (NO_RELATION, "org:city_of_headquarters", "org:founded", "org:founded_by", "org:number_of_employees/members",
          "org:top_members/employees", "per:cities_of_residence", "per:city_of_birth", "per:employee_of",
          "per:schools_attended", "per:siblings", "per:spouse", "per:title")  # fmt: skip
_TYPES = {"PERSON": "PERSON", "ORG": "ORGANIZATION", "GPE": "CITY", "NORP": "NATIONALITY", "DATE": "DATE"}
Span = tuple[int, int]


def joined(sentences: list[Sentence], link: str) -> Sentence:
    """Two sentences as one: "Anna lives in Ghent , and Paul runs Corvus ."."""
    first, second = sentences
    result = Sentence(first.words[:-1] + link.split(), list(first.mentions), list(first.names))
    shift = len(result.words)
    proper = {start for start, _, _ in second.names}
    words = list(second.words)
    if 0 not in proper and words[0] != "I":
        words[0] = words[0][0].lower() + words[0][1:]
    result.words += words
    for mention in second.mentions:
        result.mentions.append(type(mention)(mention.start + shift, mention.end + shift, mention.entity, mention.form))
    result.names += [(start + shift, end + shift, label) for start, end, label in second.names]
    return result


def locate(sentence: Sentence, entity: Entity | str, pronouns: bool = False) -> Span | None:
    """Where a sentence names an entity (without article and apposition) or says a value; None if it does not."""
    if isinstance(entity, str):
        words = entity.split()
        for i in range(len(sentence.words) - len(words) + 1):
            if sentence.words[i : i + len(words)] == words:
                return i, i + len(words) - 1
        return None
    label = {Person: "PERSON", Org: "ORG", Place: "GPE"}.get(type(entity))
    for mention in sentence.mentions:
        if mention.entity is entity and mention.form == "name":
            for start, end, kind in sentence.names:
                if mention.start <= start and end <= mention.end and kind == label:
                    return start, end
    if pronouns:
        for mention in sentence.mentions:
            if mention.entity is entity and mention.form == "pronoun":
                return mention.start, mention.end
    return None


def make_records(rng: random.Random, circles: list[Circle], count: int) -> list[dict]:
    """TACRED records, about two in five of them without a relation."""
    records: list[dict] = []
    counts: Counter[str] = Counter()
    while len(records) < count:
        circle = rng.choice(circles)
        cast = circle.cast(rng.random() < 0.5)
        text = Discourse(rng, Style(pronoun=0.6, nominal=0.0, apposition=0.2), cast, lexicon_of(circle))
        facts = _two_facts(rng, cast)
        sentences = []
        for fact in facts:
            if is_known(text, fact):
                break
            sentences += tell(text, fact)
        if len(sentences) < 2:
            continue
        if rng.random() < 0.4:
            sentence, told = sentences[0], facts[:1]
        else:
            sentence, told = joined(sentences, rng.choice([", and", ";", ", while", "and"])), facts
        options = list(_pairs(sentence, told, cast))
        wanted = rng.random() >= 0.6
        options = [o for o in options if (o[2] != NO_RELATION) == wanted]
        if options:  # the label that is rarest so far, so that none is missing
            rng.shuffle(options)
            chosen = min(options, key=lambda option: counts[option[2]])
            counts[chosen[2]] += 1
            records.append(_record(rng, len(records), circle, sentence, *chosen))
    return records


def _two_facts(rng: random.Random, cast: dict[str, Entity]) -> list[Fact]:
    subjects = [cast[role] for role in "ABCDEOQ"]
    facts = [fact for subject in subjects for fact in facts_about(subject)]
    relation = rng.choice(sorted({fact.relation for fact in facts}))  # rare relations as often as common ones
    first = rng.choice([fact for fact in facts if fact.relation == relation])
    others = [s for s in subjects if s is not first.subject]
    second = rng.choice(facts_about(first.subject if rng.random() < 0.4 else rng.choice(others)))
    return [first, second] if second != first else [first]


def _pairs(
    sentence: Sentence, facts: list[Fact], cast: dict[str, Entity]
) -> Iterable[tuple[Span, Span, str, str, str]]:
    """(subject, object, relation, subject type, object type) of the told facts and of pairs without any fact."""
    for fact in facts:
        subject = locate(sentence, fact.subject, pronouns=True)
        value = locate(sentence, fact.value)
        kind = "PERSON" if isinstance(fact.subject, Person) else "ORGANIZATION"
        if subject and value and subject != value:
            yield subject, value, RELATIONS.get(fact.relation, fact.relation), kind, _type(fact.value)
        year = locate(sentence, str(fact.year))
        if fact.relation == "org:founded_by" and subject and year:
            yield subject, year, "org:founded", kind, "DATE"
    spans = [(entity, span) for entity in dict.fromkeys(cast.values()) if (span := locate(sentence, entity))]
    for one, start in spans:
        for other, end in spans:
            if one is not other and isinstance(one, Person | Org) and not _related(one, other):
                yield start, end, NO_RELATION, _type(one), _type(other)


def _related(one: Entity, other: Entity) -> bool:
    """True if the world knows any fact about the two, told or not."""
    values = {id(f.value) for f in facts_about(one)} | {id(f.value) for f in facts_about(other)}
    return id(one) in values or id(other) in values


def _type(entity: Entity | str) -> str:
    if isinstance(entity, str):
        return "NUMBER" if entity.isdigit() else "TITLE"
    return {Person: "PERSON", Org: "ORGANIZATION", Place: "CITY"}[type(entity)]


def _record(rng: random.Random, number: int, circle: Circle, sentence: Sentence, subject: Span, value: Span,
            relation: str, subject_type: str, object_type: str) -> dict:  # fmt: skip
    tags = [pos for pos, _ in tag(sentence)]
    ner = ["O"] * len(tags)
    for start, end, label in sentence.names + sentence.dates():
        ner[start : end + 1] = [_TYPES.get(label, "MISC")] * (end - start + 1)
    for (start, end), kind in ((subject, subject_type), (value, object_type)):
        if kind in ("TITLE", "NUMBER"):
            ner[start : end + 1] = [kind] * (end - start + 1)
    heads, labels = _dependencies(tags)
    return {
        "id": f"{rng.getrandbits(80):020x}", "docid": f"sample_re_{number:04d}", "relation": relation,
        "token": sentence.words, "subj_start": subject[0], "subj_end": subject[1], "obj_start": value[0],
        "obj_end": value[1], "subj_type": subject_type, "obj_type": object_type, "stanford_pos": tags,
        "stanford_ner": ner, "stanford_head": heads, "stanford_deprel": labels,
    }  # fmt: skip


def _dependencies(tags: list[str]) -> tuple[list[int], list[str]]:
    """A crude tree by rule, heads from 1: modifiers hang on the next noun, everything else on the first verb."""
    verbs = [i for i, pos in enumerate(tags) if pos.startswith("V")]
    root = verbs[0] if verbs else 0
    heads, labels = [], []
    for i, pos in enumerate(tags):
        noun = next((j for j in range(i + 1, len(tags)) if tags[j].startswith("NN")), None)
        inside = noun is not None and all(t in ("DT", "JJ", "CD", "PRP$", "NNP", "NN") for t in tags[i:noun])
        if i == root:
            heads.append(0)
            labels.append("ROOT")
        elif inside and pos in ("DT", "JJ", "CD", "PRP$", "NNP", "NN"):
            heads.append((noun or 0) + 1)
            labels.append({"DT": "det", "JJ": "amod", "CD": "nummod", "PRP$": "nmod:poss"}.get(pos, "compound"))
        elif pos == "IN" and noun is not None:
            heads.append(noun + 1)
            labels.append("case")
        else:
            heads.append(root + 1)
            subject = i < root and pos in ("NN", "NNS", "NNP", "PRP")
            labels.append("nsubj" if subject else "punct" if not pos[0].isalpha() else "dep")
    return heads, labels
