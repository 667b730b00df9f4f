"""From the composed config of ``embed.py`` to the model whose view of a task is embedded, and its data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from transferlab.data.datamodule import TransferDataModule
from transferlab.encoders.backbone import fingerprint
from transferlab.encoders.multi_encoder import MultiEncoder
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.registry import TASKMODULES
from transferlab.models.saving import find_model, load_model, load_taskmodule
from transferlab.transferability.answer_windows import AnswerWindows
from transferlab.transferability.embedding_pass import Embedder
from transferlab.transferability.target import load_target
from transferlab.transferability.text_embedding import TextEmbedding
from transferlab.utils.config_checks import ConfigError
from transferlab.utils.instantiate import build


@dataclass(frozen=True)
class Ready:
    """What a pass needs.

    Attributes:
        kind: of the embedding, ``textemb`` or ``taskemb``.
        embedder: adds it up.
        taskmodule: collates its batches.
        datamodule: has its examples.
        space: what embeddings must share to be compared.
        model: the sha256 of all weights that are looked at.
        encoder: a description of the encoder.
        device: where it is.
        finish: to be called after the pass.
        reads: turns the examples of a split into those that the taskmodule collates.
    """

    kind: str
    embedder: Any
    taskmodule: Any
    datamodule: TransferDataModule
    space: dict[str, Any]
    model: str
    encoder: dict[str, Any]
    device: torch.device
    finish: Callable[[], None]
    reads: Callable[[Sequence[Any]], Sequence[Any]] = list

    def examples(self, split: str) -> Sequence[Any]:
        """The examples of a split, in the form that the embedding is made of."""
        return self.reads(self.datamodule.examples(split))


def ready(cfg: DictConfig) -> Ready:
    """Load the model and read the data.

    Raises:
        ConfigError: a model where none is read, or none where one is.
    """
    device = torch.device("cuda" if torch.cuda.is_available() and cfg.trainer.accelerator != "cpu" else "cpu")
    if cfg.embedding._target_.endswith(f".{TextEmbedding.__name__}"):
        return _text(cfg, device)
    return _task(cfg, device)


def _text(cfg: DictConfig, device: torch.device) -> Ready:
    if cfg.model_name_or_path is not None:
        raise ConfigError(
            "model_name_or_path: embedding=textemb reads a pretrained encoder, encoder=..., not a model of the task"
        )
    encoders = {"target": cfg.encoder}
    target = load_target(cfg.task, cfg, encoders)
    exact = cfg.features is not None and cfg.features.dtype == "float32"  # the store would round
    features = OmegaConf.to_container(cfg.features, resolve=True) if exact else None
    multi_encoder = MultiEncoder(
        encoders,
        freeze_models="all",
        added_tokens=target.learned.get("added_tokens"),
        max_rows_per_pass=cfg.model.max_rows_per_pass,
        features=features,  # type: ignore[arg-type]
    ).to(device)
    embedder = build(cfg.embedding, multi_encoder=multi_encoder)
    return _ready("textemb", embedder, target.taskmodule, target.datamodule, multi_encoder, None, device)


def _task(cfg: DictConfig, device: torch.device) -> Ready:
    if cfg.model_name_or_path is None:
        raise ConfigError(
            "model_name_or_path: embedding=taskemb needs a model that was trained on the task; for example\n"
            f"  python src/train.py experiment=... model_save_dir=models/{cfg.task}\n"
            f"  python src/embed.py embedding=taskemb experiment=... model_name_or_path=models/{cfg.task}"
        )
    directory = find_model(cfg.model_name_or_path)
    model, description = load_model(directory, cfg.trust)
    theirs, ours = description["taskmodule"]["name"], TASKMODULES.name(cfg.taskmodule._target_)
    if theirs != ours:
        raise ConfigError(
            f"model_name_or_path={cfg.model_name_or_path} is a model of {theirs}, and the experiment is one of {ours}"
        )
    tokenizers, _ = load_tokenizers(model.hparams["pretrained_models"])
    taskmodule = load_taskmodule(directory, description, tokenizers, cfg.trust)
    reader = build(cfg.dataset)
    datamodule = build(cfg.datamodule, reader=reader, taskmodule=taskmodule)
    embedder = build(cfg.embedding, model=model.to(device))
    origin = _origin(description, directory)
    found = _ready("taskemb", embedder, taskmodule, datamodule, model.multi_encoder, origin, device)
    if embedder.question_loss == "parity":
        windows = AnswerWindows(taskmodule, model.hparams["version"])
        return replace(found, taskmodule=windows, reads=windows.examples)
    return found


def _ready(
    kind: str,
    embedder: Embedder,
    taskmodule: Any,
    datamodule: TransferDataModule,
    multi_encoder: MultiEncoder,
    origin: str | None,
    device: torch.device,
) -> Ready:
    weights = next(iter(multi_encoder.started_from.values()))
    seen = getattr(embedder, "model", multi_encoder)
    description = multi_encoder.describe()[0]
    space = {"encoder": origin or weights, "layers": description["layers"], **embedder.settings()}

    def finish() -> None:
        for _, encoder in multi_encoder.storing():
            assert encoder.features is not None
            encoder.features.write()

    return Ready(kind, embedder, taskmodule, datamodule, space, fingerprint(seen), description, device, finish)


def _origin(description: dict[str, Any], directory: Path) -> str:
    """The weights that the training of a model with one encoder began with.

    Raises:
        ConfigError: they are not recorded, and the encoder that it names is not there.
    """
    options = description["model"]["options"]
    started = description.get("started_from")
    if not started:  # a model that was saved before this was recorded
        keys = ("pretrained_models", "pretrained_default_config", "pretrained_configs", "truncate_models")
        try:
            started = MultiEncoder(**{key: options[key] for key in keys if options.get(key)}).started_from
        except ValueError as error:
            raise ConfigError(f"{directory}: what its encoder was trained from is not known: {error}") from error
    return str(next(iter(started.values())))
