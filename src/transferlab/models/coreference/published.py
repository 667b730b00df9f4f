"""Coreference checkpoints as they were published, and the place of each of their weights in the head.

The layout is that of the PyTorch code of Xu and Choi 2020 (https://aclanthology.org/2020.emnlp-main.686), which that of
the reverse probing study (https://arxiv.org/abs/2501.19316) took over. Most networks of the head have their first layer
in parts, cut along its input; there, the parts are side by side in one matrix. Parts that an option leaves out are
missing there, too, so names and shapes tell most options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

import torch
from torch import Tensor

GENRES = "emb_genre.weight"
_SEGMENTS = "emb_segment_distance.weight"
_SPANS = "span_emb_score_ffnn"
_ATTENTION = "mention_token_attn"
# published name -> ours, of what is the same here and there
_SAME = {
    "emb_span_width": "mention_scorer.width_embedding",
    _ATTENTION: "mention_scorer.head_attention",
    "emb_span_width_prior": "mention_scorer.width_prior.0",
    "coarse_bilinear": "coarse_scorer.bilinear",
    "emb_antecedent_distance_prior": "coarse_scorer.distance_prior.0",
    "antecedent_distance_score_ffnn": "coarse_scorer.distance_prior.2",
    "emb_same_speaker": "pair_scorer.embeddings.same_speaker",
    "emb_genre": "pair_scorer.embeddings.genre",
    "emb_segment_distance": "pair_scorer.embeddings.segment_distance",
    "emb_top_antecedent_distance": "pair_scorer.embeddings.distance",
    "gate_ffnn": "higher_order.gate",
    "span_attn_ffnn": "higher_order.attention",
    "emb_cluster_size": "higher_order.network.size_embedding",
}
# published name of a network -> the parts of its first layer here, in the order of its input, and its other layers
_NETWORKS = {
    _SPANS: ("mention_scorer", ("from_start", "from_end", "from_width", "from_head"), "score"),
    "span_width_score_ffnn": ("mention_scorer.width_prior", ("1",), "2"),
    "coref_score_ffnn": ("pair_scorer", ("from_span", "from_antecedent", "from_product", "from_features"), "score"),
    "cluster_score_ffnn": (
        "higher_order.network",
        ("from_span", "from_cluster", "from_product", "from_size"),
        "score",
    ),
}


def options_of(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The options of the head that the weights of a published one tell; what a wrong shape hides is left out."""

    def size(name: str, dimension: int) -> int | None:
        shape = weights[name].shape if name in weights else ()
        return shape[dimension] if len(shape) > dimension else None

    def has(part: str) -> bool:
        return any(name.startswith(f"{part}.") for name in weights)

    layers = [name for name in weights if re.fullmatch(rf"{_SPANS}\.\d+\.weight", name)]
    merges = has("cluster_score_ffnn")
    refines = "span_clustering" if has("span_attn_ffnn") else "attended_antecedent"
    told = {
        "max_span_width": size("emb_span_width.weight", 0) or size("emb_span_width_prior.weight", 0),
        "ffnn_size": size(f"{_SPANS}.0.weight", 0),
        "ffnn_depth": max(len(layers) - 1, 1),
        "feature_emb_size": size(GENRES, 1),
        "use_features": has("emb_span_width"),
        "use_metadata": has("emb_same_speaker"),
        "use_segment_distance": has("emb_segment_distance"),
        "use_width_prior": has("emb_span_width_prior"),
        "use_distance_prior": has("emb_antecedent_distance_prior"),
        "higher_order": "cluster_merging" if merges else refines if has("gate_ffnn") else None,
        "cluster_ffnn_size": size("cluster_score_ffnn.0.weight", 0),
    }
    return {name: value for name, value in told.items() if value is not None}


def segment_distances(weights: Mapping[str, Tensor]) -> int | None:
    """How many segment distances are told apart, which is how many segments a training window has; None: unknown."""
    return weights[_SEGMENTS].shape[0] if _SEGMENTS in weights and weights[_SEGMENTS].dim() else None


def unread(weights: Mapping[str, Tensor]) -> list[str]:
    """Weights that the published model makes whatever its options are, and with those of this one never reads."""
    parts = {
        "emb_genre": "emb_same_speaker.weight" not in weights,
        "emb_top_antecedent_distance": "emb_span_width.weight" not in weights,
        "gate_ffnn": "emb_cluster_size.weight" in weights,
        "span_attn_ffnn": "gate_ffnn.weight" not in weights,
    }
    return [name for name in weights if parts.get(name.rpartition(".")[0])]


def layout(state: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """The published names of the weights of a head, each with the names here of what lies in it side by side.

    Args:
        state: of a :class:`~transferlab.models.coreference.head.CoreferenceHead`.
    """
    names: dict[str, list[str]] = {}
    for published, ours in _SAME.items():
        names |= {f"{published}.{k}": [f"{ours}.{k}"] for k in ("weight", "bias") if f"{ours}.{k}" in state}
    for published, (module, parts, others) in _NETWORKS.items():
        first = [f"{module}.{part}" for part in parts if f"{module}.{part}.weight" in state]
        if not first:
            continue
        names[f"{published}.0.weight"] = [f"{part}.weight" for part in first]
        names[f"{published}.0.bias"] = [f"{first[0]}.bias"]
        for layer in count(1):  # there with ReLU and dropout in between, here with one module that does both
            ours = f"{module}.{others}.{2 * layer - 1}"
            if f"{ours}.weight" not in state:
                break
            names |= {f"{published}.{3 * layer}.{kind}": [f"{ours}.{kind}"] for kind in ("weight", "bias")}
    return names


def shapes(state: Mapping[str, Tensor], names: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, ...]]:
    """The shapes of the published weights of a head, see :func:`layout`; of genres without the unknown one."""
    expected = {}
    for published, ours in names.items():
        rows, *columns = state[ours[0]].shape
        wide = [sum(state[name].shape[1] for name in ours)] if columns else []
        expected[published] = (rows - (published == GENRES), *wide)
    return expected


def cut(
    weights: Mapping[str, Tensor], state: Mapping[str, Tensor], names: Mapping[str, Sequence[str]]
) -> dict[str, Tensor]:
    """The state of a head from published weights of the right shapes, genres with the unknown one first."""
    parts: dict[str, Tensor] = {}
    for published, ours in names.items():
        if len(ours) == 1:
            parts[ours[0]] = weights[published]
        else:
            widths = [state[name].shape[1] for name in ours]
            parts |= dict(zip(ours, weights[published].split(widths, dim=1), strict=True))
    return parts


def with_unknown_genre(table: Tensor) -> Tensor:
    """The embeddings of genres [1 + G, F] from published ones [G, F], where an unknown genre counts as the first."""
    return torch.cat([table[:1], table])


def with_attention(weights: Mapping[str, Tensor], hidden_size: int) -> dict[str, Tensor]:
    """Published weights with the head attention that a model without any computes: each word weighs the same."""
    even = {f"{_ATTENTION}.weight": torch.zeros(1, hidden_size), f"{_ATTENTION}.bias": torch.zeros(1)}
    return {**({} if any(name in weights for name in even) else even), **weights}
