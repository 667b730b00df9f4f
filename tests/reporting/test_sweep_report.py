"""Sweeps side by side, from the files of their jobs."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from rich.console import Console

from transferlab.callbacks.sweep_results import integrate
from transferlab.reporting.sweep_plot import plot_depths, plot_sweep
from transferlab.reporting.sweep_report import report_sweeps
from transferlab.utils.errors import UserError


def job(sweep: Path, number: int, overrides: list[str], metrics: dict[str, float], status: str = "completed") -> None:
    directory = sweep / str(number)
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    (directory / "config_resolved.yaml").write_text("monitor: val/f1\n")
    record = {"status": status, "overrides": overrides, "seed": 1, "metrics": metrics}
    (directory / "job_return.json").write_text(json.dumps(record))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    place = tmp_path / "sweep"
    for number, (sources, seed, score, weights) in enumerate(
        [
            ("[ner]", 1, 0.5, {"ner": 1.0}),
            ("[ner]", 2, 0.6, {"ner": 1.0}),
            ("[ner,re_2]", 1, 0.7, {"ner": 0.25, "re_2": 0.75}),
            ("[ner,re_2]", 2, 0.7, {"ner": 0.35, "re_2": 0.65}),
        ]
    ):
        metrics = {"val/f1": 0.9, "test/f1": score} | {f"test/attention/{s}/mean": w for s, w in weights.items()}
        job(place, number, ["experiment=x", f"sources={sources}", f"seed={seed}"], metrics)
    job(place, 4, ["experiment=x", "sources=[re]", "seed=1"], {}, status="failed")
    baselines = {"val": {"head match": {"f1": 0.1}}, "test": {"head match": {"f1": 0.55, "loss": 3.0}}}
    for number in range(4):
        (place / str(number) / "baselines.json").write_text(json.dumps(baselines))
    integrate(place)
    return place


def test_settings_over_their_seeds_beside_the_baseline(sweep: Path) -> None:
    report = report_sweeps([sweep])
    assert report.metric == "test/f1" and report.baselines == {"head match": 0.55} and report.unfinished == 1
    first, second = report.settings
    assert (first.name, first.sources, first.scores) == ("ner", ["ner"], [0.5, 0.6])
    assert first.mean == pytest.approx(0.55) and first.std == pytest.approx(math.sqrt(0.005))
    assert second.name == "ner + re_2" and second.weights == pytest.approx({"ner": 0.3, "re_2": 0.7})
    lines = report.markdown().splitlines()
    assert "| setting | mean | std | runs | over head match | weights |" in lines
    assert "| ner + re_2 | 70.00 | 0.00 | 2 | +15.00 | ner 0.30  re_2 0.70 |" in lines
    assert "| head match | 55.00 |  |  |  |  |" in lines
    assert any(line.startswith("1 job has no result") for line in lines)
    assert "no intervals and no verdicts" in lines[-1] and "test.npz" in lines[-1], "these runs have kept no counts"
    with Console(record=True, width=120) as console:
        console.print(report.table())
    assert "ner + re_2" in console.export_text()


def test_another_metric_and_several_sweeps(sweep: Path, tmp_path: Path) -> None:
    report = report_sweeps([sweep, sweep], "val/f1")
    assert [setting.mean for setting in report.settings] == pytest.approx([0.9] * 2), "a sweep counts once"
    assert report.baselines == {"head match": 0.1}
    other = tmp_path / "other"
    job(other, 0, ["experiment=x", "sources=[ner]", "seed=3"], {"test/f1": 0.7})
    integrate(other)
    first, second = report_sweeps([sweep, other]).settings
    assert first.scores == [0.5, 0.6, 0.7] and first.mean == pytest.approx(0.6) and second.scores == [0.7, 0.7]


def test_baselines_are_those_of_a_setting_s_own_data(sweep: Path) -> None:
    for run in ("2", "3"):
        (sweep / run / "baselines.json").write_text(json.dumps({"test": {"head match": {"f1": 0.2}}}))
    report = report_sweeps([sweep])
    assert report.baselines == {}, "no row of its own, for it is not one number"
    assert "| ner | 55.00 | 7.07 | 2 | +0.00 | ner 1.00 |" in report.markdown()
    assert "| ner + re_2 | 70.00 | 0.00 | 2 | +50.00 | ner 0.30  re_2 0.70 |" in report.markdown()


def test_each_of_several_baselines_is_named_and_averaged_over_runs(sweep: Path) -> None:
    for number, own in enumerate((0.4, 0.5, 0.6, 0.7)):  # of the mentions that each run predicts
        baselines = {"test": {"on gold": {"f1": 0.55}, "on predicted": {"f1": own}}}
        (sweep / str(number) / "baselines.json").write_text(json.dumps(baselines))
    report = report_sweeps([sweep])
    assert [setting.baselines["on predicted"] for setting in report.settings] == pytest.approx([0.45, 0.65])
    assert report.baselines == {"on gold": 0.55}, "the other differs from setting to setting"
    lines = report.markdown().splitlines()
    assert "| setting | mean | std | runs | over on gold | over on predicted | weights |" in lines
    assert "| ner | 55.00 | 7.07 | 2 | +0.00 | +10.00 | ner 1.00 |" in lines
    assert "| ner + re_2 | 70.00 | 0.00 | 2 | +15.00 | +5.00 | ner 0.30  re_2 0.70 |" in lines
    assert "| on gold | 55.00 |  |  |  |  |  |" in lines
    (sweep / "0" / "baselines.json").write_text(json.dumps({"test": {"on gold": {"f1": 0.55}}}))  # an older run
    assert report_sweeps([sweep]).settings[0].baselines["on predicted"] == 0.5


def test_errors_are_no_percentages_and_the_smallest_baseline_is_the_best(tmp_path: Path) -> None:
    job(tmp_path, 0, ["seed=1"], {"test/mse": 0.5})
    (tmp_path / "0" / "baselines.json").write_text(json.dumps({"test": {"mean": {"mse": 0.6}, "zero": {"mse": 2.0}}}))
    integrate(tmp_path)
    assert "| all runs | 0.50 | – | 1 | -0.10 |" in report_sweeps([tmp_path], "test/mse").markdown()


def test_the_metric_by_default_is_honest_and_exists(tmp_path: Path) -> None:
    for number, metrics in enumerate(({"val/best_f1": 0.5, "test/best_f1": 0.6, "test/f1": 0.4}, {"val/best_f1": 0.5})):
        sweep = tmp_path / str(number)
        job(sweep, 0, ["seed=1"], metrics)
        (sweep / "0" / "config_resolved.yaml").write_text("monitor: val/best_f1\n")
        integrate(sweep)
    assert report_sweeps([tmp_path / "0"]).metric == "test/f1"
    assert report_sweeps([tmp_path / "1"]).metric == "val/best_f1"


def test_refusals(sweep: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no multirun_result.json: name the directory of a sweep"):
        report_sweeps([tmp_path])
    with pytest.raises(UserError, match=r"score=test/mrr: no job has it; they have .*test/f1"):
        report_sweeps([sweep], "test/mrr")


def test_pictures_are_written(sweep: Path, tmp_path: Path) -> None:
    for path in plot_sweep(report_sweeps([sweep]), tmp_path / "report"):
        assert path.stat().st_size > 1000
    assert plot_depths(report_sweeps([sweep]), tmp_path / "depths") is None
    depths = tmp_path / "by_depth"
    for number, depth in enumerate((2, 4)):
        job(depths, number, [f"sources=[ner_{depth}]", "seed=1"], {"test/f1": depth / 10})
    integrate(depths)
    drawn = plot_depths(report_sweeps([depths]), tmp_path / "depths")
    assert drawn is not None and "ner" in drawn[1].read_text(encoding="utf-8")
