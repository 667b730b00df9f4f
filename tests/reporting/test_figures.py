"""Figures of counts and lengths, whole on disk or not at all."""

import pytest

from transferlab.reporting.figures import MOST_BARS, count_figure, length_figure, write_png


def test_every_kind_of_text_has_its_histogram():
    figure = length_figure({"text": [1, 2, 2, 40], "question": [3]}, "words")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["text: 4", "question: 1"]
    assert [sum(bar.get_height() for bar in axes.patches) for axes in figure.axes] == [4, 1]
    assert {axes.get_xlabel() for axes in figure.axes} == {"words"}


def test_a_figure_that_cannot_be_drawn_leaves_nothing(tmp_path, monkeypatch):
    figure = count_figure({"a": 1}, "title")
    monkeypatch.setattr(figure, "savefig", lambda partial, **options: (partial.write_text("half"), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        write_png(figure, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_of_very_many_labels_the_first_are_drawn():
    figure = count_figure({f"label {n}": 1 for n in range(100)}, "gold tags")
    assert len(figure.axes[0].patches) == MOST_BARS
    assert "the first 40 of 100" in figure.axes[0].get_title(loc="left")
