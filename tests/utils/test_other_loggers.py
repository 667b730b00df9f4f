"""Loggers that need a package of their own: MLflow for real, the others as far as they go without theirs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from transferlab.root_options import check_config
from transferlab.utils import run_identity
from transferlab.utils.errors import message_for
from transferlab.utils.instantiate import instantiate_loggers

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


def composed(place: Path, name: str, *overrides: str) -> DictConfig:
    paths = [f"paths.log_dir={place}", f"paths.output_dir={place / 'run'}"]
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        return compose("train", overrides=[f"logger={name}", *paths, *overrides])


def said_of(cfg: DictConfig) -> str | None:
    """The message with which a run of this config ends before it reads anything; None where its loggers are made."""
    try:
        check_config(cfg, "train")
        instantiate_loggers(cfg.logger)
    except Exception as error:
        return message_for(error)
    return None


@pytest.mark.slow
def test_mlflow_keeps_the_scores_of_a_run_in_one_run_however_often_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    from transferlab.utils.run_record import write_run_record

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(run_identity, "run_name", lambda: "monday")
    cfg = composed(tmp_path, "mlflow", "task_name=probing")
    for step, resumed in enumerate((False, True)):
        if resumed:
            write_run_record(cfg, tmp_path / "run")
        (logger,) = instantiate_loggers(cfg.logger)
        logger.log_hyperparams({"seed": 1, "epochs": step})
        logger.log_metrics({"val/f1": 0.5 + step}, step=step)
        logger.finalize("success")
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("probing")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.data.params) == ("monday", {"seed": "1", "epochs": "0"})
    history = client.get_metric_history(run.info.run_id, "val/f1")
    assert [(metric.step, metric.value) for metric in history] == [(0, 0.5), (1, 1.5)]


@pytest.mark.parametrize(("name", "package"), [("aim", "aim"), ("comet", "comet_ml")])
def test_a_logger_without_its_package_names_it(name: str, package: str, tmp_path: Path) -> None:
    if find_spec(package) is not None:
        pytest.skip(f"the package {package} is installed")
    message = said_of(composed(tmp_path, name))
    assert message is not None and f"logger.{name}" in message and package.replace("_", "-") in message
    assert "install" in message and len(message.splitlines()) == 1


def test_neptune_has_ended(tmp_path: Path) -> None:
    message = said_of(composed(tmp_path, "neptune"))
    assert message is not None and "logger.neptune" in message and "choose another logger" in message
