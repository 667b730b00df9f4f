"""Splits to batches."""

import pytest

from transferlab.data.datamodule import TransferDataModule
from transferlab.documents import Document
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


class Names:
    """Encodes a document as its name, and says what it was told."""

    def encode(self, document, annotated):
        assert annotated
        return [Name(document.name)]

    def collate(self, examples, training):
        return training, examples


class Parts(Names):
    """Encodes a document as two examples, and training documents not at all."""

    def encode(self, document, annotated):
        return [] if document.name.startswith("train") else [Name(f"{document.name}{part}") for part in "ab"]


def test_training_batches_are_shuffled_and_evaluation_batches_are_not():
    module = TransferDataModule(Corpus(), Names(), batch_size=2, eval_batch_size=3)
    training = list(module.train_dataloader())
    assert [flag for flag, _ in training] == [True] * 3
    assert sorted(name for _, names in training for name in names) == [f"train{i}" for i in range(6)]
    loader = module.train_dataloader()
    orders = {tuple(name for _, names in loader for name in names) for _ in range(20)}
    assert len(orders) > 1
    assert list(module.val_dataloader()) == [(False, ["validation0", "validation1", "validation2"])]


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
    assert [len(names) for _, names in module.val_dataloader()] == [4, 2]
    with pytest.raises(UserError, match=r"train split .* holds nothing that this task asks about"):
        module.train_dataloader()


def test_refusals():
    with pytest.raises(UserError, match=r"datamodule\.select_n names \['dev'\]"):
        TransferDataModule(Corpus(), Names(), select_n={"dev": 1})
    with pytest.raises(UserError, match=r"the test split .* holds no documents"):
        TransferDataModule(Corpus(), Names()).documents("test")
