"""From a saved model to predictions, for documents and for raw text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from transferlab.data.raw_text import document_from_text
from transferlab.documents import Document, Span
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.base import TransferModel
from transferlab.models.saving import find_model, load_model, our_class


@dataclass(frozen=True)
class Mention:
    """A mention in a raw text: its wording and its characters, ``text[start:end]``."""

    text: str
    start: int
    end: int


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

    def predict(self, texts: str | Iterable[str]) -> list[list[list[Mention]]]:
        """Coreference clusters of raw texts.

        Args:
            texts: one text or several.

        Returns:
            for each text its clusters, each a list of mentions in text order.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        documents = [document_from_text(f"text {number}", text) for number, text in enumerate(texts, start=1)]
        results = []
        for document in self.predict_documents(documents):
            assert document.predicted is not None
            clusters = document.predicted.clusters or []
            results.append([[_mention(document, span) for span in cluster] for cluster in clusters])
        return results

    def predict_documents(self, documents: Iterable[Document], batch_size: int = 1) -> Iterator[Document]:
        """Put predictions beside whatever the documents hold already, one after another."""
        batch: list[Document] = []
        for document in documents:
            batch.append(document)
            if len(batch) == batch_size:
                yield from self._predict_batch(batch)
                batch = []
        if batch:
            yield from self._predict_batch(batch)

    @torch.no_grad()
    def _predict_batch(self, documents: list[Document]) -> Iterator[Document]:
        examples = [self.taskmodule.encode(document) for document in documents]
        batch = self.taskmodule.collate(examples, training=False)
        batch = self.model.transfer_batch_to_device(batch, self.model.device, 0)
        for document, prediction in zip(documents, self.model.predictions(batch), strict=True):
            yield self.taskmodule.decode(document, prediction)


def _mention(document: Document, span: Span) -> Mention:
    assert document.offsets is not None
    return Mention(document.span_text(span), document.offsets[span[0]][0], document.offsets[span[1]][1])


def load(name_or_path: str | Path, device: str | int | None = None) -> Predictor:
    """A saved model, ready to predict.

    Args:
        name_or_path: a saved model, the directory of a finished run, or a hub name.
        device: as torch names it (``"cpu"``, ``"cuda:1"``, or 1); None takes a GPU when there is one.
    """
    directory = find_model(name_or_path)
    model, description = load_model(directory)
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = model.to(device)
    tokenizers, _ = load_tokenizers(model.hparams["pretrained_models"])
    stated = description["taskmodule"]
    kind = our_class(stated["_target_"], "transferlab.taskmodules.", directory / "transferlab.json")
    return Predictor(model, kind(tokenizers=tokenizers, **stated["options"]), description, directory)
