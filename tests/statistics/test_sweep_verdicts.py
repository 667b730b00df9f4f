"""Verdicts on sweeps are those of the counts that their runs have kept; folds pool; what cannot be judged says why."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from transferlab.callbacks.sweep_results import integrate
from transferlab.reporting.sweep_plot import plot_depths, plot_sweep
from transferlab.reporting.sweep_report import report_sweeps
from transferlab.statistics.item_files import item_file, write_items
from transferlab.statistics.items import ItemCounts
from transferlab.statistics.scores import ratio_score
from transferlab.statistics.sweep_verdicts import COLUMNS, Run, by_setting, find_setting, judge_runs, plain
from transferlab.statistics.verdicts import Verdict, compare
from transferlab.utils.errors import UserError

ACCURACY = {"kind": "glue", "names": ["accuracy"], "positive": "1"}
ITEMS = 400


def right(seed: int, setting: int, share: float, fold: str = "") -> ItemCounts:
    """Answers that are right with a probability, for items that are hard or easy for all."""
    hardness = np.random.default_rng(0).normal(size=ITEMS)
    draw = np.random.default_rng((seed, setting))
    answers = (hardness + draw.normal(size=ITEMS) < np.quantile(hardness, share)).astype(float)
    units = tuple(f"{fold}item {number}" for number in range(ITEMS))
    return ItemCounts("test", units, ("right", "items"), np.stack([answers, np.ones(ITEMS)], axis=1))


def sweep_of(place: Path, shares: dict[str, float], seeds: tuple[int, ...], folds: tuple[str, ...] = ()) -> Path:
    """A finished sweep with the counts of its runs, as train.py leaves it."""
    number = 0
    for setting, (source, share) in enumerate(shares.items()):
        for seed in seeds:
            for fold in folds or ("",):
                run = place / str(number)
                (run / ".hydra").mkdir(parents=True)
                given = [f"sources=[{source}]", f"seed={seed}", *([f"dataset.fold={fold}"] if fold else [])]
                (run / ".hydra" / "overrides.yaml").write_text(json.dumps(given))
                (run / "config_resolved.yaml").write_text("monitor: val/accuracy\n")
                items = right(seed, setting + 10 * number * bool(fold), share, fold)
                write_items(item_file(run, "test"), items, ACCURACY)
                metrics = {"test/accuracy": float(items.counts[:, 0].mean()), "test/loss": 1.0}
                record = {"status": "completed", "overrides": given, "seed": seed, "metrics": metrics}
                (run / "job_return.json").write_text(json.dumps(record))
                number += 1
    integrate(place)
    return place


def test_a_report_says_what_the_records_say(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path / "sweep", {"none": 0.5, "good_2": 0.9, "same": 0.5}, (1, 2, 3))
    report = report_sweeps([sweep], baseline="none")
    runs = {
        name: {str(seed): right(seed, setting, share) for seed in (1, 2, 3)}
        for setting, (name, share) in enumerate({"none": 0.5, "good_2": 0.9, "same": 0.5}.items())
    }
    expected = compare(runs, "none", ratio_score("accuracy", "right", "items"))
    assert not isinstance(report.verdicts, str)
    assert repr(report.verdicts.comparisons) == repr(expected)
    assert [c.verdict for c in expected] == [Verdict.BASELINE, Verdict.BETTER, Verdict.NOT_SEEN]
    for setting, comparison in zip(report.settings, expected, strict=True):
        assert comparison.mean.value == pytest.approx(setting.mean)
    text = report.markdown()
    assert f"| setting | mean | ± 95 % | std | {' | '.join(COLUMNS[2:])} |" in text
    (row,) = [line for line in text.splitlines() if line.startswith("| good_2 ")]
    better = expected[1]
    half = (better.difference.high - better.difference.low) / 2
    assert f"| {100 * better.difference.value:+.2f} | {100 * half:.2f} | better |" in row
    assert f"| {100 * better.minimum_detectable_effect:.2f} |" in row
    assert "400 items" in text and "2 comparisons" in text and "Holm" in text
    with Console(record=True, width=120) as console:
        console.print(report.table())
    assert "better" in console.export_text()
    for path in plot_sweep(report, tmp_path / "report"):
        assert path.stat().st_size > 1000
    assert plot_depths(report, tmp_path / "depths") is None
    other = report_sweeps([sweep], baseline="good").verdicts
    assert not isinstance(other, str) and [c.verdict for c in other.comparisons] == ["worse", "reference", "worse"]


def test_a_report_says_which_settings_were_compared_over_other_seeds(tmp_path: Path) -> None:
    shares = {"none": 0.5, "lost": 0.6, "other": 0.6}
    sweep = sweep_of(tmp_path / "sweep", shares, (1, 2, 3, 4))
    failed = json.loads((sweep / "7" / "job_return.json").read_text()) | {"status": "failed", "error": "x"}
    (sweep / "7" / "job_return.json").write_text(json.dumps(failed))
    for number in range(8, 12):
        file = sweep / str(number) / "job_return.json"
        text = file.read_text().replace('"seed=', '"seed=1').replace('"seed": ', '"seed": 1')
        file.write_text(text)
    integrate(sweep)
    text = report_sweeps([sweep], baseline="none").markdown()
    assert "compared over the 3 seeds that the reference has, too" in text
    assert "as independent runs, which tells less: " in text


def test_a_finished_sweep_has_its_verdicts_in_its_result(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path / "sweep", {"none": 0.5, "good": 0.7}, (1, 2, 3))
    written = json.loads((sweep / "multirun_result.json").read_text())["verdicts"]
    assert written["baseline"] == "sources=[none]" and written["metric"] == "test/accuracy"
    assert [c["verdict"] for c in written["comparisons"]] == ["reference", "better"]
    assert 0.1 < written["comparisons"][1]["difference"]["value"] < 0.3, "a fraction"
    assert "## Verdicts" in (sweep / "multirun_result.md").read_text()
    (sweep / "0" / "job_return.json").unlink()  # a job goes on: who looks again and again sees wins that are none
    integrate(sweep)
    assert json.loads((sweep / "multirun_result.json").read_text())["verdicts"] is None
    assert "## Verdicts" not in (sweep / "multirun_result.md").read_text()


def test_few_seeds_get_no_verdict_and_the_report_says_so(tmp_path: Path) -> None:
    for seeds, said in (((1,), "One seed (all settings)"), ((1, 2), "takes 3 seeds")):
        report = report_sweeps([sweep_of(tmp_path / str(len(seeds)), {"none": 0.5, "good": 0.7}, seeds)])
        assert not isinstance(report.verdicts, str)
        assert report.verdicts.comparisons[1].verdict is Verdict.FEW_SEEDS
        text = report.markdown()
        assert said in text and "Holm" not in text and "'detectable'" not in text
        assert np.isnan(report.verdicts.comparisons[1].minimum_detectable_effect)


def test_a_reference_of_one_seed_leaves_the_means_of_others_over_seeds(tmp_path: Path) -> None:
    sweeps = [
        sweep_of(tmp_path / "one", {"none": 0.5}, (1,)),
        sweep_of(tmp_path / "many", {"good": 0.9, "same": 0.5}, (1, 2, 3)),
    ]
    text = report_sweeps(sweeps).markdown()
    assert "One seed (none)" in text and "it has one seed" in text and "crossed random effects" in text


def test_folds_of_a_cross_validation_pool(tmp_path: Path) -> None:
    shares = {"none": 0.5, "good": 0.7}
    sweep = sweep_of(tmp_path / "folds", shares, (1, 2, 3), ("0", "1"))
    report = report_sweeps([sweep])
    assert not isinstance(report.verdicts, str)
    assert (report.verdicts.items, report.verdicts.folds) == (2 * ITEMS, 2)
    assert [c.seeds for c in report.verdicts.comparisons] == [3, 3] and len(report.settings) == 2
    assert "2 folds pooled" in report.markdown()
    assert report.mean(report.settings[1]) == report.verdicts.comparisons[1].mean.value
    assert all(path.stat().st_size > 1000 for path in plot_sweep(report, tmp_path / "folds.png"))
    mean = np.mean(report.settings[1].scores)
    assert report.verdicts.comparisons[1].mean.value == pytest.approx(mean)
    (sweep / "11" / "job_return.json").unlink()
    integrate(sweep)
    assert "dataset.fold=1" in report_sweeps([sweep]).markdown(), "the last seed of the last setting lacks a fold"


def test_what_cannot_be_judged_says_why(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path / "sweep", {"none": 0.5, "good": 0.7}, (1, 2, 3))
    assert "test/loss is no score of single items" in report_sweeps([sweep], "test/loss").markdown()
    with pytest.raises(UserError, match=r"baseline=nnoe.*none"):
        report_sweeps([sweep], baseline="nnoe")
    with pytest.raises(UserError, match=r"several.*'a b', 'a c'"):
        find_setting("a", ["a b", "a c"])
    runs = {"a": [Run(sweep / "0", 1)], "b": [Run(sweep / "3", 1)]}
    write_items(item_file(sweep / "3", "test"), right(1, 1, 0.7), {"kind": "tags"})
    with pytest.raises(UserError, match=r"different scores.*metric"):
        judge_runs(runs, "test/accuracy")
    write_items(item_file(sweep / "3", "test"), right(1, 1, 0.7, "other "), ACCURACY)
    with pytest.raises(UserError, match="only runs on the same items"):
        judge_runs(runs, "test/accuracy")
    with pytest.raises(UserError, match=r"a, seed 1.*a copy is no further seed"):
        judge_runs({"a": [*runs["a"], Run(sweep / "1", 1)]}, "test/accuracy")
    with pytest.raises(UserError, match=r"accuracy 0.5.*logged 0.9"):
        judge_runs({"a": [Run(sweep / "0", 1, score=0.9)]}, "test/accuracy")
    items = right(1, 1, 0.7)
    write_items(item_file(sweep / "3", "test"), ItemCounts("val", items.units, items.columns, items.counts), ACCURACY)
    with pytest.raises(UserError, match=r"counts of 'val'"):
        judge_runs(runs, "test/accuracy")


def test_one_run_that_diverged_leaves_the_other_settings_their_verdicts(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path / "sweep", {"none": 0.5, "good": 0.9, "gone": 0.5}, (1, 2, 3))
    record = json.loads((sweep / "7" / "job_return.json").read_text())
    record["metrics"]["test/accuracy"] = "nan"
    (sweep / "7" / "job_return.json").write_text(json.dumps(record))
    item_file(sweep / "7", "test").unlink()
    integrate(sweep)
    report = report_sweeps([sweep])
    assert not isinstance(report.verdicts, str)
    assert [str(c.verdict) for c in report.verdicts.comparisons] == ["reference", "better", "undefined"]
    assert "diverged" in report.markdown()
    assert all(path.stat().st_size > 1000 for path in plot_sweep(report, tmp_path / "report"))
    written = json.loads((sweep / "multirun_result.json").read_text())["verdicts"]
    assert [c["verdict"] for c in written["comparisons"]] == ["reference", "better", "undefined"]


def test_settings_are_told_apart_by_what_they_are_and_not_by_how_they_were_typed(tmp_path: Path) -> None:
    ways = [
        ["a=1", "b=2", "seed=1"],
        ["+b=2", "++seed=2", "a=1"],
        ['sources=["x", y]', "seed=1"],
        ["sources=[x,y]", "seed=2"],
    ]
    jobs = [(Path(str(number)), {"overrides": overrides}) for number, overrides in enumerate(ways)]
    groups = by_setting(jobs)
    assert list(groups) == [("a=1", "b=2"), ("sources=[x,y]",)]
    assert [[place.name for place, _ in members] for members in groups.values()] == [["0", "1"], ["2", "3"]]
    assert plain("+x='a b'") == "x='a b'" and plain("x=1,2") == "x=1,2"


def test_equal_runs_are_called_the_same(tmp_path: Path) -> None:
    sweep = sweep_of(tmp_path / "sweep", {"none": 0.5}, (1, 2, 3))
    again = {name: [Run(sweep / str(number), number) for number in range(3)] for name in ("a", "b")}
    judged = judge_runs(again, "test/accuracy")
    assert judged.comparisons[1].verdict is Verdict.SAME
    assert judged.cells(judged.comparisons[1])[-2:] == ["the same", "–"]


def test_classes_that_one_run_alone_knows_count_for_all(tmp_path: Path) -> None:
    description = {"kind": "glue", "names": ["macro_f1"], "positive": "1"}
    counts = {
        "a": (("x correct", "x predicted", "x gold"), [[1, 1, 1], [0, 1, 1]]),
        "b": (("y correct", "y predicted", "y gold", "x correct", "x predicted", "x gold"),
              [[0, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 1]]),
    }  # fmt: skip
    for name, (columns, rows) in counts.items():
        items = ItemCounts("test", ("u", "v"), columns, np.array(rows, dtype=float))
        write_items(item_file(tmp_path / name, "test"), items, description)
    judged = judge_runs({name: [Run(tmp_path / name, 1)] for name in counts}, "test/macro_f1")
    assert [c.mean.value for c in judged.comparisons] == pytest.approx([1 / 2, 2 / 3])
