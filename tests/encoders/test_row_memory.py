"""Rows that a frozen encoder has read are not read again, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from transformers import AutoConfig

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.row_memory import RowMemory

from .tiny import ARCHITECTURES, random_rows


@pytest.fixture(autouse=True)
def _empty_memory() -> Iterator[None]:
    RowMemory.forget()
    yield
    RowMemory.forget()


def load(path: str, remember_gb: float, **options: object) -> Encoder:
    return Encoder("a", path, AutoConfig.from_pretrained(path), frozen=True, remember_gb=remember_gb, **options)


def count_rows(encoder: Encoder) -> list[int]:
    """Rows of each call of the encoder itself, from now on."""
    calls: list[int] = []
    encoder.stack.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    return calls


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_vectors_are_those_without_memory(model_type, make_model):
    plain, remembering = load(make_model(model_type), 0), load(make_model(model_type), 1)
    input_ids, mask = random_rows(pad_id=plain.backbone.config.pad_token_id or 0)
    real = mask.bool()
    calls = count_rows(remembering)
    expected = plain(input_ids, mask)
    torch.testing.assert_close(remembering(input_ids, mask)[real], expected[real])
    assert sum(calls) == len(input_ids)
    again = remembering(input_ids.flip(0)[:2], mask.flip(0)[:2])
    torch.testing.assert_close(again[mask.flip(0)[:2].bool()], expected.flip(0)[:2][mask.flip(0)[:2].bool()])
    assert sum(calls) == len(input_ids), "the rows were known"


def test_only_new_rows_are_encoded_and_encoders_with_the_same_weights_share(make_model):
    first, second = load(make_model("bert"), 1), load(make_model("bert"), 1, max_rows_per_pass=2)
    other = load(make_model("bert", seed=1), 1)
    input_ids, mask = random_rows()
    first(input_ids[:1], mask[:1])
    calls = count_rows(second)
    second(input_ids, mask)
    assert sum(calls) == len(input_ids) - 1
    assert not torch.allclose(other(input_ids, mask)[0], second(input_ids, mask)[0])


def test_what_validation_remembers_serves_training(make_model):
    encoder = load(make_model("bert"), 1)
    rows = random_rows()
    with torch.inference_mode():
        encoder(*rows)
    head = torch.nn.Linear(16, 1)
    head(encoder(*rows)).sum().backward()
    assert head.weight.grad.any()


def test_precision_and_pairs_are_told_apart(make_model):
    encoder = load(make_model("bert"), 1)
    input_ids, mask = random_rows()
    full = encoder(input_ids, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not torch.equal(encoder(input_ids, mask), full)
    torch.testing.assert_close(encoder(input_ids, mask), full, rtol=0, atol=0)
    assert not torch.allclose(encoder(input_ids, mask, torch.ones_like(input_ids))[0], full[0])


def test_changed_weights_are_noticed(make_model):
    encoder = load(make_model("bert"), 1)
    rows = random_rows()
    before = encoder(*rows)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1)
    assert not torch.allclose(encoder(*rows)[0], before[0])


def test_the_limit_holds(make_model):
    size = load(make_model("bert"), 0)(*random_rows()).nelement() * 4
    encoder = load(make_model("bert"), size / 3 / 1e9)
    for _ in range(3):
        encoder(*random_rows())
    assert 0 < RowMemory.held <= size / 3


def test_trained_encoders_and_frozen_dropout_remember_nothing(make_model):
    path = make_model("bert")
    Encoder("a", path, AutoConfig.from_pretrained(path), remember_gb=1.0)(*random_rows())
    load(path, 1, frozen_dropout=True)(*random_rows())
    assert RowMemory.held == 0
