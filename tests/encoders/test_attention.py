"""Attention over encoders against a loop over units, in every combination of its options."""

from itertools import product

import pytest
import torch
from torch import Tensor

from transferlab.encoders.attention import MODES, AttentionAggregation
from transferlab.encoders.sources import EncoderError

WIDTHS = {"a": 5, "target": 6, "c": 4}
FLAGS = ("project_target_query", "project_target_key", "project_target_value", "reuse_target_query_as_key")
PRESENT = torch.ones(2, 3, 3, dtype=torch.bool)
PRESENT[0, 1, 0] = False
PRESENT[1, 2] = False  # padding


def inputs(layers: int = 1, cls_of: str = "document") -> tuple[list[Tensor], list[Tensor]]:
    """For each encoder vectors [2, 3, layers * width] and first tokens [2, 1 or 3, layers * width]."""
    generator = torch.Generator().manual_seed(0)
    sizes = [layers * width for width in WIDTHS.values()]
    vectors = [torch.randn(2, 3, size, generator=generator, dtype=torch.float64) for size in sizes]
    own = 3 if cls_of == "segment" else 1
    firsts = [torch.randn(2, own, size, generator=generator, dtype=torch.float64) for size in sizes]
    return vectors, firsts


def linear(x: Tensor, parameters: dict[str, Tensor], name: str) -> Tensor:
    """A projection where the module has one of that name, else the vector as it is."""
    if f"{name}.weight" not in parameters:
        return x
    return parameters[f"{name}.weight"] @ x + parameters[f"{name}.bias"]


def by_hand(module: AttentionAggregation, vectors, firsts, options) -> tuple[Tensor, Tensor]:
    """The definition, unit by unit."""
    parameters = dict(module.named_parameters())
    mode_query, mode_keys = options["mode"].split("2")
    shared = options["reuse_target_query_as_key"] and (mode_query == "constant") == (mode_keys == "constant")

    def look(role: str, mode: str, e: int, s: int, u: int) -> Tensor:
        if mode == "constant":
            return parameters[f"{role}.vector"]
        first = firsts[e][s, u if options["cls_of"] == "segment" else 0]
        return linear(first if mode == "cls" else vectors[e][s, u], parameters, role)

    aggregated = torch.zeros(2, 3, module.hidden_size_out, dtype=torch.float64)
    weights = torch.zeros(2, 3, 3, dtype=torch.float64)
    target = list(WIDTHS).index("target")
    for s, u in product(range(2), range(3)):
        who = [e for e in range(3) if PRESENT[s, u, e]]
        if not who:
            continue
        query = look("query", mode_query, target, s, u)
        scores = []
        for e in who:
            role = "query" if shared and e == target else f"keys.{list(WIDTHS)[e]}"
            scores.append(query @ look(role, mode_keys, e, s, u) / len(query) ** 0.5)
        alpha = torch.stack(scores).softmax(0)
        for weight, e in zip(alpha, who, strict=True):
            weights[s, u, e] = weight.detach()
            value = linear(vectors[e][s, u], parameters, f"values.{list(WIDTHS)[e]}")
            addition = torch.zeros_like(aggregated)
            addition[s, u] = weight * value
            aggregated = aggregated + addition
    return aggregated, weights


ALL = [f"{query}2{keys}" for query in MODES for keys in MODES]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(
    ("mode", "cls_of"), [*((mode, "document") for mode in ALL), *((mode, "segment") for mode in ALL if "cls" in mode)]
)
def test_every_combination_equals_the_definition(mode, cls_of, layers):
    torch.manual_seed(0)
    vectors, firsts = inputs(layers, cls_of)
    for flags in product([True, False], repeat=len(FLAGS)):
        options = {"mode": mode, "cls_of": cls_of, **dict(zip(FLAGS, flags, strict=True))}
        module = AttentionAggregation(
            WIDTHS, query_idx="target", use_outputs_from_last_n_layers=layers, **options
        ).double()
        got, weights = module(vectors, PRESENT, firsts if module.first_tokens_of else None)
        expected, expected_weights = by_hand(module, vectors, firsts, options)
        torch.testing.assert_close(got, expected, msg=lambda text, options=options: f"{options}: {text}")
        torch.testing.assert_close(weights, expected_weights)
        seed = torch.randn(got.shape, dtype=got.dtype)
        # every parameter has a part in the output: nothing idles
        parameters = list(module.parameters())
        torch.testing.assert_close(
            torch.autograd.grad((got * seed).sum(), parameters),
            torch.autograd.grad((expected * seed).sum(), parameters),
        )


def test_sizes_by_default():
    module = AttentionAggregation(WIDTHS, query_idx="target")
    assert (module.hidden_size, module.hidden_size_out) == (128, 6)
    module = AttentionAggregation(WIDTHS, query_idx="target", use_outputs_from_last_n_layers=3)
    assert (module.hidden_size, module.hidden_size_out, module.last_n_layers) == (128, 6, 3)
    module = AttentionAggregation(WIDTHS, query_idx="target", project_target_query=False)
    assert (module.hidden_size, module.hidden_size_out) == (6, 6)
    module = AttentionAggregation(
        WIDTHS, query_idx="target", project_target_value=False, use_outputs_from_last_n_layers=2
    )
    assert (module.hidden_size, module.hidden_size_out) == (128, 12)


def test_sizes_as_given():
    module = AttentionAggregation(WIDTHS, hidden_size=10, output_size=11)
    vectors, _ = inputs()
    assert module.query.out_features == 10
    assert module.float()([vector.float() for vector in vectors], PRESENT)[0].shape == (2, 3, 11)


@pytest.mark.parametrize(("query_idx", "target"), [(0, "a"), (1, "target"), ("target", "target"), ("c", "c")])
def test_target_by_position_or_id(query_idx, target):
    assert AttentionAggregation(WIDTHS, query_idx=query_idx).target == target


@pytest.mark.parametrize("query_idx", [3, -1, "nobody", "1"])
def test_unknown_target_is_refused_with_the_choices(query_idx):
    with pytest.raises(EncoderError, match=r"query_idx=.*\(a, target, c\) or by position \(0 to 2\)"):
        AttentionAggregation(WIDTHS, query_idx=query_idx)


@pytest.mark.parametrize("mode", ["token", "token2word", "2", "token2token2token", "head2token"])
def test_unknown_mode_is_refused_with_the_choices(mode):
    with pytest.raises(EncoderError, match=r"model\.aggregate\.mode=.*token, cls, constant"):
        AttentionAggregation(WIDTHS, mode=mode)


@pytest.mark.parametrize("key", ["mode_query", "mode_keys"])
def test_halves_override_the_mode_and_are_checked(key):
    module = AttentionAggregation(WIDTHS, mode="token2token", **{key: "cls"})
    assert getattr(module, key) == "cls"
    assert list(module.first_tokens_of) == ([module.target] if key == "mode_query" else list(WIDTHS))
    with pytest.raises(EncoderError, match=rf"model\.aggregate\.{key}='word': choose one of token, cls, constant"):
        AttentionAggregation(WIDTHS, **{key: "word"})


@pytest.mark.parametrize("options", [{"cls_of": "row", "mode": "cls2cls"}, {"cls_of": "segment"}])
def test_whose_first_token_is_refused_where_it_is_unknown_or_not_read(options):
    with pytest.raises(EncoderError, match=r"model\.aggregate\.cls_of"):
        AttentionAggregation(WIDTHS, **options)


def test_number_of_layers_below_one_is_refused():
    with pytest.raises(EncoderError, match="use_outputs_from_last_n_layers=0: "):
        AttentionAggregation(WIDTHS, use_outputs_from_last_n_layers=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"project_target_query": False, "hidden_size": 7}, "hidden_size=7: with project_target_query=false"),
        (
            {"project_target_key": False, "reuse_target_query_as_key": False, "hidden_size": 7},
            "hidden_size=7: with project_target_key=false",
        ),
        ({"project_target_value": False, "output_size": 7}, "output_size=7: with project_target_value=false"),
    ],
)
def test_sizes_that_do_not_fit_an_unprojected_target_are_refused(options, message):
    with pytest.raises(EncoderError, match=rf"model\.aggregate\.{message}.*'target'.*width 6"):
        AttentionAggregation(WIDTHS, query_idx="target", **options)


def test_one_encoder_is_a_value_projection_and_nothing_else():
    module = AttentionAggregation({"only": 6}).double()
    vector = inputs()[0][1]
    got, weights = module([vector], PRESENT[..., :1] | True)
    torch.testing.assert_close(got, module.values["only"](vector))
    assert weights.unique().tolist() == [1]


def test_unprojected_everything_is_plain_dot_product_attention():
    widths = {"a": 6, "target": 6}
    module = AttentionAggregation(
        widths, query_idx="target", project_target_query=False, project_target_value=False
    ).double()
    assert {name.split(".")[1] for name, _ in module.named_parameters()} == {"a"}


def test_weights_are_what_a_forward_hook_sees():
    module = AttentionAggregation(WIDTHS).double()
    seen = []
    module.source_weights.register_forward_hook(lambda module, args, output: seen.append(output))
    _, weights = module(inputs()[0], PRESENT)
    assert len(seen) == 1
    assert seen[0] is weights
