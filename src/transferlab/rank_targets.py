"""From a composed config of ``rank.py`` to a report: predictions for every target, and how right they were."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from transferlab.reporting.ranking_report import RankingReport
from transferlab.transferability.candidates import MEAN_GAIN, MEAN_RANK, STATIC, candidates_of
from transferlab.transferability.comparing import compare_candidates, measured_reliability
from transferlab.transferability.estimators import ESTIMATORS
from transferlab.transferability.judging import FEWEST_SOURCES, FEWEST_TARGETS, MEAN, judge_candidates
from transferlab.transferability.library import KINDS, TaskLibrary
from transferlab.transferability.measured import complete_seeds, relative_gain
from transferlab.transferability.prediction import Prediction, predict, task_similarities
from transferlab.transferability.ranking import BOTH, FUSION, fused, ranks
from transferlab.utils.errors import ConfigError, near
from transferlab.utils.instantiate import build

log = logging.getLogger(__name__)


def several(value: str | Sequence[str]) -> list[str]:
    """One value, or a list of them, as a list."""
    return [value] if isinstance(value, str) else list(value)


def rank_targets(
    cfg: DictConfig,
    targets: Sequence[str],
    sources: Sequence[str] | Mapping[str, str],
    measured: Mapping[str, pd.DataFrame],
    report: RankingReport,
) -> None:
    """Rank the sources for every target, and judge the methods where transfer was measured.

    Args:
        cfg: of ``rank.py``.
        targets: their names.
        sources: see :func:`~transferlab.transferability.prediction.predict`.
        measured: target -> sources x seeds.
        report: takes everything as it comes.
    """
    if measured:
        _check_comparison(cfg, len(targets))
    same_places = [f"paths.{name}='{cfg.paths[name]}'" for name in ("data_dir", "model_dir")]
    options: dict[str, Any] = {name: cfg[name] for name in ("own_corpus", "max_examples", "max_items", "seed")}
    options["layers"] = several(cfg.layers)
    options["estimators"] = build(cfg.estimators)
    sizes = {str(name): int(size) for name, size in (cfg.sizes or {}).items()}
    embedded: set[str] = set()
    judged: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    for target in targets:
        prediction = predict(
            target,
            sources,
            several(cfg.methods) if cfg.methods else None,
            library=cfg.library,
            overrides=[*same_places, *cfg.target_overrides],
            **options,
        )
        embedded |= set(map(str, prediction.scores.columns))
        sizes = prediction.sizes | sizes
        if prediction.scores.shape[1] > 1:
            prediction.scores[FUSION] = fused(prediction.scores)
        truth = _report(report, prediction, measured.get(target), cfg.baseline)
        known = truth.index.intersection(prediction.scores.index)
        if len(known) > 1:
            judged[target] = prediction.scores.loc[known], truth
    if judged:
        candidates = candidates_of(judged, sizes=sizes, baseline=cfg.baseline)
        table = judge_candidates(candidates)
        report.judge(
            table if len(judged) > 1 else table.drop(index=MEAN, level="target"),
            measured_reliability(candidates, seed=cfg.seed),
            candidates.static,
            candidates.unavailable,
            measure=cfg.compare_by,
        )
        compared = compare_candidates(candidates, cfg.compare_with, cfg.compare_by)
        report.compare(compared, fewest_targets=FEWEST_TARGETS[cfg.compare_by], fewest_sources=FEWEST_SOURCES)
    library = TaskLibrary(cfg.library)
    names = [target.rpartition(":")[2] for target in targets]
    for kind in [kind for kind in KINDS if kind in embedded]:
        tasks = [task for task in dict.fromkeys([*names, *sources]) if task in library.tasks(kind)]
        if len(tasks) > 2:  # two are a line
            report.space(kind, task_similarities(library, tasks, kind), names)


def _check_comparison(cfg: DictConfig, targets: int) -> None:
    """Refuse a method to compare with that there will not be, before anything is computed."""
    methods = [*KINDS, *ESTIMATORS, *cfg.estimators] if cfg.methods is None else several(cfg.methods)
    known = list(dict.fromkeys([*STATIC, *methods, BOTH, FUSION]))
    wanted, layer, _ = str(cfg.compare_with).partition(" (")  # "logme (best)"
    if wanted not in known or (layer and wanted not in methods):
        hint = near(str(cfg.compare_with), known) or f"choose one of {', '.join(known)}"
        raise ConfigError(f"compare_with={cfg.compare_with}: no method has this name; {hint}")
    if wanted in (MEAN_GAIN, MEAN_RANK) and targets < 2:
        raise ConfigError(f"compare_with={wanted}: there is only one target; name several, or compare with random")
    if wanted == MEAN_GAIN and not cfg.baseline:
        raise ConfigError(f"compare_with={wanted}: no baseline is given that sources could gain over; set baseline")


def _report(
    report: RankingReport, prediction: Prediction, measured: pd.DataFrame | None, baseline: str | None
) -> pd.DataFrame:
    """Report a target; return what was measured, no transfer included, on the seeds that all have."""
    scores = prediction.scores
    truth = pd.DataFrame(index=scores.index[:0])
    gains = here = None
    if measured is not None:
        here = complete_seeds(measured.reindex([*scores.index, *([baseline] if baseline else [])]))
        gains = relative_gain(here, baseline) if baseline else None
        truth = here.dropna()
        for source in scores.index.difference(truth.index):
            log.warning("%s: %s was not measured, and has no part in the judgement", prediction.target, source)
    report.add(
        prediction.target,
        scores,
        ranks(scores),
        measured=here,
        gains=gains,
        layers=prediction.layers,
        components=prediction.components,
        reasons=prediction.reasons,
        items=prediction.items,
        left_out=prediction.left_out,
        trainings=prediction.trainings,
    )
    return truth
