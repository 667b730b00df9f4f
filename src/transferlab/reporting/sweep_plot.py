"""A sweep as a picture: scores of settings with every run, learned weights, and scores over depth."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from transferlab.reporting.curves import COLOURS, save_figure
from transferlab.reporting.sweep_report import Setting, SweepReport
from transferlab.utils.escaping import plain

_DEPTH = re.compile(r"(?P<source>.+)_(?P<depth>[0-9]+)")


def plot_sweep(report: SweepReport, output: str | Path) -> tuple[Path, Path]:
    """Draw a report; return the PNG and SVG written.

    Left: mean and interval per setting, or its spread where there are no verdicts, every run a dot, baselines as lines.
    Right, where attention was used: the mean weight of each source.
    """
    weighted = any(setting.weights for setting in report.settings)
    height = 1.2 + 0.42 * len(report.settings)
    figure = Figure(figsize=(11 if weighted else 7, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2 if weighted else 1, squeeze=False, sharey=True)[0]
    _draw_scores(axes[0], report)
    if weighted:
        _draw_weights(axes[1], report.settings)
    return save_figure(figure, Path(output))


def plot_depths(report: SweepReport, output: str | Path) -> tuple[Path, Path] | None:
    """Draw the score of single sources over the number of layers; None where no source comes at two depths."""
    curves: dict[str, list[tuple[int, Setting]]] = {}
    for setting in report.settings:
        match = _DEPTH.fullmatch(setting.sources[0]) if len(setting.sources) == 1 else None
        if match:
            curves.setdefault(match["source"], []).append((int(match["depth"]), setting))
    if all(len(points) < 2 for points in curves.values()):
        return None
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    colours = COLOURS * (1 + len(curves) // len(COLOURS))
    for place, (colour, (source, points)) in enumerate(zip(colours, curves.items(), strict=False)):
        points.sort(key=lambda point: point[0])
        aside = 0.04 * (place - (len(curves) - 1) / 2)  # so that no bar hides another
        depths = [depth + aside for depth, _ in points]
        means = [report.scale * report.mean(setting) for _, setting in points]
        axes.errorbar(
            depths,
            means,
            np.hstack([_arms(report, setting) for _, setting in points]),
            color=colour,
            label=plain(source),
            capsize=3,
        )
    _draw_baselines(axes, report, vertical=False)
    axes.set_xlabel("layers")
    axes.set_ylabel(plain(f"{_unit(report)}: mean and {_spread(report)}"))
    axes.set_xticks(sorted({depth for points in curves.values() for depth, _ in points}))
    _tidy(axes)
    axes.legend(frameon=False, fontsize=9)
    return save_figure(figure, Path(output))


def _draw_scores(axes: Axes, report: SweepReport) -> None:
    places = range(len(report.settings))
    for place, setting in zip(places, report.settings, strict=True):
        axes.errorbar(
            report.scale * report.mean(setting),
            place,
            xerr=_arms(report, setting),
            color=COLOURS[0],
            fmt="o",
            capsize=3,
            markersize=6,
        )
        axes.plot(
            [report.scale * s for s in setting.scores], [place] * len(setting.scores), ".", color="0.35", markersize=4
        )
    _draw_baselines(axes, report, vertical=True)
    axes.set_yticks(list(places), [plain(setting.name) for setting in report.settings])
    axes.set_ylim(len(report.settings) - 0.4, -0.6)  # the first setting on top
    axes.set_xlabel(f"{plain(_unit(report))}: mean and {_spread(report)}, every run a dot")
    _tidy(axes)


def _draw_baselines(axes: Axes, report: SweepReport, vertical: bool) -> None:
    draw = axes.axvline if vertical else axes.axhline
    for name, score in report.baselines.items():
        draw(report.scale * score, color=COLOURS[1], linestyle="--", linewidth=1, label=plain(name))
    if report.baselines and vertical:
        axes.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 1.0))


def _draw_weights(axes: Axes, settings: Sequence[Setting]) -> None:
    sources = list(dict.fromkeys(source for setting in settings for source in setting.weights))
    for place, setting in enumerate(settings):
        left = 0.0
        for source, weight in setting.weights.items():
            axes.barh(place, weight, left=left, color=COLOURS[sources.index(source) % len(COLOURS)], height=0.55)
            if weight > 0.15:
                axes.text(
                    left + weight / 2, place, f"{source} {weight:.2f}", ha="center", va="center", color="w", size=8
                )
            left += weight
    axes.set_xlim(0, 1)
    axes.set_xlabel("mean weight of each source")
    _tidy(axes)


def _arms(report: SweepReport, setting: Setting) -> NDArray[np.float64]:
    """How far what is drawn reaches to both sides of the mean [2, 1]: its interval, or its spread over the runs."""
    comparison = report.judged(setting)
    arms = [setting.std or 0] * 2
    if comparison is not None:
        mean = comparison.mean
        arms = [mean.value - mean.low, mean.high - mean.value]
    return report.scale * np.nan_to_num(np.array(arms))[:, None]


def _spread(report: SweepReport) -> str:
    return "standard deviation" if isinstance(report.verdicts, str) else "95 % interval"


def _unit(report: SweepReport) -> str:
    return report.metric if report.is_error else f"{report.metric}, %"


def _tidy(axes: Axes) -> None:
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
