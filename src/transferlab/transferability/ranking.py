"""Sources in the order in which they are predicted to help: similarity of task embeddings, ranks and their fusion.

A table of scores has a row per source and a column per method; larger is better, NaN is not defined.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from transferlab.utils.errors import UserError

log = logging.getLogger(__name__)

FUSION = "reciprocal rank fusion"
BOTH = "textemb + taskemb"


def similarity_matrix(vectors: Mapping[str, Any]) -> pd.DataFrame:
    """The cosine of every task's vector with every other's.

    Args:
        vectors: task -> numbers, of the same shape for all; two tasks or more.

    Returns:
        [tasks, tasks], symmetric, 1 on the diagonal.

    Raises:
        UserError: fewer than two tasks, or what cannot be compared; names the tasks.
    """
    if len(vectors) < 2:
        raise UserError(
            f"similarities need two tasks or more, there is {', '.join(vectors) or 'none'}; embed another one"
        )
    unit = np.stack(list(_unit_vectors(vectors).values()))  # [tasks, size]
    similarity = np.clip(unit @ unit.T, -1.0, 1.0)
    np.fill_diagonal(similarity, 1.0)
    return pd.DataFrame(similarity, index=list(vectors), columns=list(vectors))


def component_scores(
    target: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]], target_name: str = "target"
) -> pd.DataFrame:
    """How similar each component of the sources' embeddings is to that of the target's.

    Args:
        target: component -> numbers.
        sources: source -> component -> numbers.
        target_name: of the target, for errors.

    Returns:
        scores with a row per source and a column per component of the target; NaN where a source lacks a component.

    Raises:
        UserError: no source, a source that has none of the components, or components that cannot be compared.
    """
    if not sources:
        raise UserError(f"there is no source to compare {target_name} with; embed one")
    if target_name in sources:
        raise UserError(f"{target_name} is the target and one of the sources; leave it out of the sources")
    rows = {}
    for source, components in sources.items():
        shared = [name for name in target if name in components]
        if not shared:
            raise UserError(
                f"the embeddings of {source} and {target_name} share no component: {_some(components)} there, "
                f"{_some(target)} here; make both with the same settings"
            )
        rows[source] = {
            name: _cosine({f"{target_name} ({name})": target[name], f"{source} ({name})": components[name]})
            for name in shared
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(target), dtype=float).rename_axis("source")


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """The rank of every source by every method, 1 for the best; ties share their mean rank, NaN stays NaN."""
    return scores.rank(ascending=False, method="average")


def reciprocal_rank_fusion(scores: pd.DataFrame, k: float = 60) -> pd.Series:
    """One score out of several: the sum of 1 / (k + rank) over the methods (Cormack et al., SIGIR 2009).

    Args:
        scores: sources x methods. Where a method has no score for a source it adds nothing, which a warning says.
        k: the larger, the less the first ranks count.

    Returns:
        a score per source, 0 for a source without any.

    Raises:
        UserError: no method or no source.
    """
    if scores.empty:
        raise UserError(f"there is nothing to fuse: {scores.shape[0]} sources, {scores.shape[1]} methods")
    missing = scores.isna().sum()
    if missing.any():
        said = ", ".join(f"{method} for {n} of {len(scores)} sources" for method, n in missing[missing > 0].items())
        log.warning("%s: no score and so no contribution of %s", FUSION, said)
    return (1 / (k + ranks(scores))).sum(axis=1).rename(FUSION)


def fused(scores: pd.DataFrame) -> pd.Series:
    """One score out of several by reciprocal rank, of those that every source has, if there are such.

    What a source cannot be asked for would count against it. The fusion of both embeddings is their components once
    more, and counts only where it is alone.
    """
    scores = scores.drop(columns=[BOTH], errors="ignore") if scores.shape[1] > 1 else scores
    complete = scores.dropna(axis="columns")
    return reciprocal_rank_fusion(complete if complete.shape[1] else scores)


def _cosine(pair: Mapping[str, Any]) -> float:
    """Of two vectors; their names are for errors."""
    first, second = _unit_vectors(pair).values()
    return float(np.clip(first @ second, -1.0, 1.0))


def _unit_vectors(vectors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Every vector, flat and with length 1."""
    arrays = {task: np.asarray(vector, dtype=np.float64) for task, vector in vectors.items()}
    shapes: dict[tuple[int, ...], list[str]] = {}
    for task, array in arrays.items():
        shapes.setdefault(array.shape, []).append(task)
    if len(shapes) > 1:
        said = "; ".join(f"{list(shape)}: {', '.join(tasks)}" for shape, tasks in shapes.items())
        raise UserError(f"embeddings of different dimensions cannot be compared, {said}; embed all with one encoder")
    unit = {}
    for task, array in arrays.items():
        if not np.isfinite(array).all():
            raise UserError(f"the embedding of {task} holds numbers that are not finite; embed it again")
        largest = np.abs(array).max(initial=0.0)
        if largest == 0:
            raise UserError(f"the embedding of {task} is 0 everywhere and has no direction; leave it out")
        scaled = array.ravel() / largest  # squares of Fisher values may be too small for floating point
        unit[task] = scaled / np.linalg.norm(scaled)
    return unit


def _some(names: Mapping[str, Any], most: int = 3) -> str:
    listed = ", ".join(list(names)[:most]) or "none"
    return f"{listed}, ..." if len(names) > most else listed
