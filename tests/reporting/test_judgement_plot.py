"""The picture of agreement: points, intervals and how many targets each has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from transferlab.reporting import judgement_plot
from transferlab.reporting.judgement_plot import plot_agreement

COLUMNS = ["spearman", "spearman_low", "spearman_high"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    figures: list[Figure] = []
    save = judgement_plot.save_figure
    monkeypatch.setattr(
        judgement_plot, "save_figure", lambda figure, path: (figures.append(figure), save(figure, path))[1]
    )
    return figures


def table(rows: dict[tuple[str, str], list[float]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)
    return frame.set_axis(pd.MultiIndex.from_tuples(rows, names=["target", "method"]), axis="index")


def test_means_have_their_intervals_and_the_targets_small(tmp_path: Path, drawn: list[Figure]) -> None:
    judged = table(
        {
            ("a", "knn"): [0.5, np.nan, np.nan],
            ("a", "leep"): [0.1, np.nan, np.nan],
            ("b", "knn"): [0.9, np.nan, np.nan],
            ("mean", "knn"): [0.7, 0.2, 1.2],
            ("mean", "leep"): [0.1, np.nan, np.nan],
        }
    )
    png, svg = plot_agreement(judged, tmp_path / "agreement", measure="spearman", targets=["a", "b"])
    assert png.stat().st_size > 1000 and svg.name == "agreement.svg"
    axes = drawn[0].axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["leep (1 of 2)", "knn"]
    knn = [list(line.get_xdata()) for line in axes.lines if set(line.get_ydata()) == {1}]
    assert knn == [[0.5, 0.9], [0.2, 1.2], [0.7]]
    assert axes.get_xlim()[1] < 1.1, "there is no correlation above 1"


def test_one_target_is_drawn_alone(tmp_path: Path, drawn: list[Figure]) -> None:
    judged = table({("costs 5 $", "knn"): [0.7, np.nan, np.nan]})
    plot_agreement(judged, tmp_path / "agreement", measure="spearman", targets=["costs 5 $"])
    axes = drawn[0].axes[0]
    assert axes.get_title(loc="left") == r"costs 5 \$; no intervals: too few targets"
    assert [list(line.get_xdata()) for line in axes.lines][1:] == [[0.7]]
