"""Which annotated spans (entities, mentions) of one corpus are annotated in another, whatever their labels are.

A span is known by a hash of its sentence's letters and of the letters at which it begins and ends, so that tokenisation
does not matter. Spans over several sentences are left out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import accumulate
from typing import Any

import numpy as np

from transferlab.data.text_overlap import letters_of
from transferlab.documents import Document


def spans_of(documents: Iterable[Document]) -> np.ndarray[Any, np.dtype[Any]]:
    """Hashes of the gold entities and mentions of documents, sorted, each once, [spans] uint32."""
    hashes = bytearray()
    for document in documents:
        for key in _keys(document):
            hashes += blake2b(key.encode(), digest_size=4).digest()
    return np.unique(np.frombuffer(hashes, "<u4"))


def _keys(document: Document) -> Iterator[str]:
    """A text for each span, equal for equal ones."""
    spans = {(entity.start, entity.end) for entity in document.gold.entities or ()}
    spans |= {span for cluster in document.gold.clusters or () for span in cluster}
    starts = [start for start, _ in document.sentences]
    letters: dict[int, tuple[str, list[int]]] = {}  # of sentences: all of them, and how many stand before each word
    for first, last in sorted(spans):
        number = bisect_right(starts, first) - 1
        start, end = document.sentences[number]
        if last > end:
            continue
        if number not in letters:
            words = [letters_of(word) for word in document.words[start : end + 1]]
            letters[number] = "".join(words), [0, *accumulate(map(len, words))]
        text, before = letters[number]
        yield f"{text} {before[first - start]} {before[last - start + 1]}"
