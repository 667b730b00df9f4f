"""The MLflow logger: one local database for all runs, and one MLflow run for a run however often it goes on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from transferlab.utils import run_identity
from transferlab.utils.run_record import record_of

if TYPE_CHECKING:
    from pytorch_lightning.loggers import MLFlowLogger

TRACKING_URI = "MLFLOW_TRACKING_URI"


def mlflow_logger(save_dir: str | Path, store: str | Path, experiment_name: str, **options: Any) -> MLFlowLogger:
    """Lightning's MLflow logger, whose run has the name of the run directory.

    Args:
        save_dir: the run directory.
        store: the SQLite file that is written, unless the environment variable ``MLFLOW_TRACKING_URI`` names a server.
        experiment_name: what MLflow shows runs under.
        options: whatever else Lightning's MLFlowLogger takes.
    """
    from pytorch_lightning.loggers import MLFlowLogger

    store = Path(store).absolute()
    uri = os.environ.get(TRACKING_URI) or f"sqlite:///{store}"
    name = record_of(save_dir).get("name") or run_identity.run_name()
    options = {"tracking_uri": uri, "run_name": name, **options}
    if not run_identity.is_main_process():
        return MLFlowLogger(experiment_name, **options)
    store.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{store}.lock"):  # tables are made by one process at a time
        logger = MLFlowLogger(experiment_name, **options)
        known = _run_of(logger._mlflow_client, experiment_name, name) if record_of(save_dir) else None
        logger._run_id = logger._run_id or known
        logger.experiment  # noqa: B018 - makes tables, experiment and run where they are missing
    return logger


def _run_of(client: Any, experiment_name: str, name: str | None) -> str | None:
    """The id of the MLflow run of a run directory; None where there is none yet."""
    experiment = client.get_experiment_by_name(experiment_name)
    if experiment is None or name is None:
        return None
    found = client.search_runs([experiment.experiment_id], f"tags.`mlflow.runName` = '{name}'", max_results=1)
    return found[0].info.run_id if found else None
