"""Coreference: documents to segments and batches, predicted clusters back to documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from transferlab.documents import Cluster, Document, Span
from transferlab.metrics.coreference import CoreferenceScore
from transferlab.metrics.head_match import GOLD_MENTIONS, head_match_baseline
from transferlab.metrics.one_process import compute_alone
from transferlab.taskmodules.base import TaskModule, predicted
from transferlab.taskmodules.tokenization import Line, flatten, segments
from transferlab.utils.batches import CoreferenceBatch, CoreferenceDocument
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count
from transferlab.utils.options import checked


@dataclass(frozen=True)
class Mention:
    """A mention in a raw text: its wording and its characters, ``text[start:end]``."""

    text: str
    start: int
    end: int


@dataclass
class CoreferenceExample:
    """A document in subtokens.

    Attributes:
        document: with its gold clusters, if any.
        subtokens: by tokenizer key, the subtoken ids of each word.
        segments: spans of words that fit every encoder.
        speaker_ids: one per word, equal for equal speakers.
    """

    document: Document
    subtokens: dict[str, list[list[int]]]
    segments: list[Span]
    speaker_ids: list[int]

    @property
    def length(self) -> int:
        """Words of the document."""
        return len(self.speaker_ids)


class CoreferenceTaskModule(TaskModule[CoreferenceExample, CoreferenceBatch]):
    """Prepares documents for the coreference model.

    Args:
        tokenizers: fast Hugging Face tokenizers by key.
        max_segment_len: the most subtokens in an encoder segment, special tokens included.
        max_training_sentences: a training document with more segments is cut to a window of so many consecutive
            segments, drawn anew every time; None trains on whole documents. Evaluation always sees whole documents.
        genres: known genres; None learns them from the training documents.
    """

    gives = ("clusters",)

    @checked("taskmodule")
    def __init__(
        self,
        tokenizers: dict[str, Any],
        max_segment_len: Count = 384,
        max_training_sentences: Count | None = 11,
        genres: list[str] | None = None,
    ) -> None:
        super().__init__(tokenizers)
        for tokenizer in self.tokenizers.values():
            if max_segment_len <= tokenizer.num_special:
                raise UserError(
                    f"taskmodule.max_segment_len={max_segment_len} leaves no room beside {tokenizer.num_special} "
                    "special tokens; raise it"
                )
        self.max_segment_len = max_segment_len
        self.max_training_sentences = max_training_sentences
        self.genres = genres

    def prepare(self, documents: list[Document]) -> dict[str, Any]:
        """Learn from the training documents what the model must know of them.

        Returns:
            keyword arguments of the model: the number of genres and of segment distances told apart.
        """
        if self.genres is None:
            self.genres = sorted({document.genre for document in documents if document.genre})
        return self.model_arguments()

    def model_arguments(self) -> dict[str, Any]:
        """What the model must know of the data, once :meth:`prepare` has seen it."""
        return {
            "num_genres": len(self.genres or []),
            "num_segment_distances": self.max_training_sentences or 11,
        }

    def options(self) -> dict[str, Any]:
        """Keyword arguments, without the tokenizers, that make an equal taskmodule."""
        return {
            "max_segment_len": self.max_segment_len,
            "max_training_sentences": self.max_training_sentences,
            "genres": self.genres or [],
        }

    def encode(self, document: Document, annotated: bool = False) -> list[CoreferenceExample]:
        """Tokenize a document.

        Args:
            document: any length, also without words.
            annotated: refuse a document without a coreference layer.
        """
        if annotated and document.gold.clusters is None:
            raise self.not_annotated(document, "coreference annotation")
        subtokens, lengths, limits = {}, [], []
        for key, tokenizer in self.tokenizers.items():
            limit = self.max_segment_len - tokenizer.num_special
            subtokens[key] = tokenizer.subtokens(document.words, limit)
            lengths.append([len(word) for word in subtokens[key]])
            limits.append(limit)
        known: dict[str, int] = {}
        speakers = document.speakers or [""] * len(document.words)
        return [
            CoreferenceExample(
                document=document,
                subtokens=subtokens,
                segments=segments(document, lengths, limits),
                speaker_ids=[known.setdefault(speaker, len(known)) for speaker in speakers],
            )
        ]

    def collate(self, examples: list[CoreferenceExample], training: bool) -> CoreferenceBatch:
        """A batch of documents; in training, of windows of them."""
        windows = [self._window(example, training) for example in examples]
        lengths = [window[-1][1] - window[0][0] + 1 if window else 0 for window in windows]
        units = max(lengths, default=0)
        inputs = {}
        for key, tokenizer in self.tokenizers.items():
            lines = [
                Line(sequence, *flatten(example.subtokens[key][start : end + 1], start - window[0][0]))
                for sequence, (example, window) in enumerate(zip(examples, windows, strict=True))
                for start, end in window
            ]
            inputs[key] = tokenizer.inputs(lines, units)
        return CoreferenceBatch(
            inputs=inputs,
            documents=[self._tensors(e, window) for e, window in zip(examples, windows, strict=True)],
            units=units,
            names=[example.document.name for example in examples],
            words=[
                example.document.words[window[0][0] : window[-1][1] + 1] if window else []
                for example, window in zip(examples, windows, strict=True)
            ],
        )

    def _window(self, example: CoreferenceExample, training: bool) -> list[Span]:
        """The segments to read: all, or in training a random stretch of ``max_training_sentences``."""
        size = self.max_training_sentences
        if not training or size is None or len(example.segments) <= size:
            return example.segments
        first = int(torch.randint(len(example.segments) - size + 1, ()))
        return example.segments[first : first + size]

    def _tensors(self, example: CoreferenceExample, window: list[Span]) -> CoreferenceDocument:
        """Features of the words of a window, and the gold mentions that lie inside it."""
        first, last = (window[0][0], window[-1][1]) if window else (0, -1)
        document = example.document
        sentence_ids = [i for i, (s, e) in enumerate(document.sentences) for w in range(s, e + 1) if first <= w <= last]
        mentions = [
            (start - first, end - first, entity)
            for entity, cluster in enumerate(document.gold.clusters or [], start=1)
            for start, end in cluster
            if first <= start and end <= last
        ]
        gold = torch.tensor(mentions, dtype=torch.long).reshape(-1, 3)
        genres = self.genres or []
        genre_id = genres.index(document.genre) + 1 if document.genre in genres else 0
        return CoreferenceDocument(
            sentence_ids=torch.tensor(sentence_ids, dtype=torch.long),
            segment_ids=torch.tensor(
                [i for i, (start, end) in enumerate(window) for _ in range(start, end + 1)], dtype=torch.long
            ),
            speaker_ids=torch.tensor(example.speaker_ids[first : last + 1], dtype=torch.long),
            genre_id=torch.tensor(genre_id),
            gold_mentions=gold[:, :2],
            gold_cluster_ids=gold[:, 2],
        )

    def decode(
        self, document: Document, examples: list[CoreferenceExample], predictions: list[list[Cluster]]
    ) -> Document:
        """Put predicted clusters beside the gold ones of a document."""
        (predicted(document).clusters,) = predictions
        return document

    def answer(self, document: Document) -> list[list[Mention]]:
        """The predicted clusters, each a list of mentions in text order."""
        assert document.offsets is not None
        offsets = document.offsets
        return [
            [Mention(document.span_text(span), offsets[span[0]][0], offsets[span[1]][1]) for span in cluster]
            for cluster in predicted(document).clusters or []
        ]

    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Head match on the *gold* mentions; the model itself scores that on the mentions it predicts."""
        score, gold = CoreferenceScore(), [document.gold.clusters or [] for document in documents]
        for key, clusters in zip(gold, head_match_baseline(documents, gold), strict=True):
            score.update([key], [clusters])
        return {GOLD_MENTIONS: compute_alone(score)}
