"""How well methods predicted transfer, as a picture: each with its interval, and every target as a point."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from transferlab.reporting.curves import COLOURS, save_figure
from transferlab.reporting.judgement_tables import MEASURES
from transferlab.utils.escaping import plain


def plot_agreement(
    judged: pd.DataFrame, output: str | Path, *, measure: str, targets: Sequence[str]
) -> tuple[Path, Path]:
    """Draw one measure of agreement of every candidate; return the PNG and SVG written.

    Args:
        judged: rows by target and candidate, with the measure, its ``_low`` and ``_high``; with several targets also
            rows of means, under a name that is no target's.
        output: path of the files; its suffix, if any, is replaced.
        measure: one of ``MEASURES``.
        targets: their names.

    The large point is the mean over targets, or the only target; the bar is its 95 % interval, which not all have.
    """
    shown = MEASURES[measure]
    values = shown.factor * judged[[measure, f"{measure}_low", f"{measure}_high"]]
    means = [name for name in judged.index.get_level_values("target").unique() if name not in targets]
    large = pd.DataFrame(values.xs((means or list(targets))[0], level="target")).iloc[::-1]  # the first on top
    figure = Figure(
        figsize=(4.6 + 0.075 * max(len(str(name)) for name in large.index), 1.1 + 0.26 * len(large)),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = []
    for place, (method, row) in enumerate(large.iterrows()):
        name = str(method)
        if means:
            single = values.xs(method, level="method")[measure].reindex(list(targets)).to_numpy(dtype=np.float64)
            axes.plot(single, [place] * len(single), "o", color="0.25", markersize=3, zorder=4)
            scored = int((~np.isnan(single)).sum())
            name += f" ({scored} of {len(targets)})" if scored < len(targets) else ""
        value, low, high = row.to_numpy(dtype=np.float64)
        axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=1.6, solid_capstyle="butt", zorder=2)
        axes.plot([value], [place], "o", color=COLOURS[0], markersize=7, zorder=3)
        names.append(plain(name))
    axes.set_yticks(range(len(large)), names, fontsize=9)
    axes.set_ylim(-0.6, len(large) - 0.4)
    left, right = axes.get_xlim()
    margin = 0.03 * (min(right, shown.most) - max(left, shown.least))
    axes.set_xlim(max(left, shown.least - margin), min(right, shown.most + margin))
    axes.grid(axis="x", color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(shown.heading, fontsize=9)
    bars = "bars: 95 % intervals" if large.iloc[:, 1:].notna().any(axis=None) else "no intervals: too few targets"
    title = f"mean of {len(targets)} targets; small points: each" if means else str(targets[0])
    axes.set_title(plain(f"{title}; {bars}"), loc="left", fontsize=10)
    return save_figure(figure, Path(output))
