"""Every option of the groups that all tasks share composes, and what it describes can be built."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from transferlab.utils.instantiate import instantiate_callbacks, instantiate_loggers

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONFIGS / group).glob("*.yaml"))


@pytest.fixture
def composed(tmp_path: Path):
    """Compose ``train`` as in a job whose directory is ``tmp_path``."""

    def compose_with(*overrides: str, root: str = "train") -> DictConfig:
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            cfg = compose(root, overrides=list(overrides), return_hydra_config=True)
        OmegaConf.set_readonly(cfg.hydra, False)
        cfg.hydra.runtime.output_dir = str(tmp_path)
        cfg.hydra.job.num = 0
        HydraConfig.instance().set_config(cfg)
        return cfg

    return compose_with


@pytest.mark.parametrize("option", [o for o in options("trainer") if o not in ("gpu", "mps")])
def test_trainer(composed, option: str) -> None:
    overrides = ["trainer.accelerator=cpu", "trainer.precision=bf16-mixed", "trainer.max_epochs=3"]
    trainer = instantiate(composed(f"trainer={option}", *overrides).trainer, logger=False, _convert_="all")
    assert trainer.max_epochs == 3
    assert trainer.num_devices == (2 if option in ("ddp", "ddp_sim") else 1)


@pytest.mark.parametrize("option", ["gpu", "mps"])
def test_trainer_of_other_machines_composes(composed, option: str) -> None:
    assert composed(f"trainer={option}").trainer.accelerator == option


def test_fast_dev_run_can_be_added(composed) -> None:
    assert composed("+trainer.fast_dev_run=true").trainer.fast_dev_run is True


@pytest.mark.parametrize("option", options("callbacks"))
def test_callbacks(composed, option: str) -> None:
    callbacks = instantiate_callbacks(composed(f"callbacks={option}").callbacks)
    assert len(callbacks) == (len(options("callbacks")) - 1 if option == "default" else 1)


def test_groups_that_hold_parts_can_be_left_out(composed) -> None:
    cfg = composed("~callbacks", "~logger")
    assert instantiate_callbacks(cfg.get("callbacks")) == instantiate_loggers(cfg.get("logger")) == []
    cfg = composed("~serializer", "model_name_or_path=x", root="predict")
    assert instantiate(cfg.get("serializer")) is None


def test_monitor_reaches_its_callbacks(composed) -> None:
    cfg = composed("monitor=val/loss", "monitor_mode=min")
    for callback in instantiate_callbacks(cfg.callbacks):
        if getattr(callback, "monitor", None) is not None:  # the last checkpoint is that of the last epoch
            assert (callback.monitor, callback.mode) == ("val/loss", "min")
    assert cfg.callbacks.epoch_log.metrics[-1] == "val/loss"


def test_wandb_watch_is_added_as_published(composed) -> None:
    def watched(*overrides: str) -> list[int | None]:
        callbacks = composed(*overrides).callbacks
        return [callbacks.attention_weights.log_freq, callbacks.parameter_histograms.log_freq]

    assert watched() == [None, None]
    assert watched("+wandb_watch=attention_activation") == [100, None]
    assert watched("+wandb_watch=classifier_parameters") == [None, 100]
    both = ["+wandb_watch=many_watches", "wandb_watch.classifier_parameters.log_freq=7"]
    assert watched(*both) == [100, 7]


ELSEWHERE = {"aim", "comet", "mlflow", "neptune"}  # tests/utils/test_other_loggers.py


@pytest.mark.parametrize("option", sorted({*options("logger")} - ELSEWHERE))
def test_loggers(composed, option: str, tmp_path: Path) -> None:
    loggers = instantiate_loggers(composed(f"logger={option}", "tags=[a,b]").logger)
    assert len(loggers) == (3 if option == "many_loggers" else 1)
    for logger in loggers:
        assert Path(logger.save_dir).is_relative_to(tmp_path)
        if option == "wandb":
            assert logger._wandb_init["tags"] == ["a", "b"]
            assert logger._wandb_init["group"] == "app"


@pytest.mark.parametrize("option", options("debug"))
def test_debug(composed, option: str, tmp_path: Path) -> None:
    cfg = composed(f"debug={option}")
    assert (cfg.task_name, cfg.callbacks, cfg.logger, cfg.hydra.verbose) == ("debug", None, None, True)
    trainer = instantiate(cfg.trainer, callbacks=instantiate_callbacks(cfg.callbacks), logger=False, _convert_="all")
    assert trainer.accelerator.name() == "cpu"


def test_run_directories_come_from_the_run_id(composed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFERLAB_RUN_ID", "some-id")
    cfg = composed("hydra.job.num=3")
    logs = Path(cfg.paths.log_dir)
    assert logs == CONFIGS.parent / "logs"
    assert Path(cfg.hydra.run.dir) == logs / "train" / "runs" / "some-id"
    assert Path(cfg.hydra.sweep.dir) == logs / "train" / "multiruns" / "some-id"


@pytest.mark.parametrize("launcher", ["submitit_local", "submitit_slurm", "slurm"])
def test_launchers(composed, launcher: str) -> None:
    overrides = ["hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1"]
    if launcher != "submitit_local":
        overrides.append("hydra.launcher.partition=debug")
    cfg = composed(f"hydra/launcher={launcher}", *overrides)
    assert instantiate(cfg.hydra.launcher).params["cpus_per_task"] == 1


@pytest.mark.parametrize("name", ["optuna", "conll2003_optuna"])
def test_optuna(composed, name: str) -> None:
    cfg = composed(f"hparams_search={name}")
    assert cfg.optimized_metric == cfg.monitor
    assert cfg.hydra.sweeper.direction == "maximize"
    sampler = instantiate(cfg.hydra.sweeper.sampler)
    assert type(sampler).__name__ == "TPESampler"


def test_the_published_search_has_one_rate(composed) -> None:
    cfg = composed("hparams_search=conll2003_optuna", "model.task_learning_rate=0.1")
    assert cfg.model.bert_learning_rate == 0.1
    assert set(cfg.hydra.sweeper.params) == {"model.task_learning_rate", "datamodule.batch_size"}
