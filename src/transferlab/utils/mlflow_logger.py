"""The MLflow logger: one local database for all runs, and one MLflow run for a run however often it goes on."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

from filelock import FileLock
from pytorch_lightning.loggers import MLFlowLogger
from pytorch_lightning.utilities import rank_zero_only

from transferlab.utils import run_identity
from transferlab.utils.run_record import record_of

TRACKING_URI = "MLFLOW_TRACKING_URI"


class RunMLFlowLogger(MLFlowLogger):
    """Lightning's MLflow logger, whose run has the name of the run directory.

    Args:
        save_dir: the run directory.
        store: the SQLite file that is written, unless the environment variable ``MLFLOW_TRACKING_URI`` names a server.
        experiment_name: what MLflow shows runs under.
        options: whatever else Lightning's MLFlowLogger takes.
    """

    def __init__(self, save_dir: str | Path, store: str | Path, experiment_name: str, **options: Any) -> None:
        store = Path(store).absolute()
        uri = os.environ.get(TRACKING_URI) or f"sqlite:///{store}"
        first = record_of(save_dir)
        name = first.get("name") or run_identity.run_name()
        if not run_identity.is_main_process():
            super().__init__(experiment_name, **{"tracking_uri": uri, "run_name": name, **options})
            return
        store.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{store}.lock"):  # tables are made by one process at a time
            super().__init__(experiment_name, **{"tracking_uri": uri, "run_name": name, **options})
            if first and self._run_id is None:
                self._run_id = self._run_of(name)
            self.experiment  # noqa: B018 - makes tables, experiment and run where they are missing

    def _run_of(self, name: str | None) -> str | None:
        """The id of the MLflow run of this name; None where there is none yet."""
        experiment = self._mlflow_client.get_experiment_by_name(self._experiment_name)
        if experiment is None or name is None:
            return None
        wanted = f"tags.`mlflow.runName` = '{name}'"
        found = self._mlflow_client.search_runs([experiment.experiment_id], wanted, max_results=1)
        return found[0].info.run_id if found else None

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Log the config; of a run that goes on the first one stays, because MLflow changes no parameter."""
        if not self._mlflow_client.get_run(str(self.run_id)).data.params:
            super().log_hyperparams(params)
