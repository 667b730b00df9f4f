"""The head of the saved model that a run starts from, kept instead of a new one (``model_load_mode=all``)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from transferlab.encoders.saved_files import verify
from transferlab.encoders.sources import EncoderError, resolve
from transferlab.models.base import TransferModel
from transferlab.models.classification_model import ClassificationModel
from transferlab.models.descriptions import DESCRIPTION, WEIGHTS, read_description
from transferlab.models.problems import Regression
from transferlab.models.registry import MODELS, SavedModelError
from transferlab.utils.option_kinds import show

_HEAD = "head."
_SCALES = ("value_mean", "value_std")  # of the values of a regression, to which a head is brought


def check_has_head(sources: Mapping[str, str]) -> Path:
    """The folder of the one saved model that a run starts from.

    Args:
        sources: ``model.pretrained_models``.

    Raises:
        SavedModelError: there are several sources, or one without a head.
    """
    if len(sources) != 1:
        raise SavedModelError(
            f"model_load_mode=all takes over the head of one saved model, and there are {', '.join(sources)}; name one "
            "with encoder=..., or choose model_load_mode=base_model_only"
        )
    (source,) = sources.values()
    folder = Path(resolve(source))
    if not all((folder / name).is_file() for name in (DESCRIPTION, WEIGHTS)):
        raise SavedModelError(
            f"model_load_mode=all: {source} is not a saved model with a head; name the directory of one with "
            "encoder=..., or choose model_load_mode=base_model_only"
        )
    return folder


def keep_head(model: TransferModel, taskmodule: Any) -> None:
    """Give a new model the head of the saved model that its encoder is from.

    A head of values learned them in standard deviations from the mean of its own training data; its last layer is
    brought to those of the new data, so that it predicts the same.

    Args:
        model: over one encoder.
        taskmodule: that makes its inputs. In what it learned from the training data, labels for example, and in its
            options on what a head reads it must agree with the one of the saved model.

    Raises:
        SavedModelError: a head of another kind of model, of other labels or inputs, or of another size.
    """
    folder = check_has_head(model.multi_encoder.pretrained_models)
    description = read_description(folder)
    try:
        verify(folder, description)
        theirs = {name: t for name, t in load_file(folder / WEIGHTS).items() if name.startswith(_HEAD)}
    except (EncoderError, OSError, SafetensorError) as error:
        raise SavedModelError(f"model_load_mode=all: {error}") from error
    place = f"model_load_mode=all: the head of {folder}"
    kind, ours = description["model"]["name"], MODELS.name_of(type(model))
    if kind != ours:
        raise SavedModelError(f"{place} is one of {kind}, and this run trains one of {ours}")
    options, inputs = description["model"]["options"], description["taskmodule"]["options"]
    learned, own = taskmodule.model_arguments(), taskmodule.options()
    for name, usual in taskmodule.head_reads.items():  # which also tell the sizes below
        before, now = inputs.get(name, usual), own[name]
        if before != now:
            raise SavedModelError(
                f"{place} was trained with {name} {_short(before)}, and here it is {_short(now)}; give "
                f"taskmodule.{name}={show(before)}, or choose model_load_mode=base_model_only"
            )
    for name in learned.keys() & options.keys() - set(_SCALES):
        if options[name] != learned[name]:
            raise SavedModelError(
                f"{place} was trained with {name} {_short(options[name])}, and here it is {_short(learned[name])}; set "
                "it alike, or choose model_load_mode=base_model_only"
            )
    state = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(_HEAD)}
    for name in dict.fromkeys([*state, *theirs]):
        shapes = [tuple(part[name].shape) if name in part else None for part in (theirs, state)]
        if shapes[0] != shapes[1]:
            raise SavedModelError(
                f"{place} has {name} {shapes[0]}, and here it is {shapes[1]}; choose the same options"
            )
    if isinstance(model, ClassificationModel) and isinstance(model.problem, Regression):
        theirs = _to_scale(theirs, f"{_HEAD}layers.{len(model.head.layers) - 1}", options, model.problem)
    model.load_state_dict(theirs, strict=False)


def _to_scale(
    head: dict[str, Tensor], last_layer: str, options: Mapping[str, Any], problem: Regression
) -> dict[str, Tensor]:
    weight, bias = f"{last_layer}.weight", f"{last_layer}.bias"
    mean, std = options.get("value_mean", 0.0), options.get("value_std", 1.0)
    return head | {
        weight: head[weight] * (std / problem.value_std),
        bias: (head[bias] * std + mean - problem.value_mean) / problem.value_std,
    }


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
