"""Token classification: sentences to tagged words, predicted tags back to documents as tags and entities.

Tags either stand for spans (names, chunks), in one of the schemes of :mod:`transferlab.utils.tagging`, or each for
itself (parts of speech). Sentences are tagged and scored one by one, even where several are read together.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
import torch

from transferlab.documents import Document, Entity, Span
from transferlab.metrics.one_process import compute_alone
from transferlab.metrics.span_f1 import SpanScore, TagAccuracy
from transferlab.taskmodules.base import TaskModule, predicted
from transferlab.taskmodules.gold_tags import LAYERS, expressible, gold_tags, only_arguments, tags_of_type
from transferlab.taskmodules.tokenization import Line, flatten, windows
from transferlab.utils.batches import TokenBatch
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Natural, OneOf
from transferlab.utils.options import checked
from transferlab.utils.tagging import Scheme, spans_of_tags, types_of

log = logging.getLogger(__name__)

UNKNOWN = -100  # the id of a tag that training never saw, and of places without a word: the loss ignores both


@dataclass(frozen=True)
class LabelledText:
    """A labelled stretch of a raw text: its wording and its characters, ``text[start:end]``.

    ``score`` is the probability of an entity, the mean over its words; None for the tag of a word.
    """

    text: str
    start: int
    end: int
    label: str
    score: float | None


class TaggedWords(Protocol):
    """What the model says about an example: a tag for each word, and the probability of each."""

    @property
    def tags(self) -> list[str]:
        """One per word."""

    @property
    def probabilities(self) -> list[float]:
        """One per word, of its tag."""


@dataclass
class TaggingExample:
    """A sentence, or several that are read together, in subtokens.

    Attributes:
        name: of the document.
        length: words.
        lines: by tokenizer key, what its encoders read: one line, or overlapping windows.
        gold: the tags of each sentence; None if they were not asked for.
        tag_ids: the ids of these tags, one after another.
    """

    name: str
    length: int
    lines: dict[str, list[Line]]
    gold: list[list[str]] | None
    tag_ids: list[int]


class TokenClassificationTaskModule(TaskModule[TaggingExample, TokenBatch]):
    """Prepares documents for the token classification model.

    A tag that training never saw counts in the scores; its word is left out of the loss.

    Args:
        tokenizers: fast Hugging Face tokenizers by key.
        layer: ``entities`` makes the tags from ``gold.entities``: of those that overlap the longest are kept, and none
            that crosses the end of a sentence; ``tags`` takes ``gold.tags`` as they are.
        scheme: in which tags stand for spans, one of ``transferlab.utils.tagging.SCHEMES``; None: each tag stands for
            itself, such as a part of speech.
        max_segment_len: the most subtokens an encoder reads at once, special tokens included; a longer sentence is
            read in windows.
        overlap: the most subtokens that two windows share.
        pack_sentences: read consecutive sentences of a document together, as many as fit.
        labels: known tags; None learns them from the training documents.

    Raises:
        UserError: an unknown layer or scheme, or lengths that leave no room for text.
    """

    gives = ("entities", "tags")

    @checked("taskmodule")
    def __init__(
        self,
        tokenizers: dict[str, Any],
        layer: Annotated[str, OneOf(LAYERS)] = "entities",
        scheme: Scheme | None = "IOB2",
        max_segment_len: Count = 256,
        overlap: Natural = 64,
        pack_sentences: bool = False,
        labels: list[str] | None = None,
    ) -> None:
        super().__init__(tokenizers)
        if scheme is not None:
            spans_of_tags([], scheme)  # refuses an unknown one
        elif layer == "entities":
            raise UserError(
                "taskmodule.scheme=null, but taskmodule.layer=entities: choose the scheme of the tags of spans"
            )
        self.limits = {key: max_segment_len - tokenizer.num_special for key, tokenizer in self.tokenizers.items()}
        if not 0 <= overlap < min(self.limits.values()):
            raise UserError(
                f"taskmodule.overlap={overlap} must be at least 0 and less than what special tokens leave of "
                f"taskmodule.max_segment_len={max_segment_len}, {min(self.limits.values())} subtokens"
            )
        self.layer = layer
        self.scheme = scheme
        self.max_segment_len = max_segment_len
        self.overlap = overlap
        self.pack_sentences = pack_sentences
        self.labels = labels

    def prepare(self, documents: list[Document]) -> dict[str, Any]:
        """Learn the tags from the training documents.

        The types of spans get all tags of the scheme, those included that no training document shows.

        Raises:
            UserError: a document without gold annotation, or no two different tags in all of them.
        """
        if self.labels is None:
            tags = {tag for sentence in self._gold_sentences(documents) for tag in sentence}
            if self.scheme is not None:
                tags = {tag for kind in types_of(tags) for tag in tags_of_type(kind, self.scheme)} | {"O"}
            if len(tags) < 2:
                raise UserError(
                    f"gold.{self.layer} of the {len(documents)} training documents give the tags {sorted(tags)}: there "
                    "is nothing to tell apart; choose another dataset or taskmodule.layer"
                )
            self.labels = sorted(tags, key=lambda tag: (tag != "O", tag))
        return self.model_arguments()

    def model_arguments(self) -> dict[str, Any]:
        """The tags, how they are scored, and in which scheme they are."""
        metric = "accuracy" if self.scheme is None else "span_f1"
        return {"labels": list(self.labels or []), "metric": metric, "scheme": self.scheme}

    def options(self) -> dict[str, Any]:
        """Keyword arguments, without the tokenizers, that make an equal taskmodule."""
        return {
            "layer": self.layer,
            "scheme": self.scheme,
            "max_segment_len": self.max_segment_len,
            "overlap": self.overlap,
            "pack_sentences": self.pack_sentences,
            "labels": self.labels,
        }

    def encode(self, document: Document, annotated: bool = False) -> list[TaggingExample]:
        """One example for each sentence, or for each pack of sentences; none for a document without words."""
        tags = gold_tags(document, self.layer, self.scheme) if annotated else None
        subtokens = {key: t.subtokens(document.words, self.limits[key]) for key, t in self.tokenizers.items()}
        lengths = {key: [len(word) for word in words] for key, words in subtokens.items()}
        ids = {label: i for i, label in enumerate(self.labels or [])}
        examples = []
        for sentences in self._packs(document.sentences, lengths):
            first, behind = sentences[0][0], sentences[-1][1] + 1
            gold = None if tags is None else [tags[start : end + 1] for start, end in sentences]
            examples.append(
                TaggingExample(
                    name=document.name,
                    length=behind - first,
                    lines={key: self._lines(words[first:behind], self.limits[key]) for key, words in subtokens.items()},
                    gold=gold,
                    tag_ids=[ids.get(tag, UNKNOWN) for sentence in gold or [] for tag in sentence],
                )
            )
        return examples

    def check_annotated(self, documents: Sequence[Document]) -> None:
        """Refuse a corpus of relations, whose only entities are their arguments: all others would count as wrong."""
        if self.layer == "entities" and documents and all(map(only_arguments, documents)):
            raise UserError(
                f"the model reads {self.reads} and finds all their entities, but only the arguments of one relation "
                f"are annotated in each of these {len(documents)} documents; choose data with entities"
            )

    def gold_labels(self, example: TaggingExample) -> list[str]:
        """The tags of the words; without ``O`` where tags stand for spans."""
        tags = [tag for sentence in example.gold or [] for tag in sentence]
        return tags if self.scheme is None else [tag for tag in tags if tag != "O"]

    def _lines(self, subtokens: list[list[int]], limit: int) -> list[Line]:
        """What an encoder reads of words: one line, or windows."""
        found = windows([len(word) for word in subtokens], limit, self.overlap)
        return [Line(0, *flatten(subtokens[w.start : w.end + 1], w.start, w.represented)) for w in found]

    def _packs(self, sentences: list[Span], lengths: dict[str, list[int]]) -> list[list[Span]]:
        """Sentences that are read together: each alone, or as many as fit every encoder."""
        packs: list[list[Span]] = []
        for start, end in sentences:
            if packs and self.pack_sentences:
                first = packs[-1][0][0]
                if all(sum(words[first : end + 1]) <= self.limits[key] for key, words in lengths.items()):
                    packs[-1].append((start, end))
                    continue
            packs.append([(start, end)])
        return packs

    def collate(self, examples: list[TaggingExample], training: bool) -> TokenBatch:
        """A batch of examples; ``gold`` has one list for each sentence of each example in turn."""
        units = max((example.length for example in examples), default=0)
        inputs = {}
        for key, tokenizer in self.tokenizers.items():
            for i, example in enumerate(examples):
                for line in example.lines[key]:
                    line.sequence = i
            inputs[key] = tokenizer.inputs([line for example in examples for line in example.lines[key]], units)
        tag_ids = np.full((len(examples), units), UNKNOWN)
        for row, example in zip(tag_ids, examples, strict=True):
            row[: len(example.tag_ids)] = example.tag_ids
        gold: list[list[str] | None] = []
        for example in examples:
            gold += example.gold or [None]
        return TokenBatch(
            inputs=inputs,
            units=units,
            names=[example.name for example in examples],
            lengths=torch.tensor([example.length for example in examples], dtype=torch.long),
            tag_ids=torch.from_numpy(tag_ids),
            gold=gold,
        )

    def decode(self, document: Document, examples: list[TaggingExample], predictions: list[TaggedWords]) -> Document:
        """Put the predicted tags, and the entities that they stand for, beside what the document holds already."""
        tags = [tag for prediction in predictions for tag in prediction.tags]
        probabilities = [value for prediction in predictions for value in prediction.probabilities]
        layers = predicted(document)
        layers.tags = tags
        if self.scheme is not None:
            layers.entities = [
                Entity(first + start, first + end, label, _mean(probabilities[first + start : first + end + 1]))
                for first, last in document.sentences
                for start, end, label in spans_of_tags(tags[first : last + 1], self.scheme)
            ]
        return document

    def answer(self, document: Document) -> list[LabelledText]:
        """The predicted entities in text order; where tags stand for themselves, every word with its tag."""
        assert document.offsets is not None
        offsets, layers = document.offsets, predicted(document)
        if self.scheme is None:
            labelled = [Entity(word, word, tag) for word, tag in enumerate(layers.tags or [])]
        else:
            labelled = layers.entities or []
        return [
            LabelledText(document.span_text((e.start, e.end)), offsets[e.start][0], offsets[e.end][1], e.label, e.score)
            for e in labelled
        ]

    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Scores of tagging every word alike: ``O``, or the tag that most words of these documents have."""
        gold = self._gold_sentences(documents)
        score: SpanScore | TagAccuracy
        if self.scheme is not None:
            kinds = types_of([*(self.labels or []), *(tag for sentence in gold for tag in sentence)])
            tag, score = "O", SpanScore(kinds, self.scheme)
        else:
            counts = Counter(tag for sentence in gold for tag in sentence)
            tag, score = max(sorted(counts), key=counts.__getitem__, default="O"), TagAccuracy()
        score.update(gold, [[tag] * len(sentence) for sentence in gold])
        return {f"every word {tag}": compute_alone(score)}

    def _gold_sentences(self, documents: list[Document]) -> list[list[str]]:
        """The gold tags of each sentence; says how many entities tags cannot express."""
        sentences, entities, lost = [], 0, 0
        for document in documents:
            tags = gold_tags(document, self.layer, self.scheme)
            sentences += [tags[start : end + 1] for start, end in document.sentences]
            if self.layer == "entities":
                entities += len(document.gold.entities or [])
                lost += len(document.gold.entities or []) - sum(map(len, expressible(document)))
        if lost:
            log.warning(
                "%d of %d entities overlap longer ones or cross the end of a sentence: no tags can be made of them, so "
                "they are neither learned nor scored",
                lost,
                entities,
            )
        return sentences


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
