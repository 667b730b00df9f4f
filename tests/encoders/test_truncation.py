"""Layer k of a truncated encoder is layer k of the whole one, in every supported family."""

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from transferlab.encoders.encoder import Encoder
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.truncation import (
    FAMILIES,
    block_list,
    drop_decoder,
    family_of,
    max_positions,
    truncate,
)

from .tiny import ARCHITECTURES, random_rows

# the rule: these families have a norm outside their blocks, and it applies to the output of every layer used
FINAL_NORMS = {"modernbert": "final_norm", "t5": "final_layer_norm", "gpt2": "ln_f", "llama": "norm"}


def whole_model_states(path: str) -> tuple[nn.Module, tuple[torch.Tensor, ...]]:
    """The encoder of the whole model, and all its hidden states for the rows of ``random_rows``."""
    model = AutoModel.from_pretrained(path).eval()
    stack = model.get_encoder() if model.config.is_encoder_decoder else model
    input_ids, attention_mask = random_rows(pad_id=model.config.pad_token_id or 0)
    with torch.no_grad():
        states = stack(
            input_ids=input_ids[:2], attention_mask=attention_mask[:2], output_hidden_states=True
        ).hidden_states
    return stack, states


def layer_output(stack: nn.Module, states: tuple[torch.Tensor, ...], model_type: str, layer: int) -> torch.Tensor:
    if model_type in FINAL_NORMS and layer < len(states) - 1:  # transformers has normed the last one already
        return getattr(stack, FINAL_NORMS[model_type])(states[layer])
    return states[layer]


def truncated(path: str, layers: int, **options: object) -> Encoder:
    config = AutoConfig.from_pretrained(path)
    truncate(config, layers, "model.truncate_models.a")
    return Encoder("a", path, config, frozen=True, **options)


def test_every_family_is_tried():
    assert set(ARCHITECTURES) == set(FAMILIES)
    assert {name for name, family in FAMILIES.items() if family.final_norm} == set(FINAL_NORMS)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_truncated_encoder_gives_that_layer_of_the_whole(model_type, make_model):
    path = make_model(model_type)
    stack, states = whole_model_states(path)
    for layers in (1, 3, 4):
        encoder = truncated(path, layers)
        input_ids, attention_mask = random_rows(pad_id=encoder.backbone.config.pad_token_id or 0)
        hidden = encoder(input_ids[:2], attention_mask[:2])
        real = attention_mask[:2].bool()
        torch.testing.assert_close(hidden[real], layer_output(stack, states, model_type, layers)[real])


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_last_layers_are_each_what_a_shallower_encoder_gives(model_type, make_model):
    path = make_model(model_type)
    input_ids, attention_mask = random_rows(pad_id=1)
    together = truncated(path, 3, last_n_layers=2)
    assert together.output_size == 32
    lower, upper = together(input_ids[:2], attention_mask[:2]).chunk(2, dim=-1)
    real = attention_mask[:2].bool()
    torch.testing.assert_close(lower[real], truncated(path, 2)(input_ids[:2], attention_mask[:2])[real])
    torch.testing.assert_close(upper[real], truncated(path, 3)(input_ids[:2], attention_mask[:2])[real])


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_dropped_blocks_are_not_kept(model_type, make_model):
    path = make_model(model_type)
    encoder = truncated(path, 1)
    assert (encoder.layers, encoder.backbone.config.num_hidden_layers) == (1, 1)
    blocks = block_list(encoder.stack, encoder.backbone.config)
    if model_type == "albert":  # one block serves all layers
        assert blocks is None
        return
    assert blocks is not None
    assert len(blocks) == 1
    whole, _ = whole_model_states(path)
    whole_blocks = block_list(whole, AutoConfig.from_pretrained(path))
    of_dropped = sum(parameter.numel() for block in whole_blocks[1:] for parameter in block.parameters())
    of_pooler = sum(parameter.numel() for name, parameter in whole.named_parameters() if "pooler" in name)
    of_whole = sum(parameter.numel() for parameter in whole.parameters())
    kept = sum(parameter.numel() for parameter in encoder.stack.parameters())
    assert kept == of_whole - of_dropped - of_pooler


@pytest.mark.parametrize("layers", [0, -1, 5, 99, 2.0, "2", True, None])
def test_impossible_depths_are_refused_with_the_choices(layers, make_model):
    config = AutoConfig.from_pretrained(make_model("bert"))
    with pytest.raises(EncoderError, match=r"model\.truncate_models\.mrpc=.*has 4 layers.*from 1 to 4"):
        truncate(config, layers, "model.truncate_models.mrpc")


def test_unsupported_type_is_refused_with_the_supported_ones():
    with pytest.raises(EncoderError, match=r"some\.key: .*'rembert'.*supported types: albert, bart, bert"):
        family_of(AutoConfig.for_model("rembert"), "some.key")


def test_albert_of_several_groups_is_refused():
    config = AutoConfig.for_model("albert", **ARCHITECTURES["albert"], num_hidden_groups=2)
    with pytest.raises(EncoderError, match="2 parameter groups cannot be truncated"):
        truncate(config, 2, "model.truncate_models.a")


def test_values_per_layer_are_cut_with_the_layers():
    config = AutoConfig.for_model("longformer", **ARCHITECTURES["longformer"])
    truncate(config, 3, "model.truncate_models.a")
    assert config.attention_window == [4, 4, 6]


@pytest.mark.parametrize(("model_type", "attribute"), [("t5", "num_decoder_layers"), ("bart", "decoder_layers")])
def test_decoders_lose_their_blocks(model_type, attribute):
    config = AutoConfig.for_model(model_type, **ARCHITECTURES[model_type])
    drop_decoder(config)
    assert getattr(config, attribute) == 0
    assert config.num_hidden_layers == 4


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_longest_row_is_exactly_what_the_encoder_can_read(model_type, make_model):
    encoder = truncated(make_model(model_type), 1)
    longest = max_positions(encoder.backbone.config)
    if longest is None:
        assert encoder(torch.full((1, 130), 7), torch.ones(1, 130)).isfinite().all()
        return
    assert encoder(torch.full((1, longest), 7), torch.ones(1, longest, dtype=torch.long)).isfinite().all()
    with pytest.raises(EncoderError, match=rf"'a': a row has {longest + 1} subtokens.*{longest}"):
        encoder(torch.full((1, longest + 1), 7), torch.ones(1, longest + 1))
    with pytest.raises((IndexError, RuntimeError)):
        encoder.stack(input_ids=torch.full((1, longest + 1), 7))


def test_deberta_without_position_vectors_is_unbounded():
    options = ARCHITECTURES["deberta-v2"] | {"position_biased_input": False}
    assert max_positions(AutoConfig.for_model("deberta-v2", **options)) is None
