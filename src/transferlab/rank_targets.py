"""From a composed config of ``rank.py`` to a report: predictions for every target, and how right they were."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from omegaconf import DictConfig

from transferlab.reporting.ranking_report import RankingReport
from transferlab.transferability.judging import MEAN, judge_targets
from transferlab.transferability.library import KINDS, TaskLibrary
from transferlab.transferability.measured import complete_seeds, relative_gain
from transferlab.transferability.prediction import Prediction, predict, task_similarities
from transferlab.transferability.ranking import FUSION, fused, ranks
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
        if len(truth) > 1:
            judged[target] = prediction.scores.loc[truth.index], truth
    if judged:
        known = {source for scores, _ in judged.values() for source in scores.index}
        if unknown := sorted(known - set(sizes)):
            log.warning("no baseline of data size: sizes={%s: ...} is missing", ", ".join(unknown))
        table = judge_targets(judged, sizes=None if unknown else sizes)
        report.judge(table if len(judged) > 1 else table.drop(index=MEAN, level="target"))
    library = TaskLibrary(cfg.library)
    names = [target.rpartition(":")[2] for target in targets]
    for kind in [kind for kind in KINDS if kind in embedded]:
        tasks = [task for task in dict.fromkeys([*names, *sources]) if task in library.tasks(kind)]
        if len(tasks) > 2:  # two are a line
            report.space(kind, task_similarities(library, tasks, kind), names)


def _report(
    report: RankingReport, prediction: Prediction, measured: pd.DataFrame | None, baseline: str | None
) -> pd.DataFrame:
    """Report a target; return what was measured of its sources, on the seeds that all of them have."""
    scores = prediction.scores
    truth = pd.DataFrame(index=scores.index[:0])
    gains = here = None
    if measured is not None:
        here = complete_seeds(measured.reindex([*scores.index, *([baseline] if baseline else [])]))
        gains = relative_gain(here, baseline) if baseline else None
        truth = here.loc[scores.index].dropna()
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
