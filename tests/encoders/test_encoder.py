"""One encoder: what frozen means, rows of padding, chunks of rows, saving and fingerprints."""

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer

from transferlab.encoders.checks import check_compile, check_gradient_checkpointing
from transferlab.encoders.encoder import Encoder
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.truncation import truncate

from .tiny import ARCHITECTURES, random_rows

DROPOUT = {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}


def load(path: str, layers: int | None = None, **options: object) -> Encoder:
    config = AutoConfig.from_pretrained(path)
    if layers is not None:
        truncate(config, layers, "model.truncate_models.a")
    return Encoder("a", path, config, **options)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_rows_of_padding_are_harmless(model_type, make_model):
    encoder = load(make_model(model_type), frozen=True)
    input_ids, attention_mask = random_rows(pad_id=encoder.backbone.config.pad_token_id or 0)
    with_empty_row = encoder(input_ids, attention_mask)
    assert with_empty_row.isfinite().all()
    without = encoder(input_ids[:2], attention_mask[:2])
    real = attention_mask[:2].bool()
    torch.testing.assert_close(with_empty_row[:2][real], without[real])


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_trained_parameters_are_exactly_those_with_a_part_in_the_output(model_type, make_model):
    encoder = load(make_model(model_type))
    input_ids, attention_mask = random_rows(pad_id=encoder.backbone.config.pad_token_id or 0)
    assert encoder.stack.training
    encoder(input_ids, attention_mask).square().sum().backward()
    with_gradient = {name for name, p in encoder.backbone.named_parameters() if p.grad is not None}
    assert with_gradient == {name for name, p in encoder.backbone.named_parameters() if p.requires_grad}
    without = {name for name, p in encoder.stack.named_parameters() if not p.requires_grad}
    assert bool(without) == (model_type in ("longformer", "xlnet"))


def test_frozen_encoder_stays_in_eval_mode_without_graph(make_model):
    encoder = load(make_model("bert", **DROPOUT), frozen=True)
    rows = random_rows()
    for module in (encoder, encoder.train(), torch.nn.Sequential(encoder).train()[0]):
        assert not any(part.training for part in module.modules())
        hidden = module(*rows)
        assert not hidden.requires_grad
        assert not hidden.is_inference()
        torch.testing.assert_close(module(*rows), hidden, rtol=0, atol=0)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_frozen_dropout_is_a_switch(make_model):
    encoder = load(make_model("bert", **DROPOUT), frozen=True, frozen_dropout=True)
    rows = random_rows()
    assert not encoder(*rows).requires_grad
    assert not torch.equal(encoder(*rows), encoder(*rows))
    encoder.eval()
    assert torch.equal(encoder(*rows), encoder(*rows))


def test_trained_encoder_follows_train_and_eval(make_model):
    encoder = load(make_model("bert", **DROPOUT))
    rows = random_rows()
    assert encoder(*rows).requires_grad
    assert not torch.equal(encoder(*rows), encoder(*rows))
    encoder.eval()
    assert torch.equal(encoder(*rows), encoder(*rows))


@pytest.mark.parametrize("last_n_layers", [1, 2])
def test_rows_in_passes_give_the_same(last_n_layers, make_model):
    whole = load(make_model("bert"), frozen=True, last_n_layers=last_n_layers)
    passes = load(make_model("bert"), frozen=True, last_n_layers=last_n_layers, max_rows_per_pass=2)
    seen = []
    passes.stack.embeddings.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    rows = random_rows(rows=5)
    torch.testing.assert_close(passes(*rows), whole(*rows))
    assert seen == [2, 2, 1]


def test_rows_pass_together_where_a_graph_is_built(make_model):
    encoder = load(make_model("bert"), max_rows_per_pass=2)
    seen = []
    encoder.stack.embeddings.register_forward_hook(lambda module, args, output: seen.append(len(output)))
    rows = random_rows(rows=5)
    encoder(*rows)
    with torch.no_grad():
        encoder(*rows)
    assert seen == [5, 2, 2, 1]


def test_hidden_states_are_kept_only_when_asked_for(make_model):
    for last_n_layers, expected in ((1, False), (2, True)):
        encoder = load(make_model("bert", output_hidden_states=True), frozen=True, last_n_layers=last_n_layers)
        asked = []
        encoder.stack.register_forward_pre_hook(
            lambda module, args, kwargs, asked=asked: asked.append(kwargs["output_hidden_states"]),
            with_kwargs=True,
        )
        encoder(*random_rows())
        assert asked == [expected]


@pytest.mark.parametrize("model_type", ["gpt2", "llama", "xlnet"])
def test_nothing_is_cached_for_generation(model_type, make_model):
    encoder = load(make_model(model_type), frozen=True)
    outputs = []
    encoder.stack.register_forward_hook(lambda module, args, output: outputs.append(output))
    encoder(*random_rows())
    assert outputs[0].get("past_key_values") is None
    assert outputs[0].get("mems") is None


def test_gradient_checkpointing_gives_the_same_gradients(make_model):
    gradients = []
    for checkpointing in (False, True):
        encoder = load(
            make_model("bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
            gradient_checkpointing=checkpointing,
            last_n_layers=2,
        )
        assert encoder.backbone.is_gradient_checkpointing == checkpointing
        encoder(*random_rows()).square().sum().backward()
        gradients.append([parameter.grad for parameter in encoder.stack.parameters()])
    torch.testing.assert_close(*gradients)


def test_gradient_checkpointing_is_refused_where_it_does_not_exist(make_model):
    check_gradient_checkpointing("a", AutoConfig.from_pretrained(make_model("bert")))
    with pytest.raises(EncoderError, match=r"gradient_checkpointing=true: encoder 'a' is of type mpnet"):
        check_gradient_checkpointing("a", AutoConfig.from_pretrained(make_model("mpnet")))


def test_weights_are_full_precision_whatever_the_checkpoint_is(make_model, tmp_path):
    AutoModel.from_pretrained(make_model("bert")).half().save_pretrained(tmp_path)
    assert {p.dtype for p in load(str(tmp_path)).parameters()} == {torch.float32}


def test_weights_of_other_sizes_are_refused(make_model):
    config = AutoConfig.from_pretrained(make_model("bert", hidden_size=24))
    with pytest.raises(EncoderError, match=r"encoder 'a'.*bert"):
        Encoder("a", make_model("bert"), config)


def test_fast_attention_is_used_where_there_is_one(make_model):
    assert load(make_model("bert")).backbone.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(("model_type", "blocks"), [("t5", "block"), ("bart", "layers")])
def test_decoder_is_not_loaded(model_type, blocks, make_model):
    encoder = load(make_model(model_type))
    assert len(getattr(encoder.backbone.decoder, blocks)) == 0
    assert len(getattr(encoder.stack, blocks)) == 4


def test_pooler_is_not_built(make_model):
    encoder = load(make_model("bert"))
    assert not any("pooler" in name for name, parameter in encoder.named_parameters())


def test_checkpoint_that_lacks_weights_is_refused(make_model, tmp_path):
    model = AutoModel.from_pretrained(make_model("bert"))
    del model.encoder.layer[3]
    model.save_pretrained(tmp_path)
    model.config.num_hidden_layers = 4
    model.config.save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match=r"lacks 16 weights of a bert \(encoder\.layer\.3\."):
        load(str(tmp_path))


@pytest.mark.parametrize("content", [None, b"", b"not weights at all"])
def test_unreadable_weights_are_refused(content, make_model, tmp_path):
    AutoConfig.from_pretrained(make_model("bert")).save_pretrained(tmp_path)
    if content is not None:
        (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(EncoderError, match=r"encoder 'a' \(model\.pretrained_models\.a\): cannot load"):
        load(str(tmp_path))


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_saved_encoder_is_a_source_for_us_and_for_others(model_type, make_model, tmp_path):
    encoder = load(make_model(model_type), layers=3, frozen=True)
    tokenizer = AutoTokenizer.from_pretrained(make_model(model_type))
    encoder.save(tmp_path / "saved", tokenizer)
    files = {path.name for path in (tmp_path / "saved").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files
    assert not any(name.startswith(".") for name in files)

    again = load(str(tmp_path / "saved"), frozen=True)
    rows = random_rows(pad_id=encoder.backbone.config.pad_token_id or 0)
    torch.testing.assert_close(again(*rows), encoder(*rows), rtol=0, atol=0)
    assert again.fingerprint() == encoder.fingerprint()

    theirs, report = AutoModel.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not report["unexpected_keys"]
    assert all(name.startswith("pooler") for name in report["missing_keys"])
    their_stack = theirs.eval().get_encoder() if theirs.config.is_encoder_decoder else theirs.eval()
    input_ids, attention_mask = rows
    with torch.no_grad():
        hidden = their_stack(input_ids=input_ids[:2], attention_mask=attention_mask[:2]).last_hidden_state
    real = attention_mask[:2].bool()
    torch.testing.assert_close(hidden[real], encoder(*rows)[:2][real])
    assert AutoTokenizer.from_pretrained(tmp_path / "saved").get_vocab() == tokenizer.get_vocab()


def test_saving_again_replaces(make_model, tmp_path):
    load(make_model("bert"), layers=1).save(tmp_path)
    load(make_model("bert"), layers=2).save(tmp_path)
    assert load(str(tmp_path)).layers == 2


def test_without_weights_only_the_architecture_comes(make_model, tmp_path):
    AutoConfig.from_pretrained(make_model("bert")).save_pretrained(tmp_path)  # no weights there
    fresh = load(str(tmp_path), load_weights=False, frozen=True)
    original = load(make_model("bert"), frozen=True)
    assert fresh.fingerprint() != original.fingerprint()
    fresh.load_state_dict(original.state_dict())
    torch.testing.assert_close(fresh(*random_rows()), original(*random_rows()), rtol=0, atol=0)


def test_fingerprint_follows_the_weights_and_nothing_else(make_model):
    encoder = load(make_model("bert"))
    before = encoder.fingerprint()
    assert len(before) == 64
    assert load(make_model("bert"), frozen=True).fingerprint() == before
    assert load(make_model("bert", seed=1)).fingerprint() != before
    assert load(make_model("bert"), layers=3).fingerprint() != before
    with torch.no_grad():
        encoder.stack.embeddings.word_embeddings.weight[0, 0] += 1.0
    assert encoder.fingerprint() != before
    encoder.load_state_dict(load(make_model("bert")).state_dict())
    assert encoder.fingerprint() == before


def test_fingerprint_of_a_frozen_encoder_outlives_a_cast(make_model):
    encoder = load(make_model("bert"), frozen=True).to(torch.bfloat16)
    assert encoder.fingerprint() == load(make_model("bert"), frozen=True).fingerprint()


def test_fingerprint_of_a_frozen_encoder_is_computed_once(make_model, monkeypatch):
    import hashlib

    encoder = load(make_model("bert"), frozen=True)
    monkeypatch.setattr(hashlib, "sha256", None)
    assert len(encoder.fingerprint()) == 64


def test_a_compiled_encoder_gives_the_same_outputs_and_gradients(make_model):
    """With a backend that needs no compiler: what is tested is that the encoder can be traced."""
    path = make_model("bert", num_hidden_layers=2)
    plain, compiled = (
        Encoder("a", path, AutoConfig.from_pretrained(path), compile=backend).eval() for backend in (None, "aot_eager")
    )
    for rows in (random_rows(), tuple(tensor[:2, :5] for tensor in random_rows())):
        expected, output = plain(*rows), compiled(*rows)
        torch.testing.assert_close(output, expected)
        expected.sum().backward()
        output.sum().backward()
    assert plain.state_dict().keys() == compiled.state_dict().keys(), "and is saved as one that is not compiled"
    for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_a_backend_that_there_is_not_is_refused_with_those_that_there_are(make_model):
    with pytest.raises(EncoderError, match=r"model\.compile=inductr: choose one of .*inductor"):
        check_compile("inductr")
