"""What is learned of an encoder when it is built: how wide its vectors are, and whether they depend on chance."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel

from transferlab.encoders import encoder as encoder_module
from transferlab.encoders import trial
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.sources import EncoderError


def load(path: str, **options: object) -> Encoder:
    return Encoder("a", path, AutoConfig.from_pretrained(path), **options).eval()


@pytest.fixture
def by_chance(monkeypatch, make_model) -> str:
    """The folder of a model that is built with noise in its vectors, also in eval mode."""

    def build(*arguments: object, **options: object):
        backbone = build_backbone(*arguments, **options)
        backbone.embeddings.register_forward_hook(lambda module, given, out: out + 0.1 * torch.randn_like(out))
        return backbone

    build_backbone = encoder_module.build_backbone
    monkeypatch.setattr(encoder_module, "build_backbone", build)
    return make_model("bert")


def test_vectors_that_depend_on_chance_cannot_be_frozen(by_chance):
    with pytest.raises(EncoderError, match=r"'a'.*bert.*model\.freeze_models"):
        load(by_chance, frozen=True)


def test_training_an_encoder_that_depends_on_chance_is_warned_of_once(by_chance, caplog):
    trial.warn_of_chance.cache_clear()
    torch.manual_seed(0)
    expected = torch.rand(3)
    with caplog.at_level(logging.WARNING):
        encoder = load(by_chance)
        del encoder.__dict__["reads_padding"]
        torch.manual_seed(0)
        _ = encoder.reads_padding
    assert torch.equal(torch.rand(3), expected)
    (message,) = [record.getMessage() for record in caplog.records if record.name == trial.__name__]
    assert by_chance in message


@pytest.mark.parametrize("frozen", [True, False])
def test_vectors_of_another_width_than_the_configuration_says_are_refused(frozen, tmp_path: Path):
    config = AutoConfig.for_model(
        "reformer", hidden_size=16, num_attention_heads=2, attention_head_size=8, feed_forward_size=32, vocab_size=400,
        attn_layers=["local", "lsh"], axial_pos_embds=False, max_position_embeddings=512, is_decoder=False,
        num_buckets=4,
    )  # fmt: skip
    AutoModel.from_config(config).save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match=r"'a'.*reformer.*32.*hidden_size.*16"):
        load(str(tmp_path), frozen=frozen)
