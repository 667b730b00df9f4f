"""Raw text as Documents: words as in the Penn Treebank, sentences, and the characters that each word covers.

Needs no downloaded data: sentence ends come from Punkt with the abbreviations listed here instead of trained
ones, and from the full stops of other scripts (``。``, ``।``, ``؟``, ``།`` ...), which Punkt does not know. In scripts
without blanks between words, every character is a word (see :mod:`transferlab.data.fine_words`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import regex

from transferlab.data.fine_words import HANGUL, UNSPACED, fine_words
from transferlab.data.readers.base import DataError
from transferlab.documents import Document, Span

# without their last period, lower case, as Punkt wants them; without words that may end a sentence (no, al)
ABBREVIATIONS = """
    mr mrs ms messrs mx dr prof rev hon fr st sr jr esq gen col maj capt cpt lt sgt cmdr adm gov sen rep pres
    sec inc ltd co corp bros dept univ assn vs etc cf ca approx fig vol eds trans pp p.s ph.d b.a m.a m.d
    e.g i.e a.m p.m u.s u.k u.n d.c jan feb mar apr aug sept oct nov dec mt ave blvd rd
"""
_PARAGRAPH_BREAK = re.compile(r"\n[^\S\n]*\n\s*|\Z")
_APOSTROPHE = re.compile(r"(?<=\w)\u2019(?=\w)")  # typographic: don’t
_UNSPACED = rf"[{UNSPACED}{HANGUL}]"
# characters that the tokenizer takes for parts of words
_WORD_OF_ITS_OWN = regex.compile(rf"(?V1)(?=[{UNSPACED}]|[\p{{Terminal_Punctuation}}--[\x00-\x7f]])\X")
# Behind a Tibetan word, as the same signs also begin a line, or follow the ornament that begins a text (U+0F04); often
# twice, with a blank between
_SHADS = r"[\u0f0d-\u0f12\u0f14]"
_BEHIND_WORD = rf"{_SHADS}(?<=[\p{{L}}\p{{M}}\p{{N}}\p{{Pe}}\p{{Pf}}\u0f0b\u0f0c]\s*.)(?:\s*{_SHADS})*"
_DOT = rf"(?<=[{_UNSPACED}%\u2030\u066a\uff05\p{{Pe}}\p{{Pf}}\"'])\."
# The full stops of other scripts, but no decimal point; dots behind a character of a script without blanks; and our own
# full stops before such a character, where no blank tells Punkt that a sentence ends.
_FULL_STOP = regex.compile(
    rf"(?V1)(?!(?<=\p{{Nd}}).\p{{Nd}})(?:{_BEHIND_WORD}"
    rf"|(?:[\p{{Sentence_Terminal}}--[.!?\uff0e]]|\uff0e(?!\p{{N}})|(?<={_UNSPACED})\u2026)"
    rf"[\p{{Sentence_Terminal}}\u2026]*|(?:[!?]|{_DOT})+(?=[\p{{Pe}}\p{{Pf}}\"']*{_UNSPACED}))"
)
# what closes in a text without blanks, which Punkt gives to the next sentence
_CLOSED_LATE = regex.compile(rf"(?V1)[\p{{Pe}}\p{{Pf}}\"']+{_UNSPACED}")
_CLOSING = regex.compile(r"[\p{Pe}\p{Pf}]")
_SAME_ON_BOTH_SIDES = "\"'\uff02\uff07"  # quotation marks: every second one closes
_NO_BEGINNING = regex.compile(r"\s*[,;:\u3001\uff0c\uff1b\uff1a\ufe50]")  # a comma goes on with a sentence
# Behind closing quotation marks: the particles that say in Japanese that this was a quotation, but no words that begin
# like them (ところで, とても, とにかく, とりあえず); and any Korean letter, as Korean has a blank between sentences.
_GOES_ON_WITH_QUOTATION = regex.compile(
    rf"(?V1)(?<=[\u300d\u300f\u201d\u2019\"'\uff02\uff07])(?:と(?!ころ|ても|にかく|りあえず)|って|{HANGUL})"
)


@cache
def _tokenizers() -> tuple[Any, Any]:
    """Of words and of sentences; made on first use, because nltk takes half a second to import."""
    from nltk.tokenize.destructive import NLTKWordTokenizer
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types.update(ABBREVIATIONS.split())
    return NLTKWordTokenizer(), PunktSentenceTokenizer(parameters)


def document_from_text(name: str, text: str) -> Document:
    """Return a Document whose ``text[offsets[i]]`` is ``words[i]``, to the character.

    Every character but white space belongs to a word. An empty line ends a sentence whatever stands before
    it. A text of white space gives a document without words.
    """
    offsets: list[Span] = []
    sentences: list[Span] = []
    for start, end in _sentence_spans(text):
        words = [(start + a, start + b) for a, b in _word_spans(text[start:end])]
        sentences.append((len(offsets), len(offsets) + len(words) - 1))
        offsets += words
    wording = [text[start:end] for start, end in offsets]
    return Document(name=name, words=wording, sentences=sentences, text=text, offsets=offsets)


def read_raw_text(path: str | Path) -> Iterator[Document]:
    """Yield one Document per ``.txt`` file (UTF-8): of the file itself, or of all below a directory, sorted.

    A document is named after its path without the ending, relative to the directory.

    Raises:
        DataError: nothing there, or not UTF-8.
    """
    path = Path(path)
    root, files = (path, sorted(path.rglob("*.txt"))) if path.is_dir() else (path.parent, [path])
    if not files:
        raise DataError(f"the directory {path} holds no .txt file; name a directory with some, or a file")
    for file in files:
        try:
            # bytes, because text mode would change line ends and with them the offsets
            text = file.read_bytes().decode("utf-8-sig")
        except FileNotFoundError as error:
            raise DataError(f"{file} does not exist; name a .txt file, or a directory with some") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{file} is not UTF-8 ({error}); convert it, for example with iconv") from error
        yield document_from_text(file.relative_to(root).with_suffix("").as_posix(), text)


def _sentence_spans(text: str) -> Iterator[Span]:
    for start, end in _paragraph_spans(text):
        begin: int | None = None
        for a, b in _tokenizers()[1].span_tokenize(text[start:end]):
            begin = start + a if begin is None else begin
            if not _CLOSED_LATE.match(text, start + b, end):
                yield from _cut_at_full_stops(text, begin, start + b)
                begin = None


def _cut_at_full_stops(text: str, start: int, end: int) -> Iterator[Span]:
    """Sentences inside of what Punkt takes for one, each with the quotation marks and brackets that close behind it."""
    for stop in _FULL_STOP.finditer(text, start, end):
        behind = stop.end()
        while behind < end and (
            _CLOSING.match(text, behind)
            or (text[behind] in _SAME_ON_BOTH_SIDES and text.count(text[behind], start, behind) % 2)
        ):
            behind += 1
        goes_on = _NO_BEGINNING.match(text, behind, end) or _GOES_ON_WITH_QUOTATION.match(text, behind, end)
        if start < behind < end and not goes_on:
            yield start, behind
            start = behind
    if text[start:end].strip():
        yield start, end


def _paragraph_spans(text: str) -> Iterator[Span]:
    start = 0
    for gap in _PARAGRAPH_BREAK.finditer(text):
        if text[start : gap.start()].strip():
            yield start, gap.start()
        start = gap.end()


def _word_spans(sentence: str) -> list[Span]:
    """Words of a sentence that together cover all but its white space."""
    # same length, so the positions hold: apostrophes and dots in the form that the tokenizer knows
    plain = _APOSTROPHE.sub("'", sentence).replace("\u2026", "\u2014")
    try:
        spans = list(_tokenizers()[0].span_tokenize(plain))
    except (ValueError, RuntimeError, IndexError):  # it loses its place among mixed quotation marks
        spans = []
    covered = "".join(sentence[start:end] for start, end in spans)
    if covered != "".join(sentence.split()):
        return fine_words(sentence, syllables=False)[1]
    return [span for start, end in spans for span in _cut_at_other_scripts(sentence, start, end)]


def _cut_at_other_scripts(sentence: str, start: int, end: int) -> Iterator[Span]:
    """A word of the tokenizer, which knows blanks and the signs of English only, in words."""
    whole = start
    for character in _WORD_OF_ITS_OWN.finditer(sentence, start, end):
        yield from ((start + a, start + b) for a, b in _word_spans(sentence[start : character.start()]))
        yield character.span()
        start = character.end()
    if start == whole:
        yield start, end
    else:
        yield from ((start + a, start + b) for a, b in _word_spans(sentence[start:end]))
