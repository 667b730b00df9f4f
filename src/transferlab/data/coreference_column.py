"""The coreference column of CoNLL files: brackets to clusters, and clusters to brackets.

A cell holds the pieces ``(7`` (a mention of entity 7 opens at this word), ``7)`` (one closes) and ``(7)``
(one word), with or without ``|`` between them; ``-``, ``_`` and an empty cell mean "none". Pieces count from
left to right, and a closing piece ends the mention of its entity that was opened last, so nested mentions
keep their own ends.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from transferlab.data.readers.base import DataError
from transferlab.documents import Cluster, Span

ABSENT = ("", "-", "_")
_PIECE = re.compile(r"(\(?)([^()|\s]+)(\)?)\|*")


class MentionBrackets:
    """Collects the cells of one document, word by word."""

    def __init__(self) -> None:
        """Start with no mention, open or closed."""
        # by entity: (word, line) of each mention still open, and the closed mentions
        self._open: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._mentions: dict[str, set[Span]] = defaultdict(set)

    def add(self, cell: str, word: int, line: int) -> None:
        """Take the cell of one word; raises DataError for brackets that make no sense there."""
        if cell in ABSENT:
            return
        position = 0
        while position < len(cell):
            piece = _PIECE.match(cell, position)
            if piece is None or not (piece[1] or piece[3]):
                raise DataError(
                    f"cannot read {cell[position:]!r} in the coreference column {cell!r}; "
                    "write pieces such as (7, 7) and (7), or - for none"
                )
            opens, entity, closes = piece.groups()
            if opens:
                self._open[entity].append((word, line))
            if closes:
                if not self._open[entity]:
                    raise DataError(
                        f"the coreference column {cell!r} closes a mention of entity {entity} that was never "
                        f"opened; remove {entity}) or add ({entity} at the word where the mention begins"
                    )
                self._mentions[entity].add((self._open[entity].pop()[0], word))
            position = piece.end()

    def clusters(self) -> list[Cluster]:
        """Clusters in the order of their first mentions; raises DataError when a mention is still open."""
        for entity, openings in self._open.items():
            if openings:
                raise DataError(
                    f"a mention of entity {entity}, opened in line {openings[-1][1]}, is not closed before "
                    f"the document ends; add {entity}) at its last word"
                )
        return sorted(sorted(spans) for spans in self._mentions.values())


def without_crossings(cluster: Iterable[Span]) -> tuple[Cluster, Cluster]:
    """Split a cluster into mentions that the column can carry and mentions that it cannot.

    Brackets of one entity nest, so two of its mentions must neither cross nor, being longer than a word, share just
    the last word of one and the first of the other. Mentions are taken by their start, the longer first; one that
    crosses a mention already taken is left out.
    """
    kept: Cluster = []
    crossing: Cluster = []
    for start, end in sorted(set(cluster), key=lambda span: (span[0], -span[1])):
        crosses = any(other_start < start <= other_end < end for other_start, other_end in kept)
        (crossing if crosses else kept).append((start, end))
    return kept, crossing


def coreference_cells(clusters: Iterable[Cluster], words: int) -> list[str]:
    """One cell per word for clusters without crossing mentions; entities are numbered from 0."""
    closing: dict[int, list[tuple[int, str]]] = defaultdict(list)  # word -> (start, piece)
    opening: dict[int, list[tuple[int, str]]] = defaultdict(list)  # word -> (end, piece)
    for entity, cluster in enumerate(clusters):
        for start, end in set(cluster):
            if start == end:
                opening[start].append((end, f"({entity})"))
            else:
                opening[start].append((end, f"({entity}"))
                closing[end].append((start, f"{entity})"))
    cells = []
    for word in range(words):
        # what ends comes before what begins, innermost ends first, outermost begins first
        ends = [piece for _, piece in sorted(closing[word], key=lambda item: -item[0])]
        begins = [piece for _, piece in sorted(opening[word], key=lambda item: -item[0])]
        cells.append("|".join(ends + begins) or "-")
    return cells
