"""Task embeddings against autograd computed plainly, for every family of tasks; what is drawn, left out and refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.transferability.tiny_tasks import ALL, TASKS, batches, build, embed, tiny_encoders
from torch import Tensor

from transferlab.models.base import TransferModel
from transferlab.transferability.components import distinct
from transferlab.transferability.task_embedding import TaskEmbedding
from transferlab.utils.errors import UserError


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory):
    return tiny_encoders(tmp_path_factory)


def plain(model: TransferModel, of: list) -> dict[str, Tensor]:
    """The published formulas by autograd alone; of encoders built like BERT."""
    encoder = model.multi_encoder.encoders["target"]
    layers = encoder.stack.encoder.layer
    sums: dict[str, Tensor] = {}
    examples = 0
    for batch in of:
        kept: dict[str, Tensor] = {}

        def keep(name: str, tensor: Tensor, kept: dict[str, Tensor] = kept) -> None:
            tensor.retain_grad()
            kept[name] = tensor

        handles = [encoder.register_forward_hook(lambda m, a, o: keep("cls_output", o))]
        for i, layer in enumerate(layers):
            context, output = f"encoder.layer.{i}.multihead_output", f"encoder.layer.{i}.layer_output"
            dense = layer.attention.output.dense
            handles.append(dense.register_forward_pre_hook(lambda m, a, name=context: keep(name, a[0])))
            handles.append(layer.register_forward_hook(lambda m, a, o, name=output: keep(name, o)))
        model.eval().zero_grad()
        model.loss(batch).backward()
        for handle in handles:
            handle.remove()
        (rows,) = batch.inputs.values()
        mask = rows.attention_mask
        found = {}
        for name, tensor in kept.items():
            gradient = torch.zeros_like(tensor) if tensor.grad is None else tensor.grad
            total = gradient[:, 0].sum(0) if name == "cls_output" else (gradient * mask[..., None]).sum((0, 1))
            found[name] = total**2 / mask.sum()
        weights = dict(encoder.stack.named_parameters())
        weights |= {name: weight for name, weight in model.named_parameters() if name.startswith("head.")}
        found |= {name: weight.grad**2 for name, weight in weights.items() if weight.grad is not None}
        for name, squares in found.items():
            sums[name] = sums.get(name, 0) + squares
        examples += len(batch.names)
    return {name: (total / examples).float() for name, total in sums.items()}


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 1e-5) -> None:
    assert found.keys() == expected.keys()
    for name, vector in found.items():
        torch.testing.assert_close(
            vector,
            expected[name],
            rtol=tolerance,
            atol=tolerance * float(expected[name].max()),
            msg=lambda m, n=name: n + m,
        )


@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("task", TASKS)
def test_parity_is_what_autograd_says_of_batches(encoder, task, size):
    taskmodule, documents, model = build(encoder(), task)
    of = batches(taskmodule, documents, size)
    embedding = embed(model, of)
    expected = plain(model, of)
    assert set(embedding.components) - set(embedding.zero) == set(embedding.result())
    zero = {name for name in expected if name in embedding.zero}
    assert all(float(expected[name].max()) < 1e-12 for name in zero)
    known = {f"encoder.layer.{i}.attention.self.key.bias" for i in range(2)}
    if task in ("tokens", "coreference"):
        known |= {"cls_output"}
    if task == "coreference":  # a softmax over the words of a span
        known |= {"head.mention_scorer.head_attention.bias"}
    if task == "questions":  # the shares of the words in a softmax over all of them sum to 1
        known |= {"encoder.layer.1.layer_output", "encoder.layer.1.output.LayerNorm.bias"}
        known |= {name for name in expected if name.startswith("head.") and name.endswith("bias")}
    assert zero == known | ({"embeddings.token_type_embeddings.weight"} & zero)
    assert_same(embedding.result(), {name: vector for name, vector in expected.items() if name not in zero})
    assert len(embedding.result()) > 30


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert"])
@pytest.mark.parametrize("task", TASKS)
def test_exact_is_parity_of_batches_of_one_whatever_the_batch_size(encoder, task, kind):
    taskmodule, documents, model = build(encoder(kind), task)
    expected = embed(model, batches(taskmodule, documents, 1)).result()
    for size in (1, 3, 8):
        found = embed(model, batches(taskmodule, documents, size), mode="exact")
        assert_same(found.result(), expected)
    assert any(name.startswith("head.") for name in expected)
    assert any("position_embeddings" in name for name in expected)


@pytest.mark.parametrize("head", ["mention_ranking", "bilinear"])
def test_exact_of_other_heads_with_parameters_of_many_kinds(encoder, head):
    options = {"head": head, "mention_loss_coef": 1.0, "keep_singletons": True}
    taskmodule, documents, model = build(encoder(), "coreference", **options)
    expected = embed(model, batches(taskmodule, documents, 1)).result()
    assert_same(embed(model, batches(taskmodule, documents, 4), mode="exact").result(), expected)


@pytest.mark.parametrize("task", ["classes", "questions"])
def test_exact_in_single_precision_in_small_chunks(encoder, task, monkeypatch):
    monkeypatch.setattr("transferlab.transferability.per_example.CHUNK_BYTES", 4 * 16 * 16 * 2)
    taskmodule, documents, model = build(encoder(), task)
    model.float()
    expected = embed(model, batches(taskmodule, documents, 1)).result()
    assert_same(embed(model, batches(taskmodule, documents, 8), mode="exact").result(), expected, 1e-4)


def test_the_pooler_is_a_part_of_the_encoder_where_the_model_uses_it(encoder):
    taskmodule, documents, model = build(encoder(), "classes", alignment="pooler")
    of = batches(taskmodule, documents, 4)
    embedding = embed(model, of)
    assert "pooler.dense.weight" in embedding.result() and "cls_output" in embedding.result()
    assert_same(embedding.result(), {n: v for n, v in plain(model, of).items() if n not in embedding.zero})
    expected = embed(model, batches(taskmodule, documents, 1)).result()
    assert_same(embed(model, of, mode="exact").result(), expected)


@pytest.mark.parametrize(
    "kind", ["electra", "deberta-v2", "mpnet", "longformer", "distilbert", "modernbert", "gpt2", "llama", "t5", "bart"]
)
def test_activations_of_every_family(encoder, kind):
    taskmodule, documents, model = build(encoder(kind), "tokens", alignment="mean")
    if kind == "longformer":  # transformers' gradients of its padding are NaN in double precision
        model.float()
    expected = embed(model, batches(taskmodule, documents, 1), components=["activations"]).result()
    assert len(expected) == 4 and all(vector.shape == (16,) for vector in expected.values())
    for mode, size in (("exact", 1), ("exact", 3), ("exact", 8)):
        found = embed(model, batches(taskmodule, documents, size), mode=mode, components=["activations"])
        assert_same(found.result(), expected, 1e-4 if kind == "longformer" else 1e-5)


def test_exact_parameters_of_other_kinds_of_layers(encoder):
    for kind in ("gpt2", "bart"):
        taskmodule, documents, model = build(encoder(kind), "tokens", alignment="mean")
        chosen = ["parameters"] if kind == "gpt2" else ["layers.*"]
        expected = embed(model, batches(taskmodule, documents, 1), components=chosen).result()
        found = embed(model, batches(taskmodule, documents, 5), mode="exact", components=chosen)
        assert_same(found.result(), expected)


def test_xlnet_has_no_attention_context_in_one_tensor(encoder):
    taskmodule, documents, model = build(encoder("xlnet"), "tokens", alignment="mean")
    names = ["encoder.layer.0.layer_output", "encoder.layer.1.layer_output"]
    expected = embed(model, batches(taskmodule, documents, 1), components=["activations"]).result()
    assert list(expected) == names
    for size in (3, 8):
        assert_same(
            embed(model, batches(taskmodule, documents, size), mode="exact", components=["activations"]).result(),
            expected,
        )
    with pytest.raises(UserError, match=r"this xlnet has no 'encoder.layer.0.multihead_output'.*layer_output"):
        TaskEmbedding(model, components=["encoder.layer.0.multihead_output"])


@pytest.mark.parametrize("mode", ["parity", "exact"])
@pytest.mark.parametrize("task", ["classes", "tokens"])
def test_padding_never_counts(encoder, task, mode):
    taskmodule, documents, model = build(encoder("roberta"), task)
    of = batches(taskmodule, documents, 4)
    wide = []
    for batch in of:
        ((key, rows),) = batch.inputs.items()

        def pad(tensor: Tensor, value: int) -> Tensor:
            empty = tensor.new_full((1, tensor.shape[1]), value)  # a row of none, as well
            return torch.nn.functional.pad(torch.cat([tensor, empty]), (0, 5), value=value)

        padded = replace(
            rows,
            input_ids=pad(rows.input_ids, 0),
            attention_mask=pad(rows.attention_mask, 0),
            unit_ids=pad(rows.unit_ids, -1),
            sequence_ids=torch.cat([rows.sequence_ids, torch.tensor([-1])]),
            token_type_ids=None,
            row_keys=None,
        )
        wide.append(replace(batch, inputs={key: padded}))
    assert_same(embed(model, wide, mode=mode).result(), embed(model, of, mode=mode).result())


def test_epochs_and_dropout_change_nothing(encoder):
    taskmodule, documents, model = build(encoder(), "classes", dropout=0.5)
    of = batches(taskmodule, documents, 3)
    once = embed(model, of)
    twice = embed(model.train(), of + of)
    assert (once.examples, twice.examples) == (8, 16)
    assert_same(twice.result(), once.result())


def test_frozen_encoders_with_stored_features_are_differentiated_and_left_as_they_were(encoder, tmp_path):
    taskmodule, documents, model = build(encoder(), "tokens")
    of = batches(taskmodule, documents, 4)
    expected = embed(model, of).result()
    options = {"freeze_models": "all", "features": {"directory": str(tmp_path / "features")}}
    _, _, frozen = build(encoder(), "tokens", **options)
    frozen.load_state_dict(model.state_dict())
    before = {name: parameter.requires_grad for name, parameter in frozen.named_parameters()}
    assert_same(embed(frozen, of).result(), expected)
    assert {name: parameter.requires_grad for name, parameter in frozen.named_parameters()} == before
    assert all(parameter.grad is None for parameter in frozen.parameters())
    assert not frozen.encode(of[0]).embeddings.requires_grad, "nothing of it stays on"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in frozen.modules())


def test_activations_alone_ask_for_no_gradient_of_a_weight(encoder):
    taskmodule, documents, model = build(encoder(), "classes")
    asked = []
    for parameter in model.parameters():
        parameter.register_hook(lambda gradient: asked.append(gradient))
    embed(model, batches(taskmodule, documents, 8), mode="exact", components=["activations", "pooled"])
    assert asked == [] and all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("mode", ["parity", "exact"])
@pytest.mark.parametrize("task", TASKS)
def test_sampled_labels_need_no_gold_and_follow_their_seed(encoder, task, mode):
    taskmodule, documents, model = build(encoder(), task)
    of = batches(taskmodule, documents, 3)
    options = {"mode": mode, "labels": "sampled", "samples": 2, "components": ["activations"]}
    first, same, other = (embed(model, of, seed=seed, **options).result() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)
    assert all(vector.isfinite().all() for vector in first.values())


def test_the_mean_over_samples_is_the_fisher_information(encoder):
    """With sampled labels the mean square of the gradient of the logits' bias is p (1 - p), averaged over examples."""
    taskmodule, documents, model = build(encoder(), "classes")
    of = batches(taskmodule, documents, 8)
    with torch.no_grad():
        probabilities = model(of[0]).softmax(-1)
    expected = (probabilities * (1 - probabilities)).mean(0)
    bias = next(name for name, _ in model.named_parameters() if name.startswith("head.") and name.endswith("bias"))
    embedding = embed(model, of, mode="exact", labels="sampled", samples=600, components=[bias])
    torch.testing.assert_close(embedding.result()[bias], expected.float(), rtol=0.1, atol=0.01)


@pytest.mark.parametrize("labels", ["gold", "sampled"])
def test_a_resumed_embedding_is_the_same(encoder, labels):
    taskmodule, documents, model = build(encoder(), "tokens")
    of = batches(taskmodule, documents, 3)
    whole = embed(model, of, labels=labels)
    begun = embed(model, of[:1], labels=labels)
    resumed = TaskEmbedding(model, mode="parity", components=ALL, labels=labels)
    resumed.load_state(begun.state())
    for batch in of[1:]:
        resumed.update(batch)
    assert resumed.examples == whole.examples
    assert all(torch.equal(vector, resumed.result()[name]) for name, vector in whole.result().items())
    with pytest.raises(UserError, match=r"is of other components: .*query.weight"):
        TaskEmbedding(model).load_state(begun.state())


@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra"])
@pytest.mark.parametrize("task", ["classes", "tokens"])
def test_duplicates_are_those_that_are_equal(encoder, task, kind):
    """Of single examples, where activations differ from parameters by the number of tokens only."""
    taskmodule, documents, model = build(encoder(kind), task)
    batch = batches(taskmodule, documents, 1)[0]
    vectors = embed(model, [batch], mode="exact").result()
    (rows,) = batch.inputs.values()
    tokens_ = int(rows.attention_mask.sum())
    kept = distinct(vectors)
    dropped = [name for name in vectors if name not in kept]
    values = {"distilbert": "attention.v_lin.bias"}.get(kind, "attention.self.value.bias")
    ends = {"distilbert": "output_layer_norm.bias"}.get(kind, ".output.LayerNorm.bias")
    stem = "transformer" if kind == "distilbert" else "encoder"
    for layer in range(2):
        for twin, own in ((values, "multihead_output"), (ends.lstrip("."), "layer_output")):
            name = f"{stem}.layer.{layer}.{twin}"
            assert name in dropped, name
            dropped.remove(name)
            expected = vectors[f"encoder.layer.{layer}.{own}"] * tokens_
            torch.testing.assert_close(vectors[name], expected, rtol=1e-4, atol=1e-6 * float(expected.max()))
    assert dropped == (["cls_output"] if task == "classes" else []), (
        "without a pooler it is what the last block returns"
    )
    assert ("cls_output" in vectors) == (task == "classes")


def test_what_depends_on_nothing_is_reported_and_left_out(encoder):
    taskmodule, documents, model = build(encoder(), "tokens")
    model.float()
    embedding = embed(model, batches(taskmodule, documents, 4), components=["pooled", "*.key.*", "*.query.*"])
    assert embedding.zero == ["cls_output", *(f"encoder.layer.{i}.attention.self.key.bias" for i in range(2))]
    assert not set(embedding.zero) & set(embedding.result())
    assert len(embedding.result()) == 6


def test_the_best_of_several_rows_of_an_example_are_one_example(encoder):
    """A question of many windows is one: its gradients are added before they are squared."""
    taskmodule, documents, model = build(encoder(), "questions")
    (batch,) = batches(taskmodule, documents[:1], 1)
    (rows,) = batch.inputs.values()
    assert len(rows.sequence_ids) > 3
    assert_same(embed(model, [batch], mode="exact").result(), embed(model, [batch]).result())


def test_wrong_use_is_refused_before_any_work(encoder):
    _, _, model = build(encoder(), "classes")
    for options, message in (
        ({"mode": "precise"}, "mode=precise: choose one of exact, parity"),
        ({"labels": "true"}, "labels='true': choose one of gold, sampled"),
        ({"samples": 3}, "samples=3: at least 1, and 1 with labels=gold"),
        ({"components": []}, r"components=\[\]: "),
        ({"components": ["actvations"]}, r"has no 'actvations'.*groups activations.*encoder\.layer\.\*\.layer_output"),
        ({"components": ["pooler.*"]}, r"this bert has no 'pooler\.\*'"),
    ):
        with pytest.raises(UserError, match=message):
            TaskEmbedding(model, **options)
    with pytest.raises(UserError, match="needs examples"):
        TaskEmbedding(model).result()
    torch.manual_seed(0)
    _, _, several = TASKS["classes"]({"target": encoder(), "other": encoder("roberta")})
    with pytest.raises(UserError, match="this model has target, other"):
        TaskEmbedding(several)


def test_layers_without_a_rule_are_refused_by_name_in_exact_mode_only(encoder):
    for kind, name in (
        ("t5", "block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
        ("mpnet", "encoder.relative_attention_bias.weight"),
        ("deberta-v2", "encoder.layer.0.attention.self.query_proj.weight"),
        ("longformer", "encoder.layer.0.attention.self.query.weight"),
        ("xlnet", "layer.0.rel_attn.q"),
        ("albert", "encoder.albert_layer_groups.0.albert_layers.0.attention.query.weight"),
        ("llama", "layers.0.input_layernorm.weight"),
    ):
        taskmodule, documents, model = build(encoder(kind), "tokens", alignment="mean")
        with pytest.raises(UserError, match=rf"these parameters of an {kind}: .*{name}.*mode=parity"):
            TaskEmbedding(model, mode="exact", components=[name])
        embedding = embed(model, batches(taskmodule, documents, 4), components=[name])
        assert list(embedding.result()) == [name]
    with pytest.raises(UserError, match="layers of an albert cannot be told apart"):
        TaskEmbedding(build(encoder("albert"), "tokens")[2])


def test_a_layer_that_is_passed_by_is_refused_when_it_is_seen(encoder):
    taskmodule, documents, model = build(encoder(), "tokens")
    stack = model.multi_encoder.encoders["target"].stack
    dense = stack.encoder.layer[0].intermediate.dense
    dense.__call__ = None
    stack.encoder.layer[0].intermediate.dense = torch.nn.Identity()
    stack.encoder.layer[0].intermediate.add_module("aside", dense)
    stack.encoder.layer[0].intermediate.dense.register_forward_hook(
        lambda module, arguments, output: torch.nn.functional.linear(output, dense.weight, dense.bias)
    )
    name = "encoder.layer.0.intermediate.aside.weight"
    embedding = TaskEmbedding(model, mode="exact", components=[name])
    with pytest.raises(UserError, match=f"the examples' shares of {name}"):
        embedding.update(batches(taskmodule, documents, 4)[0])
    assert embedding.examples == 0 and embedding.state().keys() == {"examples"}
