"""What the files of an encoder may ask for: nothing that runs code or reaches beyond them.

Whoever wrote a folder or a hub repository decides what stands in its JSON files, so these are read as plain JSON and
held against this page before transformers acts on them. Code that they name (``auto_map``) is never run: every call of
transformers says ``trust_remote_code=False``.
"""

from __future__ import annotations

import inspect
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import transformers
from transformers import CONFIG_MAPPING, PreTrainedTokenizerBase
from transformers.utils import cached_file

from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

# Entries of a configuration by which transformers would load something from elsewhere, or in another way
_ELSEWHERE = {
    "quantization_config": "the weights are quantised, which another package would have to undo",
    "compression_config": "the weights are compressed, which another package would have to undo",
    "transformers_weights": "the weights are to come from another file",
    "backbone": "a part of the model is to come from another model",
    "use_pretrained_backbone": "a part of the model is to come from another model",
    "init_inputs": "the tokenizer is to read other files",
}
# Entries that choose the implementation of a layer; a name with a slash or a colon is one on the hub, with code
_KERNELS = ("attn_implementation", "experts_implementation")
_KERNEL = re.compile(r"[\w|]+")
TOKENIZER = "tokenizer.json"
CONFIG, TOKENIZER_CONFIG, INDEX = "config.json", "tokenizer_config.json", "model.safetensors.index.json"
STATE_DICTS = ("pytorch_model.bin", "pytorch_model.bin.index.json")  # of torch, whole or in parts
ADAPTER = "adapter_config.json"
CONVERT = (
    "make a model of a published coreference checkpoint with src/convert.py, name the state dict of another "
    "pytorch_model.bin, or save it with save_pretrained of transformers, and name that"
)


class EncoderError(UserError):
    """Something about the encoders that the user must change; the text says what and how."""


def check_config(encoder_id: str, source: str) -> None:
    """Refuse a configuration that reaches beyond its own folder.

    Args:
        encoder_id: for messages.
        source: a folder or hub name.

    Raises:
        EncoderError: naming the entry.
    """
    what = f"encoder {encoder_id!r}: {CONFIG} of {source!r}"
    declared = _read(source, CONFIG, what)
    check_entries(declared, what)
    _check_tokenizer_class(declared, what)
    if declared.get("auto_map") and str(declared.get("model_type")) not in CONFIG_MAPPING:
        raise EncoderError(
            f"{what} is read by code of its own only (auto_map), and no code of a model is run; choose one of a type "
            "that transformers knows"
        )
    if declared.get("auto_map"):
        log.warning("%s names code of its own (auto_map); it is not run, transformers' own class is used", what)


def check_tokenizer_config(encoder_id: str, source: str) -> None:
    """As :func:`check_config`, of the tokenizer."""
    what = f"encoder {encoder_id!r}: {TOKENIZER_CONFIG} of {source!r}"
    declared = _read(source, TOKENIZER_CONFIG, what)
    check_entries(declared, what)
    _check_tokenizer_class(declared, what)


def says_case(source: str) -> bool:
    """Whether the files of a tokenizer say whether it lower-cases; a ``vocab.txt`` alone does not."""
    declared = _read(source, TOKENIZER_CONFIG, f"{TOKENIZER_CONFIG} of {source!r}")
    return "do_lower_case" in declared or _find(source, TOKENIZER) is not None


def check_weights(encoder_id: str, source: str) -> bool:
    """Refuse weights that lie elsewhere, that nothing here reads, or that are a change to those of another model.

    Returns:
        Whether they are those of a folder with a state dict of torch alone, as older models were published.

    Raises:
        EncoderError: naming the file.
    """
    what = f"encoder {encoder_id!r}: {source!r}"
    if _find(source, ADAPTER) is not None:
        raise EncoderError(
            f"{what} holds an adapter ({ADAPTER}), which changes the weights of another model; merge the two, save the "
            f"result, and name that in model.pretrained_models.{encoder_id}"
        )
    pickled = pickled_weights(Path(source))
    as_state_dict = bool(pickled) and next(Path(source).glob("*.safetensors"), None) is None
    if as_state_dict and not any((Path(source) / name).is_file() for name in STATE_DICTS):
        raise EncoderError(f"{what} holds weights that are not read ({pickled[0]}); {CONVERT}")
    index, ending = (STATE_DICTS[1], "bin") if as_state_dict else (INDEX, "safetensors")
    shards = _read(source, index, f"{what}, {index}").get("weight_map", {})
    for name in set(map(str, shards.values() if isinstance(shards, dict) else [shards])):
        if not re.fullmatch(rf"[\w.-]+\.{ending}", name):
            raise EncoderError(f"{what}: {index} names the file {name!r}; only {ending} files beside it are read")
    return as_state_dict


def pickled_weights(folder: Path) -> list[str]:
    """Names of the files of pickled weights in a folder; none of what is no folder."""
    return sorted(file.name for file in folder.glob("*.bin"))


def check_entries(entries: Mapping[str, Any], what: str) -> None:
    """Refuse entries of a configuration, at any depth, that would load something from elsewhere.

    Args:
        entries: of a file, or the options of a user.
        what: they are of, to begin the message with.

    Raises:
        EncoderError: naming the entry.
    """
    for key, value in _walk(entries):
        if key in _ELSEWHERE and value:
            raise EncoderError(f"{what} has the entry {key!r}: {_ELSEWHERE[key]}; such models are not read")
        if key.removeprefix("_").removesuffix("_internal") in _KERNELS:
            for name in value.values() if isinstance(value, Mapping) else [value]:
                if name is not None and not (isinstance(name, str) and _KERNEL.fullmatch(name)):
                    raise EncoderError(
                        f"{what}: {key}={name!r} would fetch code from the hub; choose eager, sdpa or another "
                        "implementation of transformers"
                    )


def _check_tokenizer_class(declared: Mapping[str, Any], what: str) -> None:
    """Refuse a class of transformers that is no tokenizer: it would be made from the same files."""
    name = declared.get("tokenizer_class")
    kind = getattr(transformers, name, None) if isinstance(name, str) else name
    if kind is not None and not (inspect.isclass(kind) and issubclass(kind, PreTrainedTokenizerBase)):
        raise EncoderError(f"{what}: tokenizer_class={name!r} is not a tokenizer of transformers")


def _walk(entries: Any) -> Iterator[tuple[str, Any]]:
    """All keys of mappings, at any depth, with their values."""
    if isinstance(entries, Mapping):
        for key, value in entries.items():
            yield str(key), value
            yield from _walk(value)
    elif isinstance(entries, list | tuple):
        for value in entries:
            yield from _walk(value)


def _find(source: str, name: str) -> Path | None:
    """The file of a folder, or of a hub repository, if it has one."""
    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        _raise_exceptions_for_gated_repo=False,
    )
    return None if found is None else Path(found)


def _read(source: str, name: str, what: str) -> dict[str, Any]:
    """The content of such a file; empty where there is none."""
    file = _find(source, name)
    try:
        content = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise EncoderError(f"{what} is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise EncoderError(f"{what} is not a JSON object")
    return content
