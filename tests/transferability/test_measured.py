"""Reading measured transfer from sweeps, as they are really written, and from tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from transferlab.callbacks.sweep_results import integrate, write_job
from transferlab.transferability.measured import measured_transfer, relative_gain
from transferlab.utils.errors import UserError


def job(
    sweep: Path,
    name: str,
    overrides: list[str],
    metrics: dict[str, float] | None,
    monitor: str = "val/f1",
    task: str = "task",
) -> None:
    directory = sweep / name
    (directory / ".hydra").mkdir(parents=True)
    (directory / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    (directory / "config_resolved.yaml").write_text(f"monitor: {monitor}\ntask_name: {task}\n")
    if metrics is not None:
        seed = next(int(o.partition("=")[2]) for o in overrides if o.startswith("seed="))
        write_job(directory, {"overrides": overrides, "seed": seed, "metrics": metrics})


def sweep_of(place: Path, monitor: str = "val/best_f1") -> Path:
    """Two sources and two seeds of one target, one job of them unfinished."""
    for n, (source, seed) in enumerate([("minilm", 1), ("minilm", 2), ("ner_3", 1), ("ner_3", 2)]):
        metrics = {"val/best_f1": 0.9, "test/f1": 0.1 * (n + 1)}
        overrides = ["experiment=wnut17", f"sources=[{source}]", f"seed={seed}"]
        job(place, str(n), overrides, metrics if n != 3 else None, monitor)
    integrate(place)
    return place


def test_a_sweep_gives_the_test_score_of_what_was_monitored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (target,) = (measured := measured_transfer(sweep_of(tmp_path))).items()
    assert target[0] == "wnut17"
    expected = pd.DataFrame(
        [[0.1, 0.2], [0.3, np.nan]],
        index=pd.Index(["minilm", "ner_3"], name="source"),
        columns=pd.Index([1, 2], name="seed"),
    )
    pd.testing.assert_frame_equal(measured["wnut17"], expected)
    assert measured["wnut17"].attrs == {"score": "test/f1"}
    assert "left out: 3 (unfinished)" in caplog.text
    assert measured_transfer(tmp_path, score="val/best_f1")["wnut17"].loc["ner_3", 1] == 0.9


def test_probes_and_several_sweeps_count_together(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for source, score in (("ner_1", 0.5), ("ner_2", float("nan"))):
        job(tmp_path / "a", f"0/probes/{source}", ["seed=1", f"sources=[{source}]"], {"val/f1": score}, task="study")
    (tmp_path / "a" / "0" / ".hydra").mkdir()
    integrate(tmp_path / "a")
    job(tmp_path / "b", "0", ["seed=2", "sources=[ner_1]", "model.ffnn_size=9"], {"val/f1": 0.6}, task="study")
    job(tmp_path / "b", "1", ["seed=2", "sources=[ner_1,re]"], {"val/f1": 0.7}, task="study")  # no transfer from one
    job(tmp_path / "b", "2", ["seed=2"], {"val/f1": 0.8}, task="study")
    integrate(tmp_path / "b")
    measured = measured_transfer([tmp_path / "a", tmp_path / "b"])
    assert list(measured) == ["study"]
    assert measured["study"].loc["ner_1"].tolist() == [0.5, 0.6]
    assert measured["study"].loc["ner_2"].isna().all()  # diverged
    assert measured["study"].attrs["score"] == "val/f1"  # there is no test split
    assert "study: not all of its jobs have model.ffnn_size=9" in caplog.text


def test_draws_of_limited_data_are_runs_of_their_own(tmp_path: Path) -> None:
    for n, (seed, draw) in enumerate([(1, 0), (1, 1), (2, 0)]):
        limited = ["datamodule.train_examples=1000", f"datamodule.select_seed={draw}"]
        overrides = ["experiment=wnut17", "sources=[ner]", f"seed={seed}", *limited]
        job(tmp_path, str(n), overrides, {"test/f1": 0.1 * (n + 1)})
    integrate(tmp_path)
    measured = measured_transfer(tmp_path)["wnut17"]
    assert measured.loc["ner"].to_dict() == pytest.approx({"1, draw 0": 0.1, "1, draw 1": 0.2, "2, draw 0": 0.3})


def test_wrong_sweeps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no multirun_result\.json"):
        measured_transfer(tmp_path)
    sweep = sweep_of(tmp_path / "a")
    with pytest.raises(UserError, match="has no score test/em; it has test/f1, val/best_f1"):
        measured_transfer(sweep, score="test/em")
    other = sweep_of(tmp_path / "b")
    (other / "0" / "job_return.json").write_text((other / "1" / "job_return.json").read_text().replace("=2", "=1"))
    integrate(other)
    content = json.loads((other / "multirun_result.json").read_text())
    content["jobs"][0]["seed"] = 1
    (other / "multirun_result.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"wnut17 from minilm, seed 1, is 0\.1 in .* and 0\.2 in .*settings differ"):
        measured_transfer([sweep, other])
    job(tmp_path / "c", "0", ["seed=1", "sources=[re]"], {"val/mse": 0.5}, "val/mse", task="complex")
    integrate(tmp_path / "c")
    with pytest.raises(UserError, match="smaller is better"):
        measured_transfer(tmp_path / "c")
    job(tmp_path / "d", "0", ["seed=1", "sources=[re]", "experiment=wnut17"], {"val/accuracy": 0.5}, "val/accuracy")
    integrate(tmp_path / "d")
    with pytest.raises(UserError, match=r"scored by test/f1, .* by val/accuracy"):
        measured_transfer([sweep, tmp_path / "d"])
    (tmp_path / "d" / "0" / "config_resolved.yaml").unlink()
    with pytest.raises(UserError, match="what it monitored is not known"):
        measured_transfer(tmp_path / "d")


def test_a_table_is_read_and_its_mistakes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "transfer.csv"
    file.write_text("target,source,seed,score\ncoref,ner,2,0.6\ncoref,ner,1,0.5\ncoref,minilm,1,0.4\npos,ner,1,0.9\n")
    measured = measured_transfer(file)
    assert list(measured) == ["coref", "pos"]
    assert measured["coref"].loc["ner"].to_dict() == {1: 0.5, 2: 0.6}
    assert np.isnan(measured["coref"].loc["minilm", 2])
    for text, said in (
        ("target,source,score\na,b,1\n", "line 1: there is no column seed"),
        ("target,source,seed,score\na,b,1,high\n", "line 2, column score: 'high' is not a number"),
        ("target,source,seed,score\na,b,1,0.5\na,b,x,0.5\n", "line 3, column seed: 'x' is not an integer"),
        ("target,source,seed,score\na,,1,0.5\n", "line 2: the column source is empty"),
        ("target,source,seed,score\na,b,1\n", "line 2: the column score is empty"),
        ("target,source,seed,score\na,b,1,0.5\na,b,1,0.6\n", r"a from b, seed 1, is 0\.5 in .*line 2 and 0\.6 in"),
        ("target,source,seed,score\n", "and no row"),
    ):
        file.write_text(text)
        with pytest.raises(UserError, match=said):
            measured_transfer(file)
    with pytest.raises(UserError, match="cannot be read"):
        measured_transfer(tmp_path / "none.csv")


def test_gains_are_relative_to_the_same_seed_where_there_is_one() -> None:
    measured = pd.DataFrame({1: [0.5, 0.6], 2: [0.4, 0.6], 3: [np.nan, 0.9]}, index=["minilm", "ner"])
    gains = relative_gain(measured, "minilm")
    assert list(gains.index) == ["ner"]
    assert gains.loc["ner"].tolist() == pytest.approx([20.0, 50.0, 100.0])
    with pytest.raises(UserError, match="no source 'bert' to gain over; the table has minilm, ner"):
        relative_gain(measured, "bert")
    with pytest.raises(UserError, match="no score above 0"):
        relative_gain(measured * 0, "minilm")
