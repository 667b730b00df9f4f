"""Sentence pairs in the layout of MRPC: the same said twice, or nearly the same but not quite."""

from __future__ import annotations

import random
from dataclasses import replace

from .coreference import lexicon_of
from .discourse import Discourse
from .facts import WORDINGS, Fact, facts_about, tell
from .language import Sentence
from .memory import Style
from .relations import joined
from .world import Circle, Entity

# every group says one thing; the letters are those of world.Circle.cast
EVENTS = [
    ["`` We are proud of {W.o} , '' {D:full} , the director of {O.o} , said on <day> .",
     "On <day> {D:full} , who runs {O.o} , called {W.o} `` something to be proud of '' .",
     "{D:full} , the director of {O.o} , told reporters on <day> that everybody was proud of {W.o} ."],
    ["{O} said on <day> that {O:it} would buy {Q.o} for <N> million euros .",
     "{Q} will be bought by {O.o} for <N> million euros , according to a statement on <day> .",
     "<N> million euros is the price that {O} will pay for {Q.o} , it was announced on <day> ."],
    ["{A:full} has won {U.o} for {W.o} , the jury announced in {L} .",
     "The jury in {L} has given {U.o} to {A:full} for {W.o} .",
     "In {L} , {U} was awarded to {A:full} , who was honoured for {W.o} ."],
    ["Police in {R} are looking for two men who broke into {Q.o} on <day> night .",
     "Two men broke into {Q.o} in {R} on <day> night , and the police are searching for them .",
     "The police want to find the two men who forced their way into {Q.o} , in {R} , late on <day> ."],
    ["{A:full} and {B:full} will work together for the first time , {O} announced .",
     "For the first time {B:full} is to work with {A:full} , according to {O.o} .",
     "{O} has announced the first joint project of {A:full} and {B:full} ."],
    ["A fire at {O.o} in {P} destroyed <n> rooms but hurt nobody , {D:full} said .",
     "Nobody was hurt when fire destroyed <n> rooms of {O.o} in {P} , said {D:full} .",
     "According to {D:full} , <n> rooms were lost but no one was injured in the fire at {O.o} in {P} ."],
    ["{C:full} , who is a <C.profession> , described {A.o} as `` stubborn but fair '' .",
     "`` Stubborn but fair '' is how {C:full} , a <C.profession> , described {A.o} .",
     "{A} is stubborn but fair , says {C:full} , who works as a <C.profession> ."],
    ["{O} will close its branch in {L} in <month> and cut <N> jobs .",
     "<N> people will lose their jobs in <month> , when {O} closes its {L} branch .",
     "In <month> {O} is going to shut its branch in {L} , at the cost of <N> jobs ."],
    ["{B:full} refused to comment on the rumours about {X.o} .",
     "Asked about the rumours around {X.o} , {B:full} declined to comment .",
     "There was no comment from {B:full} on the rumours that surround {X.o} ."],
    ["About <N> people came to {L} to hear {A:full} speak about {W.o} .",
     "A talk by {A:full} about {W.o} drew some <N> people to {L} .",
     "Some <N> visitors travelled to {L} for a talk that {A:full} gave about {W.o} ."],
]  # fmt: skip
SWAPS = ["AB", "OQ", "DE", "WX", "WV", "PR", "LP", "AC"]
_NAMES = Style(pronoun=0.5, nominal=0.0, apposition=0.0)


def make_pairs(rng: random.Random, circles: list[Circle], count: int) -> list[tuple[int, str, str]]:
    """(1 for a paraphrase, sentence, sentence), about two thirds of them paraphrases."""
    pairs: list[tuple[int, str, str]] = []
    seen: set[tuple[str, str]] = set()
    while len(pairs) < count:
        circle = rng.choice(circles)
        cast = circle.cast(rng.random() < 0.5)
        same = rng.random() < 0.67
        pair = _event(rng, circle, cast, same) if rng.random() < 0.5 else _facts(rng, circle, cast, same)
        if pair[0] != pair[1] and pair not in seen:
            seen.add(pair)
            pairs.append((int(same), *pair))
    return pairs


def _shown(sentence: Sentence) -> str:
    return " ".join({"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")"}.get(w, w) for w in sentence.words)


def _event(rng: random.Random, circle: Circle, cast: dict[str, Entity], same: bool) -> tuple[str, str]:
    """Two wordings of an event; if not the same, with two roles exchanged or another number, day or month."""
    group = rng.choice(EVENTS)
    first, second = rng.sample(group, 2)
    details = {"day": "Monday", "month": "May", "N": "", "n": ""}
    source = Discourse(rng, _NAMES, cast, lexicon_of(circle))
    details = {key: source.draw(key) for key in details}
    changed, altered = dict(details), dict(cast)
    if not same:
        swaps = [s for s in SWAPS if f"{{{s[0]}" in first or f"{{{s[1]}" in first]
        used = [key for key in details if f"<{key}>" in first]
        if used and (not swaps or rng.random() < 0.35):
            key = rng.choice(used)
            while changed[key] == details[key]:
                changed[key] = source.draw(key)
        else:
            one, other = tuple(rng.choice(swaps))
            altered[one], altered[other] = cast[other], cast[one]
    texts = []
    for wording, roles, values in ((first, cast, details), (second, altered, changed)):
        text = Discourse(rng, _NAMES, roles, lexicon_of(circle))
        texts.append(_shown(text.say(wording, **values)[0]))
    return texts[0], texts[1]


def _facts(rng: random.Random, circle: Circle, cast: dict[str, Entity], same: bool) -> tuple[str, str]:
    """Two facts about one entity in two wordings and orders; if not the same, one of them with another value."""
    subject = cast[rng.choice("ABCDEOQ")]
    facts = rng.sample([f for f in facts_about(subject) if f.relation not in ("per:siblings", "per:spouse")], 2)
    others = list(facts)
    if not same:
        changed = rng.randrange(2)
        others[changed] = _altered(rng, facts[changed], cast, facts)
    link = rng.choice([", and", ";"])
    wordings = {f.relation: _two_wordings(rng, f) for f in facts + others}
    texts = []
    for number, chosen in enumerate((facts, others[::-1] if rng.random() < 0.6 else others)):
        text = Discourse(rng, _NAMES, cast, lexicon_of(circle))
        parts = [tell(text, f, wordings[f.relation][number])[0] for f in chosen]
        texts.append(_shown(joined(parts, link)))
    return texts[0], texts[1]


def _two_wordings(rng: random.Random, fact: Fact) -> list[str]:
    """Two wordings that say equally much: both give the year or neither does, and neither adds a detail."""
    plain = [w for w in WORDINGS[fact.relation] if "[" not in w and "<n>" not in w]
    groups = [[w for w in plain if ("<year>" in w) == dated] for dated in (True, False)]
    return rng.sample(rng.choice([g for g in groups if len(g) > 1]), 2)


def _altered(rng: random.Random, fact: Fact, cast: dict[str, Entity], told: list[Fact]) -> Fact:
    """The fact with the value of somebody else, another year, or another fact about the same entity."""
    values = [f.value for role in "ABCDEOQ" for f in facts_about(cast[role])
              if f.relation == fact.relation and f.value is not fact.value and f.value is not fact.subject]  # fmt: skip
    values = [v for v in values if v != fact.value]
    if values and rng.random() < 0.6:
        return replace(fact, value=rng.choice(values))
    if fact.year:
        return replace(fact, year=fact.year + rng.choice([-9, -4, -3, 2, 5, 11]))
    unused = [f for f in facts_about(fact.subject) if f not in told]
    return rng.choice(unused)
