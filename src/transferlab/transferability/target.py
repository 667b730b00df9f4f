"""A target task: an experiment of ``configs/experiment``, its corpus and what turns it into batches."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from transferlab.data.datamodule import TransferDataModule
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.utils.config_checks import ConfigError, check_targets
from transferlab.utils.errors import near
from transferlab.utils.instantiate import build


@dataclass(frozen=True)
class Target:
    """A target task, ready to be read.

    Attributes:
        name: of the experiment.
        cfg: the training config that it composes to.
        taskmodule: has seen the training documents, and has the tokenizers of all encoders.
        datamodule: serves the splits.
        learned: keyword arguments of the model that the taskmodule learned.
    """

    name: str
    cfg: DictConfig
    taskmodule: Any
    datamodule: TransferDataModule
    learned: dict[str, Any]


def project_root() -> Path:
    """The checkout that holds ``configs/``; the entrypoints and ``PROJECT_ROOT`` say where it is.

    Raises:
        ConfigError: there is none.
    """
    root = Path(os.environ.get("PROJECT_ROOT", Path(__file__).resolve().parents[3]))
    if not (root / "configs" / "train.yaml").is_file():
        raise ConfigError(f"{root} holds no configs/train.yaml; set PROJECT_ROOT to the checkout of transferlab")
    return root


def compose_target(experiment: str, overrides: Sequence[str] = ()) -> DictConfig:
    """The training config of an experiment, as ``python src/train.py experiment=...`` would compose it.

    Args:
        experiment: a file of ``configs/experiment``; ``<experiment>:<dataset>`` is it with another corpus.
        overrides: further ones.

    Raises:
        ConfigError: no such experiment.
    """
    root = project_root()
    os.environ.setdefault("PROJECT_ROOT", str(root))
    os.environ.setdefault("TRANSFERLAB_RUN_ID", "none")  # configs name directories by it; nothing is written there
    known = sorted(file.stem for file in (root / "configs" / "experiment").glob("*.yaml"))
    experiment, _, dataset = experiment.partition(":")
    if experiment not in known:
        raise ConfigError(f"target={experiment}: {near(experiment, known) or 'known are ' + ', '.join(known)}")
    all_overrides = [f"experiment={experiment}", *([f"dataset={dataset}"] if dataset else []), *overrides]
    if GlobalHydra.instance().is_initialized():
        return compose("train", overrides=all_overrides)
    with initialize_config_dir(str(root / "configs"), version_base="1.3"):
        return compose("train", overrides=["paths.output_dir=none", *all_overrides])


def load_target(name: str, cfg: DictConfig, encoders: Mapping[str, str]) -> Target:
    """Read the training documents of a composed config.

    Args:
        name: of the target.
        cfg: see :func:`compose_target`.
        encoders: {id: source}, whose tokenizers the taskmodule gets.
    """
    check_targets(cfg.dataset, "dataset")
    check_targets(cfg.datamodule, "datamodule")
    reader = build(cfg.dataset)
    tokenizers, _ = load_tokenizers(encoders)
    taskmodule = build(cfg.taskmodule, tokenizers=tokenizers)
    datamodule = build(cfg.datamodule, reader=reader, taskmodule=taskmodule)
    learned = taskmodule.prepare(datamodule.documents("train"))
    return Target(name, cfg, taskmodule, datamodule, learned)
