"""Rows that a frozen encoder has read are not read again, and nothing else changes."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from transformers import AutoConfig

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_shards import Shard, write_shard
from transferlab.encoders.feature_store import FeatureStore
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.truncation import truncate
from transferlab.utils.batches import EncoderInputs, row_keys

from .damage import flip_tensor
from .tiny import ARCHITECTURES, encode, random_rows

Load = Callable[..., Encoder]


def load(path: str, store: FeatureStore | None, layers: int | None = None, **options: object) -> Encoder:
    config = AutoConfig.from_pretrained(path)
    truncate(config, layers or config.num_hidden_layers, "key")
    return Encoder("a", path, config, **{"frozen": True, "store": store, **options})


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features", dtype="float32")


def again(store: FeatureStore) -> FeatureStore:
    """The same store as another process sees it."""
    return FeatureStore(store.directory, store.dtype, store.limit / 1e9)


def keys_of(input_ids: Tensor, mask: Tensor, types: Tensor | None = None) -> list[bytes]:
    keys = row_keys(EncoderInputs(input_ids, mask, input_ids, torch.arange(len(input_ids)), types))
    assert keys is not None
    return keys


def read(encoder: Encoder, input_ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
    return encoder(input_ids, mask, types, keys=keys_of(input_ids, mask, types))


def count_rows(encoder: Encoder) -> list[int]:
    """Rows of each call of the encoder itself, from now on."""
    calls: list[int] = []
    encoder.stack.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    return calls


def assert_same(outputs: Tensor, expected: Tensor, mask: Tensor) -> None:
    assert torch.isfinite(outputs).all()
    torch.testing.assert_close(outputs[mask.bool()], expected[mask.bool()], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("last_n_layers", [1, 3])
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_vectors_are_those_without_store(model_type, last_n_layers, make_model, store):
    path = make_model(model_type)
    plain = load(path, None, last_n_layers=last_n_layers)
    input_ids, mask = random_rows(pad_id=plain.backbone.config.pad_token_id or 0)
    expected = plain(input_ids, mask)
    for known in (False, True):
        for where in (store, again(store)):  # unwritten rows, then those on disk
            encoder = load(path, where, last_n_layers=last_n_layers)
            calls = count_rows(encoder)
            assert_same(read(encoder, input_ids, mask), expected, mask)
            assert_same(read(encoder, input_ids.flip(0)[:2], mask.flip(0)[:2]), expected.flip(0)[:2], mask.flip(0)[:2])
            assert sum(calls) == (0 if known or where is not store else 2), "a row of padding is not read at all"
            encoder.features.write()


def test_rows_are_the_same_in_batches_of_other_widths(make_model, store):
    encoder = load(make_model("bert"), store)
    plain = load(make_model("bert"), None)
    input_ids, mask = random_rows(subtokens=12)
    mask[0, 7:] = 0
    mask[2, :3] = 1
    read(encoder, input_ids, mask)
    calls = count_rows(encoder)
    for rows, width in (([1], 5), ([0, 2], 7), ([2, 1, 0, 2], 9), ([1, 1], 20)):
        ids, own = torch.zeros(2, len(rows), width, dtype=torch.long)
        ids[:, :12], own[:, :12] = input_ids[rows, :width], mask[rows, :width]
        assert_same(read(encoder, ids, own), plain(ids, own), own)
        encoder.features.write()
    assert not calls


def test_equal_rows_of_a_batch_are_read_once(make_model, store):
    encoder = load(make_model("bert"), store)
    calls = count_rows(encoder)
    input_ids, mask = (tensor[[0, 1, 0, 1, 1]] for tensor in random_rows())
    assert_same(read(encoder, input_ids, mask), load(make_model("bert"), None)(input_ids, mask), mask)
    assert calls == [2]


def test_a_batch_of_padding_alone(make_model, store):
    encoder = load(make_model("bert"), store, last_n_layers=2)
    calls = count_rows(encoder)
    input_ids, mask = random_rows()
    assert read(encoder, input_ids[2:], mask[2:]).shape == (1, 9, 32)
    assert not calls


def test_only_missing_rows_are_encoded_in_passes(make_model, store):
    encoder = load(make_model("bert"), store, max_rows_per_pass=2)
    input_ids = torch.arange(5, 30).view(5, 5)
    mask = torch.ones_like(input_ids)
    read(encoder, input_ids[1:2], mask[1:2])
    calls = count_rows(encoder)
    assert_same(read(encoder, input_ids, mask), load(make_model("bert"), None)(input_ids, mask), mask)
    assert calls == [2, 2]


def test_pairs_are_told_apart(make_model, store):
    encoder, plain = load(make_model("bert"), store), load(make_model("bert"), None)
    input_ids, mask = random_rows()
    for types in (None, torch.ones_like(mask), torch.zeros_like(mask), None):
        assert_same(read(encoder, input_ids, mask, types), plain(input_ids, mask, types), mask)
        encoder.features.write()
    assert len(encoder.features.layer(4, "float32")) == 4


def test_precisions_are_told_apart(make_model, store):
    encoder, plain = load(make_model("bert"), store), load(make_model("bert"), None)
    rows = random_rows()
    full = read(encoder, *rows)
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert_same(read(encoder, *rows), plain(*rows), rows[1])
            assert not torch.allclose(read(encoder, *rows)[0], full[0], atol=1e-4)
        encoder.features.write()
    assert_same(read(encoder, *rows), full, rows[1])
    assert {entry.about["precision"] for entry in store.entries()} == {"float32", "float32+bfloat16"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("computed", [torch.bfloat16, torch.float16])
def test_any_type_keeps_any_precision_over_several_shards(dtype, computed, make_model, store):
    encoder = load(make_model("bert"), FeatureStore(store.directory, dtype), last_n_layers=2)
    input_ids, mask = random_rows()
    with torch.autocast("cpu", dtype=computed):
        for row in range(3):
            read(encoder, input_ids[row : row + 1], mask[row : row + 1])
            encoder.features.write()
        expected = load(make_model("bert"), None, last_n_layers=2)(input_ids, mask)
        outputs = read(encoder, input_ids, mask)
        assert len(encoder.features.layer(4, encoder.precision)._shards) == 2
    torch.testing.assert_close(outputs[mask.bool()], expected[mask.bool()].float(), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_sixteen_bits_round_and_the_first_reading_is_as_the_next(dtype, make_model, store):
    half = FeatureStore(store.directory, dtype)
    encoder, rows = load(make_model("bert"), half), random_rows()
    first = read(encoder, *rows)
    encoder.features.write()
    assert torch.equal(read(encoder, *rows)[rows[1].bool()], first[rows[1].bool()])
    torch.testing.assert_close(
        first[:2], load(make_model("bert"), None)(*rows)[:2] * rows[1][:2, :, None], rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize("model_type", ["bert", "albert", "modernbert", "t5", "gpt2", "longformer"])
def test_shallow_encoders_find_what_a_deep_one_kept(model_type, make_model, store):
    path = make_model(model_type)
    deep = load(path, store)
    deep.features.kept = [1, 2, 3, 4]
    input_ids, mask = random_rows(pad_id=deep.backbone.config.pad_token_id or 0)
    deep.keep_features(input_ids, mask, None, keys_of(input_ids, mask))
    deep.features.write()
    for layers in (1, 2, 4):
        shallow = load(path, again(store), layers)
        calls = count_rows(shallow)
        assert_same(read(shallow, input_ids, mask), load(path, None, layers)(input_ids, mask), mask)
        assert not calls


def test_the_pooler_has_features_of_its_own(make_model, store):
    path, rows = make_model("bert"), random_rows()
    for where in (store, again(store)):
        for pooler in (False, True):
            encoder = load(path, where, pooler=pooler)
            assert_same(read(encoder, *rows), load(path, None, pooler=pooler)(*rows), rows[1])
            encoder.features.write()


def test_other_weights_find_nothing(make_model, store):
    rows = random_rows()
    read(load(make_model("bert"), store), *rows)
    other = load(make_model("bert", seed=1), store)
    assert_same(read(other, *rows), load(make_model("bert", seed=1), None)(*rows), rows[1])


def test_a_copy_elsewhere_finds_all(make_model, store, tmp_path: Path):
    encoder, rows = load(make_model("bert"), store), random_rows()
    expected = read(encoder, *rows)
    encoder.features.write()
    encoder.save(tmp_path / "copy")
    copy = load(str(tmp_path / "copy"), again(store))
    calls = count_rows(copy)
    assert_same(read(copy, *rows), expected, rows[1])
    assert not calls


def test_changed_weights_use_it_no_more(make_model, store):
    encoder, rows = load(make_model("bert"), store), random_rows()
    before = read(encoder, *rows)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.1)
    assert not torch.allclose(read(encoder, *rows)[0], before[0])
    assert len(encoder.features.layer(4, "float32")) == 2


def test_a_checkpoint_that_brings_the_same_weights_changes_nothing(make_model, store):
    """Lightning loads the best checkpoint before it tests; ours lends it the frozen weights at hand."""
    encoder, rows = load(make_model("bert"), store), random_rows()
    expected = read(encoder, *rows)
    encoder.load_state_dict(encoder.state_dict())
    calls = count_rows(encoder)
    assert_same(read(encoder, *rows), expected, rows[1])
    assert not calls


def test_trained_encoders_and_frozen_dropout_have_no_features(make_model, store):
    assert load(make_model("bert"), store, frozen=False).features is None
    assert load(make_model("bert"), store, frozen_dropout=True).features is None
    assert load(make_model("bert"), store, load_weights=False).features is None


def test_without_names_nothing_is_looked_up(make_model, store):
    encoder, rows = load(make_model("bert"), store), random_rows()
    calls = count_rows(encoder)
    encoder(*rows)
    encoder(*rows)
    assert calls == [3, 3] and not encoder.features._opened


def test_padding_on_the_left_does_not_use_it(make_model, store, tmp_path: Path):
    path = make_model("bert")
    features = {"directory": str(tmp_path / "f"), "dtype": "float32"}
    model = MultiEncoder({"a": path}, freeze_models="all", features=features)
    rows = EncoderInputs(
        torch.tensor([[0, 7, 8]]), torch.tensor([[0, 1, 1]]), torch.tensor([[-1, 0, 1]]), torch.tensor([0])
    )
    rows.row_keys = row_keys(rows)
    plain = MultiEncoder({"a": path}, freeze_models="all")
    for _ in range(2):
        torch.testing.assert_close(model({"a": rows}, 1, 2).embeddings, plain({"a": rows}, 1, 2).embeddings)
    assert not model._encoder("a").features._opened


def test_what_inference_mode_stored_serves_training(make_model, store):
    encoder, rows = load(make_model("bert"), store), random_rows()
    head = torch.nn.Linear(16, 1)
    with torch.inference_mode():
        read(encoder, *rows)
    for write in (False, True):
        if write:
            with torch.inference_mode():
                encoder.features.write()
        head.zero_grad()
        head(read(encoder, *rows)).sum().backward()
        assert head.weight.grad.any()


def test_values_beyond_float16_are_computed_every_time(make_model, store, caplog):
    half = FeatureStore(store.directory, "float16")
    encoder = load(make_model("bert"), half, last_n_layers=2)
    with torch.no_grad():  # before its first use: these are the weights it has
        encoder.stack.encoder.layer[3].output.LayerNorm.weight.mul_(1e6)
    encoder._seen_written = encoder._times_written()
    rows = random_rows()
    expected = encoder(*rows)
    calls = count_rows(encoder)
    for _ in range(3):
        outputs = read(encoder, *rows)
        torch.testing.assert_close(outputs[0, :, 16:], expected[0, :, 16:])
        torch.testing.assert_close(outputs[0, :, :16], expected[0, :, :16], rtol=1e-3, atol=1e-3)
        encoder.features.write()
    assert calls == [2, 2, 2]
    (entry,) = half.entries()
    assert (entry.about["layer"], entry.rows) == (3, 2), "the layer below is kept, and not written anew"
    assert len(list(entry.folder.glob("*.safetensors"))) == 1
    assert "bfloat16 and float32 can hold them" in caplog.text


def test_without_room_everything_is_computed_and_it_is_said(make_model, store, caplog):
    small = FeatureStore(store.directory, "float32", limit_gb=1e-7)
    encoder, rows = load(make_model("bert"), small), random_rows()
    expected = load(make_model("bert"), None)(*rows)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert_same(read(encoder, *rows), expected, rows[1])
            encoder.features.write()
    assert encoder.features.full and not small.entries()
    assert caplog.text.count("features.limit_gb=1e-07") == 1


def wreck(folder: Path, how: str) -> None:
    (shard,) = folder.glob("*.safetensors")
    content = shard.read_bytes()
    shard.unlink()
    if how == "no layer.json":
        (folder / "layer.json").unlink()
    if how == "garbled layer.json":
        (folder / "layer.json").write_text("{")
    ruins = {"truncated": content[: len(content) // 2], "garbage": b"\x7fgarbage" * 99, "empty": b""}
    shard.write_bytes(ruins.get(how, content))
    if how in ("other width", "other type"):
        old = Shard(shard)
        width, dtype = (5, torch.float32) if how == "other width" else (16, torch.float16)
        rows = [(key, torch.ones(int(n), width, dtype=dtype)) for key, n in zip(old.keys, old.lengths, strict=True)]
        write_shard(folder, rows)
        shard.unlink()
    if how in ("vectors", "keys", "lengths", "checks"):
        flip_tensor(shard, how, 3)


DAMAGES = [
    "truncated",
    "garbage",
    "empty",
    "vectors",
    "keys",
    "lengths",
    "checks",
    "other width",
    "other type",
    "no layer.json",
    "garbled layer.json",
]


@pytest.mark.parametrize("how", DAMAGES)
def test_damage_never_gives_a_wrong_vector_and_mends_itself(how, make_model, store, caplog):
    path, rows = make_model("bert"), random_rows()
    expected = load(path, None, last_n_layers=2)(*rows)
    encoder = load(path, store, last_n_layers=2)
    read(encoder, *rows)
    encoder.features.write()
    wreck(encoder.features.layer(3, "float32").folder, how)
    damaged = load(path, again(store), last_n_layers=2)
    calls = count_rows(damaged)
    for _ in range(2):
        assert_same(read(damaged, *rows), expected, rows[1])
        damaged.features.write()
    assert ("damaged features are deleted" in caplog.text) == bool(calls) == (not how.endswith("json"))
    mended = load(path, again(store), last_n_layers=2)
    calls = count_rows(mended)
    assert_same(read(mended, *rows), expected, rows[1])
    assert not calls and [entry.rows for entry in store.entries()] == [2, 2]


def test_added_tokens_do_not_use_it(make_model, tmp_path: Path):
    features = {"directory": str(tmp_path / "f")}
    model = MultiEncoder(
        {"a": make_model("bert")}, freeze_models="all", features=features, added_tokens={"[E]": "boat"}
    )
    assert model.storing() == []
    from transferlab.encoders.tokenizers import load_tokenizers

    tokenizer = load_tokenizers({"a": make_model("bert")}, {"[E]": "boat"})[0]["a"]
    rows = encode(tokenizer, [[["the", "boat"]]], 2)
    rows.row_keys = row_keys(rows)
    for _ in range(2):
        model({"a": rows}, 1, 2)
    assert not (tmp_path / "f").exists()


def _fill(path: str, directory: str, ready, numbers) -> None:  # in a process of its own
    from transferlab.callbacks.fill_features import Pass, fill

    torch.set_num_threads(1)
    store = FeatureStore(directory, "float32")
    encoder = load(path, store, max_rows_per_pass=4)
    calls = count_rows(encoder)
    input_ids = torch.arange(5, 55).repeat(40).view(250, 8) + torch.arange(250)[:, None] % 7
    rows = EncoderInputs(input_ids, torch.ones_like(input_ids), input_ids, torch.arange(250))
    rows.row_keys = row_keys(rows)

    ready.wait()
    fill(Pass(encoder, encoder.features, "a"), [[SimpleNamespace(inputs={"a": rows})]], torch.device("cpu"))
    assert_same(
        read(encoder, rows.input_ids, rows.attention_mask), encoder(input_ids, rows.attention_mask), rows.attention_mask
    )
    numbers.put((sum(calls) - 250, len(set(rows.row_keys))))


def test_two_processes_fill_it_at_once(make_model, tmp_path: Path):
    fork = multiprocessing.get_context("fork")
    ready, numbers = fork.Barrier(2), fork.Queue()
    arguments = (make_model("bert"), str(tmp_path / "f"), ready, numbers)
    processes = [fork.Process(target=_fill, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    found = [numbers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert all(process.exitcode == 0 for process in processes)
    assert sum(computed for computed, _ in found) == found[0][1], "every row was computed once in all"
