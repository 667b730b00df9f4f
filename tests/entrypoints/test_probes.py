"""Several probes in one run: each is what it would be alone, with results of its own."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from transferlab.utils.config_checks import ConfigError
from transferlab.utils.errors import UserError

from .tiny_runs import TINY

DEPTHS = "probes={seed: [1, 2], model.truncate_models: [{target: 1}, {target: 2}]}"


def of_probe(run: Path, name: str) -> dict[str, float]:
    return json.loads((run / "probes" / name / "metrics.json").read_text())


@pytest.mark.parametrize("dropout", ["0.0", "0.3"])
def test_a_probe_learns_what_it_would_learn_alone(train, tmp_path, dropout):
    settings = [f"model.dropout={dropout}", "model.task_learning_rate=1e-2", "seed=1"]
    train(*settings, "probes={model.truncate_models: [{target: 1}, {target: 2}]}", "trainer.gradient_clip_val=0.5")
    for depth in (1, 2):
        place = tmp_path / f"alone{depth}"
        alone = train(
            *settings, f"+model.truncate_models.target={depth}", f"paths.output_dir={place}",
            "trainer.gradient_clip_val=0.5",
        )  # fmt: skip
        (folder,) = (tmp_path / "run" / "probes").glob(f"*target*{depth}*")
        together = of_probe(tmp_path / "run", folder.name)
        assert {name: together[name] for name in alone if name in together} == pytest.approx(
            {name: value for name, value in alone.items() if name in together}, rel=1e-4
        )
        assert {"val/loss", "test/loss", "val/conll_f1", "test/conll_f1"} <= set(together)


def test_probes_leave_results_of_runs(train, tmp_path, compose_config, corpus):
    train(DEPTHS)
    run = tmp_path / "run"
    probes = sorted((run / "probes").iterdir())
    assert len(probes) == 4
    losses = set()
    for probe in probes:
        metrics = of_probe(run, probe.name)
        losses.add(metrics["test/loss"])
        record = json.loads((probe / "job_return.json").read_text())
        assert record["status"] == "completed" and record["metrics"] == metrics
        assert f"seed={record['seed']}" in record["overrides"]
        assert not any(override.startswith("probes") for override in record["overrides"])
        assert OmegaConf.load(probe / "config_resolved.yaml").seed == record["seed"]
        assert (probe / "model" / "task.safetensors").is_file()
        baselines = json.loads((probe / "baselines.json").read_text())
        names = ["head match on gold mentions", "head match on predicted mentions"]
        assert list(baselines) == ["val", "test"] and all(list(of_stage) == names for of_stage in baselines.values())
    assert len(losses) == 4, "seeds and depths differ"

    from report import report

    table = report(
        compose_config(
            "report", f"sweeps={run}", "extras.print_config=false", f"paths.output_dir={tmp_path / 'report'}"
        )
    )["table"]
    rows = [
        line for line in Path(table).read_text().splitlines() if line.startswith("| ") and "truncate_models" in line
    ]
    assert len(rows) == 2, "a line for each depth, over two seeds"

    from evaluate import evaluate

    source = ["dataset=jsonl", f"dataset.data_dir={corpus}", f"model_name_or_path={probes[0]}", "trainer=cpu"]
    again = evaluate(
        compose_config("evaluate", *source, "extras.print_config=false", f"paths.output_dir={tmp_path / 'again'}")
    )
    assert again["test/loss"] == pytest.approx(of_probe(run, probes[0].name)["test/loss"], rel=1e-3)


def test_each_probe_is_tested_at_its_own_best_epoch(train, tmp_path):
    train("probes={seed: [1, 2, 3]}", "trainer.max_epochs=6", "model.task_learning_rate=0.05")
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert not any("encoders." in key and ".added" not in key for key in checkpoint["state_dict"])
    for name, best in checkpoint["best"].items():
        assert best["score"] == pytest.approx(of_probe(tmp_path / "run", name)["val/conll_f1"])
    assert len({best["epoch"] for best in checkpoint["best"].values()}) > 1, "else this shows little"


@pytest.mark.parametrize(
    ("probes", "message"),
    [
        ("{trainer.max_epochs: [1, 2]}", r"probes\.trainer\.max_epochs.*--multirun"),
        ("{seed: [1, 1]}", "named twice"),
        ("{sources: [nowhere]}", "nowhere"),
        ("{sources: []}", "at least one value"),
        ("ner_*", r"probes=\{sources: ner_\*\}"),
    ],
)
def test_what_probes_cannot_differ_in_is_refused(train, probes, message):
    with pytest.raises(ConfigError, match=message):
        train(f"probes={probes}")


def test_sources_of_the_experiment_that_no_probe_reads_need_not_exist(train, tmp_path):
    """``experiment=reverse_probing probes={sources: ...}`` names four others, which may not be trained yet."""
    train("sources=[nowhere]", "probes={sources: [minilm_1]}", "+trainer.limit_train_batches=1", "trainer.max_epochs=1")
    assert "test/conll_f1" in of_probe(tmp_path / "run", "minilm_1")


def test_trained_encoders_cannot_be_shared(train):
    with pytest.raises(UserError, match=r"freeze_models=all"):
        train("probes={seed: [1, 2]}", "model.freeze_models=null")


@pytest.mark.slow
def test_a_killed_sweep_is_resumed_without_repeating_what_is_finished(corpus, encoder, commands, tmp_path):
    start, run = (partial(act, "src/train.py", cwd=tmp_path) for act in (commands.start, commands.run))
    sweep = tmp_path / "sweep"
    first = start(
        "--multirun", *TINY, f"encoder={encoder}", f"dataset.data_dir={corpus}", f"hydra.sweep.dir={sweep}",
        "seed=0,1,2", "probes={model.truncate_models: [{target: 1}, {target: 2}]}", "trainer.max_epochs=8",
        "callbacks.early_stopping=null",
    )  # fmt: skip
    deadline = time.monotonic() + 200
    while not (sweep / "1" / "checkpoints" / "last.ckpt").is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    first.kill()
    first.wait()
    assert (sweep / "0" / "job_return.json").is_file() and not (sweep / "1" / "job_return.json").is_file()
    finished = {file: file.stat().st_mtime_ns for file in (sweep / "0").rglob("metrics.json")}
    step = torch.load(sweep / "1" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]

    second = run(f"resume={sweep}")
    output = second.stdout + second.stderr
    assert second.returncode == 0, output
    assert {file: file.stat().st_mtime_ns for file in (sweep / "0").rglob("metrics.json")} == finished
    assert "0 was finished before" in output
    assert 0 < step < 32 and "Restoring states from the checkpoint" in output
    assert torch.load(sweep / "1" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 32
    # other values would give the jobs other numbers, and their results other names
    third = run(f"resume={sweep}", "seed=0,2,1")
    assert third.returncode == 1 and "goes on with the overrides that it was started with" in third.stderr
    result = json.loads((sweep / "multirun_result.json").read_text())
    assert len(result["jobs"]) == 6 and all(job["status"] == "completed" for job in result["jobs"])
    assert [setting["completed"] for setting in result["settings"]] == [3, 3], "seeds of one setting count together"
