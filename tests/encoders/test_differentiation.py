"""Gradients between the embeddings and the output of encoders, frozen ones too; and where their attention is read."""

from operator import attrgetter

import pytest
import torch
from transformers import AutoConfig

from transferlab.encoders.differentiation import differentiated
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.truncation import FAMILIES, block_list

from .tiny import ARCHITECTURES, random_rows


def build(path: str, **options: object) -> Encoder:
    return Encoder("a", path, AutoConfig.from_pretrained(path), **options)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
@pytest.mark.parametrize("frozen", [True, False])
def test_embeddings_are_differentiated_and_weights_only_where_they_learn(make_model, model_type, frozen):
    encoder = build(make_model(model_type), frozen=frozen).eval()
    input_ids, attention_mask = random_rows(pad_id=encoder.backbone.config.pad_token_id or 0)
    with torch.no_grad():
        expected = encoder(input_ids[:2], attention_mask[:2])
    with differentiated(encoder) as entries:
        output = encoder(input_ids[:2], attention_mask[:2])
        (gradient,) = torch.autograd.grad(output[:, 0].sum(), entries)
    assert gradient.abs().sum() > 0
    torch.testing.assert_close(output.detach(), expected)
    assert all(parameter.grad is None for parameter in encoder.parameters())
    assert encoder(input_ids[:2], attention_mask[:2]).requires_grad is not frozen, "it ends with the context"


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_the_layer_behind_attention_is_where_the_family_says(make_model, model_type):
    encoder = build(make_model(model_type), frozen=True)
    family, blocks = FAMILIES[model_type], block_list(encoder.stack, encoder.backbone.config)
    if blocks is None or family.attention_output is None:
        assert model_type in ("albert", "xlnet")
        return
    input_ids, attention_mask = random_rows(pad_id=encoder.backbone.config.pad_token_id or 0)
    read = []
    for block in blocks:
        attrgetter(family.attention_output)(block).register_forward_pre_hook(lambda m, a: read.append(a[0]))
    encoder(input_ids[:2], attention_mask[:2])
    assert len(read) == len(blocks)
    assert all(context.shape[0] == 2 and context.shape[1] >= 9 and context.shape[2] == 16 for context in read)


def test_nothing_is_looked_up_while_it_is_differentiated(make_model):
    encoder = build(make_model("bert"), frozen=True)
    encoder.stack.compile(backend="eager")
    compiled = encoder.stack._compiled_call_impl
    with differentiated(encoder):
        assert encoder.stack._compiled_call_impl is None
    assert encoder.stack._compiled_call_impl is compiled
