"""The units that candidate spans of coreference are made of: words, or subtokens as in the published code.

The published code is that of Xu and Choi 2020 (https://github.com/lxucs/coref-hoi). What it does otherwise than we do
with words is :class:`Subtokens`, as a whole: figures can only be compared where all of it is the same.

Letters: n units, W words and S segments of a document.
"""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from transferlab.documents import Document, Span
from transferlab.taskmodules.tokenization import Line, WordTokenizer, flatten
from transferlab.utils.errors import UserError

Subtokened = Mapping[str, list[list[int]]]  # by tokenizer key, the subtoken ids of each word


@dataclass(frozen=True)
class Layout:
    """The units of a whole document.

    Attributes:
        word_ids: [n] int64, non-decreasing, the word that a unit belongs to.
        sentence_ids: [n] int64, non-decreasing.
        segment_ids: [n] int64, non-decreasing.
        speaker_ids: [n] int64, equal for equal speakers.
        first_units, last_units: [W] int64, of each word.
        segment_starts: [S + 1], the first unit of each segment, and n.
    """

    word_ids: Tensor
    sentence_ids: Tensor
    segment_ids: Tensor
    speaker_ids: Tensor
    first_units: list[int]
    last_units: list[int]
    segment_starts: list[int]


class Units(ABC):
    """What a unit is, and what comes with it.

    Args:
        tokenizers: of the encoders, by key.

    Attributes:
        before, after: the special tokens that are units, before and behind the text of every segment.
    """

    def __init__(self, tokenizers: Mapping[str, WordTokenizer]) -> None:
        self.before = self.after = 0

    def as_read(self, words: list[str]) -> list[str]:
        """The words as tokenizers read them."""
        return words

    @abstractmethod
    def per_word(self, document: Document, subtokens: Subtokened) -> list[int]:
        """How many units each word has, [W]."""

    @abstractmethod
    def line(self, sequence: int, subtokens: list[list[int]], first_unit: int) -> Line:
        """The row of a segment for one tokenizer.

        Args:
            sequence: position of its document in the batch.
            subtokens: those of each word of the segment.
            first_unit: of the segment.
        """

    @abstractmethod
    def first_segment(self, document: Document, choices: int) -> int:
        """The first segment of a training window of a document, drawn among so many."""

    @abstractmethod
    def genre_id(self, genre: str | None, known: Sequence[str]) -> int:
        """Number of a genre, from 1 for the first known one; 0 stands for no known genre."""

    def layout(self, document: Document, segments: Sequence[Span], subtokens: Subtokened) -> Layout:
        """The units of a document.

        A special token belongs to the sentence of the word behind it (after the last word to one of its own) and to the
        word before it (before the first word to that one). All special tokens have one speaker, who says nothing else.

        Args:
            document: of any length.
            segments: consecutive spans of words that cover it.
            subtokens: of its words.
        """
        words, per_word = len(document.words), self.per_word(document, subtokens)
        sentence_of = np.array(  # [W + 1], the last one of what stands behind the text
            [*(i for i, (s, e) in enumerate(document.sentences) for _ in range(s, e + 1)), len(document.sentences)]
        )
        known: dict[str, int] = {}
        speakers = document.speakers or [""] * words
        speaker_of = np.array([known.setdefault(speaker, len(known)) for speaker in speakers], dtype=np.int64)
        around = (self.before, self.after)
        word_ids, followed, special = [], [], []  # [units] of each segment
        for start, end in segments:
            text = np.repeat(np.arange(start, end + 1), per_word[start : end + 1])
            word_ids.append(np.pad(text, around, constant_values=(max(start - 1, 0), end)))
            followed.append(np.pad(text, around, constant_values=(start, end + 1)))
            special.append(np.pad(np.zeros_like(text), around, constant_values=1))
        lengths = [len(units) for units in word_ids]
        of_word, is_special = _joined(word_ids), _joined(special)  # [n] each
        texts = np.flatnonzero(is_special == 0)
        first, last = np.zeros(words, dtype=np.int64), np.zeros(words, dtype=np.int64)
        first[of_word[texts][::-1]], last[of_word[texts]] = texts[::-1], texts  # of equal words the last one stays
        return Layout(
            word_ids=torch.from_numpy(of_word),
            sentence_ids=torch.from_numpy(sentence_of[_joined(followed)]),
            segment_ids=torch.from_numpy(np.repeat(np.arange(len(segments)), lengths)),
            speaker_ids=torch.from_numpy(np.where(is_special, len(known), speaker_of[of_word])),
            first_units=first.tolist(),
            last_units=last.tolist(),
            segment_starts=[0, *np.cumsum(lengths, dtype=np.int64).tolist()],
        )


def _joined(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


class Words(Units):
    """Words, whatever tokenizers make of them; a training window is drawn anew each time."""

    def per_word(self, document: Document, subtokens: Subtokened) -> list[int]:
        """One."""
        return [1] * len(document.words)

    def line(self, sequence: int, subtokens: list[list[int]], first_unit: int) -> Line:
        """A row whose special tokens are no units."""
        return Line(sequence, *flatten(subtokens, first_unit))

    def first_segment(self, document: Document, choices: int) -> int:
        """Any, each time."""
        return int(torch.randint(choices, ()))

    def genre_id(self, genre: str | None, known: Sequence[str]) -> int:
        """0 for an unknown one."""
        return known.index(genre) + 1 if genre in known else 0


class Subtokens(Units):
    """Subtokens, special tokens included, as in the published code.

    There, too, a training document is cut once for all epochs and seeds, and an unknown genre counts as the first
    known one (``bc``).

    Raises:
        UserError: the encoders' tokenizers make different subtokens of the same words.
    """

    def __init__(self, tokenizers: Mapping[str, WordTokenizer]) -> None:
        (self.key, tokenizer), *others = tokenizers.items()
        for key, other in others:
            if _rules(tokenizer) != _rules(other):
                raise UserError(
                    f"taskmodule.unit=subtoken: the encoders {self.key!r} and {key!r} of model.pretrained_models have "
                    "tokenizers that make different subtokens of the same words; choose encoders with one tokenizer, "
                    "or taskmodule.unit=word, which aligns any"
                )
        self.before, self.after = len(tokenizer.prefix), len(tokenizer.suffix)

    def as_read(self, words: list[str]) -> list[str]:
        """Without the slash that OntoNotes puts before marks at the end of spoken sentences."""
        return [word[1:] if word in ("/.", "/?") else word for word in words]

    def per_word(self, document: Document, subtokens: Subtokened) -> list[int]:
        """Its subtokens.

        Raises:
            UserError: a word that is a token added to one of several tokenizers.
        """
        counts = [len(pieces) for pieces in subtokens[self.key]]
        for key, pieces in subtokens.items():
            for word, ours, theirs in zip(document.words, counts, map(len, pieces), strict=True):
                if ours != theirs:
                    raise UserError(
                        f"{document.name}: taskmodule.unit=subtoken, but the word {word!r} has {ours} subtokens for "
                        f"the encoder {self.key!r} and {theirs} for {key!r}, as a token was added to one of their "
                        "tokenizers; choose taskmodule.unit=word, or encoders with one tokenizer"
                    )
        return counts

    def line(self, sequence: int, subtokens: list[list[int]], first_unit: int) -> Line:
        """A row of which every token is a unit."""
        return Line(sequence, flatten(subtokens)[0], [], numbered_from=first_unit)

    def first_segment(self, document: Document, choices: int) -> int:
        """Always the same for a document of this name."""
        return random.Random(document.name).randrange(choices)

    def genre_id(self, genre: str | None, known: Sequence[str]) -> int:
        """That of the first known one for an unknown one."""
        return known.index(genre) + 1 if genre in known else min(len(known), 1)


def _rules(tokenizer: WordTokenizer) -> tuple[list[int], list[int], dict[str, Any]]:
    """What a tokenizer makes of any word: its special tokens, vocabulary and steps, but no added tokens."""
    state: dict[str, Any] = json.loads(tokenizer.tokenizer.backend_tokenizer.to_str())
    for name in ("added_tokens", "truncation", "padding"):
        del state[name]
    return tokenizer.prefix, tokenizer.suffix, state


UNITS: dict[str, type[Units]] = {"word": Words, "subtoken": Subtokens}
