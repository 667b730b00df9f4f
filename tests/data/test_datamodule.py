"""Splits to batches."""

from dataclasses import dataclass, field

import pytest
import torch

from transferlab.data.datamodule import TransferDataModule
from transferlab.data.readers.text_rows import text_document
from transferlab.documents import Document
from transferlab.utils.batches import EncoderInputs, row_keys
from transferlab.utils.errors import UserError


class Corpus:
    splits = ("train", "validation", "test")

    def __init__(self) -> None:
        self.reads: list[str] = []

    def read(self, split):
        self.reads.append(split)
        count = {"train": 6, "validation": 3, "test": 0}[split]
        return iter([Document(f"{split}{i}", ["x"], [(0, 0)]) for i in range(count)])


class Name(str):
    length = 1


@dataclass
class Batch:
    names: list[str]
    training: bool
    drawn: int
    inputs: dict[str, EncoderInputs] = field(default_factory=dict)


class Names:
    """Encodes a document as its name, and says what it was told."""

    labels: list[str] | None = None

    def gold_labels(self, example):
        return [example.rstrip("0123456789")]

    def encode(self, document, annotated):
        assert annotated
        return [Name(document.name)]

    def collate(self, examples, training):
        rows = torch.tensor([[len(name), 0] for name in examples])
        inputs = EncoderInputs(rows, (rows > 0).long(), rows, torch.arange(len(rows)))
        return Batch(list(examples), training, int(torch.randint(2**40, ())), {"a": inputs})


class Parts(Names):
    """Encodes a document as two examples, and training documents not at all."""

    def encode(self, document, annotated):
        return [] if document.name.startswith("train") else [Name(f"{document.name}{part}") for part in "ab"]


def test_training_batches_are_shuffled_and_evaluation_batches_are_not():
    module = TransferDataModule(Corpus(), Names(), batch_size=2, eval_batch_size=3)
    training = list(module.train_dataloader())
    assert [batch.training for batch in training] == [True] * 3
    assert sorted(name for batch in training for name in batch.names) == [f"train{i}" for i in range(6)]
    loader = module.train_dataloader()
    orders = set()
    for epoch in range(20):
        loader.batch_sampler.sampler.set_epoch(epoch)
        orders.add(tuple(name for batch in loader for name in batch.names))
    assert len(orders) > 1
    (batch,) = module.val_dataloader()
    assert (batch.training, batch.names) == (False, ["validation0", "validation1", "validation2"])


def test_rows_are_named_for_the_feature_store():
    for batch in TransferDataModule(Corpus(), Names(), batch_size=4).train_dataloader():
        assert batch.inputs["a"].row_keys == row_keys(batch.inputs["a"])
        assert len(batch.inputs["a"].row_keys) == len(batch.names)


def epochs(num_workers, seed=3, n=2):
    torch.manual_seed(seed)
    module = TransferDataModule(Corpus(), Names(), batch_size=2, num_workers=num_workers)
    loader = module.train_dataloader()
    found = []
    for epoch in range(n):
        loader.batch_sampler.sampler.set_epoch(epoch)  # as Lightning does
        found.append([(batch.names, batch.drawn) for batch in loader])
    return found


def test_what_is_drawn_does_not_depend_on_who_makes_the_batches():
    assert epochs(0) == epochs(2)
    drawn = [number for epoch in epochs(0) for _, number in epoch]
    assert len(set(drawn)) == len(drawn), "every batch of every epoch draws anew"
    assert epochs(0) != epochs(0, seed=4)


def test_batches_neither_read_nor_change_the_random_numbers_of_the_process():
    torch.manual_seed(3)
    loader = TransferDataModule(Corpus(), Names(), batch_size=2, num_workers=0).train_dataloader()
    torch.manual_seed(99)
    batches = iter(loader)  # torch itself draws a seed for its workers here
    after = torch.get_rng_state()
    drawn = [(batch.names, batch.drawn) for batch in batches]
    assert torch.equal(torch.get_rng_state(), after)
    assert drawn == epochs(0)[0]


def test_a_split_is_read_and_encoded_once():
    corpus = Corpus()
    module = TransferDataModule(corpus, Names())
    module.documents("train")
    list(module.train_dataloader())
    list(module.train_dataloader())
    assert corpus.reads == ["train"]


def test_selection_is_random_and_repeatable():
    def chosen(seed):
        module = TransferDataModule(Corpus(), Names(), select_n={"train": 2}, select_seed=seed)
        return [document.name for document in module.documents("train")]

    assert chosen(0) == chosen(0) and len(chosen(0)) == 2
    assert len({tuple(chosen(seed)) for seed in range(10)}) > 1


def test_a_document_may_be_several_examples_or_none():
    module = TransferDataModule(Corpus(), Parts(), batch_size=4)
    assert [len(batch.names) for batch in module.val_dataloader()] == [4, 2]
    with pytest.raises(UserError, match=r"no document of the train split of Corpus"):
        module.train_dataloader()


def test_refusals():
    with pytest.raises(UserError, match=r"datamodule\.select_n\.dev: "):
        TransferDataModule(Corpus(), Names(), select_n={"dev": 1})
    with pytest.raises(UserError, match=r"the test split .* holds no documents"):
        TransferDataModule(Corpus(), Names()).documents("test")


def test_limited_data_are_random_examples_of_the_training_split_only():
    def names(**options):
        module = TransferDataModule(Corpus(), Names(), batch_size=2, **options)
        return [
            {name for batch in loader for name in batch.names}
            for loader in (module.dataloader("train"), module.val_dataloader())
        ]

    train, validation = names(train_examples=4)
    assert len(train) == 4 and len(validation) == 3
    assert names(train_examples=4)[0] == train, "one draw"
    assert names(train_examples=2)[0] < train, "a smaller draw is part of a larger one"
    assert any(names(train_examples=4, select_seed=seed)[0] != train for seed in (1, 2, 3)), "another draw"
    assert len(names(train_examples=100)[0]) == 6, "as many as there are"
    whole = TransferDataModule(Corpus(), Names()).examples("train")
    assert names(train_examples=2, select_by="first", select_seed=3)[0] == set(whole[:2])
    first = TransferDataModule(Corpus(), Names(), select_n={"validation": 2}, select_by="first")
    assert [d.name for d in first.documents("validation")] == [d.name for d in Corpus().read("validation")][:2]
    assert first.facts()["selection"]["select_by"] == "first"
    with pytest.raises(UserError, match="train_examples=0: "):
        names(train_examples=0)


def test_a_selection_of_more_than_there_are_is_said(caplog):
    module = TransferDataModule(Corpus(), Names(), select_n={"validation": 7}, train_examples=2000)
    found = len(module.examples("train"))
    assert f"datamodule.train_examples=2000: there are only {found}" in caplog.text
    module.documents("validation")
    assert "datamodule.select_n.validation=7" in caplog.text


def test_limited_data_count_examples_not_documents():
    class Halves(Names):
        def encode(self, document, annotated):
            return [Name(f"{document.name}{part}") for part in "ab"]

    module = TransferDataModule(Corpus(), Halves(), train_examples=5)
    assert module.facts()["train_examples"] is None
    assert len(module.examples("train")) == module.facts()["train_examples"] == 5
    assert len(module.documents("train")) == 6, "the taskmodule learns of all documents"


STORIES = {
    "train": ["he came home", "she left", "it rained"],
    "validation": ["they met", "She left"],
    "test": ["It rained !"],
}


class Stories:
    """Sentences; the second validation document and the test document are training documents in other words' case."""

    splits = ("train", "validation", "test")

    def read(self, split):
        return iter([text_document(f"{split}{i}", text) for i, text in enumerate(STORIES[split])])


class NamedStories(Stories):
    def corpus_id(self):
        return "stories"


def test_documents_that_are_in_the_training_split_too_are_counted_before_training(caplog):
    module = TransferDataModule(NamedStories(), Names())
    module.note_training_texts(["validation", "test"])
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "stories, validation split: 1 of 2 documents" in caplog.text
    assert "stories, test split: 1 of 1 documents" in caplog.text
    caplog.clear()
    TransferDataModule(Stories(), Names(), select_n={"train": 1}, select_seed=0).note_training_texts(["validation"])
    TransferDataModule(Corpus(), Parts()).note_training_texts([])
    assert not caplog.records


def test_facts_say_which_texts_were_trained_on():
    (record,) = TransferDataModule(NamedStories(), Names()).facts()["trained_on"]
    assert (record["corpus"], record["documents"], record["pieces"]) == ("stories", 3, 3)
    module = TransferDataModule(Stories(), Names(), select_n={"train": 2})
    (record,) = module.facts()["trained_on"]
    assert record["documents"] == 2 and record["spans"] == "", "those that were selected, and nothing is annotated"
    assert record["corpus"] == record["content"] == module.texts("train").content, "of a reader that does not name it"


def test_documents_of_a_models_training_are_counted_before_evaluation(caplog):
    caplog.set_level("INFO")
    trained = TransferDataModule(NamedStories(), Names()).facts()["trained_on"]
    module = TransferDataModule(Stories(), Names())
    module.warn_of_documents_seen("validation", [*trained, {"from": "models/old", **trained[0]}], "models/new")
    assert caplog.text.count("1 of 2 documents") == 2 and "models/old" in caplog.text
    caplog.clear()
    module.warn_of_documents_seen("validation", [{"data": {}}], "models/new")
    assert "models/new does not say" in caplog.text and "WARNING" not in caplog.text
    module.warn_of_documents_seen("validation", [trained[0] | {"ids": "?"}, *trained], "models/new")
    damaged, counted = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert "models/new" in damaged and "damaged" in damaged and "1 of 2 documents" in counted


def test_labels_of_splits_to_be_evaluated_are_checked_and_go_with_their_batches(caplog):
    class Labels(Names):
        def __init__(self):
            self.labels = ["validation", "train"]

        def gold_labels(self, example):
            return ["rare"] if example == "validation1" else super().gold_labels(example)

    corpus, taskmodule = Corpus(), Labels()
    module = TransferDataModule(corpus, taskmodule)
    module.check_labels(["validation"])
    assert corpus.reads == ["validation"]
    assert "'rare' (1 time, first in validation1)" in caplog.text
    assert module.val_dataloader().dataset.gold_labels == {"validation", "rare"}
    taskmodule.labels = ["train"]
    with pytest.raises(UserError, match="'validation'"):
        module.check_labels(["validation"])
