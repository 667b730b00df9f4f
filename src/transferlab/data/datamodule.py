"""Documents of a corpus, selected, encoded once and batched for Lightning."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from pytorch_lightning import LightningDataModule
from torch.utils.data import DataLoader

from transferlab.data.batching import Drawn, Examples, LengthBatches
from transferlab.data.readers.base import Reader, Split
from transferlab.data.selection import Draw, Item, select
from transferlab.data.span_overlap import spans_of
from transferlab.data.text_overlap import Texts, TrainingTexts, overlap, texts_of
from transferlab.data.unknown_labels import GoldLabels
from transferlab.documents import Document, content_of
from transferlab.utils.batches import row_keys
from transferlab.utils.errors import UserError
from transferlab.utils.option_kinds import Count, Natural, Seed
from transferlab.utils.options import checked

log = logging.getLogger(__name__)

# a position in the training data: seed of the order of batches (None: that of torch), epoch, batches served of it
START: dict[str, Any] = {"seed": None, "epoch": 0, "served": 0}


class Encoder(Protocol):
    """The part of a taskmodule that this room needs."""

    @property
    def labels(self) -> list[str] | None:
        """What the model can predict; None in tasks without labels."""

    def encode(self, document: Document, annotated: bool) -> list[Any]:
        """Turn one document into examples, each with a ``length``."""

    def gold_labels(self, example: Any) -> list[str]:
        """The gold labels of an example."""

    def collate(self, examples: list[Any], training: bool) -> Any:
        """Turn examples into a batch."""


class TransferDataModule(LightningDataModule):
    """Serves the splits of a corpus as batches of one task.

    Args:
        reader: the corpus.
        taskmodule: encodes documents and collates batches.
        batch_size: examples (documents, sentences, texts, questions) per training step; examples of similar length
            come together.
        eval_batch_size: examples per evaluation step; None takes ``batch_size``.
        select_n: how many random documents to use, by split; null, or a split not named: all.
        select_seed: of that choice and of ``train_examples``, independent of the seed of training.
        train_examples: train on so many random examples of the selected documents (sentences, texts, questions;
            documents of coreference); None: all. What the taskmodule learns of a task, such as its labels, it learns
            from all selected documents.
        select_by: how both are chosen: ``random``, or ``first``, the first ones, as older studies of limited data did.
        num_workers: processes that collate batches beside the training process; None: two beside a GPU, else none.
            A run refuses more than four a processor core.
            What they draw does not depend on their number.
    """

    @checked("datamodule")
    def __init__(
        self,
        reader: Reader,
        taskmodule: Encoder,
        batch_size: Count = 1,
        eval_batch_size: Count | None = None,
        select_n: Mapping[Split, Count | None] | None = None,
        select_seed: Seed = 0,
        train_examples: Count | None = None,
        select_by: Draw = "random",
        num_workers: Natural | None = None,
    ) -> None:
        super().__init__()
        self.reader = reader
        self.taskmodule = taskmodule
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size or batch_size
        self.select_n = {split: n for split, n in (select_n or {}).items() if n is not None}
        unknown = set(self.select_n) - set(reader.splits)
        if unknown:
            raise UserError(f"datamodule.select_n names {sorted(unknown)}; choose from {', '.join(reader.splits)}")
        self.select_seed = select_seed
        self.train_examples = train_examples
        self.select_by = select_by
        self.num_workers = num_workers
        self._start = START  # where training starts, or goes on
        self._documents: dict[str, list[Document]] = {}
        self._examples: dict[str, list[Any]] = {}
        self._names: dict[str, list[str]] = {}  # of the documents of the examples
        self._content: dict[str, str] = {}
        self._texts: dict[str, Texts] = {}
        self._training_texts: dict[str, TrainingTexts] = {}
        self._gold_labels: dict[str, GoldLabels] = {}

    def documents(self, split: str) -> list[Document]:
        """The documents of a split after selection, read once."""
        if split not in self._documents:
            documents = self._selected(list(self.reader.read(split)), f"select_n.{split}", self.select_n.get(split))
            if not documents:
                raise UserError(
                    f"the {split} split of {self.corpus} holds no documents; choose another corpus or split"
                )
            words = sum(len(document.words) for document in documents)
            log.info("%s: %d documents, %d words", split, len(documents), words)
            self._documents[split] = documents
        return self._documents[split]

    def examples(self, split: str) -> list[Any]:
        """The examples of a split, encoded once; every document must be annotated for the task."""
        if split not in self._examples:
            documents = self.documents(split)
            encoded, names, labels = [], [], GoldLabels(split)
            for document in documents:
                for example in self._encoded(document, split):
                    encoded.append(example)
                    names.append(document.name)
                    labels.add(self.taskmodule.gold_labels(example), document.name)
            if not encoded:
                raise UserError(
                    f"no document of the {split} split of {self.corpus} is an example of this task; choose data that "
                    "is annotated for it"
                )
            if len(encoded) != len(documents):
                log.info("%s: %d examples", split, len(encoded))
            if split == "train" and self.train_examples is not None:
                found = len(encoded)
                pairs = list(zip(encoded, names, strict=True))
                chosen = self._selected(pairs, "train_examples", self.train_examples)
                encoded, names = [example for example, _ in chosen], [name for _, name in chosen]
                how = "the first" if self.select_by == "first" else f"drawn with select_seed={self.select_seed}"
                log.info("train: %d of %d examples, %s", len(encoded), found, how)
            self._examples[split], self._names[split], self._gold_labels[split] = encoded, names, labels
        return self._examples[split]

    def _selected(self, items: list[Item], key: str, number: int | None) -> list[Item]:
        if number is not None and len(items) < number:
            log.warning("datamodule.%s=%d: there are only %d, and all are taken", key, number, len(items))
        return select(items, number, self.select_seed, self.select_by)

    @property
    def corpus(self) -> str:
        """What messages call the corpus: its place, or its reader."""
        return str(getattr(self.reader, "place", type(self.reader).__name__))

    def _encoded(self, document: Document, split: str) -> list[Any]:
        """The examples of a document; a refusal says where it is from."""
        try:
            return self.taskmodule.encode(document, annotated=True)
        except UserError as error:
            raise UserError(f"{self.corpus}, {split} split: {error}") from error

    def document_names(self, split: str) -> list[str]:
        """The document of each example of a split, by its name."""
        self.examples(split)
        return self._names[split]

    def texts(self, split: str) -> Texts:
        """The pieces of the selected documents of a split, by which they are told from others."""
        if split not in self._texts:
            self._texts[split] = texts_of(self.documents(split))
        return self._texts[split]

    def content(self, split: str) -> str:
        """A hash of the selected documents of a split, see :func:`~transferlab.documents.content_of`."""
        if split not in self._content:
            self._content[split] = content_of(self.documents(split))
        return self._content[split]

    def training_texts(self, split: str = "train") -> TrainingTexts:
        """What a model that was trained on a split says of its documents."""
        if split not in self._training_texts:
            texts, named = self.texts(split), getattr(self.reader, "corpus_id", None)
            corpus = texts.content if named is None else named()
            self._training_texts[split] = TrainingTexts.of(texts, corpus, spans_of(self.documents(split)))
        return self._training_texts[split]

    def note_training_texts(self, evaluated: Iterable[str]) -> None:
        """Before training, as the files may be gone afterwards, take note of what saved models will say of its texts.

        Args:
            evaluated: splits; a warning says how many of their documents are in the training split, too.
        """
        seen = self.training_texts()
        for split in evaluated:
            shared = overlap(self.texts(split), self.texts("train"))
            if shared.shared:
                log.warning(
                    "%s, %s split: %s have most of their text in the training split", seen.corpus, split, shared
                )

    def warn_of_documents_seen(self, split: str, records: Iterable[Mapping[str, Any]], place: str) -> None:
        """Say how many documents of a split a saved model was trained on, if any, or that it does not tell.

        Args:
            split: to be evaluated.
            records: ``trained_on`` of the model.
            place: of the model, for messages.
        """
        for record in records:
            if "ids" not in record:
                log.info("%s does not say on which documents %s was trained", place, record.get("from", "it"))
                continue
            try:
                seen = TrainingTexts.from_dict(record, place)
            except UserError as error:  # scores are the same without
                log.warning("%s", error)
                continue
            shared = overlap(self.texts(split), seen)
            if shared.shared:
                whose = "the model" if seen.source is None else f"its start, {seen.source},"
                log.warning(
                    "%s split: %s have most of their text in the documents of %s that %s was trained on",
                    split, shared, seen.corpus, whose,
                )  # fmt: skip

    def check_labels(self, splits: Iterable[str]) -> None:
        """Encode splits that are to be evaluated, and say which of their gold labels the taskmodule does not know.

        Raises:
            UserError: a document that cannot be scored, or labels of which none can be right; see
                :meth:`transferlab.data.unknown_labels.GoldLabels.check`.
        """
        for split in splits:
            self.examples(split)
            if self.taskmodule.labels is not None:
                self._gold_labels[split].check(self.taskmodule.labels)

    def facts(self) -> dict[str, Any]:
        """What a saved model says of its training data; the number of examples once they were asked for."""
        return {
            "trained_on": [self.training_texts().to_dict()],
            "selection": {
                "select_n": self.select_n,
                "train_examples": self.train_examples,
                "select_seed": self.select_seed,
                "select_by": self.select_by,
            },
            "train_examples": len(self._examples["train"]) if "train" in self._examples else None,
            "eval_batch_size": self.eval_batch_size,
        }

    def training_batches(self) -> Iterator[Any]:
        """The training examples once, in batches as in training, on the CPU and in the order of the corpus."""
        examples = self.examples("train")
        for start in range(0, len(examples), self.batch_size):
            yield self.taskmodule.collate(examples[start : start + self.batch_size], training=True)

    def dataloader(self, split: str, training: bool = False, divided: bool = True) -> DataLoader:
        """Batches of a split.

        Args:
            split: of the corpus.
            training: shuffled anew in each epoch.
            divided: among the processes of the trainer, so that one of them reads each example; else all read all.
        """
        examples = self.examples(split)
        trainer = self.trainer if divided else None
        start = self._start if training else START
        batches = LengthBatches(
            [example.length for example in examples],
            self.batch_size if training else self.eval_batch_size,
            shuffle=training,
            part=trainer.global_rank if trainer is not None else 0,
            parts=trainer.world_size if trainer is not None else 1,
            seed=start["seed"],
        )
        if training:
            self._start = {**start, "seed": batches.seed}
        workers = self.num_workers
        if workers is None:
            on_gpu = self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"
            workers = 2 if on_gpu else 0
        return DataLoader(
            Examples(examples, set(self._gold_labels[split].counts)),
            batch_sampler=Drawn(batches, start["epoch"], start["served"]),
            collate_fn=partial(_collate, self.taskmodule, training, min(examples, key=lambda example: example.length)),
            generator=torch.Generator(),  # else every epoch would take a number from those of the model
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    def state_dict(self) -> dict[str, Any]:
        """The training documents, by hash, and the position: what was trained on, whatever was prepared beyond it."""
        if self.trainer is None:
            return START
        loop = self.trainer.fit_loop
        epoch: Any = loop.epoch_progress.current
        batch: Any = loop.epoch_loop.batch_progress.current
        served = 0 if epoch.processed == epoch.ready else batch.processed
        position = {"seed": self._start["seed"], "epoch": epoch.processed, "served": served}
        return {**position, "documents": self.content("train")}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Let the training batches go on where those of a checkpoint ended."""
        self._start = dict(state_dict)

    def train_dataloader(self) -> DataLoader:
        """Shuffled training batches."""
        return self.dataloader("train", training=True)

    def val_dataloader(self) -> DataLoader:
        """Validation batches in corpus order."""
        return self.dataloader("validation")

    def test_dataloader(self) -> DataLoader:
        """Test batches in corpus order."""
        return self.dataloader("test")


def _collate(taskmodule: Encoder, training: bool, stand_in: Any, drawn: tuple[int, list[int], list[Any]]) -> Any:
    """A batch, what is random in it drawn from its own seed, its rows named for the feature store.

    An empty one, of a process that got none of the last examples, is the ``stand_in`` example, which does not count: so
    the process takes part in all that processes do together.
    """
    seed, positions, examples = drawn
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        batch = taskmodule.collate(examples or [stand_in], training=training)
    batch.counts, batch.positions = bool(examples), positions
    for inputs in batch.inputs.values():
        inputs.row_keys = row_keys(inputs)
    return batch
