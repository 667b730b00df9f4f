"""From a composed config to the objects of a run, and from a finished run to its files; shared by the entrypoints."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

import torch
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import seed_everything
from torch import Tensor
from transformers import PretrainedConfig

from transferlab.callbacks.checkpoints import LAST, BestCheckpoint, LastCheckpoint
from transferlab.data.datamodule import TransferDataModule
from transferlab.encoders import row_vectors
from transferlab.encoders.checks import check_compile, check_encoders
from transferlab.encoders.feature_shards import SUFFIX
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.encoders.truncation import max_positions
from transferlab.models.base import TransferModel
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.descriptions import WEIGHTS
from transferlab.models.kept_head import check_has_head, keep_head
from transferlab.models.probe_group import ProbeGroup
from transferlab.models.token_classification_model import TokenClassificationModel
from transferlab.probes import Probe
from transferlab.utils.batches import Batch
from transferlab.utils.config_checks import check_targets, keyword_names, locate
from transferlab.utils.devices import check_devices, check_workers
from transferlab.utils.errors import ConfigError, UserError
from transferlab.utils.instantiate import build
from transferlab.utils.new_folder import check_writable
from transferlab.utils.option_kinds import show
from transferlab.utils.resume import CHECKPOINT
from transferlab.utils.saved_models import DESCRIPTION, belongs_to

log = logging.getLogger(__name__)

ENDLESS = -1  # what Lightning calls training without an end
ROW_LENGTHS = ("max_segment_len", "max_window", "max_length")  # what taskmodules call the longest row of an encoder


def check(cfg: DictConfig) -> None:
    """Refuse what cannot work before any data is read.

    Raises:
        ConfigError: naming key, value and choices.
    """
    check_targets(cfg)
    check_devices(cfg.trainer)
    check_workers(cfg.datamodule.get("num_workers"))
    _check_lengths(cfg.trainer)
    _check_pairing(cfg)
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    model = OmegaConf.to_container(cfg.model, resolve=True)
    assert isinstance(model, dict)
    plan = check_encoders(**{key: model[key] for key in keyword_names(check_encoders) or () if key in model})
    check_compile(model.get("compile"))
    check_row_lengths(cfg.taskmodule, plan.configs)
    if cfg.ckpt_path is not None and not Path(cfg.ckpt_path).is_file():
        raise ConfigError(f"ckpt_path={cfg.ckpt_path} does not exist; name the checkpoint of a run, or null")
    if not cfg.train and cfg.ckpt_path is None:
        raise ConfigError("train=false leaves only weights that were never trained; name some with ckpt_path=...")
    saving = (cfg.get("callbacks") or {}).get("epoch_models")
    saved = cfg.save_every_epoch if isinstance(cfg.save_every_epoch, bool | int) else list(cfg.save_every_epoch)
    if saved is not False:
        if not saving or saving.active is False:
            raise ConfigError(
                f"save_every_epoch={show(saved)}: callbacks.epoch_models, which saves them, is left out; put it back"
            )
        last = cfg.trainer.get("max_epochs")
        numbers = [] if saved is True else saved if isinstance(saved, list) else [saved]
        if last is not None and last >= 0 and max(numbers, default=0) > last:
            raise ConfigError(f"save_every_epoch={show(saved)}: there are trainer.max_epochs={last} epochs")
    if cfg.get("model_load_mode") == "all":
        check_has_head(model["pretrained_models"])
    check_writable(cfg.model_save_dir, "model_save_dir")
    check_store(cfg)
    for name, callback in (cfg.get("callbacks") or {}).items():
        if callback is not None and (place := callback.get("dirpath")) is not None:
            check_writable(place, f"callbacks.{name}.dirpath")
    if is_taken(cfg):
        place = Path(cfg.model_save_dir)
        incomplete = (place / WEIGHTS).is_file() and not (place / DESCRIPTION).is_file()
        raise ConfigError(
            f"model_save_dir={place} "
            + (f"holds a model without its {DESCRIPTION}; restore that file, or" if incomplete else "is not empty;")
            + " move its content away or choose another directory"
        )


def check_row_lengths(taskmodule: Mapping[Any, Any], encoders: Mapping[str, PretrainedConfig]) -> None:
    """Refuse rows that are longer than an encoder has positions for.

    Args:
        taskmodule: its config.
        encoders: configurations by encoder id.

    Raises:
        ConfigError: naming the key, and the most.
    """
    for name, config in encoders.items():
        longest = max_positions(config)
        for key in ROW_LENGTHS:
            if longest is not None and taskmodule.get(key, 0) > longest:
                raise ConfigError(
                    f"taskmodule.{key}={taskmodule[key]}, but the encoder {name!r} reads at most {longest} "
                    "subtokens; lower it"
                )


def check_checkpoints(cfg: DictConfig) -> None:
    """Refuse callbacks by whose checkpoints a run could not go on, or would disturb another one.

    Raises:
        ConfigError: naming the key.
    """
    run = Path(os.path.realpath(cfg.paths.output_dir))
    for name, callback in (cfg.get("callbacks") or {}).items():
        if callback is None or not callback.get("dirpath"):
            continue
        kind, folder = locate(str(callback.get("_target_")), f"callbacks.{name}"), os.path.realpath(callback.dirpath)
        is_last, is_best = (
            isinstance(kind, type) and issubclass(kind, one) for one in (LastCheckpoint, BestCheckpoint)
        )
        beside_last = Path(folder) == run / CHECKPOINT.parent
        if (is_last and not beside_last) or (is_best and not Path(folder).is_relative_to(run)):
            raise ConfigError(
                f"callbacks.{name}.dirpath={callback.dirpath}: a run goes on from checkpoints in its own directory; "
                "leave it out, and choose the place of whole runs, paths.log_dir=..."
            )
        if not is_last and beside_last and (callback.get("save_last") or callback.get("filename") == LAST):
            raise ConfigError(
                f"callbacks.{name}: it would replace {CHECKPOINT}, from which the run goes on; leave out "
                "save_last, and choose another filename"
            )


def check_store(cfg: DictConfig) -> None:
    """Refuse a feature store that cannot be written; one that others have filled may be read by those who cannot."""
    if cfg.get("features") and not any(Path(cfg.features.directory).glob(f"*/*/*{SUFFIX}")):
        check_writable(cfg.features.directory, "features.directory")


def _check_lengths(trainer: DictConfig) -> None:
    """Refuse a training without an end."""
    if trainer.get("max_epochs") == ENDLESS and trainer.get("max_steps", ENDLESS) == ENDLESS:
        raise ConfigError(
            "trainer.max_epochs=-1: the learning rate falls to 0 at the end of the training, so the end must be known; "
            "choose a number of epochs, or give trainer.max_steps"
        )


def _check_pairing(cfg: DictConfig) -> None:
    """Refuse a model that reads other batches than the taskmodule makes; where one does not say, nothing is known."""
    model, taskmodule = (locate(str(cfg[key].get("_target_")), f"{key}._target_") for key in ("model", "taskmodule"))
    arguments = [part for base in getattr(taskmodule, "__orig_bases__", ()) for part in get_args(base)]
    made = [part for part in arguments if isinstance(part, type) and issubclass(part, Batch)]
    read = get_type_hints(getattr(model, "forward", None) or _check_pairing).get("batch")
    if made and isinstance(read, type) and not issubclass(made[0], read):
        raise ConfigError(
            f"model._target_={cfg.model._target_}: it reads {read.__name__}, and the taskmodule "
            f"{taskmodule.__name__} makes {made[0].__name__}; choose both of one task, as experiment=... does"
        )


def is_taken(cfg: DictConfig) -> bool:
    """Whether the place to save to holds something else than a model of the run.

    A run that goes on may have saved its model there before; it does so again.
    """
    place, run = Path(cfg.model_save_dir), Path(cfg.paths.output_dir)
    if not place.exists() or not any(place.iterdir()):
        return False
    return not ((place / DESCRIPTION).is_file() if place.is_relative_to(run) else belongs_to(place, run))


def corpus(cfg: DictConfig, probes: Sequence[Probe] = ()) -> tuple[Any, TransferDataModule]:
    """The taskmodule with the tokenizers of all encoders, and the datamodule of a training config.

    Raises:
        ConfigError: the corpus lacks a split that the run needs.
    """
    reader = build(cfg.dataset)
    needed = ["train"] * bool(cfg.train) + evaluated_splits(cfg)
    missing = [split for split in needed if split not in reader.splits]
    if missing:
        raise ConfigError(
            f"dataset: the corpus has no {' and no '.join(missing)} split, it has {', '.join(reader.splits)}; "
            "test=false trains without a test split, and a validation split is needed to choose the best epoch"
        )
    tokenizers, _ = load_tokenizers(_encoders(cfg, probes))
    taskmodule = build(cfg.taskmodule, tokenizers=tokenizers)
    datamodule = build(cfg.datamodule, reader=reader, taskmodule=taskmodule)
    return taskmodule, datamodule


def check_evaluated(datamodule: TransferDataModule, splits: Sequence[str]) -> None:
    """Read the splits that a training scores at its end, and refuse what cannot be scored, before the first step.

    Raises:
        UserError: naming the document or the labels, and the key that goes on without.
    """
    for split in splits:
        try:
            datamodule.check_labels([split])
        except UserError as error:
            if split != "test":
                raise
            raise UserError(f"{error}; test=false trains and validates without the test split") from error


def evaluated_splits(cfg: DictConfig) -> list[str]:
    """The splits that a training config scores, while it trains or at its end."""
    wanted = {"validation": cfg.train or cfg.validate, "test": cfg.test}
    return [split for split, is_wanted in wanted.items() if is_wanted]


def _encoders(cfg: DictConfig, probes: Sequence[Probe]) -> dict[str, str]:
    """The sources of all encoders of a run, by id."""
    models = [probe.cfg.model for probe in probes] or [cfg.model]
    return {str(name): place for model in models for name, place in model.pretrained_models.items()}


def build_model(cfg: DictConfig, probes: Sequence[Probe], taskmodule: Any) -> TransferModel | ProbeGroup:
    """The model of a training config, or its probes as one.

    Args:
        cfg: composed.
        probes: none, or those of ``cfg``.
        taskmodule: that has learned from the training documents what the model must know of them.
    """
    learned = taskmodule.model_arguments()
    if not probes:
        model: TransferModel = build(cfg.model, **learned)
        if cfg.get("model_load_mode") == "all":
            keep_head(model, taskmodule)
        return model
    if cfg.get("model_load_mode") == "all":
        raise ConfigError("model_load_mode=all is for a run of one model; leave out probes")
    models: dict[str, TransferModel] = {}
    streams: dict[str, Tensor] = {}
    _, keys = load_tokenizers(_encoders(cfg, probes))
    for probe in probes:
        seed_everything(probe.cfg.seed, workers=True, verbose=False)
        models[probe.name] = build(probe.cfg.model, **learned)
        models[probe.name].multi_encoder.share_rows(keys)
        streams[probe.name] = torch.get_rng_state()
    seed_everything(cfg.seed, workers=True, verbose=False)
    return ProbeGroup(models, streams, cfg.monitor, cfg.monitor_mode)


def balance_classes(model: TransferModel | ProbeGroup, datamodule: TransferDataModule) -> None:
    """Give models with ``class_weights=balanced`` the classes of the training examples."""
    members = [probe for _, probe in model.members()] if isinstance(model, ProbeGroup) else [model]
    for member in members:
        if isinstance(member, ClassificationModel | TokenClassificationModel) and member.class_weights.by_counts:
            counts = [member.class_counts(batch) for batch in datamodule.training_batches()]
            member.class_weights.balance(torch.stack(counts).sum(0))
            log.info("weights of the classes: %s", member.class_weights.by_label())


def check_row_vectors(model: TransferModel | ProbeGroup, taskmodule: Any) -> None:
    """Refuse encoders whose vectors of whole rows, where the model reads such, are the same for every text.

    Raises:
        EncoderError: naming the encoder and what to change.
    """
    for member in [probe for _, probe in model.members()] if isinstance(model, ProbeGroup) else [model]:
        remedy = taskmodule.row_remedy() if member.reads_rows else None
        row_vectors.check_row_vectors(member.multi_encoder, taskmodule.two_rows(), remedy)


def describe(model: TransferModel | ProbeGroup) -> list[dict[str, Any]]:
    """What is to be said about each encoder."""
    if isinstance(model, ProbeGroup):
        return [{"probe": name, **row} for name, probe in model.members() for row in probe.multi_encoder.describe()]
    return model.multi_encoder.describe()
