"""Two processes compute what one does: losses, scores, probes, features, what goes on after a kill, sweeps."""

from __future__ import annotations

import csv
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from transferlab.encoders.encoder import Encoder

from .item_records import items_with_the_scores_of
from .kills import die_at, outcome
from .ranks import in_two_processes
from .tiny_runs import TINY

pytestmark = pytest.mark.usefixtures("without_pictures")

DDP = ["trainer=ddp", "trainer.accelerator=cpu"]
QUIET = [override for override in TINY if not override.startswith(("dataset", "model", "trainer.max_epochs"))]
WITHOUT_DROPOUT = [
    "model.dropout=0",
    "+model.pretrained_default_config={hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0}",
]
# Of each family the overrides, and examples for training and documents for validation and test: the last training step
# finds fewer examples than there are processes, or not as many for each, and so does the test.
FAMILIES = {
    "coreference": ([*TINY, "model.freeze_models=null"], (3, 2, 1)),
    "relations": (["experiment=re"], (3, 3, 1)),
    "token classification": (["experiment=ner"], (7, 5, 1)),
    "questions": (["experiment=squad"], (3, 1, 1)),
    "text classification": (["experiment=mrpc"], (5, 5, 5)),
    "text regression": (
        [
            "experiment=text_classification",
            "dataset=table",
            "dataset.label_kind=value",
            "model.metric=regression",
            "monitor=val/pearson",
        ],
        (3, 4, 3),
    ),
}


@pytest.fixture
def configs(compose_config, corpus, encoder, tmp_path):
    """A training config with settings under which a run takes a second."""
    rows = ["text,label", *(f"{'Ann met Bob ' * (i % 3 + 1)}.,{i % 5}" for i in range(5))]
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.csv").write_text("\n".join(rows) + "\n")

    def config(*overrides: str):
        always = ["trainer.max_epochs=2", "trainer.log_every_n_steps=1", "model.task_learning_rate=1e-2"]
        always += [override for override in QUIET if override not in overrides]
        places = {"dataset=jsonl": corpus, "dataset=table": tmp_path}
        data = [f"dataset.data_dir={place}" for name, place in places.items() if name in overrides]
        return compose_config("train", *overrides, *data, f"encoder={encoder}", *always)

    return config


def logged(run: Path) -> dict[tuple[str, str], float]:
    """Every value of metrics.csv, by step and name; learning rates and epochs too."""
    with (run / "csv/version_0/metrics.csv").open() as file:
        return {(row["step"], name): float(text) for row in csv.DictReader(file) for name, text in row.items() if text}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_scores_are_those_of_one_process(configs, compose_config, family, tmp_path):
    from evaluate import evaluate
    from train import train

    overrides, counts = FAMILIES[family]
    train_examples, validation, test = counts
    few = [
        f"datamodule.train_examples={train_examples}",
        f"datamodule.select_n.validation={validation}",
        f"datamodule.select_n.test={test}",
    ]
    whole = 4 if train_examples > 4 else 2  # the batch of all processes

    def config(name: str, size: int, *more: str):
        sizes = [f"datamodule.batch_size={size}", f"datamodule.eval_batch_size={size}"]
        settings = ["features=off", "model.bert_learning_rate=1e-3", *WITHOUT_DROPOUT]
        return configs(*overrides, *few, *settings, *sizes, f"paths.output_dir={tmp_path / name}", *more)

    def evaluation(name: str, *more: str):
        place = tmp_path / f"evaluation of {name}"
        return compose_config(
            "evaluate", f"model_name_or_path={tmp_path / name}", f"paths.output_dir='{place}'", few[2],
            "trainer.accelerator=cpu", "extras.print_config=false", "+trainer.enable_progress_bar=false", *more,
        )  # fmt: skip

    one, two = config("one", whole), config("two", whole // 2, *DDP)
    evaluations = evaluation("two"), evaluation("one", *DDP)
    train(one)
    assert in_two_processes(lambda rank: (train(two), evaluate(evaluations[1]))) == [0, 0]
    evaluate(evaluations[0])

    expected, found = logged(tmp_path / "one"), logged(tmp_path / "two")
    assert sum(name == "train/loss_step" for _, name in expected) == 4
    assert found == pytest.approx(expected, rel=2e-4, abs=1e-6)
    scores = {name: json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two")}
    assert scores["two"] == pytest.approx(scores["one"], rel=1e-4, abs=1e-6)
    for name in ("one", "two"):
        alone = json.loads((tmp_path / f"evaluation of {name}" / "metrics.json").read_text())
        assert len(alone) > 1
        assert alone == pytest.approx({key: scores[name][key] for key in alone}, rel=1e-5, abs=1e-7)
        assert (tmp_path / name / "baselines.json").is_file()
    runs = ("one", "two", "evaluation of one", "evaluation of two")
    items = [items_with_the_scores_of(tmp_path / name, "test") for name in runs]
    assert all(other.units == items[0].units and other.groups == items[0].groups for other in items)
    assert all(other.counts == pytest.approx(items[0].counts, rel=1e-3, abs=1e-4) for other in items)
    for name in ("one", "two"):
        items_with_the_scores_of(tmp_path / name, "val")


@pytest.mark.slow
def test_probes_share_a_feature_store_that_is_filled_once(configs, tmp_path, monkeypatch):
    from train import train

    settings = [*TINY, "+model.aggregate=attention", "probes={model.task_learning_rate: [1e-2, 1e-3], seed: [1, 2]}"]
    settings += WITHOUT_DROPOUT
    keep, read = Encoder.keep_features, tmp_path / "read"

    def counted(self, ids, mask, types, keys):
        read.mkdir(exist_ok=True)
        for key in keys:
            with (read / f"{key.hex()}-{os.getpid()}").open("a") as file:
                file.write("once\n")
        return keep(self, ids, mask, types, keys)

    monkeypatch.setattr(Encoder, "keep_features", counted)
    for name, size, more in (("one", 2, []), ("two", 1, DDP)):
        monkeypatch.setenv("FEATURES_DIR", str(tmp_path / f"features of {name}"))
        cfg = configs(*settings, f"datamodule.batch_size={size}", f"paths.output_dir={tmp_path / name}", *more)
        if more:
            assert in_two_processes(lambda rank, cfg=cfg: train(cfg)) == [0, 0]
        else:
            train(cfg)
    rows: dict[str, int] = {}
    for file in read.iterdir():
        if not file.name.endswith(f"-{os.getpid()}"):
            rows[file.name.partition("-")[0]] = rows.get(file.name.partition("-")[0], 0) + len(file.read_text().split())
    assert rows and set(rows.values()) == {1}
    assert logged(tmp_path / "two") == pytest.approx(logged(tmp_path / "one"), rel=2e-4, abs=1e-6)
    probes = sorted(place.name for place in (tmp_path / "one" / "probes").iterdir())
    assert len(probes) == 4
    for probe in probes:
        one, two = (json.loads((tmp_path / n / "probes" / probe / "metrics.json").read_text()) for n in ("one", "two"))
        assert "test/attention/target/mean" in one
        assert two == pytest.approx(one, rel=1e-4, abs=1e-6)
        for stage in ("val", "test"):
            of_one, of_two = (items_with_the_scores_of(tmp_path / n / "probes" / probe, stage) for n in ("one", "two"))
            assert of_two.units == of_one.units and np.array_equal(of_two.counts, of_one.counts)


@pytest.mark.slow
@pytest.mark.parametrize("more", [[], ["probes={seed: [1, 2]}"]], ids=["a model", "probes"])
def test_a_run_of_two_processes_that_is_killed_goes_on_as_if_it_was_not(configs, tmp_path, more):
    from train import train

    def run(name: str, prepare: Callable[[int], object] = lambda rank: None) -> list[int]:
        checkpoint = tmp_path / name / "checkpoints/last.ckpt"
        resumed = [f"resume={tmp_path / name}", f"ckpt_path={checkpoint}"] if checkpoint.is_file() else []
        steps = "callbacks.last_checkpoint.every_n_train_steps=1"
        place = f"paths.output_dir={tmp_path / name}"
        cfg = configs(*TINY, *DDP, *more, "+" + steps, "datamodule.batch_size=1", place, *resumed)
        return in_two_processes(lambda rank: (prepare(rank), train(cfg)))

    def kill(rank: int) -> None:  # in the second step of the second epoch
        step = "ProbeGroup" if more else "base:TransferModel"
        die_at(f"transferlab.models.{'probe_group:' if more else ''}{step}.training_step", 4)

    assert run("whole") == [0, 0]
    assert run("cut", kill) == [-signal.SIGKILL, -signal.SIGKILL]
    assert run("cut") == [0, 0]
    whole, cut = outcome(tmp_path / "whole"), outcome(tmp_path / "cut")
    assert list(cut) == list(whole)
    for name in whole:
        assert cut[name] == whole[name], name


@pytest.mark.slow
def test_each_job_of_a_sweep_has_processes_of_its_own(corpus, encoder, commands, project_root, tmp_path):
    """In the first job one process fails: all end with its message, and the second job is as if nothing had been."""
    (tmp_path / "faulty.py").write_text(
        "from pytorch_lightning import Callback\n"
        "from transferlab.utils.errors import UserError\n"
        "class Faulty(Callback):\n"
        "    def __init__(self, rank):\n        self.rank = rank\n"
        "    def on_train_batch_start(self, trainer, *arguments):\n"
        "        if trainer.global_rank == self.rank:\n            raise UserError('the disk of rank 1 is full')\n"
    )
    command = [
        "src/train.py", "--multirun", *TINY, *DDP, f"encoder={encoder}", f"dataset.data_dir={corpus}",
        f"hydra.sweep.dir={tmp_path / 'sweep'}", "+callbacks.faulty._target_=faulty.Faulty",
        "+callbacks.faulty.rank=1,2", "logger=wandb", "seed=7",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = commands.run(*command, cwd=project_root, env=environment)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).count("the disk of rank 1 is full") <= 3  # the log, the table, the message
    jobs = json.loads((tmp_path / "sweep" / "multirun_result.json").read_text())["jobs"]
    assert [job["status"] for job in jobs] == ["failed", "completed"]
    assert jobs[0]["error"] == "UserError: the disk of rank 1 is full"
    assert jobs[1]["metrics"]["test/loss"] > 0
    assert sorted(place.name for place in (tmp_path / "sweep").iterdir() if place.is_dir()) == ["0", "1"]
    for job in ("0", "1"):
        assert len(list((tmp_path / "sweep" / job / "wandb").glob("offline-run-*"))) == 1
    assert not list(project_root.glob("multirun")) and "[rank1]" not in done.stdout


@pytest.mark.slow
def test_each_trial_of_optuna_has_processes_of_its_own(corpus, encoder, commands, project_root, tmp_path):
    """Every process of a trial trains with the values of that trial, and the sweep names the better one."""
    (tmp_path / "witness.py").write_text(
        "import json\nfrom pathlib import Path\nfrom pytorch_lightning import Callback\n"
        "class Witness(Callback):\n"
        "    def __init__(self, place):\n        self.place = Path(place)\n"
        "    def on_train_end(self, trainer, model):\n"
        "        text = json.dumps([trainer.world_size, model.task_learning_rate])\n"
        "        self.place.joinpath(f'rank{trainer.global_rank}.json').write_text(text)\n"
    )
    sweep = tmp_path / "sweep"
    command = [
        "src/train.py", "--multirun", *TINY, *DDP, f"encoder={encoder}", f"dataset.data_dir={corpus}",
        f"hydra.sweep.dir={sweep}", "hparams_search=optuna", "hydra.sweeper.n_trials=2",
        "hydra.sweeper.direction=minimize", "monitor=val/loss", "monitor_mode=min", "seed=7",
        "trainer.max_epochs=1", "test=false",
        "+callbacks.witness._target_=witness.Witness", "+callbacks.witness.place=${paths.output_dir}",
    ]  # fmt: skip
    done = commands.run(*command, cwd=project_root, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    jobs = json.loads((sweep / "multirun_result.json").read_text())["jobs"]
    assert [job["status"] for job in jobs] == ["completed", "completed"]
    rates = []
    for job in jobs:
        (rate,) = (float(o.partition("=")[2]) for o in job["overrides"] if o.startswith("model.task_learning_rate="))
        for rank in range(2):
            assert json.loads((sweep / job["job"] / f"rank{rank}.json").read_text()) == [2, rate]
        rates.append(rate)
    assert rates[0] != rates[1]
    best = min(range(2), key=lambda number: jobs[number]["metrics"]["val/loss"])
    named = OmegaConf.load(sweep / "optimization_results.yaml")
    assert named.best_params == {"model.task_learning_rate": rates[best]}
    assert named.best_value == pytest.approx(jobs[best]["metrics"]["val/loss"])
