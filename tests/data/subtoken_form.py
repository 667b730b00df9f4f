"""Documents in the form of published preprocessing: subtokens in segments of a length, each between [CLS] and [SEP]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transferlab.documents import Document


def in_subtokens(
    document: Document, tokenize: Callable[[str], list[str]], length: int, tokens: bool, special: str = "[CLS] [SEP]"
) -> dict[str, Any]:
    """The record of a document, with or without its words; segments end with sentences, or else with words."""
    first, last = special.split()
    sentence_of = [n for n, (start, end) in enumerate(document.sentences) for _ in range(start, end + 1)]
    pieces = [tokenize(word) for word in document.words]
    segments: list[list[int]] = []  # words, each whole
    for words in [list(range(start, end + 1)) for start, end in document.sentences]:
        used = sum(len(pieces[word]) for word in segments[-1]) if segments else length
        if used + sum(len(pieces[word]) for word in words) <= length - 2:
            segments[-1] += words
            continue
        segments.append([])
        for word in words:
            if sum(len(pieces[other]) for other in segments[-1]) + len(pieces[word]) > length - 2:
                segments.append([])
            segments[-1].append(word)
    name, _, part = document.name.rpartition("_part_")
    speakers = document.speakers or ["-"] * len(document.words)
    record: dict[str, Any] = {"doc_key": f"{name}_{int(part)}", "sentences": [], "speakers": [], "constituents": []}
    record |= {"ner": [], "sentence_map": [], "subtoken_map": [], "pronouns": []}
    starts, ends, before = {}, {}, 0
    for segment in filter(None, segments):
        words = [word for word in segment for _ in pieces[word]]
        if not words:
            continue
        for word in segment:
            position = len(record["subtoken_map"]) + 1 + words.index(word) if word in words else -1
            starts[word], ends[word] = position, position + len(pieces[word]) - 1
        record["sentences"].append([first, *(piece for word in segment for piece in pieces[word]), last])
        record["speakers"].append(["[SPL]", *(speakers[word] for word in words), "[SPL]"])
        record["subtoken_map"] += [before, *words, words[-1]]
        # what stands at [SEP] is the number of the next sentence where one has ended
        record["sentence_map"] += [
            sentence_of[words[0]],
            *(sentence_of[word] for word in words),
            sentence_of[words[-1]] + 1,
        ]
        before = words[-1]
    clusters = document.gold.clusters or []
    record["clusters"] = [[[starts[start], ends[end]] for start, end in reversed(cluster)] for cluster in clusters]
    return record | ({"tokens": document.words} if tokens else {})
