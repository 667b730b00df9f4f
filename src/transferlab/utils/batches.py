"""What travels between taskmodules, encoders and models: plain dataclasses of tensors, known to all three rooms.

Lightning moves dataclasses to a device field by field, so none of them is frozen.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass
class EncoderInputs:
    """The rows of a batch for one tokenizer.

    Attributes:
        input_ids: [rows, subtokens] int64.
        attention_mask: [rows, subtokens] int64, 0 on padding.
        unit_ids: [rows, subtokens] int64, the unit (word) each subtoken belongs to, as a flat index
            ``sequence * units + unit`` into the output grid [sequences, units]; -1 for special tokens and padding.
        sequence_ids: [rows] int64, the sequence each row belongs to. A sequence's rows stand in text order.
    """

    input_ids: Tensor
    attention_mask: Tensor
    unit_ids: Tensor
    sequence_ids: Tensor


@dataclass
class CoreferenceDocument:
    """What the coreference head reads of one document (or one training window of it); n words, G gold mentions.

    Attributes:
        sentence_ids: [n] int64, the sentence of each word.
        segment_ids: [n] int64, the encoder segment of each word, 0 for the first of the document or window.
        speaker_ids: [n] int64, equal for equal speakers of this document.
        genre_id: [] int64, 0 for an unknown genre.
        gold_mentions: [G, 2] int64, first and last word of each gold mention, both inclusive.
        gold_cluster_ids: [G] int64, the entity of each gold mention, from 1.
    """

    sentence_ids: Tensor
    segment_ids: Tensor
    speaker_ids: Tensor
    genre_id: Tensor
    gold_mentions: Tensor
    gold_cluster_ids: Tensor


@dataclass
class CoreferenceBatch:
    """Documents of one step.

    Attributes:
        inputs: encoder inputs by tokenizer key; their sequences are the documents.
        documents: the documents, in the order of the sequences.
        units: the width of the output grid, the number of words of the longest document.
        names: of the documents, for messages.
    """

    inputs: dict[str, EncoderInputs]
    documents: list[CoreferenceDocument]
    units: int
    names: list[str]
