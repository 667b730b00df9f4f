"""Saved models: encoders in the Hugging Face layout, what is ours beside them in safetensors and JSON.

    transferlab.json        task, options, labels, where each encoder lies, scores, data, command, versions
    task.safetensors        head and aggregation
    config.json, model.safetensors, tokenizer...   the encoder of a model with one encoder, so that
                            ``AutoModel.from_pretrained(directory)`` loads it; of several, in ``encoders/<id>/``

A frozen encoder equals its source, so it is referred to by name and content hash instead of copied, unless asked for.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from transferlab.encoders.saved_files import RECORDED, hashes, verify
from transferlab.encoders.sources import EncoderError
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.base import TransferModel
from transferlab.models.descriptions import DESCRIPTION, FORMAT, WEIGHTS, as_named, check_folder, read_description
from transferlab.models.registry import MODELS, READERS, TASKMODULES, SavedModelError, build
from transferlab.utils.escaping import code, markdown, markdown_row
from transferlab.utils.new_folder import new_folder
from transferlab.utils.run_record import json_ready
from transferlab.utils.saved_models import saved_model_of

ENCODERS = "multi_encoder.encoders."  # the part of a model's state that is saved in the Hugging Face layout
ADDED_TOKENS = "multi_encoder.added_tokens."
_MOST_PROBES = 5  # that a message lists
# what a model on the hub may consist of; anything else is not even downloaded
FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.md")


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
        taskmodule: of the one that made its inputs: ``name`` (see registry.py) or ``_target_``, and ``options``.
        facts: what else a reader wants to know: data, scores, command. ``data`` is the config of the training data, of
            which the name of the reader and its options are written.
        copy_frozen_encoders: write frozen encoders too, so that the model can travel.

    Raises:
        SavedModelError: the directory holds something else.
    """
    directory = Path(directory)
    if directory.exists() and any(directory.iterdir()) and not (directory / DESCRIPTION).is_file():
        raise SavedModelError(f"{directory} holds something that is not a saved model; it is left alone")
    with new_folder(directory) as building:
        encoders: dict[str, dict[str, str]] = {}
        ids = model.multi_encoder.encoder_ids
        fingerprints = model.frozen_fingerprints()
        for name in ids:
            if name in fingerprints and not copy_frozen_encoders:
                source = model.hparams["pretrained_models"][name]
                encoders[name] = {**_found_again(source, directory), "fingerprint": fingerprints[name]}
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
            "model": {"name": MODELS.name_of(type(model)), "options": options},
            "taskmodule": as_named(taskmodule, TASKMODULES),
            "encoders": encoders,
            **facts,
        }
        if facts.get("data"):
            data = as_named(facts["data"], READERS)
            places = {key: _absolute(value) for key, value in data["options"].items() if key.endswith("_dir")}
            description["data"] = data | {"options": data["options"] | places}
        description[RECORDED] = hashes(building)
        (building / DESCRIPTION).write_text(json.dumps(json_ready(description), indent=2) + "\n", encoding="utf-8")
        (building / "README.md").write_text(model_card(description), encoding="utf-8")
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
    return save_model(
        model,
        directory,
        tokenizers={name: shared[key] for name, key in keys.items()},
        taskmodule={"name": TASKMODULES.name_of(type(taskmodule)), "options": taskmodule.options()},
        facts={"started_from": model.multi_encoder.started_from, **facts, **_trained_on(model, facts)},
        copy_frozen_encoders=copy_frozen_encoders,
    )


def _trained_on(model: TransferModel, facts: dict[str, Any]) -> dict[str, Any]:
    """The records of the run's training documents, where it has them, and of those of the encoders' training."""
    if "trained_on" not in facts:
        return {}
    return {"trained_on": [*facts["trained_on"], *model.multi_encoder.trained_on]}


def find_model(name_or_path: str | Path) -> Path:
    """The folder of a saved model: itself, a run directory that holds one, or a hub repository.

    Raises:
        SavedModelError: naming what was looked for.
    """
    path = Path(name_or_path)
    for candidate in (path, saved_model_of(path), path / "model"):
        if candidate is not None and (candidate / DESCRIPTION).is_file():
            return candidate
    if probes := sorted(str(file.parents[1]) for file in path.glob(f"probes/*/model/{DESCRIPTION}")):
        raise SavedModelError(
            f"model_name_or_path={name_or_path}: that run has trained probes, each with a model of its own; name one "
            f"of them: {', '.join(probes[:_MOST_PROBES])}{' ...' * (len(probes) > _MOST_PROBES)}"
        )
    if path.exists():
        raise SavedModelError(
            f"model_name_or_path={name_or_path}: neither it nor its model/ holds {DESCRIPTION}, nor does it name a "
            "place where its model was saved; give a saved model or the directory of a finished run (an unfinished one "
            "goes on with: python src/train.py resume=<directory>)"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        directory = Path(snapshot_download(str(name_or_path), allow_patterns=list(FILES)))
    except (HFValidationError, HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        no_name = isinstance(error, HFValidationError)
        of_hub = "and no name on the hub" if no_name else f"and the hub does not give it ({type(error).__name__})"
        raise SavedModelError(
            f"model_name_or_path={name_or_path}: no such folder here, {of_hub}; give the folder of a saved model, the "
            "directory of a finished run, or <user>/<name> on the hub"
        ) from error
    if not (directory / DESCRIPTION).is_file():
        raise SavedModelError(
            f"model_name_or_path={name_or_path}: that repository holds no {DESCRIPTION}; give one of a model that "
            "transferlab saved"
        )
    return directory


def load_model(directory: Path, trust: str | Sequence[str] = ()) -> tuple[TransferModel, dict[str, Any]]:
    """The model of a folder that :func:`find_model` found, in eval mode, and its description.

    Args:
        directory: the folder. Whoever wrote it decides on weights and options, on nothing else.
        trust: packages of the caller whose models it may name.

    Raises:
        SavedModelError: an unknown format, a file that is not as it was saved, a class that is not trusted, options
            that no model takes, or a frozen encoder whose source has other weights now.
    """
    file = directory / DESCRIPTION
    description = read_description(directory)
    check_folder(directory, description)
    try:
        verify(directory, description)
    except EncoderError as error:
        raise SavedModelError(str(error)) from error
    kind = MODELS.find(description["model"]["name"], trust, f"{file}, model")
    options = dict(description["model"]["options"])
    options.pop("pretrained_models", None)  # as it was called where it was trained
    options.pop("remember_gb", None)  # of models that were saved before there was a feature store
    sources = {
        name: str(directory / place["folder"]) if "folder" in place else _source(place, directory)
        for name, place in description["encoders"].items()
    }
    # where features are kept is a matter of this place, and they may not be written where a file says
    model = build(kind, options, f"{file}, model", pretrained_models=sources, features=None)
    fingerprints = model.frozen_fingerprints()
    for name, place in description["encoders"].items():
        if "folder" not in place and fingerprints.get(name) != place["fingerprint"]:
            raise SavedModelError(
                f"{file}: the frozen encoder {name!r} was {place['source']}, which holds other weights now; restore "
                "it, or save models with copy_frozen_encoders=true to make them independent of their sources"
            )
    try:
        head = load_file(directory / WEIGHTS)
        missing, unexpected = model.load_state_dict(head, strict=False)
    except (OSError, RuntimeError, SafetensorError) as error:
        said = " ".join(str(error).split())[:300]
        raise SavedModelError(
            f"{directory / WEIGHTS} does not hold the weights of the model ({said}); copy the saved model again"
        ) from error
    missing = [key for key in missing if not key.startswith(ENCODERS)]
    if missing or unexpected:
        raise SavedModelError(f"{directory / WEIGHTS}: missing {missing}, unexpected {unexpected}")
    return model.eval(), description


def trained_state(model: TransferModel, directory: Path) -> dict[str, Tensor]:
    """The state of ``model`` as a saved model of the same run has it.

    Args:
        model: made with the options of the run.
        directory: of what :func:`save_model` has written of it.

    Raises:
        SavedModelError: it cannot be read, or is of another kind of model.
    """
    saved, _ = load_model(directory, trust=type(model).__module__.partition(".")[0])
    theirs, state = saved.state_dict(), {}
    tokens = {f"{ADDED_TOKENS}{name}.embeddings": name for name, _ in model.multi_encoder.added_tokens.items()}
    for key, ours in model.state_dict().items():
        if key in tokens and key not in theirs:  # rows at the end of the saved encoder's table
            encoder: Any = saved.multi_encoder.encoders[tokens[key]]
            first: Any = model.multi_encoder.added_tokens[tokens[key]].first_id
            value = encoder.backbone.get_input_embeddings().weight[first : first + len(ours)]
        elif key in theirs:
            value = theirs[key]
            value = value[: len(ours)] if value.dim() and value.shape[1:] == ours.shape[1:] else value
        else:
            raise SavedModelError(f"{directory} is not of this run: it lacks {key}")
        if value.shape != ours.shape:
            raise SavedModelError(f"{directory} is not of this run: {key} has the shape {tuple(value.shape)}")
        state[key] = value.to(ours.dtype)
    return state


def load_taskmodule(
    directory: Path, description: dict[str, Any], tokenizers: dict[str, Any], trust: str | Sequence[str] = ()
) -> Any:
    """The taskmodule of a saved model; the arguments are those of :func:`load_model`, and the tokenizers by key."""
    stated, place = description["taskmodule"], f"{directory / DESCRIPTION}, taskmodule"
    return build(TASKMODULES.find(stated["name"], trust, place), stated["options"], place, tokenizers=tokenizers)


def _found_again(source: str, directory: Path) -> dict[str, str]:
    """The source of an encoder; of a folder its path, and that from the saved model, so that both may move together."""
    if not Path(source).is_dir():
        return {"source": source}
    place = Path(source).resolve()
    return {"source": str(place), "from_model": os.path.relpath(place, directory.resolve())}


def _source(place: dict[str, Any], directory: Path) -> str:
    """Where an encoder that was not copied is now; its fingerprint will tell whether it is the same."""
    beside = place.get("from_model")
    if isinstance(beside, str) and not Path(place["source"]).exists():
        moved = Path(os.path.normpath(directory.resolve() / beside))
        return str(moved) if moved.is_dir() else str(place["source"])
    return str(place["source"])


def _absolute(place: Any) -> Any:
    """A place of data, so that it is found from anywhere; None stays."""
    return str(Path(place).expanduser().resolve()) if isinstance(place, str) else place


def model_card(description: dict[str, Any]) -> str:
    """A Markdown card: what it is, from which data and command, with which scores."""
    kind = description["taskmodule"]["name"].rpartition(":")[2].removesuffix("TaskModule")
    task = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).replace("_", " ").lower()
    options = description["model"]["options"]
    lines = ["---", "library_name: transferlab", f"tags: [transferlab, {re.sub('[^a-z0-9]+', '-', task)}]", "---", ""]
    lines += [f"# {markdown(task)} model", ""]
    for name, place in description["encoders"].items():
        origin = options["pretrained_models"].get(name, "not recorded")
        depth = (options.get("truncate_models") or {}).get(name)
        depth = f", its first {depth} layers" if depth else ""
        saved = f"; saved in {code(place['folder'])}" if "folder" in place else ", frozen, not copied"
        lines += [f"- encoder {markdown(name)}: from {markdown(origin)}{depth}{saved}"]
    lines += [f"- command: {code(description.get('command', 'not recorded'))}"]
    lines += [f"- seed: {description.get('seed', 'not recorded')}"]
    data = description.get("data") or {"name": "not recorded", "options": {}}
    lines += [f"- data: {markdown(data['name'].rpartition(':')[2])}"]
    lines += [
        f"    - {markdown(key)}: {markdown(value)}" for key, value in data["options"].items() if value is not None
    ]
    lines += ["", "| score | value |", "|---|---|"]
    lines += [markdown_row([name, f"{value:.4f}"]) for name, value in sorted(description.get("scores", {}).items())]
    lines += ["", "```python", "import transferlab", 'model = transferlab.load("<this folder>")', "```", ""]
    if len(description["encoders"]) == 1 and "folder" in next(iter(description["encoders"].values())):
        lines += ["The encoder alone is what `AutoModel` and `AutoTokenizer` load from this folder.", ""]
    return "\n".join(lines)
