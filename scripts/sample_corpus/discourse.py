"""Renders templates sentence by sentence and keeps track of who was mentioned where."""

from __future__ import annotations

import random
import re

from .language import Mention, Sentence, Slot, Verb, agree, choose, parse
from .memory import Style, Use
from .referring import Referring
from .wordings import PRONOUNS, Name, Part, Ref, Wording, gender, group_nouns
from .world import Entity, Group, Org, Person, Thing, Work

_VARIABLE = re.compile(r"<([^<>]+)>")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")
_FORMS = {  # forced pronouns: the column of PRONOUNS
    "he": "n", "him": "o", "his": "p", "himself": "r", "it": "n", "its": "p", "itself": "r", "they": "n", "them": "o",
    "their": "p", "themselves": "r", "she": "n", "her": "p",
}  # fmt: skip
_LITERAL = {"I", "me", "my", "My", "myself", "we", "We", "us", "our", "Our", "ourselves", "you", "You", "your",
            "yourself"}  # fmt: skip
_FEMALE = {"mother": True, "aunt": True, "sister": True, "son": False, "father": False}
_PRONOUN_WORDS = {w.lower() for row in PRONOUNS.values() for w in row.values()}


class Discourse(Referring):
    """One text in the making: ``say`` renders a template, in the light of what was said before."""

    def __init__(self, rng: random.Random, style: Style, cast: dict[str, Entity], lexicon: dict[str, str]) -> None:
        super().__init__(rng, style)
        self.cast, self.lexicon = dict(cast), lexicon
        self.groups: dict[frozenset[Entity], Group] = {}
        self.latest: dict[Entity, str] = {}  # the words of the latest mention
        self.sentences: list[Sentence] = []

    def say(self, text: str, label: str = "-", **extra: str) -> list[Sentence]:
        """Render the sentences of a template (separated by " / ") and return them."""
        new = [self._sentence(part, label, extra) for part in choose(self.rng, text).split(" / ")]
        self.sentences += new
        return new

    def _sentence(self, text: str, label: str, extra: dict[str, str]) -> Sentence:
        template = parse(_VARIABLE.sub(lambda m: self._variable(m.group(1), extra), text))
        sentence = Sentence(speaker=label)
        self.current = []
        for node in template.nodes:
            self._render(node, sentence)
        sentence.capitalise()
        self.previous = self.current
        for role, fact in template.known:
            if self.cast[role] in self.known:
                self.known[self.cast[role]].add(fact.replace("_", " "))
        return sentence

    def _variable(self, name: str, extra: dict[str, str]) -> str:
        if name in extra:
            return extra[name]
        if name in self.lexicon:
            return choose(self.rng, self.lexicon[name])
        if "." not in name:
            return self.draw(name)
        role, attribute = name.split(".")
        entity = self.cast[role]
        if attribute == "noun" and isinstance(entity, Org | Work):
            return self.rng.choice(list(entity.nouns))
        if attribute == "adult" and isinstance(entity, Person):
            return "woman" if entity.female else "man"
        return str(getattr(entity, attribute))

    def draw(self, kind: str) -> str:
        """A random day, month, year, small number in words (n) or larger one in digits (N)."""
        if kind == "year":
            return str(self.rng.randrange(1991, 2020))
        if kind == "N":
            return str(self.rng.randrange(3, 60) * 5)
        return self.rng.choice({"day": _DAYS, "month": _MONTHS, "n": _NUMBERS}[kind])

    def can_say(self, text: str) -> bool:
        """False if a template needs things that neither the text so far nor the template itself brings up."""
        brought = set(re.findall(r"\{([TN]\d)=", text))
        return all(role in brought or role in self.cast for role in re.findall(r"\b[TN]\d\b", text))

    # ---- slots ----------------------------------------------------------------------------------------------------

    def entity(self, roles: tuple[str, ...]) -> Entity:
        """The entity of a role; several roles make a group; T1, T2, ... are new things and N1, N2, ... new people."""
        if len(roles) > 1:
            members = tuple(self.entity((role,)) for role in roles)
            return self.groups.setdefault(frozenset(members), Group(members))
        if roles[0] not in self.cast:
            if roles[0][0] not in "TN":
                raise KeyError(f"no role {roles[0]!r}; the cast has {sorted(self.cast)}")
            self.cast[roles[0]] = Thing("", female=self.rng.random() < 0.5 if roles[0][0] == "N" else None)
        return self.cast[roles[0]]

    def _render(self, node: str | Slot | Verb, sentence: Sentence, nested: bool = False) -> None:
        if isinstance(node, str):
            sentence.add(node)
        elif isinstance(node, Verb):
            entity = self.entity(node.roles)
            plural = gender(entity) == "they"
            sentence.add(agree(node.third, "they" if plural else self.latest.get(entity, "")))
        else:
            self._slot(node, sentence, nested)

    def _slot(self, slot: Slot, sentence: Sentence, nested: bool) -> None:
        entity = self.entity(slot.roles)
        if slot.form == "bare":
            self._bare(entity, sentence)
            return
        form: str
        after: list[Part]
        start = len(sentence.words)
        if slot.wording is not None:
            for node in slot.wording:
                self._render(node, sentence, nested=True)
            if isinstance(entity, Thing) and entity.noun and sentence.words[start] in ("a", "an", "another"):
                raise ValueError(f"{slot.roles[0]} is the {entity.noun} already: {' '.join(sentence.words)}")
            is_pronoun = " ".join(sentence.words[start:]).lower() in _PRONOUN_WORDS
            form, after = "pronoun" if is_pronoun else "nominal", []
            if isinstance(entity, Thing) and not entity.noun:
                words = " ".join(sentence.words[start:])
                head = re.split(r" (?:to|from|of|about|with|in|for|that|who|on|at|between|by|near|,)(?: |$)", words)[0]
                entity.noun = head.split()[-1]
                entity.female = _FEMALE.get(entity.noun, entity.female)
                entity.plural = re.search(r"[^s]s$|^people$", entity.noun) is not None
            self.known.setdefault(entity, set())
        elif slot.form in _LITERAL:
            sentence.add(slot.form)
            self.known.setdefault(entity, set())
            form, after = "quoted", []
        elif slot.form and slot.form.lower() in _FORMS:
            row = self.deictic(entity) or gender(entity)
            pronoun = PRONOUNS[row][_FORMS[slot.form.lower()]]
            sentence.add(pronoun.capitalize() if slot.form[0].isupper() else pronoun)
            form, after = "pronoun", []
        elif isinstance(entity, Group) and self._must_coordinate(entity):
            self._coordinate(slot, sentence)
            form, after = "name", []
        else:
            plain = slot.plain or nested or slot.case == "p"
            wording = self.word(entity, slot.case, slot.form, plain, bool(slot.rest))
            self._words(wording, slot, sentence, entity)
            form, after = wording.form, [] if slot.rest else wording.after
        if slot.rest:  # "Anna , who sold *her* house ,": already in play
            self.current.append(Use(entity, form, slot.case == "n" and not nested and not self.current))
        for node in slot.rest:
            self._render(node, sentence, nested=True)
        self._register(entity, form, start, sentence, subject=slot.case == "n" and not nested)
        for part in after:
            self._part(part, sentence)

    def _words(self, wording: Wording, slot: Slot, sentence: Sentence, entity: Entity) -> None:
        new = entity not in self.known
        for part in wording.parts:
            self._part(part, sentence)
        if slot.case == "p" and wording.form != "pronoun":
            plural = gender(entity) == "they" or isinstance(entity, Org)
            sentence.words.append("'" if plural and sentence.words[-1].endswith("s") else "'s")
        if new:
            self.known[entity] = set()
        self.known[entity] |= wording.known

    def _part(self, part: object, sentence: Sentence) -> None:
        if isinstance(part, Name):
            start = len(sentence.words)
            for word in part.words:
                sentence.add(word)
            sentence.names.append((start, len(sentence.words) - 1, part.label))
        elif isinstance(part, Ref):
            start = len(sentence.words)
            if part.case == "alias" and isinstance(part.entity, Org):
                self._part(Name([part.entity.alias or ""], "ORG"), sentence)
                self._register(part.entity, "name", start, sentence, subject=False)
                return
            wording = self.word(part.entity, part.case, part.form, plain=True, extended=False)
            if wording.after:  # no acronym inside another reference
                wording = Wording(wording.parts, wording.form)
            self._words(wording, Slot((), part.case), sentence, part.entity)
            self._register(part.entity, wording.form, start, sentence, subject=False)
        else:
            sentence.add(str(part))

    def _must_coordinate(self, group: Group) -> bool:
        """True if a group has to be listed: nobody has met it, or nothing else would be understood."""
        if group not in self.known:
            return True
        return not (self.deictic(group) or self.pronoun_is_clear(group) or group_nouns(group))

    def _coordinate(self, slot: Slot, sentence: Sentence) -> None:
        """A group at its first mention: its members, joined by "and"."""
        for i, role in enumerate(slot.roles):
            if i:
                sentence.add("and")
            deictic = self.deictic(self.entity((role,)))
            form = None if deictic or self.entity((role,)) not in self.known else "name"
            self._slot(Slot((role,), "n" if slot.case == "n" else "o", plain=True, form=form), sentence, nested=True)
        self.known[self.entity(slot.roles)] = set()

    def _bare(self, entity: Entity, sentence: Sentence) -> None:
        assert isinstance(entity, Person)
        self._part(Name([entity.first, entity.surname], "PERSON"), sentence)
        self.known.setdefault(entity, set())

    def _register(self, entity: Entity, form: str, start: int, sentence: Sentence, subject: bool) -> None:
        end = len(sentence.words) - 1
        sentence.mentions.append(Mention(start, end, entity, "pronoun" if form == "quoted" else form))
        if form == "quoted" and not self.deictic(entity):  # "I" in a quotation does not tell the reader who speaks
            return
        subject = subject and not any(u.subject for u in self.current)
        self.current.append(Use(entity, form, subject))
        self.latest[entity] = " ".join(sentence.words[start : end + 1])
