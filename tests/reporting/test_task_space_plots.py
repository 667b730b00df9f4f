"""The map of tasks and the graph of their similarities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferlab.reporting.task_space_plots import nearest_edges, plot_task_graph, plot_task_map, task_map


def similarities(tasks: int, size: int = 20) -> pd.DataFrame:
    vectors = np.random.default_rng(0).normal(size=(tasks, size)) + 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = [f"task_{n}" for n in range(tasks)]
    return pd.DataFrame(vectors @ vectors.T, index=names, columns=names)


def test_a_map_of_tasks_on_a_circle_keeps_their_distances() -> None:
    angles = np.array([0.0, 0.4, 1.0, 2.5])
    cosines = np.cos(angles[:, None] - angles[None])
    places, share = task_map(pd.DataFrame(cosines))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert distances == pytest.approx(np.sqrt(np.maximum(2 - 2 * cosines, 0)), abs=1e-7)
    assert share == pytest.approx(1.0)
    same, share = task_map(pd.DataFrame(np.ones((3, 3))))
    assert same == pytest.approx(np.zeros((3, 2)), abs=1e-6)
    assert share == pytest.approx(1.0)


def test_edges_are_those_of_the_nearest() -> None:
    similarity = np.array([[1, 0.9, 0.1, 0.2], [0.9, 1, 0.3, 0.1], [0.1, 0.3, 1, 0.2], [0.2, 0.1, 0.2, 1]])
    assert nearest_edges(similarity, 1) == [(0, 1), (0, 3), (1, 2)]
    assert len(nearest_edges(similarity, 9)) == 6


@pytest.mark.parametrize("tasks", [2, 3, 30])
@pytest.mark.parametrize("plot", [plot_task_map, plot_task_graph])
def test_the_same_similarities_give_the_same_picture(tmp_path: Path, plot, tasks: int) -> None:
    similarity = similarities(tasks)
    _, first = plot(similarity, tmp_path / "first", targets=["task_0"])
    png, second = plot(similarity, tmp_path / "second.png", targets=["task_0"])
    assert first.read_bytes() == second.read_bytes()
    assert png.read_bytes().startswith(b"\x89PNG")


def test_tasks_that_are_all_alike_are_drawn(tmp_path: Path) -> None:
    names = list("abc")
    alike = pd.DataFrame(np.ones((3, 3)), index=names, columns=names)
    for plot in (plot_task_map, plot_task_graph):
        assert plot(alike, tmp_path / plot.__name__)[0].is_file()
