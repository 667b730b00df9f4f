"""From a composed config to the objects of a run, and from a finished run to its files; shared by the entrypoints."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import ModelCheckpoint

from transferlab.data.datamodule import TransferDataModule
from transferlab.encoders.checks import check_encoders
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.encoders.truncation import max_positions
from transferlab.models.base import TransferModel
from transferlab.models.saving import save_model
from transferlab.utils import run_identity
from transferlab.utils.config_checks import ConfigError, check_root_keys, check_targets, keyword_names, root_keys
from transferlab.utils.strategy import check_strategy

log = logging.getLogger(__name__)

ROW_LENGTHS = ("max_segment_len", "max_window", "max_length")  # what taskmodules call the longest row of an encoder


def check(cfg: DictConfig) -> None:
    """Refuse what cannot work before any data is read.

    Raises:
        ConfigError: naming key, value and choices.
    """
    if not OmegaConf.select(cfg, "model.pretrained_models"):
        raise ConfigError(
            "model.pretrained_models names no encoder; for example +model.pretrained_models={bert:bert-base-cased}"
        )
    check_root_keys(cfg, root_keys(Path(cfg.paths.root_dir, "configs", "train.yaml")))
    check_targets(cfg)
    check_strategy(cfg)
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    model = OmegaConf.to_container(cfg.model, resolve=True)
    assert isinstance(model, dict)
    plan = check_encoders(**{key: model[key] for key in keyword_names(check_encoders) or () if key in model})
    for name, config in plan.configs.items():
        longest = max_positions(config)
        for key in ROW_LENGTHS:
            if longest is not None and cfg.taskmodule.get(key, 0) > longest:
                raise ConfigError(
                    f"taskmodule.{key}={cfg.taskmodule[key]}, but the encoder {name!r} reads at most {longest} "
                    "subtokens"
                )
    if cfg.ckpt_path is not None and not Path(cfg.ckpt_path).is_file():
        raise ConfigError(f"ckpt_path={cfg.ckpt_path} does not exist")
    if not cfg.train and cfg.ckpt_path is None:
        raise ConfigError("train=false leaves only weights that were never trained; name some with ckpt_path=...")
    if _is_taken(cfg):
        raise ConfigError(
            f"model_save_dir={cfg.model_save_dir} is not empty; move its content away or choose another directory"
        )


def _is_taken(cfg: DictConfig) -> bool:
    """Whether the place to save to is outside the run's own directory and holds something."""
    place = Path(cfg.model_save_dir)
    return not place.is_relative_to(cfg.paths.output_dir) and place.exists() and any(place.iterdir())


def corpus(cfg: DictConfig) -> tuple[Any, TransferDataModule]:
    """The taskmodule with its tokenizers, and the datamodule of a training config.

    Raises:
        ConfigError: the corpus lacks a split that the run needs.
    """
    reader = instantiate(cfg.dataset, _convert_="all")
    needed = {"train": cfg.train, "validation": cfg.train or cfg.validate, "test": cfg.test}
    missing = [split for split, wanted in needed.items() if wanted and split not in reader.splits]
    if missing:
        raise ConfigError(
            f"dataset: the corpus has no {' and no '.join(missing)} split, it has {', '.join(reader.splits)}; "
            "test=false trains without a test split, and a validation split is needed to choose the best epoch"
        )
    tokenizers, _ = load_tokenizers(dict(cfg.model.pretrained_models))
    taskmodule = instantiate(cfg.taskmodule, tokenizers=tokenizers, _convert_="all")
    datamodule = instantiate(cfg.datamodule, reader=reader, taskmodule=taskmodule, _convert_="all")
    return taskmodule, datamodule


def finished_epochs(checkpoint: str | None) -> int:
    """The epochs behind a Lightning checkpoint; 0 without one."""
    if checkpoint is None:
        return 0
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["epoch"]) + 1


def best_checkpoint(trainer: Trainer) -> str | None:
    """The path of the best checkpoint; None, for the weights at hand, when the run keeps none."""
    callback = trainer.checkpoint_callback
    return (callback.best_model_path or None) if isinstance(callback, ModelCheckpoint) else None


def save(model: TransferModel, taskmodule: Any, cfg: DictConfig, metrics: dict[str, float], best: str | None) -> Path:
    """Save the model, as of its best checkpoint, to ``cfg.model_save_dir``."""
    if best is not None and not (cfg.validate or cfg.test):  # else they have loaded it
        checkpoint = torch.load(best, map_location="cpu", weights_only=True)
        model.on_load_checkpoint(checkpoint)
        model.load_state_dict(checkpoint["state_dict"])
    place = Path(cfg.model_save_dir)
    if _is_taken(cfg):  # by a run that ended while this one was going on
        place = Path(cfg.paths.output_dir, "model")
        log.warning("model_save_dir=%s has been filled meanwhile; the model goes to %s", cfg.model_save_dir, place)
    shared, keys = load_tokenizers(dict(cfg.model.pretrained_models), model.hparams.get("added_tokens") or {})
    kind = type(taskmodule)
    return save_model(
        model,
        place,
        tokenizers={name: shared[key] for name, key in keys.items()},
        taskmodule={"_target_": f"{kind.__module__}.{kind.__qualname__}", "options": taskmodule.options()},
        facts={
            "scores": metrics,
            "data": OmegaConf.to_container(cfg.dataset, resolve=True),
            "command": os.environ.get(run_identity.COMMAND),
            "seed": cfg.seed,
            "eval_batch_size": cfg.datamodule.eval_batch_size or cfg.datamodule.batch_size,
        },
        copy_frozen_encoders=cfg.copy_frozen_encoders,
    )


def push(directory: Path, repository: str) -> None:
    """Upload a saved model to a repository on the hub, made if need be.

    What the hub refuses is said and fails nothing: the run is finished, and its model stays where it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    hub = HfApi()
    try:
        address = hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=directory)
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError, ValueError) as error:
        log.error(
            "push_to_hub=%s: %s. The model is in %s; set HF_TOKEN or run `hf auth login`, then `hf upload %s %s`",
            repository, error, directory, repository, directory,
        )  # fmt: skip
    else:
        log.info("model uploaded to %s", address)
