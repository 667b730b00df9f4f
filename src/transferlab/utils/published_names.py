"""What commands of the reverse probing code (RepL4NLP 2025) name otherwise, as keys and values of ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

_ADDED = re.compile(r"\+(?P<key>[A-Za-z_][\w.]*)=(?P<value>[^[{].*)", re.DOTALL)  # of a mapping or list, more is added
_ALSO_GIVE = ("experiment", "recipe")  # groups whose configs give keys of other groups
_RENAMED = {
    "datamodule.test_split": "split",
    "pipeline.ner_model_path": "pipeline.ner_model",
    "pipeline.re_model_path": "pipeline.re_model",
    "taskmodule.add_type_to_marker": "taskmodule.typed_markers",
}
_TASK_RATE, _ENCODER_RATE = "model.task_learning_rate", "model.bert_learning_rate"


def with_our_names(overrides: Sequence[str], configs: Path) -> list[str]:
    """Overrides by our names.

    ``name=probing/full`` is the task_name, with ``_`` for a slash, which a folder's name cannot have.
    ``model.learning_rate`` is the rate of all parameters: of the encoders, and of the task unless that is given, too.
    ``+key=value`` of a key that a config of ours gives, which Hydra refuses, overrides it.

    Args:
        overrides: that were typed.
        configs: the directory of the groups.
    """
    keys = {argument.partition("=")[0].lstrip("+") for argument in overrides}
    meant: list[str] = []
    for argument in overrides:
        key, _, value = argument.partition("=")
        key = key.lstrip("+")
        if key == "name":
            meant.append(f"task_name={value.replace('/', '_')}")
        elif key in _RENAMED:
            meant.append(f"{_RENAMED[key]}={value}")
        elif key == "model.learning_rate":
            meant.append(f"{_ENCODER_RATE}={value}")
            meant += [f"{_TASK_RATE}=${{{_ENCODER_RATE}}}"] if _TASK_RATE not in keys else []
        else:
            meant.append(f"+{argument}" if _is_there(argument, configs) else argument)
    return meant


def _is_there(argument: str, configs: Path) -> bool:
    """Whether an override adds one value under a key that a config gives."""
    found = _ADDED.fullmatch(argument)
    if found is None or (configs / found["key"]).is_dir():
        return False
    group, dot, _ = found["key"].partition(".")
    name = found["key"].rpartition(".")[2]
    given = re.compile(rf"^ *{re.escape(name)}: *(?!null\b)[^\s#]", re.MULTILINE)
    folders = [configs / group, *(configs / other for other in _ALSO_GIVE)] if dot else [configs]
    files = [file for folder in folders for file in folder.glob("*.yaml")]
    return any(given.search(file.read_text(encoding="utf-8")) for file in files)
