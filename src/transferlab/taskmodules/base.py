"""What every taskmodule offers: the corridor from Documents to tensors and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from transferlab.data.raw_text import document_from_text
from transferlab.documents import Annotations, Document
from transferlab.taskmodules.tokenization import WordTokenizer
from transferlab.utils.batches import EncoderInputs
from transferlab.utils.errors import UserError

Example = TypeVar("Example")
Batch = TypeVar("Batch")


class TaskModule(ABC, Generic[Example, Batch]):
    """Encodes documents, collates examples, decodes predictions; one subclass for each task family.

    Everything but the tokenizers comes from the config, or is learned by :meth:`prepare` and given to a saved model by
    :meth:`options`.

    Args:
        tokenizers: fast Hugging Face tokenizers by key.

    Attributes:
        labels: what the model can predict, once :meth:`prepare` has seen the data; None in tasks without labels.
        reads: what that is, for messages.
        needs: layers of which documents must have one, annotated or predicted, for the task to ask about anything.
        gives: layers that :meth:`decode` adds.
        head_reads: options that decide what the numbers mean that a head reads, each with its value in models that were
            saved before there was such an option.
    """

    labels: list[str] | None = None
    reads: str = "texts"
    needs: ClassVar[tuple[str, ...]] = ()
    gives: ClassVar[tuple[str, ...]] = ()
    head_reads: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, tokenizers: dict[str, Any]) -> None:
        self.tokenizers = {key: WordTokenizer(tokenizer) for key, tokenizer in tokenizers.items()}

    @abstractmethod
    def prepare(self, documents: list[Document]) -> dict[str, Any]:
        """Learn from the training documents what the model must know of them; return :meth:`model_arguments`."""

    @abstractmethod
    def model_arguments(self) -> dict[str, Any]:
        """Keyword arguments of the model, in plain containers, once :meth:`prepare` has seen the data."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Keyword arguments, without the tokenizers, that make an equal taskmodule; ready for JSON."""

    @abstractmethod
    def encode(self, document: Document, annotated: bool = False) -> list[Example]:
        """The examples of a document: itself, its sentences, its questions, or whatever the task asks about.

        Args:
            document: any document, also without words.
            annotated: refuse a document without gold annotation.

        Raises:
            UserError: the document cannot be trained on or scored.
        """

    def iter_encode(self, document: Document, annotated: bool = False) -> Iterator[Example]:
        """The examples of :meth:`encode`, where a long document has too many of them to be held: made one by one."""
        yield from self.encode(document, annotated)

    def for_decoding(self, example: Example) -> Example:
        """What :meth:`decode` needs of an example that was collated; the base keeps it whole."""
        return example

    def check_readable(self, documents: Iterable[Document], predicted: Collection[str] = ()) -> None:
        """Refuse documents in which the task would find nothing to ask about.

        Args:
            documents: to predict; they are read up to the first that has something.
            predicted: layers that models before this one add to them.

        Raises:
            UserError: naming what the task reads.
        """
        if not self.needs or set(self.needs) & set(predicted):
            return
        found: set[str] = set()
        count = 0
        for document in documents:
            count += 1
            found |= layers_of(document)
            if found & set(self.needs):
                return
        if count:
            raise UserError(
                f"the model reads {self.reads}, and none of the {count} documents has "
                f"{' or '.join(self.needs)}; they have {', '.join(sorted(found)) or 'no annotation'}: choose others"
            )

    def not_annotated(self, document: Document, layer: str) -> UserError:
        """The refusal of a document without the layer, in words, that training and scores need."""
        return UserError(
            f"{document.name} has no {layer}: it can be predicted, not trained on or scored; the model reads "
            f"{self.reads}: choose data that is annotated for it"
        )

    def check_annotated(self, documents: Sequence[Document]) -> None:
        """Refuse documents that have the layer to be scored, but annotated for another task; the base refuses none."""

    def gold_labels(self, example: Example) -> list[str]:
        """The gold labels of an example, as often as it has them, without the one for none such as ``O``.

        Scores have a row for each gold label of the split that they are of, whether or not training saw it, so that a
        task with labels must name them. Tasks without labels have none.
        """
        return []

    @abstractmethod
    def collate(self, examples: list[Example], training: bool) -> Batch:
        """Turn examples into a batch."""

    @abstractmethod
    def decode(self, document: Document, examples: list[Example], predictions: list[Any]) -> Document:
        """Put predictions, one for each example of a document, beside whatever the document holds already."""

    @abstractmethod
    def baselines(self, documents: list[Document]) -> dict[str, dict[str, float]]:
        """Scores that a model should beat, under the names of the model's scores, by name of the baseline."""

    def two_rows(self) -> dict[str, EncoderInputs]:
        """By tokenizer, see :meth:`~transferlab.taskmodules.tokenization.WordTokenizer.two_rows`."""
        return {key: tokenizer.two_rows() for key, tokenizer in self.tokenizers.items()}

    def row_remedy(self) -> str | None:
        """What to change where the token that sums up a row tells nothing; None where no unit stands for a row."""
        return None

    def document(self, name: str, given: Any) -> Document:
        """The document of what :meth:`transferlab.inference.Predictor.predict` was given: raw text.

        Raises:
            UserError: anything else.
        """
        if not isinstance(given, str):
            raise UserError(f"{name}: the model reads {self.reads}; give a text, not {str(given)[:60]!r}")
        return document_from_text(name, given)

    @abstractmethod
    def answer(self, document: Document) -> Any:
        """What :meth:`transferlab.inference.Predictor.predict` returns of a predicted document."""


def layers_of(document: Document) -> set[str]:
    """The layers that a document has, annotated or predicted, empty ones included."""
    sides = (document.gold, document.predicted or Annotations())
    return {layer.name for side in sides for layer in fields(side) if getattr(side, layer.name) is not None}


def predicted(document: Document) -> Annotations:
    """The predicted layers of a document, made if there are none; others than those written to it stay."""
    if document.predicted is None:
        document.predicted = Annotations()
    return document.predicted
