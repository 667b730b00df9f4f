"""What each method predicts for each source of a target: one table, sources x methods, larger is better.

``textemb`` and ``taskemb`` compare embeddings of the library, estimators look at what the sources' frozen layers say of
items of the target. Where a method has no value for a source, the table has NaN and ``reasons`` says why.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf
from rich import get_console
from rich.progress import track

from transferlab.encoders.lineage import description_of
from transferlab.transferability.estimators import ESTIMATORS, Estimator, NotDefined
from transferlab.transferability.layer_features import ALIGNMENTS, MEAN, LayerFeatures
from transferlab.transferability.library import KINDS, LibraryError, TaskLibrary
from transferlab.transferability.own_corpus import as_table, own_sources, trainings
from transferlab.transferability.ranking import BOTH, component_scores, fused, similarity_matrix
from transferlab.transferability.target import compose_target, load_target
from transferlab.transferability.target_items import TargetItems
from transferlab.utils.config_checks import ConfigError
from transferlab.utils.errors import UserError, near
from transferlab.utils.source_selection import select_sources

log = logging.getLogger(__name__)

LAYERS = ("last", "mean", "best", "each")


@dataclass
class Prediction:
    """What is predicted for the sources of a target.

    Attributes:
        target: its name.
        scores: sources x methods.
        layers: a row for each source, estimator and layer (``1`` to the last, and ``mean``), with its score.
        components: a row for each source, kind of embedding and component, with its cosine similarity to the target's.
        reasons: {method: {source: why it has no score}}.
        sizes: {source: training examples}, of sources that say so.
        items: which items of the target the estimators looked at; empty without estimators.
        left_out: sources that were trained on the target's own corpus.
        trainings: what all sources, also those left out, were trained on, and how many of the target's documents are
            among it; see :func:`~transferlab.transferability.own_corpus.as_table`.
    """

    target: str
    scores: pd.DataFrame
    layers: pd.DataFrame
    components: pd.DataFrame
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    items: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    trainings: pd.DataFrame = field(default_factory=lambda: as_table([]))


def predict(
    target: str,
    sources: Sequence[str] | Mapping[str, str],
    methods: Sequence[str] | None = None,
    *,
    layers: str | Sequence[str] = "last",
    estimators: Mapping[str, Estimator] | None = None,
    library: str | Path | None = None,
    overrides: Sequence[str] = (),
    own_corpus: bool = False,
    max_examples: int = 1000,
    max_items: int = 2000,
    seed: int = 42,
) -> Prediction:
    """Score sources for a target without training anything.

    Args:
        target: an experiment, ``experiment=<target>`` of ``train.py``, or ``<experiment>:<dataset>``. Its embedding in
            the library is called like it, or like the dataset.
        sources: names of ``configs/source``, also at a depth (``ner_3``); or {name: saved model, folder or hub name}.
        methods: ``textemb``, ``taskemb`` and names of estimators; None: all, but for embeddings that the library lacks.
        layers: which layer of a source the estimators look at: ``last``; ``mean`` of all layers' vectors; ``best``, the
            layer with the highest score; ``each``. Several make a column each.
        estimators: {name: estimator}, of your own or with other options than the defaults.
        library: of task embeddings; None: that of the target's config.
        overrides: of the target's config.
        own_corpus: keep sources that were trained on the corpus of the target, see
            :mod:`~transferlab.transferability.own_corpus`.
        max_examples, max_items, seed: which items are looked at, see
            :class:`~transferlab.transferability.target_items.TargetItems`.

    Raises:
        UserError: unknown names; fewer than two sources; embeddings that are missing or cannot be compared.
    """
    available = {name: kind() for name, kind in ESTIMATORS.items()} | dict(estimators or {})
    chosen = _methods(methods, [*KINDS, *available])
    depths = [layers] if isinstance(layers, str) else list(layers)
    if unknown := [layer for layer in depths if layer not in LAYERS]:
        raise ConfigError(f"layers={unknown[0]}: choose one of {', '.join(LAYERS)}")
    cfg = compose_target(target, overrides)
    encoders, truncated = _sources(cfg, sources)
    tasks = TaskLibrary(library or Path(cfg.paths.model_dir, "task_embeddings"))
    found_trainings = trainings(cfg, encoders, tasks)
    own = own_sources(found_trainings)
    left_out = [] if own_corpus else own
    if left_out:
        log.info("%s: trained on the corpus of the target, left out (own_corpus=true keeps them)", ", ".join(left_out))
    encoders = {name: place for name, place in encoders.items() if name not in left_out}
    truncated = {name: layers for name, layers in truncated.items() if name in encoders}
    if len(encoders) < 2:
        raise ConfigError(f"sources: a ranking needs at least two, there is {', '.join(encoders) or 'none'}")
    found = Prediction(
        target,
        pd.DataFrame(index=pd.Index(encoders, name="source")),
        *_empty(),
        left_out=left_out,
        trainings=as_table(found_trainings),
    )
    for kind in [name for name in KINDS if name in chosen]:
        _compare(found, tasks, kind, asked=methods is not None)
    both = found.components.pivot(index="source", columns=["embedding", "component"], values="cosine")
    if set(KINDS) <= set(both.dropna(axis="columns").columns.get_level_values("embedding")):
        found.scores[BOTH] = fused(both)
    sizes = {name: description_of(place).get("train_examples") for name, place in encoders.items()}
    found.sizes = {name: int(size) for name, size in sizes.items() if isinstance(size, int)}
    of_items = {name: available[name] for name in chosen if name in available}
    if of_items:
        _estimate(found, cfg, encoders, truncated, of_items, depths, (max_examples, max_items, seed))
    if found.scores.empty:
        raise ConfigError(f"methods: {tasks.directory} has no embedding of it, and there is no estimator")
    return found


def _methods(methods: Sequence[str] | None, known: list[str]) -> list[str]:
    for name in methods or ():
        if name not in known:
            raise ConfigError(f"methods: {name!r}; {near(name, known) or 'choose from ' + ', '.join(known)}")
    return list(dict.fromkeys(methods or known))


def _empty() -> tuple[pd.DataFrame, pd.DataFrame]:
    return (
        pd.DataFrame(columns=["source", "method", "layer", "score"]),
        pd.DataFrame(columns=["source", "embedding", "component", "cosine"]),
    )


def _sources(cfg: DictConfig, sources: Sequence[str] | Mapping[str, str]) -> tuple[dict[str, str], dict[str, int]]:
    """{name: place} and {name: layers kept}."""
    if isinstance(sources, Mapping):
        return {str(name): str(place) for name, place in sources.items()}, {}
    cfg = cfg.copy()
    cfg.sources = list(sources)
    select_sources(cfg)
    places = {str(name): str(place) for name, place in cfg.model.pretrained_models.items()} if sources else {}
    truncated = {str(name): int(n) for name, n in cfg.model.truncate_models.items()} if sources else {}
    return places, truncated


def _compare(found: Prediction, tasks: TaskLibrary, kind: str, asked: bool) -> None:
    """Add the similarity of embeddings, the components of which are fused by rank."""
    task = found.target.rpartition(":")[2]
    known = set(tasks.tasks(kind))
    reasons = {name: f"no {kind} of it in {tasks.directory}" for name in found.scores.index if name not in known}
    if task in found.scores.index:
        reasons[task] = "it is the target"
    present = [name for name in found.scores.index if name not in reasons]
    if task not in known or len(present) < 2:
        if asked:
            missing = task if task not in known else next(iter(reasons), task)
            tasks.read(missing, kind)  # says what is missing
            raise LibraryError(f"{kind}: {tasks.directory} has embeddings of too few sources to rank them")
        log.info("%s: %s has none of %s", kind, tasks.directory, ", ".join({task, *reasons} - known) or "two")
        return
    found.reasons |= {kind: reasons} if reasons else {}
    target, *embeddings = tasks.comparable([task, *present], kind)
    names = target.to_compare()
    scores = component_scores(
        {name: target.vectors[name].numpy() for name in names},
        {e.task: {name: e.vectors[name].numpy() for name in names if name in e.vectors} for e in embeddings},
        target.task,
    )
    long = scores.rename_axis("source").reset_index().melt("source", var_name="component", value_name="cosine").dropna()
    found.components = pd.concat([found.components, long.assign(embedding=kind)], ignore_index=True)
    found.scores[kind] = scores.iloc[:, 0] if scores.shape[1] == 1 else fused(scores)


def _estimate(
    found: Prediction,
    cfg: DictConfig,
    encoders: dict[str, str],
    truncated: dict[str, int],
    estimators: Mapping[str, Estimator],
    depths: Sequence[str],
    limits: tuple[int, int, int],
) -> None:
    """Add the columns of the estimators."""
    target = load_target(found.target, cfg, encoders)
    max_examples, max_items, seed = limits
    items = TargetItems(target.taskmodule, target.datamodule, max_examples=max_examples, max_items=max_items, seed=seed)
    found.items = items.describe()
    log.info("estimators look at %d %s of %s", len(items), items.kind.wording, found.target)
    features: Any = None if cfg.features is None else OmegaConf.to_container(cfg.features, resolve=True)
    alignment = str(cfg.model.alignment)
    asked = LayerFeatures(
        items, encoders, truncated, alignment=alignment if alignment in ALIGNMENTS else "first", features=features
    )
    rows: list[dict[str, Any]] = []
    for source in track(encoders, "sources", transient=True, disable=not get_console().is_interactive):
        by_layer = asked.items_of(source)
        last = list(by_layer)[-2]
        wanted = list(by_layer) if {"best", "each"} & set(depths) else [last, MEAN] if "mean" in depths else [last]
        for method, estimator in estimators.items():
            for layer in wanted if method != "leep" else [last]:  # which reads no features
                try:
                    score = estimator(by_layer[layer])
                except NotDefined as reason:
                    said = asked.without_probabilities.get(source, str(reason)) if method == "leep" else str(reason)
                    if layer == last:
                        found.reasons.setdefault(method, {})[source] = said
                    continue
                rows.append({"source": source, "method": method, "layer": layer, "score": score, "last": layer == last})
    found.layers = pd.DataFrame(rows, columns=["source", "method", "layer", "score", "last"])
    for method in estimators:
        for column, values in _columns(found.layers[found.layers["method"] == method], method, depths):
            found.scores[column] = values.reindex(found.scores.index)
    if not len(found.layers):
        reasons = {reason for of_method in found.reasons.values() for reason in of_method.values()}
        raise UserError(f"no estimator has a value: {'; '.join(sorted(reasons))}")


def _columns(rows: pd.DataFrame, method: str, depths: Sequence[str]) -> list[tuple[str, pd.Series]]:
    """(name, score by source) for each way to choose a layer; methods without any value have no column."""
    columns = []
    own = rows[rows["layer"] != MEAN]
    for depth in depths if len(rows) else ():
        if depth == "last" or method == "leep":
            columns.append((method, rows[rows["last"]].set_index("source")["score"]))
        elif depth == "best":
            columns.append((f"{method} (best)", own.groupby("source", sort=False)["score"].max()))
        elif depth == "mean":
            columns.append((f"{method} (mean)", rows[rows["layer"] == MEAN].set_index("source")["score"]))
        else:
            for layer in own["layer"].unique():
                at = own[own["layer"] == layer].set_index("source")["score"]
                columns.append((f"{method} (layer {layer})", at))
    return list(dict(columns).items())


def task_similarities(library: TaskLibrary, tasks: Sequence[str], kind: str) -> pd.DataFrame:
    """How similar the embeddings of tasks are: the cosine, its mean over the components that all have.

    Returns:
        [tasks, tasks].

    Raises:
        UserError: embeddings that cannot be compared, or without a component in common.
    """
    embeddings = library.comparable(list(tasks), kind)
    names = [name for name in embeddings[0].to_compare() if all(name in e.vectors for e in embeddings)]
    if not names:
        raise LibraryError(f"{kind}: {', '.join(tasks)} have no component in common; make them with the same settings")
    matrices = [similarity_matrix({e.task: e.vectors[name].numpy() for e in embeddings}) for name in names]
    return sum(matrices[1:], matrices[0]) / len(matrices)
