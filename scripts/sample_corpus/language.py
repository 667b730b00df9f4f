"""The template language: text with choices, slots for the people and things of the world, and lexical variables.

[said|announced]       one of the alternatives (they nest; an empty one is allowed)
{A}  {A.o}  {A.p}      a reference to role A as subject, object or possessor; the wording is chosen in ``referring``
{A!}                   the same without an apposition
{A:he} {A:his} {A:I}   this pronoun (he and she by gender)
{A:full} {A:name}      a name; {A:np} anything but a pronoun; {A:voc} how A is addressed; {A:first} the first name
{A:bare}               the full name as a predicate ("I am Anna Weber"): a name, but no mention
{A+B}                  the two as one group
{A , who left ,}       a reference with more words inside the mention
{T=a letter}           this wording, for anything (unknown roles become things of this document)
{A~is}                 the verb, agreeing with the latest wording of A
<day>  <A.profession>  lexical variables
#A.profession          (last) the reader of the text now knows A's profession
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(
    r"(?P<roles>[A-Z]\d?(?:\+[A-Z]\d?)*)(?:\.(?P<case>[op]))?(?P<plain>!)?"
    r"(?:~(?P<verb>\S+)|:(?P<form>\S+))?(?:=(?P<wording>.+)|\s(?P<rest>.+))?",
    re.DOTALL,
)
_VOWEL = re.compile(r"(?!uni|use|one|eu)[aeiou8]", re.IGNORECASE)
_DATE = re.compile(
    r"(19|20)\d\d|(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)days?|"
    r"January|February|March|April|May|June|July|August|September|October|November|December"
)
_CLOSING = {".", ",", "?", "!", ":", ";", "--", "-RRB-"}


@dataclass
class Slot:
    """A reference to be worded. ``case`` is n(ominative), o(bject) or p(ossessive)."""

    roles: tuple[str, ...]
    case: str = "n"
    plain: bool = False
    form: str | None = None
    wording: list[Node] | None = None
    rest: list[Node] = field(default_factory=list)


@dataclass
class Verb:
    """A verb in the third person that agrees with the latest wording of a role."""

    roles: tuple[str, ...]
    third: str


Node = str | Slot | Verb


@dataclass
class Template:
    nodes: list[Node]
    known: list[tuple[str, str]]  # (role, property) that the text makes known


def choose(rng: random.Random, text: str) -> str:
    """Replace every [a|b|c] by one of its alternatives, innermost first."""
    while match := _CHOICE.search(text):
        text = text[: match.start()] + rng.choice(match.group(1).split("|")) + text[match.end() :]
    return text


def parse(text: str) -> Template:
    """Nodes of a template without choices and variables; raises ValueError for a malformed slot."""
    pieces = text.split()
    known = [tuple(p[1:].split(".")) for p in pieces if p.startswith("#")]
    return Template(_nodes(" ".join(p for p in pieces if not p.startswith("#"))), known)  # type: ignore[arg-type]


def _nodes(text: str) -> list[Node]:
    nodes: list[Node] = []
    position = 0
    while position < len(text):
        if text[position] != "{":
            stop = text.find("{", position)
            stop = len(text) if stop < 0 else stop
            nodes.extend(text[position:stop].split())
            position = stop
            continue
        depth, stop = 0, position
        while True:
            depth += {"{": 1, "}": -1}.get(text[stop], 0)
            stop += 1
            if depth == 0:
                break
            if stop == len(text):
                raise ValueError(f"unbalanced braces in {text!r}")
        nodes.append(_slot(text[position + 1 : stop - 1]))
        position = stop
    return nodes


def _slot(body: str) -> Slot | Verb:
    match = _SLOT.fullmatch(body)
    if match is None:
        raise ValueError(f"no slot: {body!r}")
    roles = tuple(match["roles"].split("+"))
    if match["verb"]:
        return Verb(roles, match["verb"])
    wording = _nodes(match["wording"]) if match["wording"] else None
    rest = _nodes(match["rest"]) if match["rest"] else []
    return Slot(roles, match["case"] or "n", bool(match["plain"]), match["form"], wording, rest)


def agree(third: str, subject: str) -> str:
    """The form of a verb for a subject in words: agree("lives", "I") is "live"."""
    subject = subject.lower()
    if subject not in ("i", "you", "we", "they"):
        return third
    irregular = {"is": "am" if subject == "i" else "are", "was": "was" if subject == "i" else "were", "has": "have",
                 "'s": "'m" if subject == "i" else "'re", "does": "do", "goes": "go"}  # fmt: skip
    return irregular.get(third) or third.removesuffix("s")


@dataclass
class Mention:
    start: int
    end: int  # inclusive
    entity: object
    form: str  # pronoun, nominal, name


@dataclass
class Sentence:
    """A rendered sentence; all positions are word positions in it."""

    words: list[str] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    names: list[tuple[int, int, str]] = field(default_factory=list)  # start, end (inclusive), type
    speaker: str = "-"

    def add(self, word: str) -> None:
        """Append a word: no comma before closing punctuation, "an" before a vowel."""
        if word in _CLOSING and self.words and self.words[-1] == ",":
            self.words.pop()
            for mention in self.mentions:
                mention.end = min(mention.end, len(self.words) - 1)
        if self.words and self.words[-1] in ("a", "A") and _VOWEL.match(word):
            self.words[-1] += "n"
        self.words.append(word)

    def dates(self) -> list[tuple[int, int, str]]:
        """Years, months and days of the week, as names of type DATE."""
        named = {i for start, end, _ in self.names for i in range(start, end + 1)}
        return [(i, i, "DATE") for i, w in enumerate(self.words) if i not in named and _DATE.fullmatch(w)]

    def capitalise(self) -> None:
        first = next((i for i, w in enumerate(self.words) if w != "``"), 0)
        self.words[first] = self.words[first][:1].upper() + self.words[first][1:]


def detokenise(words: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as running text, and for each word its (first character, one past the last)."""
    shown = {"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")"}
    text, offsets, glue = "", [], True
    for word in words:
        tight = word in _CLOSING - {"--"} or word in ("''", "'s", "'", "n't") or re.fullmatch(r"'(m|re|ve|ll|d)", word)
        if not (glue or tight):
            text += " "
        offsets.append((len(text), len(text) + len(shown.get(word, word))))
        text += shown.get(word, word)
        glue = word in ("``", "-LRB-")
    return text, offsets
