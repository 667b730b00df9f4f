"""``transferlab.json``: what a saved model says of itself, read as what a stranger may have written.

Format 2 names classes as registry.py does. Format 1 named them by import path (``_target_``); it is turned into format
2 when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transferlab.models.registry import MODELS, READERS, TASKMODULES, Registry, SavedModelError
from transferlab.utils.json_text import JsonFile
from transferlab.utils.saved_models import DESCRIPTION

WEIGHTS = "task.safetensors"
FORMAT = 2


def read_description(directory: Path) -> dict[str, Any]:
    """The description of a saved model, in the present format.

    Returns:
        ``model``, ``taskmodule`` and, where it is known, ``data``, each with ``name`` and ``options``; ``encoders``,
        each with ``folder``, or with ``source`` and ``fingerprint``; and facts.

    Raises:
        SavedModelError: there is none, or it is not made like that.
    """
    file = directory / DESCRIPTION
    if not file.is_file():
        raise SavedModelError(f"{directory} holds no {DESCRIPTION}: it is not a model saved by transferlab")
    try:
        description = JsonFile(file).loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SavedModelError(f"{file} is not JSON: {error}; copy the saved model again") from error
    known = description.get("format") if isinstance(description, dict) else None
    if known not in (1, FORMAT):
        raise SavedModelError(
            f"{file}: format {known!r} is not one that is known here, 1 to {FORMAT}; use a newer transferlab"
        )
    for part, registry in (("model", MODELS), ("taskmodule", TASKMODULES), ("data", READERS)):
        stated = description.get(part)
        if part == "data" and not stated:
            description.pop(part, None)
            continue
        description[part] = as_named(stated, registry) if isinstance(stated, dict) else None
        if not _has(description[part], {"name": str, "options": dict}):
            raise SavedModelError(f"{file}: {part} is not a name with options; copy the saved model again")
    encoders = description.get("encoders")
    folder, source = {"folder": str}, {"source": str, "fingerprint": str}
    if not isinstance(encoders, dict) or not all(
        isinstance(place, dict) and _has(place, folder if "folder" in place else source) for place in encoders.values()
    ):
        raise SavedModelError(
            f"{file}: encoders are not given each by a folder, or by a source and its fingerprint; restore it"
        )
    size, started = description.get("eval_batch_size", 1), description.get("started_from", {})
    if not isinstance(size, int) or size < 1 or not isinstance(started, dict):
        raise SavedModelError(f"{file}: eval_batch_size={size!r} or started_from={started!r} cannot be; remove it")
    return description


def as_named(stated: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """``name`` and ``options`` of what is given so, or by ``_target_`` with the options in place or beside it."""
    if "_target_" not in stated:
        return dict(stated)
    rest = {key: value for key, value in stated.items() if key != "_target_"}
    return {"name": registry.name(str(stated["_target_"])), "options": rest.pop("options", None) or rest}


def check_folder(directory: Path, description: Mapping[str, Any]) -> None:
    """Refuse a saved model that consists of files elsewhere, or whose encoders name code.

    Raises:
        SavedModelError: naming the file or the entry.
    """
    root = directory.resolve()
    folders = [Path(place["folder"]) for place in description["encoders"].values() if "folder" in place]
    for folder in folders:
        if ".." in folder.parts or not (root / folder).resolve().is_relative_to(root):
            raise SavedModelError(
                f"{directory / DESCRIPTION}: the encoder folder {str(folder)!r} is not inside {directory}; restore it"
            )
    places = [root]
    if root.parent.name == "snapshots":  # of the hub's cache, whose files are links to where it keeps their contents
        places.append(root.parent.parent / "blobs")
    for folder in (Path(), *folders):
        for file in (root / folder).glob("*"):
            if not any(file.resolve().is_relative_to(place) for place in places):
                raise SavedModelError(f"{file} is a link to {file.resolve()}, outside of the saved model")
            if file.name in ("config.json", "tokenizer_config.json") and '"auto_map"' in file.read_text(
                "utf-8", "replace"
            ):
                raise SavedModelError(
                    f"{file} names code of its own (auto_map), and no code of a saved model is run; remove the entry "
                    "if you know the model"
                )
    for name, place in description["encoders"].items():
        if "folder" not in place and ".." in Path(place["source"]).parts:
            raise SavedModelError(
                f"{directory / DESCRIPTION}: the source {place['source']!r} of the encoder {name!r} leads upwards"
            )


def _has(stated: Any, shape: Mapping[str, type]) -> bool:
    """Whether something is a mapping with these keys and types of values."""
    return isinstance(stated, dict) and all(isinstance(stated.get(key), kind) for key, kind in shape.items())
