"""Figures of counts and lengths; they are written to files and never shown."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from transferlab.reporting.curves import COLOURS
from transferlab.reporting.text_histogram import bin_edges
from transferlab.utils.escaping import plain

MOST_BARS = 40  # as many labels can be read below each other


def length_figure(lengths: Mapping[str, Sequence[int]], unit: str) -> Figure:
    """A histogram of the lengths of each kind of text, one beside the other.

    Args:
        lengths: kind of text -> one length per text.
        unit: in which lengths are.
    """
    figure = Figure(figsize=(5.5 * max(1, len(lengths)), 4), layout="constrained")
    places = figure.subplots(1, max(1, len(lengths)), squeeze=False)[0]
    for axes, (kind, values) in zip(places, lengths.items(), strict=False):
        axes.hist(values, bins=bin_edges(values), color=COLOURS[0], edgecolor="white", linewidth=0.5)
        axes.set_xlabel(unit)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        _finish(axes, f"{kind}: {len(values):,}", grid="y")
    return figure


def count_figure(counts: Mapping[str, int], title: str) -> Figure:
    """Bars of counts, the first name on top; of more than ``MOST_BARS`` names only the first are drawn."""
    shown = dict(list(counts.items())[:MOST_BARS])
    figure = Figure(figsize=(5.5, 1.2 + 0.22 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = range(len(shown))
    axes.barh(places, list(shown.values()), color=COLOURS[0])
    # a dollar sign would begin a formula
    axes.set_yticks(places, [plain(name) for name in shown], fontsize=8)
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    left_out = f", the first {MOST_BARS} of {len(counts)}" if len(counts) > MOST_BARS else ""
    _finish(axes, title + left_out, grid="x")
    return figure


def write_png(figure: Figure, path: str | Path) -> Path:
    """Write a figure whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(partial, format="png", dpi=150)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path


def _finish(axes: Axes, title: str, grid: Literal["x", "y"]) -> None:
    axes.set_title(plain(title), loc="left", fontsize=11)
    axes.grid(axis=grid, color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
