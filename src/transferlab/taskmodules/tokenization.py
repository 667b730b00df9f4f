"""Words to subtokens of several tokenizers, packed into rows that every encoder can read."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from transferlab.documents import Document, Span
from transferlab.utils.batches import EncoderInputs

_LETTER = "x"  # makes no subtoken together with a character of another script

log = logging.getLogger(__name__)


@dataclass
class Line:
    """A row for one encoder, still without special tokens.

    Attributes:
        sequence: position of its sequence in the batch.
        subtokens: subtoken ids.
        units: for each of them the unit of the sequence that it belongs to, -1 for none.
        pair: the same two lists of a second text, which follows the first behind a separator.
        first_unit: unit of the special token that stands for the whole row ([CLS] where there is one).
        special_unit: unit of all other special tokens.
        numbered_from: unit of the first token, where every token of the row, special ones included, is a unit of its
            own and the units follow each other; ``units`` is empty then. -1: the other attributes say the units.
        row: subtokens with special tokens, their units and types, [3, subtokens]; kept for the next epoch.
    """

    sequence: int
    subtokens: list[int]
    units: list[int]
    pair: tuple[list[int], list[int]] | None = None
    first_unit: int = -1
    special_unit: int = -1
    numbered_from: int = -1
    row: NDArray[np.int64] | None = field(default=None, repr=False, compare=False)


def flatten(subtokens: list[list[int]], start: int = 0, represented: Span | None = None) -> tuple[list[int], list[int]]:
    """Subtokens of consecutive words in one list, and the unit of each.

    Args:
        subtokens: those of each word.
        start: the unit of the first word.
        represented: first and last unit that this row stands for; the other words are only read along.
    """
    first, last = represented or (start, start + len(subtokens) - 1)
    ids = [subtoken for word in subtokens for subtoken in word]
    units = [unit if first <= unit <= last else -1 for unit, word in enumerate(subtokens, start) for _ in word]
    return ids, units


class WordTokenizer:
    """A Hugging Face tokenizer seen word by word.

    A tokenizer that adds no special tokens ends every row with its end-of-text token, so that a token stands for the
    row.

    Args:
        tokenizer: a fast tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        single = tokenizer(["a"], is_split_into_words=True)
        pair = tokenizer(["a"], ["a"], is_split_into_words=True)
        self.prefix, _, self.suffix = _special_tokens(single)
        self.pair_prefix, self.separator, self.pair_suffix = _special_tokens(pair)
        end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
        self.separator = self.separator or end
        if not self.prefix and not self.suffix:
            self.suffix = self.pair_suffix = end
        types = pair.get("token_type_ids")
        self.second_type: int = types[pair.sequence_ids().index(1)] if types else 0
        self.pad_id: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    @property
    def num_special(self) -> int:
        """Special tokens around the text of a row."""
        return len(self.prefix) + len(self.suffix)

    @property
    def num_special_pair(self) -> int:
        """Special tokens around and between the texts of a row with two."""
        return len(self.pair_prefix) + len(self.separator) + len(self.pair_suffix)

    def add_tokens(self, tokens: list[str]) -> None:
        """Make each of these strings one token; those known already are left as they are."""
        self.tokenizer.add_tokens(tokens, special_tokens=True)

    def token_id(self, token: str) -> int:
        """The id of one token."""
        return int(self.tokenizer.convert_tokens_to_ids(token))

    def subtokens(self, words: list[str], limit: int, joined: Sequence[int] = ()) -> list[list[int]]:
        """Subtoken ids of each word: at least one (the unknown token), at most ``limit``.

        Args:
            words: each of them as behind a blank.
            limit: the most subtokens of a word.
            joined: positions of the words that continue the one before them without a blank, like the characters of
                Chinese; they get subtokens of a continuation (``##x`` of WordPiece, no ``\u2581`` of SentencePiece).
        """
        pieces = self._pieces(words)
        for i, continuation in self._continuations(words, joined):
            pieces[i] = continuation
        unknown = self.tokenizer.unk_token_id
        if unknown is None:
            unknown = self.pad_id
        return [piece[:limit] or [unknown] for piece in pieces]

    def _continuations(self, words: list[str], joined: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """Words that continue others, by their position, with what they add to the subtokens of the word before.

        Where the two words make a subtoken together, a letter stands in for the word before. Where that fails too, for
        example as the word is unknown, the word is left out.
        """
        for letter in ("", _LETTER):
            before = [letter or words[i - 1] for i in joined]
            alone = self._pieces(before)
            together = self._pieces([word + words[i] for word, i in zip(before, joined, strict=True)])
            left = []
            for i, first, both in zip(joined, alone, together, strict=True):
                if len(both) > len(first) and both[: len(first)] == first:
                    yield i, both[len(first) :]
                else:
                    left.append(i)
            joined = left

    def _pieces(self, words: list[str]) -> list[list[int]]:
        """Subtoken ids of each word, as behind a blank; none where the tokenizer drops it."""
        if not words:
            return []
        encoded = self.tokenizer(words, is_split_into_words=True, add_special_tokens=False, verbose=False)
        pieces: list[list[int]] = [[] for _ in words]
        for subtoken, word in zip(encoded["input_ids"], encoded.word_ids(), strict=True):
            pieces[word].append(subtoken)
        return pieces

    def inputs(self, lines: list[Line], units: int) -> EncoderInputs:
        """Rows as padded tensors, their subtokens pointing into a grid [sequences, units]."""
        for line in lines:
            if line.row is None:
                line.row = np.array(self._row(line), dtype=np.int64)
        rows = [line.row for line in lines if line.row is not None]  # [3, subtokens] each
        lengths = np.array([row.shape[1] for row in rows], dtype=np.int64)
        content = np.concatenate(rows, axis=1) if rows else np.empty((3, 0), dtype=np.int64)
        real = np.arange(lengths.max(initial=0)) < lengths[:, None]  # [rows, subtokens]
        sequence_ids = np.array([line.sequence for line in lines], dtype=np.int64)

        def padded(column: int, padding: int) -> NDArray[np.int64]:
            """One of the three lists of every row, in an array [rows, subtokens]."""
            values = np.full(real.shape, padding)
            values[real] = content[column]
            return values

        unit_ids = padded(1, -1)
        unit_ids += np.where(unit_ids < 0, 0, units * sequence_ids[:, None])
        paired = any(line.pair is not None for line in lines)
        return EncoderInputs(
            input_ids=torch.from_numpy(padded(0, self.pad_id)),
            attention_mask=torch.from_numpy(real.astype(np.int64)),
            unit_ids=torch.from_numpy(unit_ids),
            sequence_ids=torch.from_numpy(sequence_ids),
            token_type_ids=torch.from_numpy(padded(2, 0)) if paired else None,
        )

    def two_rows(self, paired: bool = False) -> EncoderInputs:
        """Rows of two texts (or pairs) that begin alike and go on differently; unit 0 sums up each of them."""
        ordinary = sorted(set(range(self.tokenizer.vocab_size)) - set(self.tokenizer.all_special_ids))
        # at both ends of vocabularies stand tokens that no one has trained
        first, one, other = (ordinary[len(ordinary) * quarter // 4] for quarter in (1, 2, 3))
        texts = [[first, one, one, one], [first, other, other, other]]
        lines = [
            Line(row, ids, [-1] * len(ids), (ids, [-1] * len(ids)) if paired else None, first_unit=0)
            for row, ids in enumerate(texts)
        ]
        return self.inputs(lines, units=1)

    def _row(self, line: Line) -> tuple[list[int], list[int], list[int]]:
        """Subtokens of a row with its special tokens, the unit of each, and its token type."""
        if line.pair is None:
            before, between, after = self.prefix, list[int](), self.suffix
        else:
            before, between, after = self.pair_prefix, self.separator, self.pair_suffix
        second = line.pair or ([], [])
        special = line.special_unit
        ids = [*before, *line.subtokens, *between, *second[0], *after]
        units = [
            *[special] * len(before), *line.units, *[special] * len(between), *second[1], *[special] * len(after),
        ]  # fmt: skip
        start_of_second = len(before) + len(line.subtokens) + len(between)
        of_second = 0 if line.pair is None else self.second_type
        types = [0] * start_of_second + [of_second] * (len(ids) - start_of_second)
        if line.numbered_from >= 0:
            units = list(range(line.numbered_from, line.numbered_from + len(ids)))
        if line.first_unit >= 0:
            units[self._first_token(before, after, len(ids))] = line.first_unit
        return ids, units, types

    def _first_token(self, before: list[int], after: list[int], length: int) -> int:
        """Where the special token stands that sums up a row: [CLS], else the first, else the last one."""
        cls = self.tokenizer.cls_token_id
        if cls is not None and cls in after and cls not in before:
            return length - len(after) + after.index(cls)
        return 0 if before else length - 1


def _special_tokens(encoded: Any) -> tuple[list[int], list[int], list[int]]:
    """The special tokens before, between and after the texts of an encoded row."""
    ids, texts = encoded["input_ids"], encoded.sequence_ids()
    real = [position for position, text in enumerate(texts) if text is not None]
    between = [ids[position] for position in range(real[0], real[-1]) if texts[position] is None]
    return ids[: real[0]], between, ids[real[-1] + 1 :]


@dataclass(frozen=True)
class Window:
    """A stretch of words that an encoder reads at once, both ends inclusive.

    Attributes:
        start: first word read.
        end: last word read.
        represented: the words that the row stands for; they have more context here than in its neighbours.
    """

    start: int
    end: int
    represented: Span


def windows(lengths: list[int], limit: int, overlap: int) -> list[Window]:
    """Cut a sequence that is too long for an encoder into overlapping windows.

    Args:
        lengths: subtokens of each word; no word is longer than ``limit``.
        limit: the most subtokens of a window.
        overlap: the most subtokens that consecutive windows share; every window begins behind the one before it.

    Returns:
        windows whose ``represented`` words follow each other and cover the sequence; none for an empty sequence.
    """
    ends = [0, *accumulate(lengths)]  # subtokens before each word
    stretches: list[Span] = []
    start = 0
    while start < len(lengths):
        end = start
        while end + 1 < len(lengths) and ends[end + 2] - ends[start] <= limit:
            end += 1
        stretches.append((start, end))
        if end + 1 == len(lengths):
            break
        following = end + 1
        # go back as far as the overlap allows, and as room is left for the word that did not fit
        room = min(overlap, limit - lengths[end + 1])
        while following - 1 > start and ends[end + 1] - ends[following - 1] <= room:
            following -= 1
        start = following
    # the border between two windows lies in the middle of what they share
    borders = [0, *((b[0] + a[1] + 1) // 2 for a, b in pairwise(stretches)), len(lengths)]
    return [Window(start, end, (borders[i], borders[i + 1] - 1)) for i, (start, end) in enumerate(stretches)]


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
