"""Words to subtokens of several tokenizers, packed into rows that every encoder can read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import torch

from transferlab.documents import Document, Span
from transferlab.utils.batches import EncoderInputs

log = logging.getLogger(__name__)


@dataclass
class Row:
    """A stretch of one sequence's words for one encoder pass.

    Attributes:
        sequence: position of the sequence in the batch.
        start: first unit of the row within its sequence.
        subtokens: subtoken ids of each word.
    """

    sequence: int
    start: int
    subtokens: list[list[int]]


class WordTokenizer:
    """A Hugging Face tokenizer seen word by word.

    Args:
        tokenizer: a fast tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        probe = tokenizer(["a"], is_split_into_words=True)
        real = [position for position, word in enumerate(probe.word_ids()) if word is not None]
        self.prefix: list[int] = probe["input_ids"][: real[0]]
        self.suffix: list[int] = probe["input_ids"][real[-1] + 1 :]
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    @property
    def num_special(self) -> int:
        """Special tokens around every row."""
        return len(self.prefix) + len(self.suffix)

    def subtokens(self, words: list[str], limit: int) -> list[list[int]]:
        """Subtoken ids of each word: at least one (the unknown token), at most ``limit``."""
        if not words:
            return []
        encoded = self.tokenizer(words, is_split_into_words=True, add_special_tokens=False, verbose=False)
        pieces: list[list[int]] = [[] for _ in words]
        for subtoken, word in zip(encoded["input_ids"], encoded.word_ids(), strict=True):
            pieces[word].append(subtoken)
        unknown = self.tokenizer.unk_token_id
        if unknown is None:
            unknown = self.pad_id
        return [piece[:limit] or [unknown] for piece in pieces]

    def inputs(self, rows: list[Row], units: int) -> EncoderInputs:
        """Rows of subtokens as padded tensors, their words pointing into a grid [sequences, units]."""
        lines = [self.prefix + [s for word in row.subtokens for s in word] + self.suffix for row in rows]
        length = max((len(line) for line in lines), default=0)
        input_ids = torch.full((len(rows), length), self.pad_id)
        attention_mask = torch.zeros(len(rows), length, dtype=torch.long)
        unit_ids = torch.full((len(rows), length), -1)
        for r, (row, line) in enumerate(zip(rows, lines, strict=True)):
            input_ids[r, : len(line)] = torch.tensor(line)
            attention_mask[r, : len(line)] = 1
            first = row.sequence * units + row.start
            of_words = [first + w for w, word in enumerate(row.subtokens) for _ in word]
            unit_ids[r, len(self.prefix) : len(self.prefix) + len(of_words)] = torch.tensor(of_words)
        sequence_ids = torch.tensor([row.sequence for row in rows], dtype=torch.long)
        return EncoderInputs(input_ids, attention_mask, unit_ids, sequence_ids)


def segments(document: Document, lengths: list[list[int]], limits: list[int]) -> list[Span]:
    """Pack whole sentences into segments that fit every encoder; a sentence that fits none is split between words.

    Args:
        document: its sentences are packed.
        lengths: for each tokenizer the number of subtokens of each word.
        limits: for each tokenizer the most subtokens in a segment; no word is longer.

    Returns:
        consecutive spans of words, both ends inclusive, that cover the document.
    """
    packed: list[Span] = []
    filled = [0] * len(lengths)
    for start, end in document.sentences:
        needed = [sum(words[start : end + 1]) for words in lengths]
        if packed and all(f + n <= limit for f, n, limit in zip(filled, needed, limits, strict=True)):
            packed[-1] = (packed[-1][0], end)
            filled = [f + n for f, n in zip(filled, needed, strict=True)]
            continue
        if any(n > limit for n, limit in zip(needed, limits, strict=True)):
            log.warning(
                "%s: the sentence of words %d-%d has %d subtokens, more than an encoder reads at once (%d): it is "
                "split between words; a larger taskmodule.max_segment_len avoids this",
                document.name, start, end, max(needed), min(limits),
            )  # fmt: skip
        first, filled = start, [0] * len(lengths)
        for word in range(start, end + 1):
            if any(f + words[word] > limit for f, words, limit in zip(filled, lengths, limits, strict=True)):
                packed.append((first, word - 1))
                first, filled = word, [0] * len(lengths)
            filled = [f + words[word] for f, words in zip(filled, lengths, strict=True)]
        packed.append((first, end))
    return packed
