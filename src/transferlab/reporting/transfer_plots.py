"""Transfer as pictures: the grid of gains, their distribution per target, and predictions beside what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from transferlab.reporting.curves import COLOURS, save_figure
from transferlab.statistics.rankings import spearman_interval
from transferlab.utils.errors import UserError
from transferlab.utils.escaping import plain

Array = np.ndarray[Any, np.dtype[np.float64]]

GAIN = "gain over no transfer, %"
_LINE = 0.135  # inches between the middles of small labels that lie above each other
_VIOLIN = 1.2  # inches of a violin without its names


def plot_gain_grid(gains: pd.DataFrame, output: str | Path) -> tuple[Path, Path]:
    """Draw a heat map of gains, 0 in white, with their numbers; return the PNG and SVG written.

    Args:
        gains: sources x targets, in percent of the score without transfer; NaN, not measured, stays blank.
        output: path of the files; its suffix, if any, is replaced.

    Raises:
        UserError: no gain at all.
    """
    _refuse_empty(gains)
    values = gains.to_numpy(dtype=np.float64)
    rows, columns = values.shape
    longest = max(len(str(source)) for source in gains.index)
    size = (1.6 + 0.075 * longest + 0.62 * columns, 1.3 + 0.3 * rows + 0.04 * max(len(str(t)) for t in gains))
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    # one cell far off must not make all others pale
    known = np.abs(values[~np.isnan(values)])
    limit = max(float(np.quantile(known, 0.95, method="higher")), 1e-9)
    norm = TwoSlopeNorm(0, -limit, limit)
    image = axes.imshow(np.ma.masked_invalid(values), cmap=colormaps["PuOr_r"], norm=norm, aspect="auto")
    for row, column in zip(*np.nonzero(~np.isnan(values)), strict=True):
        value = values[row, column]
        colour = "white" if abs(value) > 0.5 * limit else "0.1"
        axes.text(column, row, f"{value:+.1f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(
        range(columns),
        [plain(str(t)) for t in gains.columns],
        rotation=40,
        ha="left",
        rotation_mode="anchor",
        fontsize=9,
    )
    axes.set_yticks(range(rows), [plain(str(source)) for source in gains.index], fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("source")
    extend = "both" if (known > limit).any() else "neither"
    bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=30, pad=0.02, extend=extend)
    bar.set_label(GAIN, fontsize=9)
    bar.outline.set_visible(False)
    return save_figure(figure, Path(output))


def plot_gain_distribution(gains: pd.DataFrame, output: str | Path) -> tuple[Path, Path]:
    """Draw for each target how the gains of the sources are distributed; return the PNG and SVG written.

    Args:
        gains: sources x targets, in percent of the score without transfer; NaN is not measured.
        output: path of the files; its suffix, if any, is replaced.

    Every source is a point with its name; the line at 0 is no transfer. Each target has a scale of its own.

    Raises:
        UserError: no gain at all.
    """
    _refuse_empty(gains)
    targets = list(gains.columns)
    names = 0.06 * max(len(str(source)) for source in gains.index)  # inches
    width = 0.65 + _VIOLIN + names
    height = max(3.2, 0.8 + 1.25 * _LINE * len(gains))
    across = min(len(targets), max(1, int(15 // width)))
    down = -(-len(targets) // across)
    figure = Figure(figsize=(max(4.2, 0.3 + width * across), 0.5 + height * down), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False)
    for axes in panels.flat[len(targets) :]:
        axes.set_visible(False)
    for axes, target in zip(panels.flat, targets, strict=False):
        axes.set_title(plain(str(target)), loc="left", fontsize=10)
        _draw_distribution(axes, gains[target].dropna().sort_values(), height - 0.4, names)
    for axes in panels[:, 0]:
        axes.set_ylabel(GAIN, fontsize=9)
    figure.supxlabel("dashed: no transfer; bar: median of the sources", fontsize=9)
    return save_figure(figure, Path(output))


def _draw_distribution(axes: Axes, gains: pd.Series, height: float, names: float) -> None:
    """One target: ``gains`` of its sources, rising; height of the axes, and room for names, in inches."""
    values = gains.to_numpy(dtype=np.float64)
    low, high = min([0.0, *values]), max([0.0, *values])
    margin = 0.08 * max(high - low, 1e-9)
    low, high = low - margin, high + margin
    axes.set_ylim(low, high)
    axes.set_xlim(-0.3, 0.35 + 0.65 * names / _VIOLIN)
    axes.set_xticks([])
    axes.plot([-0.3, 0.3], [0, 0], color="0.3", linewidth=1, linestyle="--", zorder=1)  # not through the names
    _tidy(axes, "y")
    if not len(values):
        axes.text(0, 0, "not measured", ha="center", va="bottom", fontsize=8)
        return
    if len(values) > 2 and np.ptp(values) > 0:
        violin: Any = axes.violinplot(values, [0], widths=0.5, showextrema=False)
        violin["bodies"][0].set(facecolor=COLOURS[0], edgecolor="none", alpha=0.25)
    axes.plot([-0.14, 0.14], [np.median(values)] * 2, color=COLOURS[0], linewidth=1.6)
    axes.plot([0] * len(values), values, "o", color=COLOURS[0], markersize=3.5, zorder=3)
    line = _LINE * (high - low) / height  # of a name, in percent of gain
    for source, value, at in zip(gains.index, values, spread_out(values, line, low, high), strict=True):
        axes.plot([0.02, 0.3, 0.34], [value, at, at], color="0.75", linewidth=0.5, zorder=1)
        axes.text(0.35, at, plain(str(source)), fontsize=7, va="center_baseline")


def plot_predictions(
    predicted: pd.DataFrame,
    gains: pd.DataFrame,
    output: str | Path,
    *,
    scores: pd.DataFrame | None = None,
    title: str = "",
) -> tuple[Path, Path]:
    """Draw, for each method, the measured gain of the sources in the order in which it ranks them; return PNG and SVG.

    Args:
        predicted: sources x methods, larger is better; NaN, no score, comes last and is grey.
        gains: sources x seeds, in percent of the score without transfer.
        output: path of the files; its suffix, if any, is replaced.
        scores: sources x seeds, what the gains were computed from. Its order is the measured one, which that of the
            gains may differ from where seeds of the baseline do; None: the order of the gains.
        title: of the figure, such as the target.

    A good method falls from left to right. The truly best source is orange. ρ is Spearman's correlation with the
    measured order and its 95 % interval over sources. Bars are the standard deviation over seeds; a source that was not
    measured has an empty place.

    Raises:
        UserError: none of the sources has a gain, or there is no method.
    """
    gains = gains.reindex(predicted.index)
    _refuse_empty(gains)
    if predicted.columns.empty:
        raise UserError("there is no method whose predictions could be drawn; score the sources first")
    mean, spread = gains.mean(axis=1), gains.std(axis=1).fillna(0.0)
    measured = (mean if scores is None else scores.reindex(predicted.index).mean(axis=1)).dropna()
    best = measured.idxmax()
    methods = list(predicted.columns)
    sources = len(predicted)
    width = max(2.6, 0.7 + 0.2 * sources)
    across = max(1, min(len(methods), int(15 // width)))
    down = -(-len(methods) // across)
    names = 0.075 * max(len(str(source)) for source in predicted.index)
    figure = Figure(figsize=(0.4 + width * across, 0.4 + (2.3 + names) * down), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(down, across, squeeze=False, sharey=True)
    for axes in grid.flat[len(methods) :]:
        axes.set_visible(False)
    for axes, method in zip(grid.flat, methods, strict=False):
        order = predicted[method].sort_values(ascending=False, kind="stable", na_position="last")
        for place, source in enumerate(order.index):
            colour = COLOURS[1] if source == best else "0.6" if np.isnan(order.loc[source]) else COLOURS[0]
            axes.errorbar(place, mean.loc[source], spread.loc[source], fmt="o", color=colour, markersize=5, capsize=2)
        axes.axhline(0, color="0.3", linewidth=1, linestyle="--", zorder=1)
        axes.set_xticks(range(sources), [plain(str(source)) for source in order.index], rotation=90, fontsize=8)
        axes.set_xlim(-0.6, sources - 0.4)
        axes.set_title(plain(f"{method}\n{_agreement(order, measured)}"), loc="left", fontsize=9)
        _tidy(axes, "both")
    for axes in grid[:, 0]:
        axes.set_ylabel(GAIN, fontsize=9)
    figure.suptitle(plain(title), fontsize=11)
    bars = "; bars: standard deviation over seeds" if gains.shape[1] > 1 else ""
    figure.supxlabel(f"sources, the one predicted to be best on the left{bars}", fontsize=9)
    return save_figure(figure, Path(output))


def _agreement(predicted: pd.Series, measured: pd.Series) -> str:
    """Spearman's correlation and its interval, where there are such."""
    value = predicted.loc[measured.index].rank(na_option="top").corr(measured.rank())
    if np.isnan(value):
        return ""
    low, high = spearman_interval(value, len(measured))
    return f"ρ = {value:.2f}" if np.isnan(low) else f"ρ = {value:.2f} ({low:.2f} to {high:.2f})"


def spread_out(values: Array, least: float, low: float, high: float) -> Array:
    """Rising positions as near to rising values as they can be ``least`` apart, in ``low``..``high`` if there is room.

    The least squares solution, by merging neighbours that come too near into blocks (isotonic regression).
    """
    least = min(least, (high - low) / max(len(values) - 1, 1))
    shift = least * np.arange(len(values))
    blocks: list[tuple[float, int]] = []  # mean and size of values - shift, which must not fall
    for value in values - shift:
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    flat = np.concatenate([np.full(size, mean) for mean, size in blocks])
    return np.clip(flat, low, high - least * (len(values) - 1)) + shift


def _refuse_empty(gains: pd.DataFrame) -> None:
    if not gains.notna().any(axis=None):
        raise UserError("there is no gain to draw: no source was measured beside the encoder without transfer")


def _tidy(axes: Axes, grid: Any) -> None:
    axes.grid(axis=grid, color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
