"""What all reports share, and figures on disk."""

from transferlab.reporting.document_report import DocumentReport
from transferlab.reporting.figures import count_figure, length_figure


def test_figures_lie_beside_the_markdown_that_shows_them(tmp_path):
    figures = {
        "lengths": length_figure({"text": [1, 2, 2, 40], "question": [3]}, "words"),
        "labels": count_figure({"a$b$": 3, "c_d": 1}, "gold label"),
    }
    report = DocumentReport({}, [], "text\n", figures)
    assert "![lengths](lengths.png)" in report.markdown() and report.markdown().startswith("text\n")
    paths = report.write_figures(tmp_path / "run")
    assert paths == [tmp_path / "run" / "lengths.png", tmp_path / "run" / "labels.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert sorted(tmp_path.glob("run/*")) == sorted(paths), "nothing else is left"
    heights = [bar.get_height() for bar in figures["lengths"].axes[0].patches]
    assert sum(heights) == 4


def test_reports_without_figures_write_none(tmp_path):
    report = DocumentReport({}, [], "text\n")
    assert report.write_figures(tmp_path) == [] and report.markdown() == "text\n"
