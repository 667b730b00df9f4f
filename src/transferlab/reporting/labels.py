"""Names beside the points of a figure, so that no name covers another name or a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

from transferlab.utils.escaping import plain

_ANGLES = np.deg2rad([0, 180, 90, 270, 45, 135, 315, 225, 20, 160, 340, 200, 70, 110, 290, 250])
_DISTANCES = (6, 12, 20, 30, 42, 56, 72, 90, 110, 132)  # points (1/72 inch) from the middle of a marker


def place_labels(
    axes: Axes, places: np.ndarray, names: Sequence[str], *, size: float = 9, colours: Sequence[str] | None = None
) -> None:
    """Write each name as near to its point as there is room; one that is far off is joined to it by a line.

    Args:
        axes: with its limits and its place in the figure final, and a figure that has a canvas for PNG.
        places: [names, 2] in the coordinates of the axes.
        names: of the points.
        size: of the letters, in points.
        colours: of the names, one each.
    """
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    assert isinstance(figure.canvas, FigureCanvasAgg)
    renderer = figure.canvas.get_renderer()
    dots_per_point = figure.dpi / 72
    at = axes.transData.transform(places)  # [names, 2], dots
    inside = axes.get_window_extent(renderer)
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in at]
    # the crowded ones first: they have the least choice
    distances = np.linalg.norm(at[:, None] - at[None], axis=-1)
    order = np.argsort(np.sort(distances, axis=1)[:, : min(4, len(at))].sum(axis=1), kind="stable")
    for index in order:
        text = axes.text(0, 0, plain(names[index]), fontsize=size, ha="center", va="center", zorder=5)
        text.set_path_effects([withStroke(linewidth=2, foreground="white")])  # readable across an edge
        if colours is not None:
            text.set_color(colours[index])
        extent = text.get_window_extent(renderer)
        half = np.array([extent.width, extent.height]) / 2
        best, least, chosen = None, np.inf, 0.0
        for distance in _DISTANCES:
            for angle in _ANGLES:
                way = np.array([np.cos(angle), np.sin(angle)])
                middle = at[index] + way * (distance * dots_per_point + np.abs(way) * half)
                box = Bbox([middle - half - 1, middle + half + 1])
                covered = sum(_shared_area(box, other) for other in taken) + _outside_area(box, inside)
                if covered < least:
                    best, least, chosen = box, covered, distance
            if least == 0:
                break
        assert best is not None
        taken.append(best)
        middle = (best.p0 + best.p1) / 2
        text.set_position(tuple(axes.transData.inverted().transform(middle)))
        if chosen > _DISTANCES[0]:
            end = np.clip(at[index], best.p0, best.p1)  # the nearest point of the box
            line = axes.transData.inverted().transform(np.stack([at[index], end]))
            axes.plot(line[:, 0], line[:, 1], color="0.6", linewidth=0.6, zorder=2)


def _shared_area(first: Bbox, second: Bbox) -> float:
    width = min(first.x1, second.x1) - max(first.x0, second.x0)
    height = min(first.y1, second.y1) - max(first.y0, second.y0)
    return max(width, 0.0) * max(height, 0.0)


def _outside_area(box: Bbox, inside: Bbox) -> float:
    return box.width * box.height - _shared_area(box, inside)
