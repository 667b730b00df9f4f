"""List runs and sweeps with their sizes, and delete those that are asked for: python src/runs.py action=delete ..."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


def runs(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return the number of runs and of bytes that were listed or deleted."""
    from transferlab.root_options import check_config
    from transferlab.utils import run_deletion as deletion
    from transferlab.utils import run_upkeep as upkeep
    from transferlab.utils.errors import ConfigError
    from transferlab.utils.run_contents import words
    from transferlab.utils.terminal import VisibleConsole

    check_config(cfg, "runs")
    place = Path(cfg.paths.log_dir)
    found = upkeep.runs_below(place)
    chosen = upkeep.select(found, **{name: cfg[name] for name in upkeep.CRITERIA})
    if cfg.action == "list":
        VisibleConsole().print(upkeep.listing(place, chosen) if chosen else f"there are no such runs in {place}")
        return {"runs": len(chosen), "bytes": sum(run.size for run in chosen)}
    if all(cfg[name] is None for name in upkeep.CRITERIA):
        raise ConfigError(f"action=delete deletes what meets all of {', '.join(upkeep.CRITERIA)}; none is given")
    project = Path(cfg.paths.root_dir)
    deletable, refusals = deletion.deletable(found, chosen, cfg.part, [Path(cfg.paths.model_dir)], project / "configs")
    for refusal in refusals:
        log.warning("%s", refusal)
    if cfg.part == "run" and cfg.dry_run:
        for run in deletable:
            if left := deletion.kept(run):
                log.info("%s would keep %s, which no command has written", run.name, words(left, run.directory))
    freed = deletion.delete(deletable, cfg.part) if not cfg.dry_run else sum(run.part(cfg.part) for run in deletable)
    VisibleConsole().print(upkeep.listing(place, deletable) if deletable else "nothing to delete")
    done = "would be deleted (dry_run=false deletes)" if cfg.dry_run else "deleted"
    log.info("%s of %d runs, %s, %s", cfg.part, len(deletable), upkeep.size_of(freed), done)
    return {"runs": len(deletable), "bytes": freed}


@hydra.main(version_base="1.3", config_path="../configs", config_name="runs")
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and act."""
    return runs(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
