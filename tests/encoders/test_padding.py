"""A row has the same vectors beside whatever other rows, also in encoders that do not mask padding."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from transferlab.encoders import padding
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_store import FeatureStore
from transferlab.utils.batches import EncoderInputs, row_keys

from .tiny import ARCHITECTURES, SIZES

SMALL = SIZES | {"num_hidden_layers": 2}
PAD_READERS = {
    "fnet": SMALL | {"pad_token_id": 3},
    "convbert": SMALL | {"embedding_size": 16, "head_ratio": 1, "conv_kernel_size": 3},
    "cpmant": {
        "vocab_size": 400, "hidden_size": 16, "num_attention_heads": 2, "dim_head": 8, "dim_ff": 32,
        "num_hidden_layers": 2, "prompt_types": 4, "prompt_length": 4, "segment_types": 4,
        "position_bias_num_buckets": 32, "position_bias_max_distance": 64,
    },
    "mobilebert": SMALL
    | {"embedding_size": 16, "true_hidden_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 1},
    "nystromformer": SMALL | {"conv_kernel_size": 5},
    "yoso": SMALL | {"num_hash": 4, "hash_code_len": 4},
}  # fmt: skip
LENGTHS = [3, 7, 7, 12]


@pytest.fixture(scope="module")
def pad_reader(tmp_path_factory: pytest.TempPathFactory):
    made: dict[str, str] = {}

    def make(model_type: str) -> str:
        if model_type not in made:
            torch.manual_seed(0)
            model = AutoModel.from_config(AutoConfig.for_model(model_type, **PAD_READERS[model_type]))
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(0.1 * torch.randn_like(parameter))
            made[model_type] = str(tmp_path_factory.mktemp(model_type))
            model.save_pretrained(made[model_type])
        return made[model_type]

    return make


def load(path: str, **options: object) -> Encoder:
    return Encoder("a", path, AutoConfig.from_pretrained(path), **options).eval()


def rows(width: int = 15, left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of LENGTHS, padded to a width."""
    ids = torch.randint(10, 390, (len(LENGTHS), width), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(width) < torch.tensor(LENGTHS)[:, None]).long()
    ids = ids.masked_fill(mask == 0, 0)
    return (ids.flip(1), mask.flip(1)) if left else (ids, mask)


def alone(encoder: Encoder, ids: torch.Tensor, mask: torch.Tensor) -> list[torch.Tensor]:
    """Of each row the model's own output without any padding."""
    real = [row[own.bool()][None] for row, own in zip(ids, mask, strict=True)]
    return [encoder.stack(input_ids=row, attention_mask=torch.ones_like(row)).last_hidden_state[0] for row in real]


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("model_type", PAD_READERS)
def test_rows_do_not_depend_on_the_batch(model_type, left, frozen, pad_reader):
    encoder = load(pad_reader(model_type), frozen=frozen)
    assert encoder.reads_padding
    ids, mask = rows(left=left)
    vectors = encoder(ids, mask)
    assert torch.isfinite(vectors).all()
    for row, expected in enumerate(alone(encoder, ids, mask)):
        torch.testing.assert_close(vectors[row][mask[row].bool()], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model_type", PAD_READERS)
def test_stored_rows_are_those_without_padding(model_type, pad_reader, tmp_path: Path):
    plain = load(pad_reader(model_type))
    ids, mask = rows()
    expected = alone(plain, ids, mask)
    for order in ([3, 1], [0, 1, 2, 3]):  # a row that was read beside a longer one is looked up beside others
        encoder = load(plain._source, frozen=True, store=FeatureStore(tmp_path, dtype="float32"))
        keys = row_keys(EncoderInputs(ids[order], mask[order], ids[order], torch.arange(len(order))))
        vectors = encoder(ids[order], mask[order], keys=keys)
        encoder.features.write()
        for place, row in enumerate(order):
            torch.testing.assert_close(vectors[place, : LENGTHS[row]], expected[row], rtol=1e-4, atol=1e-5)


def test_what_was_stored_of_padded_rows_is_not_found(pad_reader, tmp_path: Path, monkeypatch):
    store = FeatureStore(tmp_path)
    unpadded = load(pad_reader("fnet"), frozen=True, store=store).features
    monkeypatch.setattr("transferlab.encoders.encoder.reads_padding", lambda *args: False)
    assert load(pad_reader("fnet"), frozen=True, store=store).features.weights != unpadded.weights


def test_gradients_are_those_of_rows_alone(pad_reader):
    encoder = load(pad_reader("convbert"))
    ids, mask = rows()

    def gradients(vectors: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        encoder.zero_grad()
        torch.stack([(row**2).sum() for row in vectors]).sum().backward()
        return {n: p.grad.clone() for n, p in encoder.stack.named_parameters() if p.grad is not None}

    together = encoder(ids, mask)
    got = gradients([row[:length] for row, length in zip(together, LENGTHS, strict=True)])
    expected = gradients(alone(encoder, ids, mask))
    assert got.keys() == expected.keys()
    for name, gradient in got.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_architectures_that_mask_padding_are_read_as_they_are(model_type, make_model):
    assert not load(make_model(model_type)).reads_padding


def test_weights_that_come_later_are_the_ones_that_are_tried(pad_reader):
    trained = load(pad_reader("convbert"))
    fresh = load(pad_reader("convbert"), load_weights=False)
    fresh.load_state_dict(trained.state_dict())
    ids, mask = rows()
    torch.testing.assert_close(fresh(ids, mask), trained(ids, mask))
    assert fresh.reads_padding


def test_finding_out_draws_no_random_numbers_and_leaves_the_mode(pad_reader, make_model):
    torch.manual_seed(0)
    expected = torch.rand(3)
    for path in (pad_reader("yoso"), make_model("bert")):
        encoder = Encoder("a", path, AutoConfig.from_pretrained(path))
        torch.manual_seed(0)
        del encoder.__dict__["reads_padding"]
        _ = encoder.reads_padding
        assert encoder.stack.training and torch.equal(torch.rand(3), expected)


def test_it_is_said_once_naming_the_encoder(pad_reader, caplog):
    padding.warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            load(pad_reader("fnet"))
    (message,) = [record.getMessage() for record in caplog.records if record.name == padding.__name__]
    assert pad_reader("fnet") in message and "fnet" in message


def test_a_bird_reads_long_rows_alike_before_and_after_short_ones(tmp_path: Path):
    config = AutoConfig.for_model("big_bird", **SMALL | {"block_size": 2, "num_random_blocks": 1})
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    encoder = load(str(tmp_path), load_weights=True)
    ids = torch.randint(10, 390, (1, 40), generator=torch.Generator().manual_seed(1))
    before = encoder(ids, torch.ones_like(ids))
    encoder(ids[:, :4], torch.ones(1, 4, dtype=torch.long))
    torch.testing.assert_close(encoder(ids, torch.ones_like(ids)), before)
