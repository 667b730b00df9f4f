"""Saved models: encoders in the Hugging Face layout, what is ours beside them in safetensors and JSON.

    transferlab.json        task, options, labels, where each encoder lies, scores, data, command, versions
    task.safetensors        head and aggregation
    config.json, model.safetensors, tokenizer...   the encoder of a model with one encoder, so that
                            ``AutoModel.from_pretrained(directory)`` loads it; of several, in ``encoders/<id>/``

A frozen encoder equals its source, so it is referred to by name and content hash instead of copied, unless asked for.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.base import TransferModel
from transferlab.utils.errors import UserError
from transferlab.utils.run_record import json_ready

DESCRIPTION = "transferlab.json"
WEIGHTS = "task.safetensors"
FORMAT = 1
ENCODERS = "multi_encoder.encoders."  # the part of a model's state that is saved in the Hugging Face layout
ADDED_TOKENS = "multi_encoder.added_tokens."


class SavedModelError(UserError):
    """A path that holds no saved model, or one that cannot be loaded as it stands."""


def save_model(
    model: TransferModel,
    directory: str | Path,
    *,
    tokenizers: dict[str, Any],
    taskmodule: dict[str, Any],
    facts: dict[str, Any],
    copy_frozen_encoders: bool = False,
) -> Path:
    """Write a model, all of it or nothing.

    Args:
        model: the trained model.
        directory: replaced if it holds a model already.
        tokenizers: by encoder id.
        taskmodule: ``_target_`` and ``options`` of the taskmodule that made its inputs.
        facts: what else a reader wants to know: data, scores, command.
        copy_frozen_encoders: write frozen encoders too, so that the model can travel.

    Raises:
        SavedModelError: the directory holds something else.
    """
    directory = Path(directory)
    if directory.exists() and any(directory.iterdir()) and not (directory / DESCRIPTION).is_file():
        raise SavedModelError(f"{directory} holds something that is not a saved model; it is left alone")
    directory.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        building.chmod(0o755)
        encoders: dict[str, dict[str, str]] = {}
        ids = model.multi_encoder.encoder_ids
        fingerprints = model.frozen_fingerprints()
        for name in ids:
            if name in fingerprints and not copy_frozen_encoders:
                source = model.hparams["pretrained_models"][name]
                encoders[name] = {"source": _portable(source), "fingerprint": fingerprints[name]}
            else:
                folder = "." if len(ids) == 1 else f"encoders/{name}"
                model.multi_encoder.save_encoder(name, building / folder, tokenizers[name])
                encoders[name] = {"folder": folder}
        # the added tokens of a saved encoder are rows of its embeddings
        elsewhere = (ENCODERS, *(f"{ADDED_TOKENS}{name}." for name in ids if "folder" in encoders[name]))
        head = {
            key: value.detach().cpu().contiguous()
            for key, value in model.state_dict().items()
            if not key.startswith(elsewhere)
        }
        save_file(head, building / WEIGHTS, metadata={"format": "pt"})
        options = {name: value for name, value in model.hparams.items() if name != "features"}  # a matter of the place
        description = {
            "format": FORMAT,
            "transferlab": version("transferlab"),
            "model": {"_target_": _name(type(model)), "options": options},
            "taskmodule": taskmodule,
            "encoders": encoders,
            **facts,
        }
        (building / DESCRIPTION).write_text(json.dumps(json_ready(description), indent=2) + "\n", encoding="utf-8")
        (building / "README.md").write_text(model_card(description), encoding="utf-8")
        _put_in_place(building, directory)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return directory


def save_trained(
    model: TransferModel,
    directory: str | Path,
    taskmodule: Any,
    facts: dict[str, Any],
    copy_frozen_encoders: bool = False,
) -> Path:
    """Save a model of a run with the taskmodule that made its inputs; see :func:`save_model`."""
    shared, keys = load_tokenizers(model.hparams["pretrained_models"], model.hparams.get("added_tokens") or {})
    kind = type(taskmodule)
    return save_model(
        model,
        directory,
        tokenizers={name: shared[key] for name, key in keys.items()},
        taskmodule={"_target_": _name(kind), "options": taskmodule.options()},
        facts={"started_from": model.multi_encoder.started_from, **facts, **_trained_on(model, facts)},
        copy_frozen_encoders=copy_frozen_encoders,
    )


def _trained_on(model: TransferModel, facts: dict[str, Any]) -> dict[str, Any]:
    """The records of the run's training documents, where it has them, and of those of the encoders' training."""
    if "trained_on" not in facts:
        return {}
    return {"trained_on": [*facts["trained_on"], *model.multi_encoder.trained_on]}


def _put_in_place(new: Path, directory: Path) -> None:
    """Move a finished folder to ``directory``; what lies there is only deleted once the new one is in place."""
    old = new.with_name(f"{new.name}.old")
    if directory.exists():
        os.replace(directory, old)
    os.replace(new, directory)
    shutil.rmtree(old, ignore_errors=True)


def find_model(name_or_path: str | Path) -> Path:
    """The folder of a saved model: itself, a run directory that holds one, or a hub repository.

    Raises:
        SavedModelError: naming what was looked for.
    """
    path = Path(name_or_path)
    for candidate in (path, path / "model"):
        if (candidate / DESCRIPTION).is_file():
            return candidate
    if path.exists():
        raise SavedModelError(
            f"model_name_or_path={name_or_path}: neither it nor its model/ holds {DESCRIPTION}; give a saved model or "
            "the directory of a finished run (an unfinished one goes on with: python src/train.py resume=<directory>)"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(str(name_or_path), ignore_patterns=["*.bin", "*.pt", "*.ckpt", "*.h5"]))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise SavedModelError(
            f"model_name_or_path={name_or_path}: no such folder here, and the hub does not give it "
            f"({type(error).__name__})"
        ) from error


def load_model(directory: Path) -> tuple[TransferModel, dict[str, Any]]:
    """The model of a folder that :func:`find_model` found, in eval mode, and its description.

    Raises:
        SavedModelError: an unknown format, or a frozen encoder whose source has other weights now.
    """
    file = directory / DESCRIPTION
    if not file.is_file():
        raise SavedModelError(f"{directory} holds no {DESCRIPTION}: it is not a model saved by transferlab")
    description = json.loads(file.read_text(encoding="utf-8"))
    if description.get("format") != FORMAT:
        raise SavedModelError(f"{file}: format {description.get('format')!r} is not {FORMAT}, the one known here")
    options = dict(description["model"]["options"])
    options.pop("remember_gb", None)  # of models that were saved before there was a feature store
    options["pretrained_models"] = {
        name: str(directory / place["folder"]) if "folder" in place else place["source"]
        for name, place in description["encoders"].items()
    }
    model = our_class(description["model"]["_target_"], "transferlab.models.", file)(**options)
    fingerprints = model.frozen_fingerprints()
    for name, place in description["encoders"].items():
        if "fingerprint" in place and fingerprints[name] != place["fingerprint"]:
            raise SavedModelError(
                f"{file}: the frozen encoder {name!r} was {place['source']}, which holds other weights now; restore "
                "it, or save models with copy_frozen_encoders=true to make them independent of their sources"
            )
    head = load_file(directory / WEIGHTS)
    missing, unexpected = model.load_state_dict(head, strict=False)
    missing = [key for key in missing if not key.startswith(ENCODERS)]
    if missing or unexpected:
        raise SavedModelError(f"{directory / WEIGHTS}: missing {missing}, unexpected {unexpected}")
    return model.eval(), description


def our_class(target: str, package: str, file: Path) -> Any:
    """The class a description names; only classes of this project are ever built from a file."""
    module, _, name = target.rpartition(".")
    if not target.startswith(package):
        raise SavedModelError(f"{file}: {target!r} is not a class of {package.rstrip('.')}")
    return getattr(importlib.import_module(module), name)


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _portable(source: str) -> str:
    """A folder as an absolute path, so that it is found from anywhere; any other name as it is."""
    return str(Path(source).resolve()) if Path(source).is_dir() else source


def model_card(description: dict[str, Any]) -> str:
    """A Markdown card: what it is, from which data and command, with which scores."""
    kind = description["taskmodule"]["_target_"].rsplit(".", 1)[-1].removesuffix("TaskModule")
    task = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
    options = description["model"]["options"]
    lines = ["---", "library_name: transferlab", f"tags: [transferlab, {task.replace(' ', '-')}]", "---", ""]
    lines += [f"# {task} model", ""]
    for name, place in description["encoders"].items():
        origin = options["pretrained_models"].get(name, "not recorded")
        depth = (options.get("truncate_models") or {}).get(name)
        depth = f", its first {depth} layers" if depth else ""
        saved = f"; saved in `{place['folder']}`" if "folder" in place else ", frozen, not copied"
        lines += [f"- encoder {name}: from {origin}{depth}{saved}"]
    lines += [f"- command: `{description.get('command', 'not recorded')}`"]
    lines += [f"- seed: {description.get('seed', 'not recorded')}"]
    stated = description.get("data", {})
    named = {key: value for key, value in stated.items() if value is not None and key != "_target_"}
    lines += [f"- data: {stated.get('_target_', 'not recorded').rsplit('.', 1)[-1]}"]
    lines += [f"    - {key}: {value}" for key, value in named.items()]
    lines += ["", "| score | value |", "|---|---|"]
    lines += [f"| {name} | {value:.4f} |" for name, value in sorted(description.get("scores", {}).items())]
    lines += ["", "```python", "import transferlab", 'model = transferlab.load("<this folder>")', "```", ""]
    if len(description["encoders"]) == 1 and "folder" in next(iter(description["encoders"].values())):
        lines += ["The encoder alone is what `AutoModel` and `AutoTokenizer` load from this folder.", ""]
    return "\n".join(lines)
