"""Coreference documents: a story told in the voice of a genre, then the layers of a CoNLL-2012 file."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from .discourse import Discourse
from .facts import facts_about, is_known, tell
from .language import Sentence
from .memory import Style
from .stories import AnyOrder, FactAbout, Step, Story, read_stories
from .world import Circle, Entity, Person, Place, SplitNames

TARGET = {"nw": 200, "bn": 190, "mz": 240, "wb": 220}  # words; facts fill up what a story leaves
# six genres in turn: twenty documents hold each of them
GENRES = ("nw", "mz", "bc", "nw", "wb", "tc", "nw", "mz", "bn", "bc", "nw", "wb", "mz", "tc", "nw", "bc", "mz", "nw",
          "bn", "tc")  # fmt: skip


@dataclass
class CoreferenceDocument:
    genre: str
    story: str
    sentences: list[Sentence]
    clusters: list[list[tuple[int, int, int]]] = field(default_factory=list)  # sentence, start, end
    chain_numbers: list[int] = field(default_factory=list)  # one per cluster; singletons leave gaps
    forms: dict[tuple[int, int, int], str] = field(default_factory=dict)

    @property
    def words(self) -> int:
        return sum(len(s.words) for s in self.sentences)


def style_of(rng: random.Random, genre: str) -> Style:
    if genre == "tc":
        return Style(pronoun=0.85, nominal=0.5, names="first", apposition=0.0, casual=True)
    if genre == "bc":
        return Style(pronoun=0.8, nominal=0.45, names="title", apposition=0.3)
    if genre in ("mz", "wb"):
        return Style(pronoun=0.85, nominal=0.55, names=rng.choice(["surname", "surname", "first"]), apposition=0.4)
    return Style(pronoun=0.78, nominal=0.6, names=rng.choice(["surname", "surname", "title"]), apposition=0.5)


def lexicon_of(circle: Circle) -> dict[str, str]:
    domain = circle.domain
    return {"made": domain.made[0], "made_participle": domain.made[1],
            "carrier": domain.carrier, "enjoyed": domain.enjoyed[0], "enjoy": domain.enjoyed[1]}  # fmt: skip


class Narrator:
    """Tells one story of one circle."""

    def __init__(self, rng: random.Random, genre: str, story: Story, circle: Circle, mirrored: bool, unseen: bool,
                 style: Style | None = None) -> None:  # fmt: skip
        self.rng, self.genre, self.story, self.unseen = rng, genre, story, unseen
        self.cast = circle.cast(mirrored)
        self.text = Discourse(rng, style or style_of(rng, genre), self.cast, lexicon_of(circle))
        self.text.silent = {(self.cast[role], what) for role, what in story.silent}

    def tell(self, handle: str) -> CoreferenceDocument:
        label = "-"
        if self.genre == "wb":
            self.text.speaker, label = self.cast["H"], handle
        elif self.genre == "bn":
            label = _label(self.cast["H"])
        words_per_step = TARGET.get(self.genre, 0) / len(self.story.steps)
        for number, step in enumerate(self.story.steps, start=1):
            self._step(step, label)
            if self._words() < number * words_per_step and number < len(self.story.steps):
                self._elaborate(label)
        document = CoreferenceDocument(self.genre, self.story.name, self.text.sentences)
        _clusters(document)
        return document

    def _words(self) -> int:
        return sum(len(s.words) for s in self.text.sentences)

    def _step(self, step: Step, label: str) -> None:
        if isinstance(step, AnyOrder):
            for part in self.rng.sample(step.steps, len(step.steps)):
                self._step(part, label)
        elif isinstance(step, FactAbout):
            if not step.optional or self.rng.random() < 0.5:
                self._facts(self.cast[step.role], self.rng.choice([1, 1, 2]), label)
        elif not step.optional or self.rng.random() < 0.6:
            self._say(self._pick(step.options), label)

    def _pick(self, options: list[str]) -> str:
        """One of the wordings; the last of three or more is never used in training and often in the other splits."""
        usual = options[:-1] if len(options) > 2 else options
        if self.unseen and self.rng.random() < 0.6 and self.text.can_say(options[-1]):
            return options[-1]
        return self.rng.choice([option for option in usual if self.text.can_say(option)])

    def _elaborate(self, label: str) -> None:
        """A fact about whom or what the last sentence was about."""
        for use in self.text.previous:
            if use.subject and not self.text.deictic(use.entity):
                self._facts(use.entity, 1, label)

    def _say(self, wording: str, label: str) -> None:
        if self.genre not in ("bc", "tc"):
            self.text.say(wording, label)
            return
        for turn in wording.split(" // "):
            who, text = turn.split("> ", 1)
            self.text.speaker, self.text.addressee = self.cast[who[0]], self.cast.get(who[1])
            label = _label(self.text.speaker) if self.genre == "bc" else {"C": "A", "H": "B"}[who[0]]
            self.text.say(text, label)

    def _facts(self, entity: Entity, count: int, label: str) -> None:
        """Facts that the text has neither told nor overturned, about an entity that it knows."""
        facts = [f for f in facts_about(entity) if not is_known(self.text, f)
                 and (f.subject, f.relation) not in self.text.silent]  # fmt: skip
        if entity in self.text.known:
            for fact in self.rng.sample(facts, min(len(facts), count)):
                tell(self.text, fact, label=label)


def _label(person: Entity) -> str:
    assert isinstance(person, Person)
    return f"{person.first}_{person.surname}"


def _clusters(document: CoreferenceDocument) -> None:
    """Chains of at least two mentions, in order of their first mention; mentions of one span count once."""
    chains: dict[object, list[tuple[int, int, int]]] = {}
    for number, sentence in enumerate(document.sentences):
        taken: set[tuple[int, int]] = set()
        for mention in sorted(sentence.mentions, key=lambda m: (m.start, -m.end)):
            if (mention.start, mention.end) not in taken:
                taken.add((mention.start, mention.end))
                span = (number, mention.start, mention.end)
                chains.setdefault(mention.entity, []).append(span)
                document.forms[span] = mention.form
    kept = [(number, chain) for number, chain in enumerate(chains.values()) if len(chain) > 1]
    document.chain_numbers = [number for number, _ in kept]
    document.clusters = [chain for _, chain in kept]


def make_documents(
    rng: random.Random, circles: list[Circle], names: SplitNames, count: int, unseen: bool
) -> list[CoreferenceDocument]:
    """Documents over all genres, their stories in turn; every circle is used about equally often, from both sides."""
    documents = []
    by_genre = {genre: read_stories(genre) for genre in GENRES}
    told = {genre: rng.randrange(len(stories)) for genre, stories in by_genre.items()}
    for i in range(count):
        genre = GENRES[i % len(GENRES)]
        stories = by_genre[genre]
        story = stories[told[genre] % len(stories)]
        told[genre] += 1
        circle, mirrored = cast_for(rng, story, circles)
        documents.append(Narrator(rng, genre, story, circle, mirrored, unseen).tell(names["handles"]))
    return documents


def make_newswire(rng: random.Random, circles: list[Circle], count: int, unseen: bool) -> list[list[Sentence]]:
    """News with few pronouns and many names, each under a dateline, for named entity recognition."""
    stories = read_stories("nw")
    articles = []
    for i in range(count):
        circle, mirrored = cast_for(rng, story := stories[i % len(stories)], circles)
        style = Style(pronoun=0.4, nominal=0.2, names=rng.choice(["surname", "title"]), apposition=0.65)
        place = circle.cast(mirrored)["P"]
        assert isinstance(place, Place)
        date = f"20{rng.randrange(19, 25)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d}"
        dateline = Sentence([place.name.upper(), date], names=[(0, 0, "GPE")])
        articles.append([dateline, *Narrator(rng, "nw", story, circle, mirrored, unseen, style).tell("").sentences])
    return articles


def cast_for(rng: random.Random, story: Story, circles: list[Circle]) -> tuple[Circle, bool]:
    """A circle, and the side to see it from, for which a story makes sense."""
    sides = [(circle, mirrored) for circle in circles for mirrored in (False, True) if fits(story, circle, mirrored)]
    return rng.choice(sides)


def fits(story: Story, circle: Circle, mirrored: bool) -> bool:
    """True if a story makes sense for a circle."""
    a = circle.cast(mirrored)["A"]
    assert isinstance(a, Person)
    return not (story.business and "company" not in circle.domain.org_nouns) and not (story.sibling and not a.sibling)
