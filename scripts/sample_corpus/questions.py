"""Extractive questions in the SQuAD 2.0 layout: what a paragraph answers, and what it does not."""

from __future__ import annotations

import random
import re

from .coreference import lexicon_of
from .discourse import Discourse
from .facts import Fact, facts_about, is_known, tell
from .language import Sentence, choose, detokenise
from .memory import Style
from .relations import locate
from .world import Circle, Entity, Org, Person, Place, Work

# relation: (what is asked for, question); {S} is the subject, {Z} the value
QUESTIONS = {
    "per:city_of_birth": [("Z", "[Where|In which city] was {S} born?"), ("Z", "What is the birthplace of {S}?"),
                          ("year", "[In which year|When] was {S} born?")],
    "per:cities_of_residence": [("Z", "Where does {S} live?"), ("Z", "In which city is the home of {S}?")],
    "per:title": [("Z", "What is the profession of {S}?"), ("Z", "What does {S} do for a living?")],
    "per:employee_of": [("Z", "Who is the employer of {S}?"), ("Z", "For whom does {S} work?"),
                        ("year", "Since when has {S} worked for {Z}?")],
    "per:schools_attended": [("Z", "[Where|At which university] did {S} study?"),
                             ("value", "[What|Which subject] did {S} study?")],
    "per:siblings": [("Z", "Who is the <kin> of {S}?")],
    "per:spouse": [("Z", "[Who is|What is the name of] {S}'s <kin>?"), ("Z", "To whom is {S} married?")],
    "org:founded_by": [("Z", "Who [founded|started|set up] {S}?"), ("year", "[When|In which year] was {S} founded?")],
    "org:city_of_headquarters": [("Z", "[Where|In which city] is {S} based?"),
                                 ("Z", "Where are the headquarters of {S}?")],
    "org:top_members": [("Z", "Who [runs|leads] {S}?"), ("Z", "Who is the director of {S}?")],
    "org:number_of_employees": [("value", "How many people work for {S}?"),
                                ("value", "How large is the staff of {S}?")],
    "work:creator": [("Z", "Who <made> {S}?"), ("year", "When was {S} [finished|completed]?")],
}  # fmt: skip


def named(entity: Entity) -> str:
    """The full name of an entity, as a question puts it."""
    if isinstance(entity, Person):
        return f"{entity.first} {entity.surname}"
    if isinstance(entity, Org):
        return ("the " if entity.article else "") + " ".join(entity.name)
    if isinstance(entity, Work):
        return f'"{" ".join(entity.title)}"' if entity.quoted else f"the {' '.join(entity.title)}"
    assert isinstance(entity, Place)
    return entity.name


def question(rng: random.Random, fact: Fact, pattern: str) -> str:
    for key, value in fact.lexical:
        pattern = pattern.replace(f"<{key}>", value)
    value = named(fact.value) if isinstance(fact.value, Entity) else str(fact.value)
    return choose(rng, pattern).replace("{S}", named(fact.subject)).replace("{Z}", value)


def make_articles(rng: random.Random, circles: list[Circle], count: int, answers: int) -> list[dict]:
    """One article per circle and side, of one or two paragraphs each; ``answers`` annotators per answer."""
    articles = []
    for i in range(count):
        circle = circles[i % len(circles)]
        cast = circle.cast(i >= len(circles))
        paragraphs = [_paragraph(rng, circle, cast, leads, answers) for leads in (("A", "C", "W"), ("O", "D", "Q"))]
        articles.append({"title": named(cast["A"]).replace(" ", "_"), "paragraphs": paragraphs})
    return articles


def _paragraph(
    rng: random.Random, circle: Circle, cast: dict[str, Entity], leads: tuple[str, ...], answers: int
) -> dict:
    text = Discourse(rng, Style(pronoun=0.7, nominal=0.3, apposition=0.0), cast, lexicon_of(circle))
    told: list[tuple[Fact, Sentence]] = []
    untold: list[Fact] = []
    for role, share in zip(leads, (4, 2, 1), strict=True):
        facts = facts_about(cast[role])
        rng.shuffle(facts)
        for fact in facts:
            if share and not is_known(text, fact):
                told.append((fact, tell(text, fact)[0]))
                share -= 1
            else:
                untold.append(fact)
    untold = [f for f in untold if not is_known(text, f)]
    sentences = text.sentences
    context, offsets = detokenise([w for s in sentences for w in s.words])
    starts = [sum(len(s.words) for s in sentences[:i]) for i in range(len(sentences))]
    questions = []
    for fact, sentence in told:
        asked, pattern = rng.choice(QUESTIONS[fact.relation])
        span = _answer(fact, asked, sentence)
        if span is None:
            continue
        base = starts[next(i for i, s in enumerate(sentences) if s is sentence)]
        begin, end = offsets[base + span[0]][0], offsets[base + span[1]][1]
        found = [{"text": context[begin:end], "answer_start": begin}] * answers
        longer = re.search(r"(?:the|in|since) $", context[:begin], re.IGNORECASE)
        if longer and answers > 1:
            found[-1] = {"text": context[longer.start() : end], "answer_start": longer.start()}
        questions.append({"question": question(rng, fact, pattern), "id": f"{rng.getrandbits(96):024x}",
                          "answers": found, "is_impossible": False})  # fmt: skip
    for fact in rng.sample(untold, min(len(untold), max(1, len(questions) // 2))):
        _, pattern = rng.choice([q for q in QUESTIONS[fact.relation] if "{Z}" not in q[1]])
        questions.append({"question": question(rng, fact, pattern), "id": f"{rng.getrandbits(96):024x}",
                          "answers": [], "is_impossible": True,
                          "plausible_answers": _plausible(rng, fact, sentences, context)})  # fmt: skip
    rng.shuffle(questions)
    return {"qas": questions, "context": context}


def _answer(fact: Fact, asked: str, sentence: Sentence) -> tuple[int, int] | None:
    if asked == "year":
        return locate(sentence, str(fact.year))
    value: Entity | str = fact.variables["value"] if asked == "value" else fact.value
    return locate(sentence, value)


def _plausible(rng: random.Random, fact: Fact, sentences: list[Sentence], context: str) -> list[dict]:
    """A name of the paragraph that has the right type but is not the answer."""
    label = {Person: "PERSON", Org: "ORG", Place: "GPE"}.get(type(fact.value))
    names = [" ".join(s.words[a : b + 1]) for s in sentences for a, b, kind in s.names if kind == label]
    if not names:
        return []
    name = rng.choice(names)
    return [{"text": name, "answer_start": context.index(name)}]
