"""Coreference: documents to segments and batches, predicted clusters back to documents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

import torch

from transferlab.documents import Cluster, Document, Span
from transferlab.metrics.coreference import CoreferenceScore
from transferlab.metrics.head_match import GOLD_MENTIONS, head_match_baseline
from transferlab.metrics.one_process import compute_alone
from transferlab.taskmodules.base import TaskModule, predicted
from transferlab.taskmodules.coreference_units import UNITS, Layout
from transferlab.taskmodules.tokenization import Line, segments
from transferlab.utils.batches import CoreferenceBatch, CoreferenceDocument
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, OneOf
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
        layout: the units of the document.
    """

    document: Document
    subtokens: dict[str, list[list[int]]]
    segments: list[Span]
    layout: Layout

    @property
    def length(self) -> int:
        """Units of the document."""
        return len(self.layout.word_ids)


@dataclass(frozen=True)
class CoreferenceWindow:
    """A stretch of a document.

    Attributes:
        example: the document.
        segments: the numbers of its segments.
    """

    example: CoreferenceExample
    segments: range

    @property
    def first_word(self) -> int:
        """The first one."""
        return self.example.segments[self.segments.start][0] if self.segments else 0

    @property
    def end_word(self) -> int:
        """One past the last one."""
        return self.example.segments[self.segments.stop - 1][1] + 1 if self.segments else 0

    @property
    def first_unit(self) -> int:
        """The first one."""
        return self.example.layout.segment_starts[self.segments.start]

    @property
    def end_unit(self) -> int:
        """One past the last one."""
        return self.example.layout.segment_starts[self.segments.stop]


class CoreferenceTaskModule(TaskModule[CoreferenceExample, CoreferenceBatch]):
    """Prepares documents for the coreference model.

    Args:
        tokenizers: fast Hugging Face tokenizers by key.
        max_segment_len: the most subtokens in an encoder segment, special tokens included.
        max_training_sentences: a training document with more segments is cut to a window of so many consecutive
            segments, drawn anew every time (with subtokens once); None trains on whole documents. Evaluation always
            sees whole documents.
        genres: known genres; None learns them from the training documents.
        unit: what candidate spans are made of: words, or subtokens with all conventions of the published code, see
            :class:`~transferlab.taskmodules.coreference_units.Subtokens`.
    """

    gives = ("clusters",)
    head_reads = MappingProxyType({"genres": [], "unit": "word"})

    @checked("taskmodule")
    def __init__(
        self,
        tokenizers: dict[str, Any],
        max_segment_len: Count = 384,
        max_training_sentences: Count | None = 11,
        genres: list[str] | None = None,
        unit: Annotated[str, OneOf(UNITS)] = "word",
    ) -> None:
        super().__init__(tokenizers)
        for tokenizer in self.tokenizers.values():
            if max_segment_len <= tokenizer.num_special:
                raise UserError(
                    f"taskmodule.max_segment_len={max_segment_len} leaves no room beside {tokenizer.num_special} "
                    "special tokens; raise it"
                )
        if genres is not None and len(set(genres)) < len(genres):
            raise UserError(f"taskmodule.genres={genres} names a genre twice; name each once")
        self.max_segment_len = max_segment_len
        self.max_training_sentences = max_training_sentences
        self.genres = genres
        self.unit = unit
        self.units = UNITS[unit](self.tokenizers)

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
            "unit": self.unit,
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
        words = self.units.as_read(document.words)
        for key, tokenizer in self.tokenizers.items():
            limit = self.max_segment_len - tokenizer.num_special
            subtokens[key] = tokenizer.subtokens(words, limit)
            lengths.append([len(word) for word in subtokens[key]])
            limits.append(limit)
        spans = segments(document, lengths, limits)
        layout = self.units.layout(document, spans, subtokens)
        return [CoreferenceExample(document, subtokens, spans, layout)]

    def collate(self, examples: list[CoreferenceExample], training: bool) -> CoreferenceBatch:
        """A batch of documents; in training, of windows of them."""
        windows = [self._window(example, training) for example in examples]
        documents = [self._tensors(window) for window in windows]
        units = max((len(document.word_ids) for document in documents), default=0)
        inputs = {}
        for key, tokenizer in self.tokenizers.items():
            lines = [line for sequence, window in enumerate(windows) for line in self._lines(window, key, sequence)]
            inputs[key] = tokenizer.inputs(lines, units)
        return CoreferenceBatch(
            inputs=inputs,
            documents=documents,
            units=units,
            names=[example.document.name for example in examples],
            words=[
                example.document.words[w.first_word : w.end_word] for example, w in zip(examples, windows, strict=True)
            ],
        )

    def _window(self, example: CoreferenceExample, training: bool) -> CoreferenceWindow:
        """The segments to read: all, or in training a random stretch of ``max_training_sentences``."""
        count, size = len(example.segments), self.max_training_sentences
        if not training or size is None or count <= size:
            return CoreferenceWindow(example, range(count))
        first = self.units.first_segment(example.document, count - size + 1)
        return CoreferenceWindow(example, range(first, first + size))

    def _lines(self, window: CoreferenceWindow, key: str, sequence: int) -> Iterator[Line]:
        """The rows of a window for one tokenizer."""
        example = window.example
        for number in window.segments:
            start, end = example.segments[number]
            first_unit = example.layout.segment_starts[number] - window.first_unit
            yield self.units.line(sequence, example.subtokens[key][start : end + 1], first_unit)

    def _tensors(self, window: CoreferenceWindow) -> CoreferenceDocument:
        """Features of the units of a window, and the gold mentions that lie inside it."""
        document, layout = window.example.document, window.example.layout
        first, end = window.first_unit, window.end_unit
        mentions = [
            (layout.first_units[start] - first, layout.last_units[last] - first, entity)
            for entity, cluster in enumerate(document.gold.clusters or [], start=1)
            for start, last in cluster
            if window.first_word <= start and last < window.end_word
        ]
        gold = torch.tensor(mentions, dtype=torch.long).reshape(-1, 3)
        return CoreferenceDocument(
            sentence_ids=layout.sentence_ids[first:end],
            segment_ids=layout.segment_ids[first:end] - window.segments.start,
            speaker_ids=layout.speaker_ids[first:end],
            genre_id=torch.tensor(self.units.genre_id(document.genre, self.genres or [])),
            gold_mentions=gold[:, :2],
            gold_cluster_ids=gold[:, 2],
            word_ids=(layout.word_ids[first:end] - window.first_word).clamp(min=0),
        )

    def decode(
        self, document: Document, examples: list[CoreferenceExample], predictions: list[list[Cluster]]
    ) -> Document:
        """Put predicted clusters beside the gold ones of a document, with all copies that scores count."""
        (predicted(document).clusters,) = predictions
        return document

    def answer(self, document: Document) -> list[list[Mention]]:
        """The predicted clusters, each a list of mentions in text order, every mention once.

        Spans of subtokens that differ within words are copies of one mention.
        """
        assert document.offsets is not None
        offsets = document.offsets
        return [
            [Mention(document.span_text(span), offsets[span[0]][0], offsets[span[1]][1]) for span in cluster]
            for cluster in _each_once(predicted(document).clusters or [])
        ]

    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Head match on the *gold* mentions; the model itself scores that on the mentions it predicts."""
        score, gold = CoreferenceScore(), [document.gold.clusters or [] for document in documents]
        for key, clusters in zip(gold, head_match_baseline(documents, gold), strict=True):
            score.update([key], [clusters])
        return {GOLD_MENTIONS: compute_alone(score)}


def _each_once(clusters: list[Cluster]) -> list[Cluster]:
    """Clusters without later copies of a mention; one that this leaves with less than two mentions is left out."""
    known: set[Span] = set()
    kept = []
    for cluster in clusters:
        mentions = [mention for mention in dict.fromkeys(cluster) if mention not in known]
        known.update(mentions)
        if len(mentions) > 1 or len(mentions) == len(cluster):
            kept.append(mentions)
    return kept
