"""Bounds of options of Lightning and of Optuna's sweeper: their annotations say types, and not what makes sense."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from transferlab.utils.option_kinds import Count, Days, Filled, Limits, Natural, NonNegative, Share, Text

_Mode = Literal["min", "max"]
_Endless = Literal[-1]
_Batches = Natural | Annotated[float, Limits(least=0, most=1)] | None  # a number of batches, or a share of them
_Time = Text | dict[Literal["weeks", "days", "hours", "minutes", "seconds"], Days] | None

_TRAINER: dict[str, Any] = {
    "accelerator": Text,
    "devices": Annotated[list[Natural], Filled()] | Count | _Endless | Text,
    "num_nodes": Count,
    "fast_dev_run": bool | Natural,
    "max_epochs": Count | _Endless | None,
    "min_epochs": Natural | None,
    "max_steps": Count | _Endless,
    "min_steps": Natural | None,
    "max_time": _Time,
    "limit_train_batches": _Batches,
    "limit_val_batches": _Batches,
    "limit_test_batches": _Batches,
    "limit_predict_batches": _Batches,
    "overfit_batches": Natural | Share,
    "val_check_interval": Count | Annotated[float, Limits(above=0, most=1)] | _Time,
    "check_val_every_n_epoch": Count | None,
    "num_sanity_val_steps": Natural | _Endless | None,
    "log_every_n_steps": Natural | None,
    "accumulate_grad_batches": Count,
    "gradient_clip_val": NonNegative | None,
    "gradient_clip_algorithm": Literal["norm", "value"] | None,
    "reload_dataloaders_every_n_epochs": Natural,
    "default_root_dir": Text | None,
}
_KINDS: dict[str, dict[str, Any]] = {
    "pytorch_lightning.trainer.trainer.Trainer": _TRAINER,
    "pytorch_lightning.callbacks.early_stopping.EarlyStopping": {
        "monitor": Text, "mode": _Mode, "patience": Natural, "min_delta": NonNegative,
    },
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint": {
        "mode": _Mode, "save_top_k": Natural | _Endless, "every_n_epochs": Natural | None,
        "every_n_train_steps": Natural | None, "train_time_interval": timedelta | None,
    },
    "pytorch_lightning.callbacks.lr_monitor.LearningRateMonitor": {"logging_interval": Literal["step", "epoch"] | None},
    "pytorch_lightning.callbacks.progress.rich_progress.RichProgressBar": {"refresh_rate": Natural},
    "pytorch_lightning.callbacks.model_summary.ModelSummary": {"max_depth": Natural | _Endless},
    "pytorch_lightning.callbacks.rich_model_summary.RichModelSummary": {"max_depth": Natural | _Endless},
    "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper": {
        "storage": Text | None, "study_name": Text | None, "n_trials": Count, "n_jobs": Count,
        "max_failure_rate": Share, "params": dict[str, Any] | None,
    },
    "pytorch_lightning.loggers.tensorboard.TensorBoardLogger": {"save_dir": Text},
    "pytorch_lightning.loggers.csv_logs.CSVLogger": {"save_dir": Text, "flush_logs_every_n_steps": Count},
}  # fmt: skip


def kinds_of(owner: type | None) -> dict[str, Any]:
    """The kinds of options of a class, by name, that are narrower than its annotations; of its own, not its bases'."""
    return {} if owner is None else _KINDS.get(f"{owner.__module__}.{owner.__qualname__}", {})
