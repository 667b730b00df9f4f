"""Texts and pairs of texts: to rows that stand for them as a whole, and predicted labels back to documents."""

from __future__ import annotations

import logging
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any

from transferlab.data.readers.text_rows import text_document
from transferlab.documents import Document
from transferlab.metrics.classification import GENERAL_SCORES, SCORES, check_score, make_score, problem_of
from transferlab.metrics.one_process import compute_alone
from transferlab.taskmodules.base import TaskModule, predicted
from transferlab.taskmodules.gold_labels import LABEL_KINDS, Label
from transferlab.taskmodules.tokenization import Line, WordTokenizer
from transferlab.utils.batches import ClassificationBatch
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, OneOf, Positive
from transferlab.utils.options import checked

log = logging.getLogger(__name__)

ONE_TOKEN = ("first", "pooler")  # alignments under which one token stands for a text


@dataclass
class TextExample:
    """A text, or a pair of them, in subtokens that fit every encoder.

    Attributes:
        document: with its gold label, if any.
        texts: by tokenizer key, the subtoken ids of the one text or the two.
    """

    document: Document
    texts: dict[str, list[list[int]]]

    @property
    def length(self) -> int:
        """Subtokens, of the tokenizer that makes most of them."""
        return max(sum(map(len, texts)) for texts in self.texts.values())


class TextClassificationTaskModule(TaskModule[TextExample, ClassificationBatch]):
    """Prepares texts and pairs of texts for the classification model.

    A text is one unit: ``model.alignment`` says which of its tokens give its vector.

    Args:
        tokenizers: fast Hugging Face tokenizers by key.
        problem: ``multi_class``, ``multi_label`` or ``regression``; None: what ``metric`` scores.
        max_length: the most subtokens of a text or a pair, special tokens included. The longer text of a pair is cut
            first.
        labels: the classes; None learns them from the training documents. Other gold labels count in the scores; in
            evaluation a text that has one is left out of the loss, in training only what it says of that label.
        value_mean: what regression takes for the mean of the values; None learns it.
        value_std: what it takes for their standard deviation; None learns it.
        metric: the score of the baselines, that of the model (``model.metric``); None: the general one of ``problem``.
        metric_options: of the score, as ``model.metric_options``.
        alignment: that of the model (``model.alignment``): with ``first`` and ``pooler`` the token that sums up a row
            stands for it ([CLS], or the last token of tokenizers that put it there), else all its tokens.
        pairs: whether every text comes with a second one; None learns it, and stays None for documents of both kinds.

    Raises:
        UserError: options that do not fit each other; see the messages.
    """

    @checked("taskmodule")
    def __init__(
        self,
        tokenizers: dict[str, Any],
        problem: Annotated[str, OneOf(GENERAL_SCORES)] | None = None,
        max_length: Count = 128,
        labels: list[str] | None = None,
        value_mean: float | None = None,
        value_std: Positive | None = None,
        metric: Annotated[str, OneOf(SCORES)] | None = None,
        metric_options: dict[str, Any] | None = None,
        alignment: str = "first",
        pairs: bool | None = None,
    ) -> None:
        super().__init__(tokenizers)
        self._learn_pairs([] if pairs is None else [pairs])
        self.alignment = alignment
        self.problem = problem or (problem_of(metric) if metric else "multi_class")
        self.metric = metric or GENERAL_SCORES.get(self.problem, "")
        self.metric_options = metric_options or {}
        check_score(self.metric, self.problem, self.metric_options)
        for tokenizer in self.tokenizers.values():
            if max_length <= tokenizer.num_special_pair:
                raise UserError(
                    f"taskmodule.max_length={max_length} leaves no room beside {tokenizer.num_special_pair} special "
                    "tokens; raise it"
                )
        self._kind = LABEL_KINDS[self.problem]
        self.max_length = max_length
        self.labels = labels
        self.value_mean = value_mean
        self.value_std = value_std
        self._encoded = self._truncated = self._reported = 0

    def prepare(self, documents: list[Document]) -> dict[str, Any]:
        """Learn the classes, or mean and standard deviation of the values, that the options leave open.

        Raises:
            UserError: no document has a label, or one has a label of another kind.
        """
        gold = [self._required_label(document) for document in documents if document.gold.label is not None]
        if not gold:
            raise UserError("none of the training documents has a label to learn from; choose data with gold.label")
        if self.pairs is None:
            self._learn_pairs([document.text_pair is not None for document in documents])
        if self.problem == "regression":
            if self.value_mean is None:
                self.value_mean = statistics.fmean(gold)
            if self.value_std is None:
                self.value_std = statistics.pstdev(gold) or 1.0  # equal values have no scale
            return self.model_arguments()
        counts = Counter(chain.from_iterable(map(self._kind.classes, gold)))
        if self.labels is None:
            if len(counts) < 2 and self.problem == "multi_class":
                log.warning("all training documents have the class %r: there is nothing to tell apart", *counts)
            self.labels = sorted(counts)
        unknown = sorted(set(counts) - set(self.labels))
        if unknown:
            log.warning(
                "%d labels of the training documents are none of taskmodule.labels and are not learnt: %s",
                sum(counts[label] for label in unknown), ", ".join(unknown),
            )  # fmt: skip
        return self.model_arguments()

    def _learn_pairs(self, kinds: Sequence[bool]) -> None:
        """Take over whether texts are pairs, if all are alike."""
        self.pairs = kinds[0] if len(set(kinds)) == 1 else None
        self.reads = {True: "pairs of texts", False: "single texts", None: "texts and pairs of texts"}[self.pairs]

    def model_arguments(self) -> dict[str, Any]:
        """What the model must know of the texts, once :meth:`prepare` has seen them."""
        if self.problem == "regression":
            return {"problem": self.problem, "value_mean": self.value_mean, "value_std": self.value_std}
        return {"problem": self.problem, "labels": self.labels or []}

    def options(self) -> dict[str, Any]:
        """Keyword arguments, without the tokenizers, that make an equal taskmodule."""
        return {
            "problem": self.problem,
            "max_length": self.max_length,
            "labels": self.labels,
            "value_mean": self.value_mean,
            "value_std": self.value_std,
            "metric": self.metric,
            "metric_options": self.metric_options,
            "alignment": self.alignment,
            "pairs": self.pairs,
        }

    def row_remedy(self) -> str | None:
        """What to change where the one token that stands for a text tells nothing of it."""
        return "set model.alignment=mean, last or max" if self.alignment in ONE_TOKEN else None

    def encode(self, document: Document, annotated: bool = False) -> list[TextExample]:
        """Tokenize a text or a pair.

        Args:
            document: with a ``text``, else with words; and with a ``text_pair`` where two texts are compared. Any may
                be empty.
            annotated: refuse a document without a label, or with one of another kind.

        Raises:
            UserError: also for one text where the task has pairs, and the reverse.
        """
        if self.pairs is not None and self.pairs != (document.text_pair is not None):
            kind = "a single text" if self.pairs else "a pair of texts"
            raise UserError(f"{document.name} is {kind}, and the model reads {self.reads}; choose data of that kind")
        if annotated:
            if document.gold.label is None:
                raise self.not_annotated(document, "label")
            self._required_label(document)
        words = [document.words if document.text is None else document.text.split()]
        if document.text_pair is not None:
            words.append(document.text_pair.split())
        texts, truncated = {}, False
        for key, tokenizer in self.tokenizers.items():
            texts[key], cut = self._subtokens(tokenizer, words)
            truncated |= cut
        self._encoded += 1
        self._truncated += truncated
        return [TextExample(document, texts)]

    def gold_labels(self, example: TextExample) -> list[str]:
        """The class of a text, or its classes; none in regression."""
        label = example.document.gold.label
        return self._kind.classes(label) if self._kind.fits(label) else []

    def _subtokens(self, tokenizer: WordTokenizer, words: list[list[str]]) -> tuple[list[list[int]], bool]:
        """The subtokens of one or two texts that fit beside the special tokens, and whether any were left out."""
        if len(words) == 1:
            limit = self.max_length - tokenizer.num_special
        else:
            limit = self.max_length - tokenizer.num_special_pair
        # a word keeps one subtoken too many, which tells that it was cut
        texts = [list(chain.from_iterable(tokenizer.subtokens(text, limit + 1))) for text in words]
        lengths = [len(text) for text in texts]
        if sum(lengths) <= limit:
            return texts, False
        if len(texts) == 1:
            return [texts[0][:limit]], True
        first = min(lengths[0], max(limit // 2, limit - lengths[1]))
        return [texts[0][:first], texts[1][: limit - first]], True

    def collate(self, examples: list[TextExample], training: bool) -> ClassificationBatch:
        """A batch of texts or pairs."""
        self._report_truncated()
        other = -1 if self.alignment in ONE_TOKEN else 0  # unit of all tokens but the one that sums up the row
        inputs = {}
        for key, tokenizer in self.tokenizers.items():
            lines = []
            for sequence, example in enumerate(examples):
                (ids, units), *second = [(text, [other] * len(text)) for text in example.texts[key]]
                pair = second[0] if second else None
                lines.append(Line(sequence, ids, units, pair, first_unit=0, special_unit=other))
            inputs[key] = tokenizer.inputs(lines, units=1)
        documents = [example.document for example in examples]
        gold = [document.gold.label if self._kind.fits(document.gold.label) else None for document in documents]
        return ClassificationBatch(
            inputs=inputs,
            units=1,
            names=[document.name for document in documents],
            labels=self._kind.tensor(gold, self.labels or [], training),
            gold=gold,
        )

    def _report_truncated(self) -> None:
        """Say how many of the texts encoded so far were cut, anew only when they have more than doubled."""
        if self._truncated > 2 * self._reported:
            log.warning(
                "%d of %d texts are longer than taskmodule.max_length=%d subtokens: their ends are not read",
                self._truncated, self._encoded, self.max_length,
            )  # fmt: skip
            self._reported = self._truncated

    def _required_label(self, document: Document) -> Any:
        """The gold label of a document; raises UserError where the problem has labels of another kind."""
        label = document.gold.label
        if not self._kind.fits(label):
            raise UserError(
                f"{document.name}: the label {label!r} is not {self._kind.wording}, which a {self.problem} "
                f"problem needs; choose another model.metric than {self.metric} (it decides, unless taskmodule.problem "
                "does), or change the labels"
            )
        return label

    def decode(self, document: Document, examples: list[TextExample], predictions: list[Any]) -> Document:
        """Put the predicted ``label``, and its ``score``, beside the gold one of a document."""
        (prediction,) = predictions
        layers = predicted(document)
        layers.label, layers.label_score = prediction.label, prediction.score
        return document

    def document(self, name: str, given: str | tuple[str, str]) -> Document:
        """The document of a text, or of a pair ``(text, text)``; raises UserError for anything else."""
        texts = (given,) if isinstance(given, str) else given
        if not (isinstance(texts, tuple | list) and 1 <= len(texts) <= 2 and all(isinstance(t, str) for t in texts)):
            raise UserError(f"{name}: the model reads {self.reads}; give that, not {str(given)[:60]!r}")
        return text_document(name, *texts)

    def answer(self, document: Document) -> Label | None:
        """The predicted class, classes or value."""
        return predicted(document).label

    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Scores that a model should beat: the most frequent class of these documents, or their mean value, for all.

        Scores that a constant does not have, such as a correlation, are left out.
        """
        gold = [self._required_label(document) for document in documents if document.gold.label is not None]
        if not gold:
            return {}
        name, constant = self._kind.constant(gold)
        labels = {*(self.labels or []), *chain.from_iterable(map(self._kind.classes, gold))}
        score = make_score(self.metric, self.problem, sorted(labels), self.metric_options)
        score.update(gold, [constant] * len(gold))
        return {name: {key: value for key, value in compute_alone(score).items() if not math.isnan(value)}}
