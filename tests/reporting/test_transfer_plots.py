"""Pictures of transfer: what is drawn, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from transferlab.reporting import transfer_plots
from transferlab.reporting.transfer_plots import (
    plot_gain_distribution,
    plot_gain_grid,
    plot_predictions,
    spread_out,
)
from transferlab.statistics.rankings import spearman_interval
from transferlab.utils.errors import UserError

PNG = b"\x89PNG"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    figures: list[Figure] = []
    save = transfer_plots.save_figure
    monkeypatch.setattr(
        transfer_plots, "save_figure", lambda figure, path: (figures.append(figure), save(figure, path))[1]
    )
    return figures


def grid_of(sources: int) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(sources, 2))
    return pd.DataFrame(values, index=[f"source_${n}" for n in range(sources)], columns=["coref", "ner"])


def shown(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("sources", [1, 3, 30])
def test_every_picture_is_written_twice(tmp_path: Path, sources: int) -> None:
    gains = grid_of(sources)
    for plot in (plot_gain_grid, plot_gain_distribution):
        png, svg = plot(gains, tmp_path / plot.__name__)
        assert png.read_bytes().startswith(PNG)
        assert "<svg" in svg.read_text(encoding="utf-8")
    png, svg = plot_predictions(gains, gains, tmp_path / "predictions.png", title="costs 5 $")
    assert (png.name, svg.name) == ("predictions.png", "predictions.svg")


def test_the_grid_has_a_number_per_measured_cell_and_white_at_0(tmp_path: Path, drawn: list[Figure]) -> None:
    gains = grid_of(3)
    gains.iloc[1, 0] = np.nan
    gains.iloc[0, 0] = 2.34
    plot_gain_grid(gains, tmp_path / "grid")
    axes = drawn[0].axes[0]
    assert len(shown(axes)) == 5
    assert shown(axes)[0] == "+2.3"
    assert axes.images[0].norm(0.0) == 0.5


def test_each_target_has_its_sources_by_name_and_none_hides_another(tmp_path: Path, drawn: list[Figure]) -> None:
    gains = grid_of(30)
    gains["poem"] = np.nan
    plot_gain_distribution(gains, tmp_path / "violins")
    coref, ner, poem = (axes for axes in drawn[0].axes if axes.get_visible())
    assert sorted(shown(coref)) == sorted(name.replace("$", r"\$") for name in gains.index)
    assert shown(poem) == ["not measured"]
    boxes = [text.get_window_extent() for text in ner.texts]
    heights = sorted((box.y0 + box.y1) / 2 for box in boxes)
    assert min(np.diff(heights)) > 0.9 * 7 / 72 * drawn[0].dpi  # a line of 7 points each
    assert ner.get_ylim()[0] < 0 < ner.get_ylim()[1]


def test_predictions_are_in_the_order_of_each_method(tmp_path: Path, drawn: list[Figure]) -> None:
    predicted = pd.DataFrame({"logme": [1.0, 3.0, 2.0], "leep": [2.0, np.nan, 1.0]}, index=["a", "b", "c"])
    gains = pd.DataFrame({1: [0.0, 5.0, 1.0], 2: [0.0, 7.0, 3.0]}, index=["a", "b", "c"])
    plot_predictions(predicted, gains, tmp_path / "predictions")
    logme, leep = drawn[0].axes
    assert [tick.get_text() for tick in logme.get_xticklabels()] == ["b", "c", "a"]
    assert [tick.get_text() for tick in leep.get_xticklabels()] == ["a", "c", "b"]  # without a score: last
    assert logme.get_title(loc="left") == "logme\nρ = 1.00"
    assert leep.get_title(loc="left") == "leep\nρ = -1.00"
    heights = [container[0].get_ydata()[0] for container in logme.containers]
    assert heights == [6.0, 2.0, 0.0]


def test_agreement_has_its_interval_and_is_that_of_the_scores(tmp_path: Path, drawn: list[Figure]) -> None:
    names = list("abcd")
    predicted = pd.DataFrame({"logme": [4.0, 3.0, 2.0, 1.0]}, index=names)
    scores = pd.DataFrame({1: [0.4, 0.3, 0.2, 0.1]}, index=names)
    gains = pd.DataFrame({1: [4.0, 3.0, 1.0, 2.0]}, index=names)
    plot_predictions(predicted, gains, tmp_path / "of_gains")
    plot_predictions(predicted, gains, tmp_path / "of_scores", scores=scores)
    of_gains, of_scores = (figure.axes[0].get_title(loc="left") for figure in drawn)
    low, high = spearman_interval(0.8, 4)
    assert of_gains == f"logme\nρ = 0.80 ({low:.2f} to {high:.2f})"
    assert of_scores.startswith("logme\nρ = 1.00 (")


def test_nothing_to_draw_is_refused(tmp_path: Path) -> None:
    empty = grid_of(3) * np.nan
    for plot in (plot_gain_grid, plot_gain_distribution):
        with pytest.raises(UserError, match="no gain to draw"):
            plot(empty, tmp_path / "empty")
    with pytest.raises(UserError, match="no gain to draw"):
        plot_predictions(grid_of(3), empty, tmp_path / "empty")
    with pytest.raises(UserError, match="no method"):
        plot_predictions(grid_of(3)[[]], grid_of(3), tmp_path / "empty")
    assert list(tmp_path.iterdir()) == []


def test_names_are_spread_as_little_as_needed() -> None:
    assert spread_out(np.array([0.0, 1.0, 5.0]), 1.0, -10, 10).tolist() == [0.0, 1.0, 5.0]
    assert spread_out(np.array([2.0, 2.0, 2.0]), 1.0, -10, 10).tolist() == [1.0, 2.0, 3.0]
    assert spread_out(np.array([0.0, 0.0]), 1.0, 0, 10).tolist() == [0.0, 1.0]  # not below the axes
    crowded = spread_out(np.linspace(0, 1, 50), 1.0, 0, 10)  # no room for 50: as far apart as can be
    assert np.diff(crowded) == pytest.approx(10 / 49)
