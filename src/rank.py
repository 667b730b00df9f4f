"""Rank sources for a target: python src/rank.py target=... sources=[a,b,c] [measured=<sweep or table>]"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig, ListConfig, OmegaConf

from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_identity import start

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


def rank(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return the paths of what it wrote."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)  # before torch and transformers are imported
    from hydra.utils import instantiate

    from transferlab.reporting.ranking_report import RankingReport
    from transferlab.transferability.judging import MEAN, judge_targets
    from transferlab.transferability.library import KINDS, TaskLibrary
    from transferlab.transferability.measured import complete_seeds, measured_of, relative_gain
    from transferlab.transferability.prediction import predict, task_similarities
    from transferlab.transferability.ranking import FUSION, fused, ranks
    from transferlab.utils.config_checks import check_root_keys, check_targets, root_keys
    from transferlab.utils.run_record import write_run_record

    check_root_keys(cfg, root_keys(Path(cfg.paths.root_dir, "configs", "rank.yaml")) | {"estimators"})
    check_targets(cfg)
    write_run_record(cfg, cfg.paths.output_dir)
    targets = [cfg.target] if isinstance(cfg.target, str) else list(cfg.target)
    sources: Any = OmegaConf.to_container(cfg.sources) if OmegaConf.is_config(cfg.sources) else [cfg.sources]
    places = list(cfg.measured) if isinstance(cfg.measured, ListConfig) else [cfg.measured] if cfg.measured else []
    measured = measured_of(targets, places, cfg.score, cfg.measured_as, cfg.baseline)
    if places and cfg.baseline in sources:  # it is what gains are relative to
        sources.pop(cfg.baseline if isinstance(sources, dict) else sources.index(cfg.baseline))
    same_places = [f"paths.{name}='{cfg.paths[name]}'" for name in ("data_dir", "model_dir")]
    estimators = instantiate(cfg.estimators, _convert_="all")
    report = RankingReport(Path(cfg.paths.output_dir))
    embedded: set[str] = set()
    judged: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    sizes: dict[str, int] = {str(name): int(size) for name, size in (cfg.sizes or {}).items()}
    try:
        for target in targets:
            prediction = predict(
                target,
                sources,
                list(cfg.methods) if cfg.methods else None,
                layers=cfg.layers if isinstance(cfg.layers, str) else list(cfg.layers),
                estimators=estimators,
                library=cfg.library,
                overrides=[*same_places, *cfg.target_overrides],
                own_corpus=cfg.own_corpus,
                max_examples=cfg.max_examples,
                max_items=cfg.max_items,
                seed=cfg.seed,
            )
            scores = prediction.scores
            embedded |= set(map(str, scores.columns))
            if scores.shape[1] > 1:
                scores[FUSION] = fused(scores)
            sizes = prediction.sizes | sizes
            reference = [cfg.baseline] if cfg.baseline else []
            here = None
            if target in measured:
                here = complete_seeds(measured[target].reindex([*scores.index, *reference]))
            gains = relative_gain(here, cfg.baseline) if here is not None and reference else None
            report.add(
                target, scores, ranks(scores), measured=here, gains=gains, layers=prediction.layers,
                components=prediction.components, reasons=prediction.reasons, items=prediction.items,
                left_out=prediction.left_out,
            )  # fmt: skip
            if here is not None:
                here = here.drop(index=reference).dropna()
                for source in scores.index.difference(here.index):
                    log.warning("%s: %s was not measured, and has no part in the judgement", target, source)
                if len(here) > 1:
                    judged[target] = scores.loc[here.index], here
        if judged:
            known = {source for scores, _ in judged.values() for source in scores.index}
            if unknown := sorted(known - set(sizes)):
                log.warning("no baseline of data size: sizes={%s: ...} is missing", ", ".join(unknown))
            table = judge_targets(judged, sizes=None if unknown else sizes, seed=cfg.seed)
            report.judge(table if len(judged) > 1 else table.drop(index=MEAN, level="target"))
        library = TaskLibrary(cfg.library)
        for kind in KINDS:
            tasks = [task for task in dict.fromkeys([*targets, *sources]) if task in library.tasks(kind)]
            if kind in embedded and len(tasks) > 2:  # two are a line
                report.space(kind, task_similarities(library, tasks, kind), targets)
    finally:  # whatever happens to the last target, nothing of the others is lost
        written = report.write()
    return written


@hydra.main(version_base="1.3", config_path="../configs", config_name="rank")
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and rank."""
    return rank(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
