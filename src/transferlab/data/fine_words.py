"""Words that are never longer than what people point at: runs of letters and digits, and every other sign alone.

In scripts that put no blanks between words, every character is a word of its own. A character is what readers take for
one: vowel signs and other marks stay with their letter, and an emoji is whole (extended grapheme clusters of Unicode
Standard Annex 29).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise

import regex

from transferlab.documents import Span

# Scripts that put no blanks between words. Those of East Asia put none behind punctuation either. Unicode has no
# property for this: its line breaking class SA leaves out the scripts whose lines may end behind any syllable (Tibetan,
# Javanese ...).
_EAST_ASIAN = ("Han", "Hiragana", "Katakana", "Bopomofo", "Yi", "Nushu", "Tangut", "Khitan_Small_Script")
_SOUTH_EAST_ASIAN = (
    *("Thai", "Lao", "Khmer", "Myanmar", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Ahom", "Tibetan"),
    *("Javanese", "Balinese", "Batak", "Kawi", "Makasar"),
)


def _of_scripts(names: Iterable[str]) -> str:
    return "".join(rf"\p{{scx={name}}}" for name in names)


# Sets of characters, of regular expressions in the mode V1. scx are the scripts that use a sign, of which some are used
# in Latin too (kJ·mol); U+0F0B and U+0F0C divide the syllables of Tibetan.
UNSPACED = (
    rf"[[{_of_scripts(_EAST_ASIAN)}[[{_of_scripts(_SOUTH_EAST_ASIAN)}]&&[\p{{L}}\p{{M}}\p{{S}}]]\u0f0b\u0f0c]"
    r"--\p{scx=Latin}]"
)
HANGUL = r"\p{Hangul}"
_FULL_WIDTH = r"\uFF00-\uFFEF"
_BLANK = r"\s\x1c-\x1f"  # what str.split takes for white space
_WIDE = rf"[{UNSPACED}{_FULL_WIDTH}]"
_BETWEEN = regex.compile(rf"(?V1){_WIDE}\n{_WIDE}|[{_WIDE}&&\p{{P}}]\n.|.\n[{_WIDE}&&\p{{P}}]")
_JOINED = regex.compile(rf"(?V1)[{UNSPACED}{HANGUL}{_FULL_WIDTH}]")


def _words_of(characters: str) -> regex.Pattern[str]:
    """Runs of letters, digits and their marks but for these characters; every other character alone."""
    run = rf"(?:[[\p{{L}}\p{{N}}_]--[{characters}]][[\p{{M}}\u200c\u200d]--[{characters}]]*)+"
    # the last alternative: a cluster reaches over a blank where a sign belongs to what follows it
    return regex.compile(rf"(?V1){run}|(?=[^{_BLANK}])\X(?<![{_BLANK}])|[^{_BLANK}]")


_FINE = _words_of(UNSPACED + HANGUL)
_WITH_KOREAN_WORDS = _words_of(UNSPACED)


def fine_words(text: str, borders: Iterable[int] = (), syllables: bool = True) -> tuple[list[str], list[Span]]:
    """Words of a text, and the characters of each.

    Every character but white space belongs to a word.

    Args:
        text: any text.
        borders: positions in ``text`` at which a word ends in any case, for example those of markers that were
            written into a word and then taken out.
        syllables: a syllable of Korean is a word, too. Korean has blanks, but what people point at ends before a
            particle, inside of what stands between them.

    Returns:
        words, and for each its (first character, one past the last) in ``text``.
    """
    pattern = _FINE if syllables else _WITH_KOREAN_WORDS
    edges = sorted({0, len(text), *borders})
    offsets = [match.span() for start, end in pairwise(edges) for match in pattern.finditer(text, start, end)]
    return [text[start:end] for start, end in offsets], offsets


def joined_words(words: Sequence[str], offsets: Sequence[Span]) -> list[int]:
    """Positions of the words that continue what stands before them, as characters of a script without blanks do.

    Only words next to such a character; what else stands between two blanks ("don't") counts as separate words.
    """
    unspaced = [_JOINED.search(word) is not None for word in words]
    return [i for i in range(1, len(words)) if (unspaced[i - 1] or unspaced[i]) and offsets[i - 1][1] == offsets[i][0]]


def without_blank(before: str, word: str) -> bool:
    """Whether two words, of a text that is not at hand, are written without a blank between them for their script."""
    return _BETWEEN.fullmatch(f"{before[-1:]}\n{word[:1]}") is not None


def covering_words(offsets: Sequence[Span], start: int, end: int) -> Span | None:
    """The shortest span of words that covers the characters ``start`` to ``end`` of a text.

    An answer may begin or end inside a word; the words are then longer than the answer.

    Args:
        offsets: characters of each word, one past the last at the end, in order and without overlap.
        start: first character.
        end: one past the last character.

    Returns:
        (first word, last word), or None where no word has one of these characters.
    """
    if end <= start:
        return None
    first = bisect_right(offsets, start, key=lambda word: word[1])  # the first that ends behind start
    last = bisect_left(offsets, end, key=lambda word: word[0]) - 1  # the last that begins before end
    return (first, last) if first <= last else None
