"""Parts of speech, lemmas and chunks by rule: good enough to fill the columns of the formats, not a treebank."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from .language import Sentence

_PUNCTUATION = {".": ".", "?": ".", "!": ".", ",": ",", ":": ":", ";": ":", "--": ":", "``": "``", "''": "''",
                "-LRB-": "-LRB-", "-RRB-": "-RRB-", "'": "POS"}  # fmt: skip
_BE = {"am": "VBP", "are": "VBP", "is": "VBZ", "was": "VBD", "were": "VBD", "be": "VB", "been": "VBN", "being": "VBG",
       "'m": "VBP", "'re": "VBP"}  # fmt: skip
_HAVE = {"has": "VBZ", "have": "VBP", "'ve": "VBP", "had": "VBD", "having": "VBG"}
_MONTHS_AND_DAYS = re.compile(
    r"January|February|March|April|May|June|July|August|September|October|November|December|\w+day$"
)
_MR = {"Mr.", "Ms."}


@cache
def _lexicon() -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str]]]]:
    """Tags of closed-class words and adjectives, and (tag, lemma) of verb forms."""
    tags: dict[str, list[str]] = {}
    forms: dict[str, list[tuple[str, str]]] = {}
    irregular: dict[str, tuple[str, str]] = {}
    lines = (Path(__file__).parent / "lexicon.txt").read_text(encoding="utf-8").splitlines()
    content = {line.split()[0]: line.split()[1:] for line in lines if line and not line.startswith("#")}
    for triple in " ".join(content.pop("IRREGULAR")).split(" | "):
        lemma, past, participle = triple.split()
        irregular[lemma] = (past, participle)
    for lemma in content.pop("VERBS"):
        past, participle = irregular.get(lemma, (_regular(lemma, "ed"),) * 2)
        for tag, form in (("VB", lemma), ("VBZ", _regular(lemma, "s")), ("VBG", _regular(lemma, "ing")),
                          ("VBD", past), ("VBN", participle)):  # fmt: skip
            forms.setdefault(form, []).append((tag, lemma))
    for tag, words in content.items():
        for word in words:
            tags.setdefault(word, []).append(tag)
    return tags, forms


def _regular(lemma: str, ending: str) -> str:
    if ending == "s":
        if re.search(r"[^aeiou]y$", lemma):
            return lemma[:-1] + "ies"
        return lemma + ("es" if re.search(r"(s|sh|ch|x|o)$", lemma) else "s")
    if lemma.endswith("ie") and ending == "ing":
        return lemma[:-2] + "ying"
    if lemma.endswith("e") and not (ending == "ing" and lemma.endswith("ee")):
        return lemma[:-1] + ending
    if re.search(r"[^aeiou]y$", lemma) and ending == "ed":
        return lemma[:-1] + "ied"
    doubles = lemma in ("admit", "begin", "forget", "regret", "prefer", "cancel", "travel")
    if doubles or re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", lemma):
        return lemma + lemma[-1] + ending
    return lemma + ending


def tag(sentence: Sentence) -> list[tuple[str, str]]:
    """(part of speech, lemma) of every word; the lemma is "-" for all but verbs."""
    named = {i for start, end, label in sentence.names for i in range(start, end + 1) if label != "NORP"}
    norp = {i for start, end, label in sentence.names for i in range(start, end + 1) if label == "NORP"}
    result: list[tuple[str, str]] = []
    for i, word in enumerate(sentence.words):
        if i in named or word in _MR:
            result.append(("NNP", "-"))
        elif i in norp:
            result.append(("JJ", "-"))
        else:
            previous = [t for t, _ in result]
            following = sentence.words[i + 1].lower() if i + 1 < len(sentence.words) else ""
            result.append(_tag(word, i, previous, sentence.words, following))
    return result


def _tag(word: str, i: int, previous: list[str], words: list[str], following: str) -> tuple[str, str]:
    tags, forms = _lexicon()
    lower = word.lower()
    before = previous[-1] if previous else ""
    if word in _PUNCTUATION:
        return _PUNCTUATION[word], "-"
    if re.fullmatch(r"\d[\d-]*", word):
        return "CD", "-"
    if _MONTHS_AND_DAYS.match(word) and word[0].isupper() and not (i == 0 and lower in tags):
        return "NNP", "-"
    if lower in _BE:
        return _BE[lower], "be"
    if lower in _HAVE:
        return ("VB" if lower == "have" and before in ("MD", "TO") else _HAVE[lower]), "have"
    if lower == "'s":
        verb = before in ("PRP", "WP", "WRB", "EX", "DT") or (before == "NNP" and following in ("coming", "at", "with"))
        return ("VBZ", "be") if verb else ("POS", "-")
    if lower == "there":
        return ("EX" if following in _BE or following == "'s" or (previous[-1:] == ["VBP"] and i == 1) else "RB"), "-"
    if lower == "no" and following in (",", ".", "!"):
        return "UH", "-"
    if lower == "her":
        return ("PRP$" if following and following.isalpha() and following not in tags else "PRP"), "-"
    if lower == "that" and before in ("NN", "NNS", "JJ", "VBD", "VBZ", "VBN", "VB", "VBP"):
        return ("WDT" if before in ("NN", "NNS") else "IN"), "-"
    if before == "WP" and lower in forms:
        return _verb(lower, previous, words, i) or ("VB", lower)
    after_determiner = before in ("DT", "PRP$", "JJ", "POS", "CD") or (before == "NN" and lower not in forms)
    if lower in forms and not (after_determiner and "NN" not in tags.get(lower, []) and not _participle(lower)):
        found = _verb(lower, previous, words, i)
        if found and not ({"NN", "JJ", "IN"} & set(tags.get(lower, [])) and after_determiner):
            return found
    if lower in tags:
        return tags[lower][0], "-"
    if lower.endswith("ly"):
        return "RB", "-"
    if re.search(r"[^su]s$", lower) and len(lower) > 3:
        return "NNS", "-"
    return "NN", "-"


def _participle(word: str) -> bool:
    return any(t in ("VBN", "VBG") for t, _ in _lexicon()[1][word])


def _verb(word: str, previous: list[str], words: list[str], i: int) -> tuple[str, str] | None:
    """The verb form that fits the words before, or None."""
    forms = dict(reversed(_lexicon()[1][word]))
    before = next((t for t in reversed(previous) if t != "RB"), "")
    recent = [w.lower() for w in words[max(0, i - 4) : i]]
    auxiliary = any(w in _BE or w in _HAVE for w in recent)
    if before in ("MD", "TO") or (recent and set(recent) & {"did", "do", "does", "let"}):
        order = ["VB", "VBD", "VBZ", "VBN", "VBG"]
    elif auxiliary:
        order = ["VBN", "VBG", "VBD", "VBZ", "VB"]
    elif before == "PRP" and "VB" in forms:
        order = ["VBD", "VBZ", "VB"]
    else:
        order = ["VBD", "VBZ", "VBG", "VBN", "VB"]
    for choice in order:
        if choice in forms:
            plain = choice == "VB" and before in ("PRP", "NNS", "NNP", "WP")
            if choice == "VB" and not plain and before not in ("MD", "TO", "", "CC", ",", "``", ":"):
                return ("VB", forms[choice]) if set(recent) & {"did", "do", "does", "let", "help", "helped"} else None
            return ("VBP" if plain and not set(recent) & {"did", "do", "does", "let"} else choice), forms[choice]
    return None


def chunks(tags: list[str]) -> list[str]:
    """Chunk tags in IOB1: noun, verb, prepositional and adverb phrases."""
    noun = {"DT", "PRP$", "JJ", "NN", "NNS", "NNP", "CD", "POS", "PRP", "WP", "EX", "WDT", "WP$"}
    verb = {"VB", "VBD", "VBG", "VBN", "VBP", "VBZ", "MD", "TO"}
    result: list[str] = []
    for i, pos in enumerate(tags):
        kind = "NP" if pos in noun else "VP" if pos in verb else {"IN": "PP", "RB": "ADVP"}.get(pos)
        if kind is None:
            result.append("O")
            continue
        starts = kind == "NP" and i > 0 and tags[i - 1] in noun and (pos in ("PRP", "POS", "EX", "WP", "WDT")
                 or (pos in ("DT", "PRP$") and tags[i - 1] not in ("DT",)))  # fmt: skip
        starts = starts or (kind == "PP" and i > 0 and tags[i - 1] == "IN")
        result.append(f"B-{kind}" if starts else f"I-{kind}")
    return result
