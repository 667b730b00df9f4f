"""What the organisations of the world do: their kinds, trades and works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Domain:
    kind: str
    org_nouns: Sequence[str]
    org_names: Sequence[str]  # "* Motors": the star is the stem; a leading "the " is an article
    professions: Sequence[str]
    subject: str
    work_nouns: Sequence[str]
    work_names: Sequence[str]  # "" makes a quoted title
    made: tuple[str, str]
    topics: Sequence[str]
    carrier: str = "the manuscript of"  # what can be stolen of a work
    enjoyed: tuple[str, str] = ("read", "read")  # what people do with a work: past, infinitive


_WROTE = ("wrote", "written")
_BUILT = ("built", "built")
_DESIGNED = ("designed", "designed")
_STORIES = ("a lost brother", "life on a small island", "the last winter of the war", "a family of sailors",
            "a village without children", "two sisters and a secret", "a long journey by train")  # fmt: skip

DOMAINS = [
    Domain("a maker of electric buses", ("company", "firm", "manufacturer"), ("* Motors", "* Transport", "* Mobility"),
           ("engineer", "designer"), "engineering", ("ferry", "boat", "vessel"), ("the * Star", "the * Queen"), _BUILT,
           ("short trips between islands", "up to ninety passengers", "rivers with strong currents"),
           "the original blueprint of", ("travelled on", "travel on")),
    Domain("a publishing house", ("publisher", "company"), ("* Press", "* Books", "* & Sons"),
           ("novelist", "translator", "editor"), "literature", ("novel", "book"), ("",), _WROTE, _STORIES),
    Domain("an orchestra", ("orchestra", "ensemble"), ("the * Philharmonic", "the * Chamber Orchestra"),
           ("composer", "violinist", "conductor"), "music", ("symphony", "piece", "composition"), ("",),
           ("composed", "composed"), ("the sea at night", "the four seasons", "an old folk song"),
           "the score of", ("heard", "hear")),
    Domain("a museum of modern art", ("museum", "gallery"), ("the * Museum", "the * Gallery", "the * Collection"),
           ("painter", "sculptor", "curator"), "fine art", ("painting", "picture", "canvas"), ("",),
           ("painted", "painted"), ("an empty market square", "a woman at a window", "boats in the fog"),
           "the first version of", ("saw", "see")),
    Domain("a film studio", ("studio", "company"), ("* Pictures", "* Films", "* Studios"),
           ("filmmaker", "screenwriter", "producer"), "film", ("film", "movie"), ("",),
           ("directed", "directed"), _STORIES,
           "the only copy of", ("saw", "see")),
    Domain("a research institute", ("institute", "centre"),
           ("the * Institute of Marine Research", "the * Centre for Climate Studies", "the * Institute of Physics"),
           ("physicist", "biologist", "chemist"), "physics", ("telescope", "instrument"), ("the * Telescope",), _BUILT,
           ("the study of distant planets", "the observation of young stars", "the search for comets"),
           "the main mirror of", ("looked through", "look through")),
    Domain("an architecture firm", ("firm", "company"), ("* Architects", "* & Partners", "* Design"),
           ("architect", "engineer"), "architecture", ("bridge", "structure"), ("the * Bridge", "the * Crossing"),
           _DESIGNED, ("cyclists and pedestrians", "trams and buses", "light traffic"),
           "the model of", ("crossed", "cross")),
    Domain("a daily newspaper", ("newspaper", "paper", "daily"), ("the * Courier", "the * Herald", "the * Gazette"),
           ("reporter", "photographer", "columnist"), "history", ("documentary", "film"), ("",),
           ("made", "made"), ("the coal miners of the north", "a strike of dock workers", "a flooded valley"),
           "the only copy of", ("saw", "see")),
    Domain("a theatre company", ("theatre", "company"), ("the * Theatre", "the * Playhouse"),
           ("playwright", "actor", "dramatist"), "drama", ("play", "drama"), ("",), _WROTE, _STORIES,
           "the manuscript of", ("saw", "see")),
    Domain("a software company", ("company", "firm", "start-up"), ("* Systems", "* Software", "* Labs"),
           ("programmer", "designer"), "computer science", ("game", "adventure"), ("",),
           ("developed", "developed"),
           ("a city under water", "a lonely lighthouse keeper", "a train that never stops"),
           "the source code of", ("played", "play")),
    Domain("a chocolate maker", ("company", "firm", "manufacturer"), ("* Chocolates", "* Foods", "* Brothers"),
           ("chef", "confectioner"), "chemistry", ("cookbook", "book"), ("",), _WROTE,
           ("the cooking of the coast", "bread and sweets", "the kitchens of old monasteries"),
           "the manuscript of", ("cooked from", "cook from")),
]  # fmt: skip

# other words for a profession, in later mentions
SYNONYMS = {"novelist": ("writer", "author"), "playwright": ("writer", "author"), "dramatist": ("writer", "author"),
            "painter": ("artist",), "sculptor": ("artist",), "composer": ("musician",), "violinist": ("musician",),
            "conductor": ("musician",), "physicist": ("scientist", "researcher"),
            "biologist": ("scientist", "researcher"), "chemist": ("scientist", "researcher"),
            "columnist": ("journalist",), "reporter": ("journalist",), "chef": ("cook",),
            "detective": ("investigator",), "programmer": ("developer",),
            "professor": ("scholar",), "historian": ("scholar",)}  # fmt: skip
JURORS = ("historian", "critic", "professor", "collector")
RELATIVES = ("teacher", "nurse", "farmer", "dentist", "pilot", "accountant", "gardener", "librarian", "vet", "baker")
MANAGERS = ("economist", "lawyer", "banker", "accountant", "manager")
SUBJECTS = {"economist": "economics", "lawyer": "law", "banker": "economics", "accountant": "economics",
            "manager": "law", "nurse": "medicine", "dentist": "medicine", "vet": "medicine", "farmer": "agriculture",
            "pilot": "engineering", "gardener": "biology", "teacher": "history", "librarian": "literature",
            "baker": "chemistry", "politician": "law", "detective": "law", "journalist": "history"}  # fmt: skip
