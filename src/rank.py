"""Rank sources for a target: python src/rank.py target=... sources=[a,b,c] [measured=<sweep or table>]"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, ListConfig, OmegaConf

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_directory import in_its_own_directory
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


@in_its_own_directory
def rank(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return the paths of what it wrote."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)  # before torch and transformers are imported
    from transferlab.rank_targets import rank_targets
    from transferlab.reporting.ranking_report import RankingReport
    from transferlab.root_options import check_config
    from transferlab.transferability.measured import measured_of
    from transferlab.utils.logging import show_config
    from transferlab.utils.run_record import write_run_record

    check_config(cfg, "rank")
    write_run_record(cfg, cfg.paths.output_dir)
    targets = [cfg.target] if isinstance(cfg.target, str) else list(cfg.target)
    sources: Any = OmegaConf.to_container(cfg.sources) if OmegaConf.is_config(cfg.sources) else [cfg.sources]
    places = list(cfg.measured) if isinstance(cfg.measured, ListConfig) else [cfg.measured] if cfg.measured else []
    measured = measured_of(targets, places, cfg.score, cfg.measured_as, cfg.baseline)
    if places and cfg.baseline in sources:  # it is what gains are relative to
        sources.pop(cfg.baseline if isinstance(sources, dict) else sources.index(cfg.baseline))
    show_config(cfg)
    report = RankingReport(Path(cfg.paths.output_dir))
    try:
        rank_targets(cfg, targets, sources, measured, report)
    finally:  # whatever happens to the last target, nothing of the others is lost
        written = report.write()
    return written


@hydra.main(version_base="1.3", config_path="../configs", config_name="rank")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and rank."""
    return rank(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
