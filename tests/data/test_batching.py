"""Batches by length."""

import random

import pytest
import torch

from transferlab.data.batching import Drawn, Examples, LengthBatches


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("n", "size"), [(0, 3), (1, 3), (7, 3), (1000, 4)])
def test_every_example_comes_once(n, size, shuffle):
    batches = list(LengthBatches([i % 13 for i in range(n)], size, shuffle))
    assert sorted(position for batch in batches for position in batch) == list(range(n))
    assert len(batches) == len(LengthBatches([1] * n, size, shuffle))
    assert all(len(batch) <= size for batch in batches)


def test_little_is_padded():
    draw = random.Random(0)
    lengths = [draw.randint(5, 100) for _ in range(2000)]

    def padded(batches):
        return sum(max(lengths[i] for i in b) * len(b) - sum(lengths[i] for i in b) for b in batches) / sum(lengths)

    plain = [list(range(i, i + 16)) for i in range(0, 2000, 16)]
    assert padded(plain) > 0.7
    assert padded(LengthBatches(lengths, 16, shuffle=True)) < 0.05


def test_evaluation_begins_with_the_longest_and_keeps_the_order_of_equals():
    assert list(LengthBatches([1, 3, 3, 2], 2, shuffle=False)) == [[1, 2], [3, 0]]


def served(batches, sampler, epochs):
    """The batches of each epoch, as Lightning asks for them."""
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        yield list(batches)


def test_epochs_differ_and_the_seed_decides():
    def epochs(seed):
        torch.manual_seed(seed)
        batches = LengthBatches([1] * 50, 5, shuffle=True)
        return list(served(batches, batches, 2))

    assert epochs(1) == epochs(1)
    assert epochs(1)[0] != epochs(1)[1] and epochs(1) != epochs(2)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(("examples", "size", "processes"), [(50, 5, 3), (31, 5, 3), (2, 5, 3), (1, 1, 4), (900, 4, 2)])
def test_processes_divide_every_batch_of_one_process(examples, size, processes, shuffle):
    torch.manual_seed(0)
    lengths = [i % 13 for i in range(examples)]
    parts = [LengthBatches(lengths, size, shuffle, part, processes) for part in range(processes)]
    whole = LengthBatches(lengths, size * processes, shuffle)
    assert {len(part) for part in parts} == {len(whole)}
    for batch, *divided in zip(whole, *parts, strict=True):
        assert sorted(i for part in divided for i in part) == sorted(batch)
        assert max(map(len, divided)) <= size and max(map(len, divided)) - min(map(len, divided)) <= 1


def test_batches_are_led_by_seeds_that_only_the_seed_and_the_epoch_decide():
    def epochs(seed):
        torch.manual_seed(seed)
        drawn = Drawn(LengthBatches([1] * 20, 5, shuffle=True))
        assert len(drawn) == 4
        torch.rand(3)
        return list(served(drawn, drawn.sampler, 2))

    first, second = epochs(1)
    assert [first, second] == epochs(1) != epochs(2)
    assert len({batch[0] for batch in first + second}) == 8
    torch.manual_seed(1)
    assert [batch[1:] for batch in first] == list(LengthBatches([1] * 20, 5, shuffle=True))


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_position_within_an_epoch_goes_on_with_the_batches_that_were_not_served(epoch):
    torch.manual_seed(1)
    whole = Drawn(LengthBatches([1] * 20, 3, shuffle=True))
    expected = list(served(whole, whole.sampler, 4))
    torch.manual_seed(5)  # that of the checkpoint counts
    again = Drawn(LengthBatches([1] * 20, 3, shuffle=True, seed=1), epoch, served=4)
    assert len(again) == 7, "the length of the epoch is that of the whole"
    assert list(again) == expected[epoch][4:]
    again.sampler.set_epoch(epoch + 1)
    assert list(again) == expected[epoch + 1]


def test_examples_are_handed_out_with_the_seed():
    examples = Examples("abcd")
    assert len(examples) == 4
    assert examples.__getitems__([7, 2, 0]) == (7, [2, 0], ["c", "a"])
