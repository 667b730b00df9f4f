"""Names in a figure that cover neither each other nor a point."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from transferlab.reporting.labels import place_labels
from transferlab.utils.escaping import plain


def test_names_of_a_crowd_do_not_overlap() -> None:
    figure = Figure(figsize=(8, 6))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-1, 1)
    axes.set_ylim(-1, 1)
    places = np.random.default_rng(0).normal(scale=0.15, size=(25, 2))
    names = [f"a_long_name_{n}" for n in range(25)]
    place_labels(axes, places, names, size=8)
    assert sorted(text.get_text() for text in axes.texts) == sorted(names)
    boxes = [text.get_window_extent() for text in axes.texts]
    points = axes.transData.transform(places)
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])
        assert not any(box.contains(*point) for point in points)
        assert axes.get_window_extent().containsx(box.x0) and axes.get_window_extent().containsx(box.x1)


def test_a_single_point_has_its_name_beside_it() -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    place_labels(axes, np.array([[0.5, 0.5]]), ["ner"], colours=["red"])
    (text,) = axes.texts
    assert text.get_color() == "red"
    assert text.get_position()[0] > 0.5
    assert not axes.lines


def test_a_dollar_sign_is_no_formula() -> None:
    assert plain("5 $ and 6 $") == r"5 \$ and 6 \$"
