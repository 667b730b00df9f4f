"""Tokens added to encoders: where they start from, that they alone learn beside frozen weights, how they are saved."""

import copy

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from transferlab.encoders.backbone import fingerprint
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.saving import load_model, save_model
from transferlab.utils.batches import ClassificationBatch, EncoderInputs

from .tiny import ARCHITECTURES, wordpiece

ADDED = {"[H]": "Anna Keller", "[/H]": "boat", "[H:CITY]": "the harbour office"}
TEXT = "Anna [H] Keller [/H] wrote to [H:CITY] Ben"
EXACT = wordpiece().get_vocab_size()  # added tokens of an encoder with so many need new rows
KINDS = [(kind, {}) for kind in ARCHITECTURES] + [("bart", {"scale_embedding": True})]


def tokenizer_of(source: str):
    return load_tokenizers({"a": source}, ADDED)[0]["a"]


def rows(source: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The text and a shorter one, padded: input_ids and attention_mask."""
    tokenizer = tokenizer_of(source)
    tokenizer.padding_side = "right"
    # the windows of the tiny Longformer, 4 and 6, must fill a row
    encoded = tokenizer([TEXT, "[H] Ben"], padding=True, pad_to_multiple_of=12, return_tensors="pt")
    return encoded["input_ids"], encoded["attention_mask"]


def with_added(source: str, **options) -> MultiEncoder:
    """An encoder whose added tokens have moved away from where they started."""
    encoder = MultiEncoder({"a": source}, added_tokens=ADDED, **options).eval()
    with torch.no_grad():
        parameter = encoder.added_tokens["a"].embeddings
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return encoder


def hidden(encoder: MultiEncoder, source: str) -> torch.Tensor:
    input_ids, attention_mask = rows(source)
    with torch.no_grad():
        found = encoder.encoders["a"](input_ids, attention_mask, None, dict(encoder.added_tokens.items()).get("a"))
    return found * attention_mask[..., None]


def by_transformers(model, source: str) -> torch.Tensor:
    input_ids, attention_mask = rows(source)
    stack = model.get_encoder() if model.config.is_encoder_decoder else model
    with torch.no_grad():
        found = stack.eval()(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
    return found * attention_mask[..., None]


def test_defect_13_added_tokens_start_from_the_mean_of_their_words(make_model):
    """Marker tokens added to frozen encoders once kept random, untrained embeddings."""
    source = make_model("bert", vocab_size=EXACT)
    encoder = MultiEncoder({"a": source}, added_tokens=ADDED, freeze_models="all")
    added = encoder.added_tokens["a"]
    tokenizer = load_tokenizers({"a": source})[0]["a"]
    table = AutoModel.from_pretrained(source).get_input_embeddings().weight
    for row, words in zip(added.embeddings, ADDED.values(), strict=True):
        subtokens = tokenizer(words, add_special_tokens=False)["input_ids"]
        torch.testing.assert_close(row, table[subtokens].mean(0))
    assert added.first_id == EXACT
    assert tokenizer_of(source).convert_tokens_to_ids(list(ADDED)) == [EXACT, EXACT + 1, EXACT + 2]


def test_a_token_without_words_is_refused(make_model):
    with pytest.raises(EncoderError, match="needs words to start from"):
        MultiEncoder({"a": make_model("bert")}, added_tokens={"[H]": " "})


@pytest.mark.parametrize(("model_type", "options"), KINDS)
def test_the_output_is_that_of_a_model_with_a_larger_table(model_type, options, make_model):
    source = make_model(model_type, vocab_size=EXACT, **options)
    encoder = with_added(source, freeze_models="all")
    resized = AutoModel.from_pretrained(source)
    resized.resize_token_embeddings(EXACT + len(ADDED), mean_resizing=False)
    with torch.no_grad():
        resized.get_input_embeddings().weight[EXACT:] = encoder.added_tokens["a"].embeddings
    torch.testing.assert_close(hidden(encoder, source), by_transformers(resized, source), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("vocab_size", [EXACT, 400])  # a table may have more rows than the tokenizer has tokens
@pytest.mark.parametrize(("model_type", "options"), KINDS)
def test_a_saved_encoder_has_them_in_its_table(model_type, options, vocab_size, make_model, tmp_path):
    source = make_model(model_type, vocab_size=vocab_size, **options)
    encoder = with_added(source)
    before, state = hidden(encoder, source), copy.deepcopy(encoder.state_dict())
    encoder.save_encoder("a", tmp_path, tokenizer_of(source))

    plain, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["unexpected_keys"] and not report["mismatched_keys"]
    assert all(name.startswith("pooler.") for name in report["missing_keys"])
    assert AutoTokenizer.from_pretrained(tmp_path)(TEXT)["input_ids"] == tokenizer_of(source)(TEXT)["input_ids"]
    torch.testing.assert_close(by_transformers(plain, source), before, rtol=1e-4, atol=1e-5)

    after = encoder.state_dict()
    assert list(after) == list(state) and all(torch.equal(after[name], state[name]) for name in state)
    backbone = encoder.encoders["a"].backbone
    assert backbone.config.vocab_size == vocab_size == len(backbone.get_input_embeddings().weight)
    torch.testing.assert_close(hidden(encoder, source), before, rtol=0, atol=0)
    assert all(p.requires_grad for p in encoder.added_tokens.parameters())
    assert backbone.get_input_embeddings().weight.requires_grad


def test_a_saved_source_does_not_get_them_twice(make_model, tmp_path):
    source = make_model("bert", vocab_size=EXACT)
    encoder = with_added(source)
    encoder.save_encoder("a", tmp_path, tokenizer_of(source))
    again = MultiEncoder({"a": str(tmp_path)}, added_tokens=ADDED).eval()
    assert not list(again.added_tokens.parameters())
    torch.testing.assert_close(hidden(again, str(tmp_path)), hidden(encoder, source))
    more = MultiEncoder({"a": str(tmp_path)}, added_tokens=ADDED | {"[T]": "Ben"})
    assert more.added_tokens["a"].first_id == EXACT + len(ADDED) and len(more.added_tokens["a"].embeddings) == 1


def batch(models: dict[str, str]) -> ClassificationBatch:
    """Two examples, each with the first token and the marker [H] as units, for every tokenizer."""
    inputs = {}
    for key, tokenizer in load_tokenizers(models, ADDED)[0].items():
        encoded = tokenizer([TEXT, "[H] Ben wrote to Anna Keller [/H]"], padding=True, return_tensors="pt")
        unit_ids = torch.full_like(encoded["input_ids"], -1)
        unit_ids[:, 0] = torch.tensor([0, 2])
        for row, ids in enumerate(encoded["input_ids"]):
            unit_ids[row, ids.tolist().index(tokenizer.convert_tokens_to_ids("[H]"))] = 2 * row + 1
        inputs[key] = EncoderInputs(encoded["input_ids"], encoded["attention_mask"], unit_ids, torch.tensor([0, 1]))
    return ClassificationBatch(inputs, 2, ["one", "two"], torch.tensor([0, 1]), ["x", "y"])


def classifier(models: dict[str, str], **options) -> ClassificationModel:
    task = {"labels": ["x", "y"], "num_units": 2, "metric": "tacred", "metric_options": {"no_relation": "x"}}
    return ClassificationModel(pretrained_models=models, added_tokens=ADDED, aggregate="concat", **task, **options)


@pytest.fixture
def mixed(make_model) -> dict[str, str]:
    return {
        "bert": make_model("bert", vocab_size=EXACT),
        "twin": make_model("bert", vocab_size=EXACT, seed=1),
        "roberta": make_model("roberta", tokenizer="byte_level", hidden_size=24),
    }


def test_beside_frozen_weights_the_added_tokens_learn_at_the_task_rate(mixed):
    model = classifier(mixed, freeze_models=["bert", "roberta"]).train()
    assert set(dict(model.multi_encoder.added_tokens.items())) == set(mixed)
    own = {id(parameter) for parameter in model.multi_encoder.added_tokens.parameters()}
    assert own < {id(parameter) for parameter in model.task_parameters()}
    assert not own & {id(parameter) for parameter in model.multi_encoder.encoder_parameters()}
    before = copy.deepcopy(model.state_dict())
    fingerprints = model.frozen_fingerprints()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model.loss(batch(mixed)).backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {f"multi_encoder.added_tokens.{name}.embeddings" for name in mixed} <= changed
    assert not any(
        name.startswith(("multi_encoder.encoders.bert", "multi_encoder.encoders.roberta")) for name in changed
    )
    assert any(name.startswith("multi_encoder.encoders.twin") for name in changed)
    assert {name: fingerprint(model.multi_encoder.encoders[name].stack) for name in fingerprints} == fingerprints


def test_evaluation_builds_no_graph_and_may_read_rows_in_parts(mixed):
    model = classifier(mixed, freeze_models="all", max_rows_per_pass=1).eval()
    with torch.no_grad():
        in_parts = model(batch(mixed))
    torch.testing.assert_close(in_parts, model(batch(mixed)).detach(), rtol=1e-4, atol=1e-5)
    assert not in_parts.requires_grad


@pytest.mark.parametrize("copy_frozen", [False, True])
@pytest.mark.parametrize("frozen", ["all", ["twin"], None])
def test_a_saved_model_keeps_them(frozen, copy_frozen, mixed, tmp_path):
    model = classifier(mixed, freeze_models=frozen)
    with torch.no_grad():
        for parameter in model.multi_encoder.added_tokens.parameters():
            parameter.add_(torch.randn_like(parameter))
    tokenizers, keys = load_tokenizers(mixed, ADDED)
    save_model(
        model.eval(),
        tmp_path / "model",
        tokenizers={name: tokenizers[key] for name, key in keys.items()},
        taskmodule={"_target_": "transferlab.taskmodules.relation_extraction.RelationExtractionTaskModule"},
        facts={},
        copy_frozen_encoders=copy_frozen,
    )
    again, _ = load_model(tmp_path / "model")
    with torch.no_grad():
        expected = model(batch(mixed))
        got = again(batch(again.hparams["pretrained_models"]))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    beside = set(model.multi_encoder.frozen_ids) if not copy_frozen else set()
    assert set(dict(again.multi_encoder.added_tokens.items())) == beside
