"""Counts as bars on the terminal, and the bins that histograms put lengths into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

MOST_BINS = 20
BAR_WIDTH = 20  # characters of the longest bar
EIGHTHS = " ▏▎▍▌▋▊▉"


def bin_edges(lengths: Sequence[int], most: int = MOST_BINS) -> list[int]:
    """Edges of at most ``most`` + 1 bins that cover whole numbers; every bin is 1, 2 or 5 times a power of ten wide.

    Returns:
        one edge more than there are bins; a bin holds its lower edge and not its upper one. Without lengths there is
        one bin, for 0.
    """
    low, high = (min(lengths), max(lengths)) if lengths else (0, 0)
    width = next(
        step * power
        for power in (10**exponent for exponent in range(19))
        for step in (1, 2, 5)
        if step * power * most > high - low
    )
    first = low // width * width
    return list(range(first, high + width + 1, width))


def bin_counts(lengths: Sequence[int]) -> dict[str, int]:
    """How many lengths lie in each bin, which is named after its smallest and largest length."""
    edges = bin_edges(lengths)
    width = edges[1] - edges[0]
    names = [str(edge) if width == 1 else f"{edge}–{edge + width - 1}" for edge in edges[:-1]]
    counts = dict.fromkeys(names, 0)
    for length in lengths:
        counts[names[(length - edges[0]) // width]] += 1
    return counts


def bar_table(counts: Mapping[str, int], columns: tuple[str, str], title: str | None = None) -> Table:
    """A table to print with rich: a row per name with its count, its share in percent and a bar.

    Args:
        counts: by name, in the order of the rows.
        columns: what the names are, and what is counted.
        title: printed above the table.
    """
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(columns[0], overflow="fold")
    table.add_column(columns[1], justify="right")
    table.add_column("%", justify="right")
    table.add_column("", no_wrap=True)
    total, largest = sum(counts.values()), max(counts.values(), default=0)
    for name, count in counts.items():
        table.add_row(Text(name), f"{count:,}", share(count, total), bar(count, largest))
    return table


def share(count: int, total: int) -> str:
    """In percent, with two decimals; that of nothing is 0."""
    return f"{100 * count / total if total else 0:.2f}"


def bar(count: int, largest: int) -> str:
    """A bar as long as ``count`` is beside ``largest``, to an eighth of a character; one of them shows whatever is."""
    if not count:
        return ""
    whole, eighths = divmod(max(1, round(8 * BAR_WIDTH * count / largest)), 8)
    return ("█" * whole + EIGHTHS[eighths]).rstrip()
