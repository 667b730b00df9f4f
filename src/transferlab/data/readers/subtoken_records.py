"""A document in the subtokens of one tokenizer, as published coreference systems store it, back in words.

``sentences`` are segments of subtokens, each between ``[CLS]`` and ``[SEP]``; ``speakers`` has one for each of these,
``[SPL]`` for the two; ``subtoken_map`` and ``sentence_map`` give the word and the sentence of each, all segments in one
list; ``clusters`` are first and last positions in that list, both inclusive.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

from transferlab.data.coreference_column import ABSENT
from transferlab.data.readers.base import DataError
from transferlab.data.readers.conll_format import UNKNOWN_SPEAKER, genre_of
from transferlab.data.readers.json_files import field
from transferlab.documents import Annotations, Cluster, Document, Span

SPECIAL = "[SPL]"  # the speaker of [CLS] and [SEP]
UNKNOWN_PIECE = "[UNK]"
NO_TEXT = "\ufffd"  # a word of which the tokenizer left nothing, and leaves nothing again
_KEY = re.compile(r"(?P<document>.+)_(?P<part>[0-9]+)", re.DOTALL)
_OTHER_TOKENIZERS = ("\u2581", "\u0120")  # what words of SentencePiece and of byte-level BPE begin with
_NO_WORDPIECE = (
    "words can be put together from the pieces of a BERT's WordPiece only: write the file with 'tokens', or take the "
    "CoNLL files with dataset=conll2012"
)


@dataclass(frozen=True)
class _Subtokens:
    """The subtokens of a document, without ``[CLS]`` and ``[SEP]``.

    Attributes:
        positions: of each one in the file, which counts the others.
        pieces: their texts.
        words: the word of each.
        sentences: the sentence of each.
        speakers: of each.
    """

    positions: list[int]
    pieces: list[str]
    words: list[int]
    sentences: list[int]
    speakers: list[str]


def document_of(record: Any, place: str) -> Document:
    """The document of a line, in words.

    Args:
        record: what the line holds.
        place: file and line, for messages.

    Raises:
        DataError: it is not in the published form, or has no ``tokens`` and is of another tokenizer than WordPiece.
    """
    key = field(record, "doc_key", str, place)
    subtokens = _subtokens(record, place)
    words = _words(record, subtokens, place)
    sentences, speakers = _of_words(subtokens, len(words))
    named = _KEY.fullmatch(key)
    return Document(
        name=f"{named['document']}_part_{int(named['part']):03}" if named else key,
        words=words,
        sentences=_runs(sentences),
        speakers=speakers if any(speaker != UNKNOWN_SPEAKER for speaker in speakers) else None,
        genre=genre_of(key),
        gold=Annotations(clusters=_clusters(record, subtokens, place)),
    )


def _subtokens(record: Any, place: str) -> _Subtokens:
    """The subtokens of all segments."""
    segments, speakers = (_lists(record, key, place) for key in ("sentences", "speakers"))
    words, sentences = (_whole_numbers(record, key, place) for key in ("subtoken_map", "sentence_map"))
    lengths = [len(segment) for segment in segments]
    if lengths != [len(segment) for segment in speakers] or not sum(lengths) == len(words) == len(sentences):
        raise DataError(
            f"{place}: 'sentences' have {sum(lengths)} subtokens, 'speakers' {sum(map(len, speakers))}, 'subtoken_map' "
            f"{len(words)} and 'sentence_map' {len(sentences)}; there must be as many of each, segment by segment"
        )
    for segment in speakers:
        if len(segment) < 2 or {segment[0], segment[-1]} != {SPECIAL}:
            raise DataError(
                f"{place}: 'speakers' must be lists that begin and end with {SPECIAL!r}, for [CLS] and [SEP], not "
                f"{str(segment)[:40]}"
            )
    spoken = [*chain.from_iterable(speakers)]
    kept = [i for i, speaker in enumerate(spoken) if speaker != SPECIAL]
    pieces = [*chain.from_iterable(segments)]
    found = _Subtokens(
        positions=kept,
        pieces=[pieces[i] for i in kept],
        words=[words[i] for i in kept],
        sentences=[sentences[i] for i in kept],
        speakers=[UNKNOWN_SPEAKER if spoken[i] in ABSENT else spoken[i] for i in kept],
    )
    for key, numbers in (("subtoken_map", found.words), ("sentence_map", found.sentences)):
        if any(right < left for left, right in pairwise([0, *numbers])):
            raise DataError(f"{place}: {key!r} must be whole numbers from 0 on that never fall within the text")
    if "tokens" not in record and pieces and pieces[0] != "[CLS]":
        raise DataError(f"{place}: {pieces[0]!r} for [CLS]; {_NO_WORDPIECE}")
    return found


def _words(record: Any, subtokens: _Subtokens, place: str) -> list[str]:
    """The words as the file says them, or put together from their pieces."""
    number = subtokens.words[-1] + 1 if subtokens.words else 0
    if "tokens" in record:
        tokens = _texts(field(record, "tokens", list, place), "tokens", place)
        if len(tokens) < number:
            raise DataError(
                f"{place}: 'subtoken_map' names {number} words of {len(tokens)} 'tokens'; write the file anew"
            )
        return tokens
    pieces: dict[int, list[str]] = defaultdict(list)
    for word, piece in zip(subtokens.words, subtokens.pieces, strict=True):
        if not pieces[word] and piece.startswith(_OTHER_TOKENIZERS):
            raise DataError(f"{place}: the piece {piece!r}; {_NO_WORDPIECE}")
        pieces[word].append(piece.removeprefix("##") if pieces[word] else piece)
    if number > 2 * len(pieces) + 10:  # a tokenizer leaves nothing of a rare word, not of most words
        raise DataError(
            f"{place}: 'subtoken_map' names {number:,} words and has subtokens of {len(pieces):,}; write the file anew"
        )
    return ["".join(pieces.get(word, [NO_TEXT])) for word in range(number)]


def _of_words(subtokens: _Subtokens, words: int) -> tuple[list[int], list[str]]:
    """Sentence and speaker of each word; one without subtokens has those of the word before it."""
    first: dict[int, tuple[int, str]] = {}
    for word, sentence, speaker in zip(subtokens.words, subtokens.sentences, subtokens.speakers, strict=True):
        first.setdefault(word, (sentence, speaker))
    found = [next(iter(first.values()), (0, UNKNOWN_SPEAKER))]
    for word in range(words):
        found.append(first.get(word, found[-1]))
    return [sentence for sentence, _ in found[1:]], [speaker for _, speaker in found[1:]]


def _clusters(record: Any, subtokens: _Subtokens, place: str) -> list[Cluster]:
    """The clusters in words."""
    starts: dict[int, int] = {}
    ends: dict[int, int] = {}
    before, behind = [-1, *subtokens.words], [*subtokens.words[1:], -1]
    for position, left, word, right in zip(subtokens.positions, before, subtokens.words, behind, strict=False):
        if word != left:
            starts[position] = word
        if word != right:
            ends[position] = word
    clusters = []
    for cluster in field(record, "clusters", list, place):
        mentions: set[Span] = set()
        for mention in cluster if isinstance(cluster, list) else [cluster]:
            match mention:
                case [int(start), int(end)] if start in starts and end in ends and starts[start] <= ends[end]:
                    mentions.add((starts[start], ends[end]))
                case _:
                    raise DataError(
                        f"{place}: {str(mention)[:40]} in 'clusters' is no mention; it must be the positions of the "
                        "first subtoken of a word and of the last one of a word"
                    )
        if mentions:
            clusters.append(sorted(mentions))
    return sorted(clusters)


def _runs(numbers: Sequence[int]) -> list[Span]:
    """First and last index of each run of equal numbers."""
    starts = [i for i, number in enumerate(numbers) if i == 0 or number != numbers[i - 1]]
    return [(start, following - 1) for start, following in pairwise([*starts, len(numbers)])]


def _lists(record: Any, key: str, place: str) -> list[list[str]]:
    return [_texts(values, key, place) for values in field(record, key, list, place)]


def _texts(values: Any, key: str, place: str) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(f"{place}: {key!r} must be lists of strings, not {str(values)[:40]!r}")
    return values


def _whole_numbers(record: Any, key: str, place: str) -> list[int]:
    values = field(record, key, list, place)
    if not all(type(value) is int for value in values):
        raise DataError(f"{place}: {key!r} must be a list of whole numbers, not {str(values)[:40]!r}")
    return values
