"""Each aggregation against its formula, gradients included, for units that some encoders do not represent."""

import pytest
import torch
from torch import Tensor

from transferlab.encoders.aggregation import AGGREGATIONS, build_aggregation
from transferlab.encoders.sources import EncoderError

EQUAL = {"a": 6, "c": 6, "b": 6}
DIFFERENT = {"a": 6, "c": 4, "b": 9}
PRESENT = torch.ones(2, 5, 3, dtype=torch.bool)
PRESENT[0, 1, 1] = False
PRESENT[1, 3:] = False  # padding


def vectors_of(widths: dict[str, int]) -> list[Tensor]:
    """For each encoder [2, 5, width], zero where it does not take part."""
    generator = torch.Generator().manual_seed(0)
    dense = [torch.randn(2, 5, width, generator=generator, dtype=torch.float64) for width in widths.values()]
    return [(vector * PRESENT[..., e, None]).requires_grad_() for e, vector in enumerate(dense)]


def concatenated(vectors: list[Tensor]) -> Tensor:
    return torch.cat([vector * PRESENT[..., e, None] for e, vector in enumerate(vectors)], dim=-1)


def by_hand(values: list[Tensor], weigh, size: int) -> Tensor:
    """For each unit the sum of values [2, 5, size] by the weights that ``weigh`` gives to those there."""
    rows = []
    for s in range(2):
        for u in range(5):
            taking_part = [e for e in range(3) if PRESENT[s, u, e]]
            weights = weigh(taking_part) if taking_part else []
            row = torch.zeros(size, dtype=torch.float64)
            for e, weight in zip(taking_part, weights, strict=True):
                row = row + weight * values[e][s, u]
            rows.append(row)
    return torch.stack(rows).view(2, 5, size)


def assert_same(got: Tensor, expected: Tensor, inputs: list[Tensor]) -> None:
    torch.testing.assert_close(got, expected)
    seed = torch.randn(got.shape, generator=torch.Generator().manual_seed(1), dtype=got.dtype)
    torch.testing.assert_close(
        torch.autograd.grad((got * seed).sum(), inputs), torch.autograd.grad((expected * seed).sum(), inputs)
    )


WEIGHINGS = {"mean": lambda who: [1 / len(who)] * len(who), "sum": lambda who: [1.0] * len(who)}


@pytest.mark.parametrize("name", WEIGHINGS)
def test_mean_and_sum(name):
    aggregation = build_aggregation(name, EQUAL)
    vectors = vectors_of(EQUAL)
    got, weights = aggregation(vectors, PRESENT)
    assert (weights, aggregation.hidden_size_out, list(aggregation.parameters())) == (None, 6, [])
    assert_same(got, by_hand(vectors, WEIGHINGS[name], 6), vectors)


@pytest.mark.parametrize(
    ("options", "size"),
    [({"project": True}, 6), ({"output_size": 3}, 3), ({"project": True, "output_size": 8}, 8)],
)
@pytest.mark.parametrize("name", WEIGHINGS)
def test_control_projects_the_values_first(name, options, size):
    aggregation = build_aggregation({"type": name, **options}, DIFFERENT).double()
    vectors = vectors_of(DIFFERENT)
    got, _ = aggregation(vectors, PRESENT)
    assert aggregation.hidden_size_out == size
    values = [
        vector @ aggregation.values[encoder].weight.T + aggregation.values[encoder].bias
        for encoder, vector in zip(DIFFERENT, vectors, strict=True)
    ]
    assert_same(got, by_hand(values, WEIGHINGS[name], size), [*vectors, *aggregation.parameters()])
    assert not got[1, 3:].any()


@pytest.mark.parametrize("options", [{}, {"output_size": 3}])
def test_scalar_mix(options):
    widths = DIFFERENT if options else EQUAL
    aggregation = build_aggregation({"type": "scalar_mix", **options}, widths).double()
    with torch.no_grad():
        for encoder, value in zip(widths, (0.3, -1.0, 2.0), strict=True):
            aggregation.scores[encoder].vector.fill_(value)
        aggregation.gamma.fill_(1.7)
    vectors = vectors_of(widths)
    got, weights = aggregation(vectors, PRESENT)
    scores = torch.cat([aggregation.scores[encoder].vector for encoder in widths])
    values = [project(vector) for project, vector in zip(aggregation.values.values(), vectors, strict=True)]
    expected = by_hand(values, lambda who: aggregation.gamma * scores[who].softmax(0), got.shape[-1])
    assert_same(got, expected, [*vectors, *aggregation.parameters()])
    torch.testing.assert_close(weights[0, 0], scores.softmax(0))
    assert weights[0, 1, 1] == 0
    assert not weights[1, 3:].any()


def test_scalar_mix_begins_as_the_mean():
    vectors = vectors_of(EQUAL)
    mix, _ = build_aggregation("scalar_mix", EQUAL)(vectors, PRESENT)
    mean, _ = build_aggregation("mean", EQUAL)(vectors, PRESENT)
    torch.testing.assert_close(mix, mean)


def test_concat():
    aggregation = build_aggregation("concat", DIFFERENT)
    vectors = vectors_of(DIFFERENT)
    got, weights = aggregation(vectors, PRESENT)
    assert (weights, aggregation.hidden_size_out) == (None, 19)
    assert_same(got, concatenated(vectors), vectors)


def test_concat_with_projection():
    aggregation = build_aggregation({"type": "concat", "output_size": 5}, DIFFERENT).double()
    vectors = vectors_of(DIFFERENT)
    got, _ = aggregation(vectors, PRESENT)
    linear = aggregation.projection
    expected = concatenated(vectors) @ linear.weight.T + linear.bias
    expected = expected * PRESENT.any(-1, keepdim=True)
    assert_same(got, expected, [*vectors, *aggregation.parameters()])


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_who_does_not_take_part_has_no_say(name):
    torch.manual_seed(0)
    aggregation = build_aggregation(name, EQUAL).double()
    vectors = vectors_of(EQUAL)
    present = PRESENT.clone()
    present[..., 2] = False
    got, _ = aggregation(vectors, present)
    other = [*vectors[:2], torch.randn_like(vectors[2])]
    torch.testing.assert_close(aggregation(other, present)[0], got)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_order_of_encoders_does_not_matter(name):
    torch.manual_seed(0)
    options = {"query_idx": "b"} if name == "attention" else {}
    aggregation = build_aggregation({"type": name, **options}, EQUAL).double()
    with torch.no_grad():
        for parameter in aggregation.parameters():
            parameter.normal_()
    reverse = build_aggregation({"type": name, **options}, dict(reversed(EQUAL.items()))).double()
    reverse.load_state_dict(aggregation.state_dict())
    vectors = vectors_of(EQUAL)
    got, weights = aggregation(vectors, PRESENT)
    again, reversed_weights = reverse(vectors[::-1], PRESENT.flip(-1))
    if name == "concat":
        again = torch.cat(again.chunk(3, dim=-1)[::-1], dim=-1)
    torch.testing.assert_close(again, got)
    assert (weights is None) == (reversed_weights is None)
    if weights is not None:
        torch.testing.assert_close(reversed_weights.flip(-1), weights)


@pytest.mark.parametrize("name", ["mean", "sum", "scalar_mix"])
def test_unequal_widths_need_a_projection(name):
    with pytest.raises(EncoderError, match=rf"model\.aggregate={name}: the encoders differ in width"):
        build_aggregation(name, DIFFERENT)


@pytest.mark.parametrize("name", AGGREGATIONS)
def test_nothing_waits_for_values(name):
    # the meta device has no values: whatever had to look at one would fail
    aggregation = build_aggregation(name, EQUAL).to("meta")
    vectors = [torch.empty(2, 5, 6, device="meta", requires_grad=True) for _ in EQUAL]
    got, _ = aggregation(vectors, PRESENT.to("meta"))
    assert got.shape == (2, 5, aggregation.hidden_size_out)
    got.sum().backward()


def test_none_is_the_mean():
    assert type(build_aggregation(None, EQUAL)) is AGGREGATIONS["mean"]


@pytest.mark.parametrize("spec", ["average", {"type": "average"}, {"hidden_size": 3}, {}])
def test_unknown_type_is_refused_with_the_choices(spec):
    with pytest.raises(EncoderError, match=r"model\.aggregate\.type=.*choose one of mean, sum, scalar_mix"):
        build_aggregation(spec, EQUAL)


def test_unknown_option_is_refused_with_the_choices():
    with pytest.raises(EncoderError, match=r"model\.aggregate\.hidden_size: mean .* takes project, output_size"):
        build_aggregation({"type": "mean", "hidden_size": 3}, EQUAL)


@pytest.mark.parametrize("size", [0, -1, 2.5, "8"])
@pytest.mark.parametrize("name", AGGREGATIONS)
def test_impossible_size_is_refused(name, size):
    with pytest.raises(EncoderError, match=r"model\.aggregate\.output_size=.*from 1"):
        build_aggregation({"type": name, "output_size": size}, EQUAL)


def test_an_aggregation_in_a_file_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "maximum.py").write_text(
        "import torch\n"
        "from transferlab.encoders.weighting import Aggregation, common_width\n"
        "class Maximum(Aggregation):\n"
        "    def __init__(self, widths):\n"
        "        super().__init__()\n"
        "        self.hidden_size_out = common_width(widths, 'maximum')\n"
        "    def forward(self, vectors, present, first_tokens=None):\n"
        "        return torch.stack(list(vectors)).amax(dim=0), None\n"
    )
    import transferlab.encoders

    monkeypatch.setattr(transferlab.encoders, "__path__", [*transferlab.encoders.__path__, str(tmp_path)])
    aggregation = build_aggregation("maximum", {"a": 3, "b": 3})
    vectors = [torch.tensor([[[1.0, 5.0, 0.0]]]), torch.tensor([[[2.0, 4.0, 0.0]]])]
    assert aggregation(vectors, torch.ones(1, 1, 2, dtype=torch.bool))[0].tolist() == [[[2.0, 5.0, 0.0]]]
    for name in ("alignment", "nothing", "os.path", 3):
        with pytest.raises(EncoderError, match="choose one of mean, sum"):
            build_aggregation({"type": name}, {"a": 3})
