"""Command lines that Hydra refuses, directories that are not those of runs, and places that cannot be written."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .conftest import CONFIGS
from .faults import Fault, Refusal, rows

LINES = rows(
    ("dataset=litbnk", "dataset=litbnk", "did you mean litbank"),
    ("model=corefrence", "model=corefrence", "did you mean coreference"),
    ("experiment=nr", "experiment=nr", "ner"),
    ("experiment=[ner,prbing]", "experiment=prbing", "did you mean probing"),
    ("experiment=[probing,ner]", "experiment=[ner,probing]"),
    ("experiment=[ner,mrpc]", "ner and mrpc", "--multirun experiment=ner,mrpc"),
    ("experiment=ner model=coreference", "CoreferenceBatch", "TokenBatch"),
    ("experiment=squad model=classification", "ClassificationBatch", "QuestionBatch"),
    ("--mulitrun seed=1,2", "--mulitrun", "did you mean --multirun"),
    ("seed=1 --confg-name=x", "--confg-name=x", "did you mean --config-name"),
    ("-x seed=1", "-x", "--multirun"),
    ("trainer=gpuu", "trainer=gpuu", "did you mean gpu"),
    ("logger=wnadb", "logger=wnadb", "did you mean wandb"),
    ("callbacks=defualt", "callbacks=defualt", "did you mean default"),
    ("hydra/launcher=slrm", "hydra/launcher=slrm", "did you mean slurm"),
    ("+grd=transfer", "grd", "did you mean grid"),
    ("model.dropuot=1", "model.dropuot", "did you mean model.dropout"),
    ("modle.dropout=1", "modle", "did you mean model"),
    ("sede=1", "sede", "did you mean seed"),
    ("+sede=1", "sede", "did you mean seed"),
    ("monitor=${nothing}", "nothing"),
    ("model.dropout=${modle.dropout}", "modle.dropout"),
    ("model.dropout=[1", "model.dropout=[1"),
    ("seed", "seed"),
    ("seed=1,2", "seed=1,2", "--multirun"),
    ("~nothing", "nothing"),
    ("model=3", "model=3", "coreference"),
    ("wandb_watch=true", "wandb_watch=true"),
    ("extras=[1]", "extras=[1]", "default"),
    ("extras=null extras.print_config=false", "extras=null", "extras.print_config=false"),
    ("~callbacks callbacks.early_stopping.patience=3", "~callbacks", "callbacks.early_stopping.patience=3"),
    ("model.pretrained_models=[x]", "model.pretrained_models=[x]", "mapping"),
    ("+callbacks.foo._target_=os.system", "callbacks.foo._target_=os.system"),
    ("+logger.foo._target_=builtins.eval", "logger.foo._target_=builtins.eval"),
    ("datamodule.batch_size=???", "datamodule.batch_size=???"),
    ("logger=null seed=-3", "seed=-3"),
    ("callbacks=null seed=-3", "seed=-3"),
    ("local=laptop", "local=laptop", "local/laptop.yaml"),
    ("save_every_epoch=true callbacks.epoch_models=null", "save_every_epoch=true", "callbacks.epoch_models"),
    ("trainer.min_epochs=3 trainer.max_epochs=2", "trainer.min_epochs=3", "trainer.max_epochs=2"),
    ("+trainer.min_steps=5 trainer.max_steps=4", "trainer.min_steps=5", "trainer.max_steps=4"),
    ("model.warmup_steps=5 model.warmup_proportion=0.2", "model.warmup_steps=5", "model.warmup_proportion=0.2"),
    ("datamodule.select_by=first datamodule.select_seed=1", "datamodule.select_by=first", "datamodule.select_seed=1"),
    ("model.higher_order=cluster_merging model.coref_depth=3", "model.coref_depth=3", "cluster_merging"),
    ("model.false_new_delta=1.0", "model.false_new_delta=1.0", "model.loss_type=hinge"),
    ("model.cluster_dloss=true model.higher_order=span_clustering", "model.cluster_dloss=true", "cluster_merging"),
    ("++model.cluster_ffnn_size=8", "model.cluster_ffnn_size=8", "model.higher_order=cluster_merging"),
    ("save_every_epoch=true callbacks=null", "save_every_epoch=true", "callbacks.epoch_models"),
)  # fmt: skip
SEARCHES = rows(
    ("monitor=val/loss monitor_mode=min", "hydra.sweeper.direction=maximize", "optimized_metric=val/loss", "minimize"),
    ("optimized_metric=test/loss", "hydra.sweeper.direction=maximize", "optimized_metric=test/loss"),
    ("hydra.sweeper.direction=minimize", "hydra.sweeper.direction=minimize", "optimized_metric=val/conll_f1"),
    ("monitor=val/mine hydra.sweeper.direction=minimize", "hydra.sweeper.direction=minimize", "val/mine"),
    ("hydra.sweeper.direction=minimise", "hydra.sweeper.direction=minimise", "maximize"),
    ("hydra.sweeper.direction=[minimize,maximize]", "hydra.sweeper.direction=[minimize,maximize]"),
    ("hydra.sweeper.direction=null", "hydra.sweeper.direction=null", "maximize"),
    ("optimized_metric=null", "optimized_metric"),
    ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials=0", "from 1"),
    ("hydra.sweeper.n_trials=x", "hydra.sweeper.n_trials=x", "Integer"),
    ("hydra.sweeper.n_trial=3", "n_trial", "did you mean hydra.sweeper.n_trials"),
    ("hydra.sweeper.n_jobs=0", "hydra.sweeper.n_jobs=0"),
    ("hydra.sweeper.max_failure_rate=2", "hydra.sweeper.max_failure_rate=2", "from 0 to 1"),
    ("hydra.sweeper.storage=foo", "hydra.sweeper.storage=foo", "sqlite:///"),
    ("hydra.sweeper.storage=sqlite:////nowhere/x.db", "hydra.sweeper.storage=sqlite:////nowhere/x.db"),
    ("hydra.sweeper.params={model.ffnn_size:choice(4,8)}", "hydra.sweeper.params={model.ffnn_size:choice(4,8)}"),
    ("+hydra.sweeper.params.seed='interval(3,1)'", "hydra.sweeper.params.seed=interval(3,1)"),
    ("+hydra.sweeper.params.seed='interval(3'", "hydra.sweeper.params.seed=interval(3"),
    ("model.ffnn_size=8 model.ffnn_size=choice(8,16)", "model.ffnn_size=8", "choice(8,16)"),
    ("model.task_learning_rate=1e-4", "hydra.sweeper.params", "model.task_learning_rate"),
    ("optimized_metric=test/conll_f1 test=false", "optimized_metric=test/conll_f1", "test=false"),
    ("validate=false", "optimized_metric=val/conll_f1", "validate=false"),
    ("model.dropout=tag(log,interval(0.0,1.0))", "model.dropout=tag(log,interval(0.0,1.0))"),
)  # fmt: skip


@pytest.mark.parametrize("fault", LINES)
def test_lines(fault: Fault, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import train

    monkeypatch.chdir(tmp_path)
    place = ["extras.print_config=false", f"paths.log_dir={tmp_path / 'logs'}"]
    monkeypatch.setattr(sys, "argv", ["train.py", "--config-path", str(CONFIGS), *fault.change.split(" "), *place])
    refusal.of(train.main, *fault.named)


@pytest.mark.parametrize("fault", SEARCHES)
def test_searches(fault: Fault, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import train

    monkeypatch.chdir(tmp_path)
    line = ["hparams_search=optuna", *fault.change.split(" "), f"paths.log_dir={tmp_path / 'logs'}"]
    monkeypatch.setattr(sys, "argv", ["train.py", "--multirun", "--config-path", str(CONFIGS), *line])
    refusal.of(train.main, *fault.named)


def test_a_sweep_over_a_key_that_is_fixed_as_well(
    refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import train

    monkeypatch.chdir(tmp_path)
    line = ["--config-path", str(CONFIGS), "seed=1,2", "seed=3", f"paths.log_dir={tmp_path / 'logs'}"]
    monkeypatch.setattr(sys, "argv", ["train.py", "--multirun", *line])
    refusal.of(train.main, "seed=1,2", "seed=3")


RUNS = rows(
    ("nowhere", "resume=", "/run"),
    ("", "config.yaml"),
    (".hydra/config.yaml=\n", ".hydra/config.yaml"),
    (".hydra/config.yaml=a: ${features}", ".hydra/config.yaml", "features"),
    (".hydra/config.yaml=paths: 1", ".hydra/config.yaml", "paths"),
    (".hydra/config.yaml=a: [1", ".hydra/config.yaml"),
    (".hydra/config.yaml=x", "config.yaml"),
    (".hydra/config.yaml=[1]", "config.yaml"),
    (".hydra/config.yaml=a: !!python/name:os.system", "config.yaml"),
    (".hydra/config.yaml=a: &b [1]\nc: *b", "config.yaml"),
    ("multirun.yaml=1", "multirun.yaml"),
    ("multirun.yaml=a: 1", "multirun.yaml"),
)  # fmt: skip


@pytest.mark.parametrize("fault", RUNS)
def test_run_directories(fault: Fault, refusal: Refusal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transferlab.utils.resume import resumed_command

    name, _, content = fault.change.partition("=")
    run = tmp_path / "run"
    if fault.change != "nowhere":
        run.mkdir()
    if content:
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text(content)
    monkeypatch.setattr(sys, "argv", ["train.py", f"resume={run}"])
    refusal.of(lambda: pytest.fail("was started"), *fault.named, rewrite=resumed_command)


def test_a_library_that_cannot_be_read(refusal: Refusal, tmp_path: Path) -> None:
    from transferlab.transferability.library import TaskLibrary

    (tmp_path / "ner").mkdir()
    (tmp_path / "ner" / "textemb.safetensors").write_text("x")
    refusal.of(lambda: TaskLibrary(tmp_path).read("ner", "textemb"), "textemb.safetensors")
