"""The space of tasks, drawn from the similarities of their embeddings: a map in two dimensions and a graph."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from transferlab.reporting.curves import COLOURS, save_figure
from transferlab.reporting.labels import place_labels
from transferlab.utils.escaping import plain

Array = np.ndarray[Any, np.dtype[np.float64]]

_STEPS = 200  # of the springs
_WIDTHS = (0.6, 4.5)  # of the edges of the least and the most similar pair drawn, in points


def plot_task_map(
    similarity: pd.DataFrame, output: str | Path, *, targets: Collection[str] = (), title: str = "task space"
) -> tuple[Path, Path]:
    """Draw tasks so that similar ones lie near each other; return the PNG and SVG written.

    Args:
        similarity: [tasks, tasks], cosines.
        output: path of the files; its suffix, if any, is replaced.
        targets: tasks to tell from the others by their colour.
        title: above the map; the share of the distances' variance that two dimensions hold is added.

    The same similarities give the same map: it is classical scaling, in which nothing is random.
    """
    places, share = task_map(similarity)
    axes = _canvas(places, f"{title}: {100 * share:.0f} % of the variance of distances")
    _draw_tasks(axes, places, similarity, targets)
    return _save(axes, output)


def plot_task_graph(
    similarity: pd.DataFrame,
    output: str | Path,
    *,
    neighbours: int = 3,
    targets: Collection[str] = (),
    title: str = "similarity of tasks",
) -> tuple[Path, Path]:
    """Draw an edge from every task to its most similar ones, the wider the more similar; return the PNG and SVG.

    Args:
        similarity: [tasks, tasks], cosines.
        output: path of the files; its suffix, if any, is replaced.
        neighbours: edges from each task; a pair has one edge, whichever of the two asks for it.
        targets: tasks to tell from the others by their colour.
        title: above the graph.
    """
    values = similarity.to_numpy(dtype=np.float64)
    edges = nearest_edges(values, neighbours)
    places = _spring_layout(task_map(similarity)[0], values, edges)
    axes = _canvas(places, f"{title}: each with its {min(neighbours, len(values) - 1)} nearest")
    weights = [values[edge] for edge in edges]
    low, high = (min(weights), max(weights)) if weights else (0.0, 0.0)
    for (i, j), weight in zip(edges, weights, strict=True):
        strength = (weight - low) / (high - low) if high > low else 1.0
        axes.plot(
            places[[i, j], 0],
            places[[i, j], 1],
            color=str(0.82 - 0.45 * strength),
            linewidth=_WIDTHS[0] + (_WIDTHS[1] - _WIDTHS[0]) * strength,
            solid_capstyle="round",
            zorder=1,
        )
    if high > low:
        shown = [(low, _WIDTHS[0], "0.82"), (high, _WIDTHS[1], "0.37")]
        lines = [Line2D([], [], color=c, linewidth=width, label=f"cosine {value:.3f}") for value, width, c in shown]
        axes.legend(handles=lines, frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2)
    _draw_tasks(axes, places, similarity, targets)
    return _save(axes, output)


def task_map(similarity: pd.DataFrame) -> tuple[Array, float]:
    """Classical scaling (Torgerson, 1952) of the distances sqrt(2 - 2 cosine) between vectors of length 1.

    Returns:
        [tasks, 2], and the share of the variance that they hold, in 0..1.
    """
    cosines = similarity.to_numpy(dtype=np.float64)
    centring = np.eye(len(cosines)) - 1 / len(cosines)
    values, vectors = np.linalg.eigh(centring @ cosines @ centring)  # -1/2 of the squared distances, centred
    values = np.maximum(values[::-1], 0.0)
    vectors = vectors[:, ::-1][:, :2]
    # an eigenvector has no sign: its largest entry is made positive
    largest = vectors[np.abs(vectors).argmax(axis=0), range(2)]
    places = vectors * np.sqrt(values[:2]) * np.where(largest < 0, -1.0, 1.0)
    total = values.sum()
    return places, float(values[:2].sum() / total) if total > 0 else 1.0


def nearest_edges(similarity: Array, neighbours: int) -> list[tuple[int, int]]:
    """Pairs (i, j), i < j, of which one is among the ``neighbours`` most similar of the other."""
    others = np.where(np.eye(len(similarity), dtype=bool), -np.inf, similarity)
    nearest = np.argsort(-others, axis=1, kind="stable")[:, : min(neighbours, len(similarity) - 1)]
    return sorted({(min(i, int(j)), max(i, int(j))) for i, row in enumerate(nearest) for j in row})


def _spring_layout(places: Array, similarity: Array, edges: list[tuple[int, int]]) -> Array:
    """Edges pull, all pairs push (Fruchterman and Reingold, 1991), beginning at ``places``; nothing is random."""
    n = len(places)
    scale = np.abs(places).max()
    # on a spiral: tasks that lie on each other, or on a line, could never be pushed apart
    angles, radii = 2.4 * np.arange(n), 0.1 * np.sqrt(np.arange(n) + 1)
    at = (places / scale if scale > 0 else places) + np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
    attraction = np.zeros((n, n))
    for i, j in edges:
        attraction[i, j] = attraction[j, i] = 1.0
    length = 1 / np.sqrt(n)
    for step in range(_STEPS):
        apart = at[:, None] - at[None]  # [n, n, 2]
        distance = np.maximum(np.linalg.norm(apart, axis=-1), 1e-3)
        force = length**2 / distance**2 - attraction * distance / length
        # a weak pull to the middle keeps parts without a common edge on the page
        move = (apart * force[..., None]).sum(axis=1) - 0.5 * at
        size = np.maximum(np.linalg.norm(move, axis=1, keepdims=True), 1e-9)
        at = at + move / size * np.minimum(size, 0.2 * (1 - step / _STEPS))
    return at - at.mean(axis=0)


def _canvas(places: Array, title: str) -> Axes:
    """Axes without ticks that hold the places with room for names."""
    side = 4.5 + 0.13 * len(places)
    figure = Figure(figsize=(1.25 * side, side))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.06, 0.96, 0.87))
    axes.set_title(plain(title), loc="left", fontsize=11)
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    half = max(float(np.ptp(places, axis=0).max()) / 2, 1e-6) * 1.18
    # one unit is as long to the right as upwards, or distances would lie
    width = half * 1.25 * 0.96 / 0.87
    axes.set_xlim(middle[0] - width, middle[0] + width)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("0.85")
    return axes


def _draw_tasks(axes: Axes, places: Array, similarity: pd.DataFrame, targets: Collection[str]) -> None:
    names = [str(name) for name in similarity.index]
    colours = [COLOURS[1] if name in targets else COLOURS[0] for name in names]
    order = sorted(range(len(names)), key=lambda task: names[task] in targets)  # targets over the others
    marked = [colours[task] for task in order]
    axes.scatter(places[order, 0], places[order, 1], s=38, c=marked, edgecolors="white", linewidths=0.8, zorder=4)
    text_colours = [COLOURS[1] if name in targets else "0.15" for name in names]
    place_labels(axes, places, names, size=9 if len(names) <= 15 else 8, colours=text_colours)


def _save(axes: Axes, output: str | Path) -> tuple[Path, Path]:
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    return save_figure(figure, Path(output))
