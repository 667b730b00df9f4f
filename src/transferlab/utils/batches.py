"""What travels between taskmodules, encoders and models: plain dataclasses of tensors, known to all three rooms.

All of them move to a device by themselves: Lightning would look at every word of every gold label to find tensors.
"""

from __future__ import annotations

import hashlib
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor


class Movable:
    """A dataclass that goes to a device with the tensors, and the movables, that its fields hold."""

    def to(self, device: torch.device, non_blocking: bool = False) -> Self:
        """A copy on a device; what is there already is shared."""
        moved = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, Tensor | Movable):
                setattr(moved, name, value.to(device, non_blocking=non_blocking))
            elif isinstance(value, dict):  # the inputs by tokenizer
                setattr(moved, name, {key: item.to(device, non_blocking) for key, item in value.items()})
            elif isinstance(value, list) and value and isinstance(value[0], Movable):
                setattr(moved, name, [item.to(device, non_blocking) for item in value])
        return moved


@dataclass
class Batch(Movable):
    """A batch of one task.

    Attributes:
        counts: False where it only keeps a process busy while others read the last examples of a split.
        positions: of its examples in the split; empty where nobody says.
    """

    counts: bool = field(default=True, kw_only=True)
    positions: list[int] = field(default_factory=list, kw_only=True)


@dataclass
class EncoderInputs(Movable):
    """The rows of a batch for one tokenizer.

    Attributes:
        input_ids: [rows, subtokens] int64.
        attention_mask: [rows, subtokens] int64, 0 on padding.
        unit_ids: [rows, subtokens] int64, the unit (word) each subtoken belongs to, as a flat index
            ``sequence * units + unit`` into the output grid [sequences, units]; -1 for special tokens and padding.
        sequence_ids: [rows] int64, the sequence each row belongs to. A sequence's rows stand in text order.
        token_type_ids: [rows, subtokens] int64, which text of a pair each subtoken belongs to; None where no row
            holds a pair. Encoders without types ignore it.
        row_keys: [rows], see :func:`row_keys`; None where they were not asked for, or cannot be given.
    """

    input_ids: Tensor
    attention_mask: Tensor
    unit_ids: Tensor
    sequence_ids: Tensor
    token_type_ids: Tensor | None = None
    row_keys: list[bytes] | None = None


def row_keys(inputs: EncoderInputs) -> list[bytes] | None:
    """16 bytes for the tokens of each row, equal for equal rows however they are padded; none for a row of padding.

    Args:
        inputs: on the CPU.

    Returns:
        None where padding stands before tokens.
    """
    mask = inputs.attention_mask.numpy().astype(bool)
    if (mask[:, 1:] > mask[:, :-1]).any():
        return None
    ids = inputs.input_ids.numpy().astype("<i4", order="C")
    types = None if inputs.token_type_ids is None else inputs.token_type_ids.numpy().astype("<i1", order="C")
    keys = []
    for row, length in enumerate(mask.sum(axis=1).tolist()):
        state = hashlib.blake2b(length.to_bytes(4, "little"), digest_size=16)
        state.update(ids[row, :length].tobytes())
        if types is not None and types[row, :length].any():  # an encoder without a pair reads zeros
            state.update(types[row, :length].tobytes())
        keys.append(state.digest() if length else b"")
    return keys


@dataclass
class ClassificationBatch(Batch):
    """Texts, pairs of texts or pairs of arguments to be classified.

    Attributes:
        inputs: encoder inputs by tokenizer key; their sequences are the examples.
        units: vectors per example that the head concatenates: 1 for a text, 2 for the two arguments of a relation.
        names: of the examples' documents, for messages.
        labels: [examples] int64 classes, -100 where unknown; [examples, classes] fp32 of 0 and 1 where an example
            may have several classes; [examples] fp32 values in regression, NaN where unknown.
        gold: the same as the corpus writes it, for the official score; None where unknown.
        answers: what is scored instead of a prediction, where the system would not ask the model; None elsewhere. An
            empty list: nowhere.
    """

    inputs: dict[str, EncoderInputs]
    units: int
    names: list[str]
    labels: Tensor
    gold: list[Any]
    answers: list[Any] = field(default_factory=list)


@dataclass
class TokenBatch(Batch):
    """Sequences whose words are to be tagged.

    Attributes:
        inputs: encoder inputs by tokenizer key; their sequences are the examples.
        units: words of the longest example.
        names: of the examples' documents, for messages.
        lengths: [examples] int64, words of each.
        tag_ids: [examples, units] int64, -100 beyond the length and where a tag is unknown.
        gold: the tags as the corpus writes them, a list for each sentence of the examples in turn, for the official
            score; None where unknown.
    """

    inputs: dict[str, EncoderInputs]
    units: int
    names: list[str]
    lengths: Tensor
    tag_ids: Tensor
    gold: list[list[str] | None]


@dataclass
class QuestionBatch(Batch):
    """Questions, each with the text that may answer it.

    Unit 0 of a sequence stands for the whole row: "no answer". Word ``w`` of the text is unit ``w + 1``.

    Attributes:
        inputs: encoder inputs by tokenizer key; their sequences are the questions.
        units: 1 + words of the longest text.
        names: ids of the questions.
        lengths: [questions] int64, words of each text.
        answer_spans: [questions, answers, 2] int64, first and last unit of each gold answer, (0, 0) for "no answer",
            -1 for padding and where the answers are unknown.
        texts: the texts.
        offsets: for each text, the characters of its words.
        gold: the wordings of the gold answers, empty for "no answer"; None where unknown.
    """

    inputs: dict[str, EncoderInputs]
    units: int
    names: list[str]
    lengths: Tensor
    answer_spans: Tensor
    texts: list[str]
    offsets: list[list[tuple[int, int]]]
    gold: list[list[str] | None]


@dataclass
class CoreferenceDocument(Movable):
    """What the coreference head reads of one document (or one training window of it); n units, G gold mentions.

    Attributes:
        sentence_ids: [n] int64, the sentence of each unit.
        segment_ids: [n] int64, the encoder segment of each unit, 0 for the first of the document or window.
        speaker_ids: [n] int64, equal for equal speakers of this document.
        genre_id: [] int64, 0 for an unknown genre.
        gold_mentions: [G, 2] int64, first and last unit of each gold mention, both inclusive.
        gold_cluster_ids: [G] int64, the entity of each gold mention, from 1.
        word_ids: [n] int64, non-decreasing, the word of the document or window that each unit belongs to: a unit is a
            word, a subtoken or a special token.
    """

    sentence_ids: Tensor
    segment_ids: Tensor
    speaker_ids: Tensor
    genre_id: Tensor
    gold_mentions: Tensor
    gold_cluster_ids: Tensor
    word_ids: Tensor


@dataclass
class CoreferenceBatch(Batch):
    """Documents of one step.

    Attributes:
        inputs: encoder inputs by tokenizer key; their sequences are the documents.
        documents: the documents, in the order of the sequences.
        units: the width of the output grid, the number of units of the longest document.
        names: of the documents, for messages.
        words: of each document, for the baseline that compares them; empty where it is not asked for.
    """

    inputs: dict[str, EncoderInputs]
    documents: list[CoreferenceDocument]
    units: int
    names: list[str]
    words: list[list[str]] = field(default_factory=list)
