"""From a saved model to predictions, for documents and for raw text."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from transferlab.documents import Document
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.base import TransferModel
from transferlab.models.descriptions import read_description
from transferlab.models.own_data import own_reader
from transferlab.models.saving import find_model, load_model, load_taskmodule
from transferlab.utils.devices import check_torch_device
from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

PACE = 60  # seconds between two lines of the log about a long document


class Predictor:
    """A model with the taskmodule that makes its inputs.

    Args:
        model: in eval mode.
        taskmodule: of its task.
        description: of the saved model.
        directory: where it was loaded from.
    """

    def __init__(self, model: TransferModel, taskmodule: Any, description: dict[str, Any], directory: Path) -> None:
        self.model = model
        self.taskmodule = taskmodule
        self.description = description
        self.directory = directory

    @property
    def batch_size(self) -> int:
        """Examples per step in the evaluation of the model's training."""
        return int(self.description.get("eval_batch_size", 1))

    def predict(self, inputs: Any | Iterable[Any]) -> list[Any]:
        """What the model says about raw texts, or about whatever its task reads.

        Args:
            inputs: one or several of what the taskmodule's ``document`` takes: a text, for most tasks; (text, text) or
                (question, text) for tasks that read two.

        Returns:
            for each what the taskmodule's ``answer`` returns: for coreference its clusters, each a list of mentions in
            text order.
        """
        given = [inputs] if isinstance(inputs, str | tuple) else list(inputs)
        documents = [self.taskmodule.document(f"text {number}", text) for number, text in enumerate(given, start=1)]
        return [self.taskmodule.answer(document) for document in self.predict_documents(documents)]

    def predict_documents(self, documents: Iterable[Document], batch_size: int | None = None) -> Iterator[Document]:
        """Put predictions beside whatever the documents hold already, one after another and in their order.

        Documents are read as they are needed, and are let go of with their predictions: any number of them takes the
        memory of a few. Of a document with many examples, such as pairs of entities, only a batch is held as rows.

        Args:
            documents: of any length.
            batch_size: examples (documents, sentences, questions...) per step; those of several documents are read
                together, those of one may need several steps. None: as in the evaluation of the model's training.
        """
        batch_size = batch_size or self.batch_size
        waiting: deque[_Waiting] = deque()
        batch: list[tuple[_Waiting, Any]] = []
        asked = read = 0
        said = time.monotonic()
        for document in documents:
            read += 1
            current = _Waiting(document)
            waiting.append(current)
            for example in self.taskmodule.iter_encode(document):
                asked += 1
                current.unanswered += 1
                batch.append((current, example))
                if len(batch) == batch_size:
                    self._answer(batch)
                    batch = []
                    if time.monotonic() - said > PACE:
                        said = time.monotonic()
                        log.info("document %d, %s: %d examples were read so far", read, document.name, asked)
            if len(waiting) > batch_size:  # documents without examples wait for nothing
                self._answer(batch)
                batch = []
            while waiting and not waiting[0].unanswered:
                yield waiting.popleft().decoded(self.taskmodule)
        self._answer(batch)
        while waiting:
            yield waiting.popleft().decoded(self.taskmodule)
        if read and not asked:
            log.warning(
                "none of the %d documents holds anything that the model asks about, such as entities to relate or "
                "questions to answer: nothing is predicted",
                read,
            )

    @torch.no_grad()
    def _answer(self, batch: list[tuple[_Waiting, Any]]) -> None:
        """Give the documents of a batch of examples what the model says about these."""
        if not batch:
            return
        inputs = self.taskmodule.collate([example for _, example in batch], training=False)
        inputs = self.model.transfer_batch_to_device(inputs, self.model.device, 0)
        for (document, example), prediction in zip(batch, self.model.predictions(inputs), strict=True):
            document.unanswered -= 1
            document.examples.append(self.taskmodule.for_decoding(example))
            document.predictions.append(prediction)


@dataclass
class _Waiting:
    """A document until all of its examples are answered.

    Attributes:
        document: to be predicted.
        examples: those that are answered.
        predictions: the answers.
        unanswered: how many examples are not.
    """

    document: Document
    examples: list[Any] = field(default_factory=list)
    predictions: list[Any] = field(default_factory=list)
    unanswered: int = 0

    def decoded(self, taskmodule: Any) -> Document:
        """The document with its predictions."""
        predicted: Document = taskmodule.decode(self.document, self.examples, self.predictions)
        return predicted


class Pipeline:
    """Models applied one after another: each reads what those before it have predicted and adds its own layer.

    Args:
        predictors: in this order, for example one that finds entities and one that relates them.
    """

    def __init__(self, predictors: Sequence[Predictor]) -> None:
        self.predictors = predictors

    def check(self, documents: Iterable[Document]) -> None:
        """Refuse documents in which a model finds nothing to ask about, neither annotated nor by the models before it.

        Raises:
            UserError: naming the model and what it reads.
        """
        given: list[str] = []
        for predictor in self.predictors:
            try:
                predictor.taskmodule.check_readable(documents, given)
            except UserError as error:
                raise UserError(f"{predictor.directory}: {error}") from error
            given += predictor.taskmodule.gives

    def predict_documents(self, documents: Iterable[Document], batch_size: int | None = None) -> Iterator[Document]:
        """As :meth:`Predictor.predict_documents`, with all models; documents are read as they are asked for."""
        for predictor in self.predictors:
            documents = predictor.predict_documents(documents, batch_size)
        yield from documents


def corpus(dataset: Any, name_or_path: str | Path, trust: str | Sequence[str] = ()) -> Any:
    """The reader of a dataset; where none is given, of the data that a saved model was trained on.

    Args:
        dataset: a composed config of ``configs/dataset``; options alone, without a ``_target_``, change those of the
            model's own data; None: they stay as they are.
        name_or_path: of the saved model, see :func:`load`.
        trust: see :func:`load`.

    Raises:
        SavedModelError: the model does not say what its data is, or the data is not there.
    """
    if dataset is not None and "_target_" in dataset:
        from transferlab.utils.instantiate import build

        return build(dataset)
    directory = find_model(name_or_path)
    description = read_description(directory)
    from omegaconf import OmegaConf

    given: Any = OmegaConf.to_container(dataset, resolve=True) if dataset is not None else {}
    reader = own_reader(directory, description, trust, given)
    log.info("no dataset is given; the model's own data is taken: %s %s", description["data"], given or "")
    return reader


def load(name_or_path: str | Path, device: str | int | None = None, trust: str | Sequence[str] = ()) -> Predictor:
    """A saved model, ready to predict.

    Args:
        name_or_path: a saved model, the directory of a finished run, or a hub name.
        device: as torch names it (``"cpu"``, ``"cuda:1"``, or 1); None takes a GPU when there is one.
        trust: packages of yours whose models and taskmodules the saved model may name; the classes of others than
            transferlab are not loaded, and no code of the saved model ever runs.
    """
    directory = find_model(name_or_path)
    model, description = load_model(directory, trust)
    check_torch_device(device)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device)
    tokenizers, _ = load_tokenizers(model.hparams["pretrained_models"])
    return Predictor(model, load_taskmodule(directory, description, tokenizers, trust), description, directory)
