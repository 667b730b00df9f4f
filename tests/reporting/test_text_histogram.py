"""Bins of lengths and bars of counts."""

import numpy as np
import pytest

from transferlab.reporting.text_histogram import BAR_WIDTH, MOST_BINS, bar, bin_counts, bin_edges


@pytest.mark.parametrize(
    "lengths", [[], [0], [7], [3, 3, 4], range(20), range(21), [0, 10**6], [999, 1000, 1019], [1, 5, 99_999]]
)
def test_bins_cover_all_lengths_in_round_steps(lengths):
    lengths = list(lengths)
    edges = bin_edges(lengths)
    width = edges[1] - edges[0]
    assert set(np.diff(edges)) == {width} and str(width).rstrip("0") in ("1", "2", "5")
    assert edges[0] % width == 0 and len(edges) - 1 <= MOST_BINS + 1
    counts = bin_counts(lengths)
    assert list(counts.values()) == np.histogram(lengths, edges)[0].tolist()
    assert sum(counts.values()) == len(lengths)


def test_bins_are_named_after_the_lengths_in_them():
    assert bin_counts([3, 5]) == {"3": 1, "4": 0, "5": 1}
    assert bin_counts([0, 30, 31]) == {f"{n}–{n + 1}": int(n in (0,)) + 2 * int(n == 30) for n in range(0, 32, 2)}


def test_bars():
    assert bar(0, 10) == "" and bar(10, 10) == "█" * BAR_WIDTH and bar(5, 10) == "█" * (BAR_WIDTH // 2)
    assert bar(1, 10**6) == "▏", "what is there can be seen"
