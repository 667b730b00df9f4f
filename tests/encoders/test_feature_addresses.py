"""Equal addresses for what is computed alike, other ones for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.feature_addresses import digest, layer_addresses
from transferlab.encoders.truncation import truncate

from .tiny import ARCHITECTURES, SIZES


def load(path: str, layers: int = 4, pooler: bool = False, **changes: object) -> Encoder:
    config = AutoConfig.from_pretrained(path, **changes)
    truncate(config, layers, "key")
    return Encoder("a", path, config, frozen=True, pooler=pooler)


def addresses(encoder: Encoder) -> tuple[str, list[str]]:
    return layer_addresses(encoder.stack, encoder.backbone.config, encoder.pooler)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_a_truncated_encoder_has_the_addresses_of_the_whole_one(model_type, make_model):
    weights, whole = addresses(load(make_model(model_type)))
    assert len(set(whole)) == 4
    for layers in (1, 3):
        assert addresses(load(make_model(model_type), layers)) == (weights, whole[:layers])


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_other_weights_have_other_addresses(model_type, make_model):
    encoder = load(make_model(model_type))
    before = set(addresses(encoder)[1])
    assert before.isdisjoint(addresses(load(make_model(model_type, seed=1)))[1])
    with torch.no_grad():
        encoder.embedding_table[7, 3] += 1e-3
    assert before.isdisjoint(addresses(encoder)[1])


def test_a_changed_block_changes_its_own_layer_and_those_above(make_model):
    encoder = load(make_model("bert"))
    weights, before = addresses(encoder)
    with torch.no_grad():
        encoder.stack.encoder.layer[2].output.dense.bias[0] += 1e-3
    after_weights, after = addresses(encoder)
    assert (after_weights, after[:2]) == (weights, before[:2])
    assert set(after[2:]).isdisjoint(before)


@pytest.mark.parametrize(
    ("model_type", "changes"),
    [
        ("bert", {"hidden_act": "relu"}),
        ("bert", {"layer_norm_eps": 1e-3}),
        ("bert", {"num_attention_heads": 4}),
        ("longformer", {"attention_window": [4, 6, 6, 6]}),
        ("modernbert", {"local_attention": 4}),
    ],
)
def test_other_settings_have_other_addresses(model_type, changes, make_model):
    path = make_model(model_type)
    assert addresses(load(path))[1][-1] != addresses(load(path, **changes))[1][-1]


def test_what_does_not_matter_does_not_count(make_model):
    path = make_model("bert")
    changed = load(path, hidden_dropout_prob=0.5, num_labels=7, use_cache=False)
    assert addresses(changed) == addresses(load(path))


@pytest.mark.parametrize("model_type", ["bert", "albert", "modernbert", "t5", "gpt2", "bart", "deberta-v2"])
def test_a_copy_elsewhere_has_the_same_addresses(model_type, make_model, tmp_path: Path):
    encoder = load(make_model(model_type))
    encoder.save(tmp_path / "copy")
    assert addresses(load(str(tmp_path / "copy"))) == addresses(encoder)


def test_a_copy_of_the_first_layers_has_their_addresses(make_model, tmp_path: Path):
    load(make_model("bert"), 2).save(tmp_path / "copy")
    config = AutoConfig.from_pretrained(tmp_path / "copy")
    copy = Encoder("a", str(tmp_path / "copy"), config, frozen=True)
    assert addresses(copy)[1] == addresses(load(make_model("bert")))[1][:2]


def test_families_whose_layers_depend_on_the_depth_share_nothing():
    sizes = SIZES | {"embedding_size": 8, "num_hidden_groups": 2}
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model("albert", **sizes))
    deep = layer_addresses(model, model.config)
    model.config.num_hidden_layers = 2
    shallow = layer_addresses(model, model.config)
    assert set(deep[1]).isdisjoint(shallow[1])


def test_families_that_are_not_known_share_nothing():
    torch.manual_seed(0)
    model = AutoModel.from_config(AutoConfig.for_model("ernie", **SIZES), dtype=torch.float32)
    deep = layer_addresses(model, model.config)
    model.config.num_hidden_layers = 2
    assert set(deep[1]).isdisjoint(layer_addresses(model, model.config)[1])


def test_the_pooler_has_an_address_of_its_own(make_model):
    plain, pooled = addresses(load(make_model("bert"))), addresses(load(make_model("bert"), pooler=True))
    assert plain[0] == pooled[0] and plain[1][:-1] == pooled[1][:-1]
    assert plain[1][-1] != pooled[1][-1]


def test_the_digest_tells_where_its_parts_end():
    assert digest([b"ab", b"c"]) != digest([b"a", b"bc"])
