"""The corpus that a saved model was trained on, read again where the model is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transferlab.models.registry import READERS, SavedModelError, build
from transferlab.utils.saved_models import DESCRIPTION

GIVE = "give dataset=... (a name of configs/dataset), or the place of the same data with +dataset.data_dir=..."


def own_reader(
    directory: Path,
    description: Mapping[str, Any],
    trust: str | Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
) -> Any:
    """The reader of the corpus that a saved model was trained on.

    The reader is one of this project, or of a package that the caller trusts, and gets the options of the training. A
    place on this machine is taken from a model that lies on this machine, never from one of the hub, and is only read;
    ``data_dir: null`` stands, as in configs, for the reader's environment variable or its dataset on the hub.

    Args:
        directory: of the saved model.
        description: of it, see :func:`~transferlab.models.descriptions.read_description`.
        trust: packages of the caller whose readers the model may name.
        given: options of the caller, which win over those of the training.

    Raises:
        SavedModelError: the model does not say, or the place is not there.
    """
    file, data = directory / DESCRIPTION, description.get("data")
    if data is None:
        raise SavedModelError(f"{file} does not say on which data the model was trained; {GIVE}")
    kind = READERS.find(data["name"], trust, f"{file}, data")
    stated = {key: value for key, value in data["options"].items() if key not in (given or {})}
    for key, value in stated.items():
        if key.endswith("_dir") and value is not None:
            if directory.resolve().parent.name == "snapshots":  # of the hub's cache
                raise SavedModelError(f"{file}: the data of the model lay at {value!r}, wherever that was; {GIVE}")
            if not (isinstance(value, str) and (Path(value).is_dir() or Path(value).is_file())):
                raise SavedModelError(f"{file}: the data of the model, {key}={value!r}, is not there; {GIVE}")
        elif key == "variable" and not str(value).endswith("_DIR"):
            raise SavedModelError(f"{file}: {key}={value!r} is no environment variable of a corpus; {GIVE}")
        elif key in ("files", "hub", "hub_name") and any(_leads_away(name) for name in _strings(value)):
            raise SavedModelError(f"{file}: {key}={value!r} leads away from the corpus; {GIVE}")
    return build(kind, {**stated, **(given or {})}, f"{file}, data")


def _leads_away(name: str) -> bool:
    return Path(name).is_absolute() or ".." in Path(name).parts


def _strings(value: Any) -> list[str]:
    """All strings in a value of JSON."""
    if isinstance(value, Mapping | list):
        parts = value.values() if isinstance(value, Mapping) else value
        return [name for part in parts for name in _strings(part)]
    return [value] if isinstance(value, str) else []
