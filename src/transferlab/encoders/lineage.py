"""What a source says of the documents that it was trained on: its own, and those of the models that it started from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from transferlab.encoders.sources import DESCRIPTION, EncoderError, resolve

ENCODER_FOLDER = "encoders"  # of a saved model with several, each in a folder of its own


def description_of(source: str) -> dict[str, Any]:
    """What a saved model, or the one that an encoder's folder is part of, says of itself; nothing of other sources.

    Args:
        source: see :func:`~transferlab.encoders.sources.resolve`; one that cannot be found says nothing.

    Raises:
        EncoderError: a description that is damaged.
    """
    try:
        place = resolve(source)
    except EncoderError:
        return {}
    file = description_file(place)
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderError(
            f"encoder source {source!r}: {file} is damaged ({error}); restore it or delete it"
        ) from error
    return content if isinstance(content, dict) else {}


def description_file(place: str) -> Path | None:
    """The description of the saved model that a folder, or a repository of the hub, is or is a part of."""
    folder = Path(place)
    if folder.is_dir():
        whole = folder.resolve().parents[1] if folder.resolve().parent.name == ENCODER_FOLDER else folder
        return next((file for at in (folder, whole) if (file := at / DESCRIPTION).is_file()), None)
    return _on_hub(place)


@cache  # asked once per process
def _on_hub(name: str) -> Path | None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:  # a model that was pushed to the hub; no other repository there has such a file
        return Path(hf_hub_download(name, DESCRIPTION, etag_timeout=3))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError):
        return None


def trained_on(sources: Iterable[str]) -> list[dict[str, Any]]:
    """The records of the documents that sources were trained on, each once.

    A record is what ``TrainingTexts.to_dict`` made, and ``from``, the saved model that says so. Of a model that was
    saved before such records were made it is ``from`` and ``data`` alone, the config of its corpus.
    """
    found: list[dict[str, Any]] = []
    for source in dict.fromkeys(sources):
        description = description_of(source)
        for record in records_of(description) if description else []:
            record = {"from": source} | record
            if all(_told(record) != _told(other) for other in found):
                found.append(record)
    return found


def records_of(description: dict[str, Any]) -> list[dict[str, Any]]:
    """The records of a saved model, its own first; of one that has none, the config of its corpus."""
    recorded = description.get("trained_on")
    if isinstance(recorded, list):
        return [record for record in recorded if isinstance(record, dict)]
    return [{"data": description.get("data")}]


def _told(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key != "from"}
