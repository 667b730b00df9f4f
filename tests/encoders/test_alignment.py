"""Subtokens to units, against a plain loop."""

import pytest
import torch

from transferlab.encoders.alignment import ALIGNMENTS, align, first_tokens, first_tokens_of_rows

# two sequences of up to 3 units; the second unit of the first has subtokens in two rows, its third has none
UNIT_IDS = torch.tensor([[-1, 0, 0, 1, -1], [-1, 1, 1, -1, -1], [-1, 3, 4, 4, 4], [-1, -1, -1, -1, -1]])
SEQUENCES, UNITS = 2, 3


def plain_align(hidden, unit_ids, sequences, units, alignment):
    vectors = []
    for unit in range(sequences * units):
        own = [
            hidden[row, position]
            for row in range(unit_ids.shape[0])
            for position in range(unit_ids.shape[1])
            if unit_ids[row, position] == unit
        ]
        if not own:
            vectors.append(torch.zeros_like(hidden[0, 0]))
        elif alignment in ("first", "pooler"):
            vectors.append(own[0])
        elif alignment == "last":
            vectors.append(own[-1])
        elif alignment == "mean":
            vectors.append(sum(own) / len(own))
        else:
            vectors.append(torch.stack(own).amax(dim=0))
    return torch.stack(vectors).view(sequences, units, -1)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_alignment_and_gradient_equal_the_plain_loop(alignment):
    torch.manual_seed(0)
    hidden = torch.randn(4, 5, 7, dtype=torch.float64, requires_grad=True)
    vectors, represented = align(hidden, UNIT_IDS, SEQUENCES, UNITS, alignment)
    expected = plain_align(hidden, UNIT_IDS, SEQUENCES, UNITS, alignment)
    torch.testing.assert_close(vectors, expected)
    assert represented.tolist() == [[True, True, False], [True, True, False]]
    weights = torch.randn_like(vectors)
    (gradient,) = torch.autograd.grad((vectors * weights).sum(), hidden)
    (expected_gradient,) = torch.autograd.grad((expected * weights).sum(), hidden)
    torch.testing.assert_close(gradient, expected_gradient)


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_many_random_units(alignment):
    generator = torch.Generator().manual_seed(1)
    unit_ids = torch.randint(-1, 24, (6, 11), generator=generator)
    hidden = torch.randn(6, 11, 3, generator=generator)
    vectors, represented = align(hidden, unit_ids, 4, 6, alignment)
    torch.testing.assert_close(vectors, plain_align(hidden, unit_ids, 4, 6, alignment))
    assert represented.sum() == len(set(unit_ids[unit_ids >= 0].tolist()))


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_what_is_not_represented_never_enters(alignment):
    hidden = torch.ones(4, 5, 2)
    hidden[UNIT_IDS < 0] = torch.nan
    vectors, _ = align(hidden, UNIT_IDS, SEQUENCES, UNITS, alignment)
    assert vectors.isfinite().all()
    assert vectors[0, 2].tolist() == [0, 0]


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_half_precision_in_and_out(alignment):
    hidden = torch.full((1, 600, 1), 1.001, dtype=torch.bfloat16)
    vectors, _ = align(hidden, torch.zeros(1, 600, dtype=torch.long), 1, 1, alignment)
    assert vectors.dtype == torch.bfloat16
    assert vectors.item() == hidden[0, 0, 0].item()  # a sum in bfloat16 would stop growing at 256


@pytest.mark.parametrize("alignment", ALIGNMENTS)
def test_nothing_waits_for_values(alignment):
    # the meta device has no values: whatever had to look at one would fail
    hidden = torch.empty(4, 5, 7, device="meta")
    ids = torch.empty(4, 5, device="meta", dtype=torch.long)
    vectors, represented = align(hidden, ids, SEQUENCES, UNITS, alignment)
    assert (vectors.shape, represented.shape) == ((2, 3, 7), (2, 3))
    assert first_tokens(hidden, ids, ids[:, 0], SEQUENCES).shape == (2, 7)
    assert first_tokens_of_rows(hidden, ids, ids, SEQUENCES, UNITS).shape == (2, 3, 7)


def test_first_tokens_are_those_of_first_rows():
    hidden = torch.arange(5 * 4 * 1.0).view(5, 4, 1)
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]])
    # rows 0 and 1 are of sequence 2; row 2, padded on the left, and row 3 of sequence 0; row 4 of none
    vectors = first_tokens(hidden, mask, torch.tensor([2, 2, 0, 0, -1]), 3)
    assert vectors.flatten().tolist() == [hidden[2, 2].item(), 0, hidden[0, 0].item()]


def test_first_tokens_of_rows_are_those_of_the_row_in_which_a_unit_begins():
    hidden = torch.arange(3 * 4 * 1.0).view(3, 4, 1)
    mask = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1], [1, 1, 1, 1]])
    # units 0 and 1 of sequence 0 begin in row 0, unit 2 in row 1, padded on the left, which also ends unit 1; sequence
    # 1 has unit 0 only, in row 2
    unit_ids = torch.tensor([[-1, 0, 1, -1], [-1, -1, 1, 2], [-1, 3, 3, -1]])
    vectors = first_tokens_of_rows(hidden, mask, unit_ids, 2, 3)
    row_0, row_1, row_2 = hidden[0, 0].item(), hidden[1, 1].item(), hidden[2, 0].item()
    assert vectors.squeeze(-1).tolist() == [[row_0, row_0, row_1], [row_2, 0, 0]]
