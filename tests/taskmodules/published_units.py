"""What the published coreference code makes of a document, written plainly: one list item for each token it reads.

Xu and Choi 2020, https://github.com/lxucs/coref-hoi. Segments hold whole sentences where they can, and begin and end
with special tokens, which are positions like any other: candidate spans may hold them.
"""

from __future__ import annotations

from dataclasses import dataclass

from transferlab.documents import Document, Span

SPECIAL = "[SPL]"  # the speaker of special tokens


@dataclass
class Token:
    """A position of a document; ``piece`` is None for a special token."""

    piece: int | None
    segment: int
    sentence: int
    word: int
    speaker: str


def segments_of(document: Document, pieces: list[list[int]], limit: int) -> list[list[tuple[int, int, int]]]:
    """Segments of (piece, word, sentence), each as long as ``limit`` allows: to a sentence's end, else a word's."""
    stream = []
    for number, (start, end) in enumerate(document.sentences):
        for word in range(start, end + 1):
            for place, piece in enumerate(pieces[word]):
                ends_word = place == len(pieces[word]) - 1
                stream.append((piece, word, number, ends_word, ends_word and word == end))
    cut, begin = [], 0
    while begin < len(stream):
        reach = stream[begin : begin + limit]
        after = max(
            (i for i, token in enumerate(reach, 1) if token[4]),
            default=max((i for i, token in enumerate(reach, 1) if token[3]), default=0),
        )
        cut.append([token[:3] for token in reach[:after]])
        begin += after
    return cut


def tokens_of(document: Document, pieces: list[list[int]], limit: int) -> list[Token]:
    """All positions of a document."""
    tokens: list[Token] = []
    sentence_ends = {end for _, end in document.sentences}
    sentence = previous = 0
    for number, segment in enumerate(segments_of(document, pieces, limit)):
        tokens.append(Token(None, number, sentence, previous, SPECIAL))
        for place, (piece, word, _) in enumerate(segment):
            speaker = document.speakers[word] if document.speakers else ""
            tokens.append(Token(piece, number, sentence, word, speaker))
            last_piece = place + 1 == len(segment) or segment[place + 1][1] != word
            sentence += last_piece and word in sentence_ends
        previous = segment[-1][1]
        tokens.append(Token(None, number, sentence, previous, SPECIAL))
    return tokens


def mentions_of(document: Document, tokens: list[Token]) -> list[tuple[int, int, int]]:
    """(first position, last position, entity from 1) of the gold mentions."""
    found = []
    for entity, cluster in enumerate(document.gold.clusters or [], 1):
        for first, last in cluster:
            at_first = [i for i, token in enumerate(tokens) if token.piece is not None and token.word == first]
            at_last = [i for i, token in enumerate(tokens) if token.piece is not None and token.word == last]
            found.append((at_first[0], at_last[-1], entity))
    return found


def window_of(
    tokens: list[Token], mentions: list[tuple[int, int, int]], first: int, count: int
) -> tuple[list[Token], list[tuple[int, int, int]]]:
    """The tokens of ``count`` segments from ``first`` on, and the mentions that touch them, crossing an edge or not."""
    inside = [i for i, token in enumerate(tokens) if first <= token.segment < first + count]
    begin, end = inside[0], inside[-1]
    return tokens[begin : end + 1], [(s - begin, e - begin, c) for s, e, c in mentions if s <= end and e >= begin]


def candidates_of(tokens: list[Token], widest: int) -> list[Span]:
    """Spans of at most ``widest`` positions inside a sentence, by (start, end)."""
    return [
        (start, end)
        for start in range(len(tokens))
        for end in range(start, min(start + widest, len(tokens)))
        if tokens[start].sentence == tokens[end].sentence
    ]


def labels_of(candidates: list[Span], mentions: list[tuple[int, int, int]]) -> list[int]:
    """The entity of each candidate, 0 for none."""
    return [next((c for s, e, c in mentions if (s, e) == span), 0) for span in candidates]
