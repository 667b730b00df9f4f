"""What the head that a source was fine-tuned with says of the items of a target: the dummy labels of LEEP."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from transferlab.encoders.sources import DESCRIPTION, resolve
from transferlab.models.descriptions import read_description
from transferlab.models.registry import MODELS
from transferlab.models.saving import load_model
from transferlab.transferability.item_kinds import ItemKind
from transferlab.transferability.items import Array


class NoSourceClassesError(Exception):
    """Why a source says nothing of the classes of its task; the text continues "no probabilities: "."""


@torch.no_grad()
def source_probabilities(source: str, vectors: Tensor, kind: ItemKind, *, truncated: bool, alignment: str) -> Array:
    """Probabilities of the classes of the source's task (Nguyen et al., ICML 2020, section 3).

    Args:
        source: a value of ``model.pretrained_models``.
        vectors: [N, P, hidden] fp32, the last layer's vectors of the P parts of each item.
        kind: of the items.
        truncated: whether the last layers of the source are not used.
        alignment: of the vectors.

    Returns:
        [N, Z] fp32.

    Raises:
        NoSourceClassesError: it is not a saved model whose head can read these items.
    """
    folder = Path(resolve(source))
    if not (folder / DESCRIPTION).is_file():
        raise NoSourceClassesError(f"{source} is an encoder without the head of a task")
    stated = read_description(folder)["model"]
    model_class = MODELS.names.get(stated["name"], stated["name"]).rpartition(":")[2]
    _check(stated["options"], model_class, kind, vectors.shape[1], truncated, alignment)
    model: Any = load_model(folder)[0]
    logits: Tensor = model.head.to(vectors.device)(vectors.flatten(1))
    return logits.float().softmax(dim=-1).cpu().numpy()


def _check(options: Mapping[str, Any], model: str, kind: ItemKind, parts: int, truncated: bool, alignment: str) -> None:
    """Refuse a head that reads something else, or says something else, before its weights are read."""
    if not options.get("labels") or options.get("problem", "multi_class") != "multi_class":
        raise NoSourceClassesError("the task of the source does not choose one of several classes")
    if model not in kind.heads:
        raise NoSourceClassesError(f"the head of the source, a {model}, does not read {kind.wording}")
    reads = options.get("num_units", 1)
    if reads != parts:
        raise NoSourceClassesError(f"the head of the source reads {reads} vectors, and an item has {parts}")
    if truncated:
        raise NoSourceClassesError("the head of the source reads its last layer, which is cut off")
    trained = options.get("alignment", "first")
    if trained != alignment:
        raise NoSourceClassesError(
            f"the head of the source was trained with model.alignment={trained}, not {alignment}"
        )
    if options.get("aggregate") not in (None, "mean") or options.get("normalize_embeddings"):
        raise NoSourceClassesError("the head of the source does not read the vectors of its encoder as they are")
