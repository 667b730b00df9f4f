"""Train a model, validate and test its best checkpoint, save it: python src/train.py experiment=..."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

from transferlab.utils.errors import run_entrypoint
from transferlab.utils.resume import resumed_command
from transferlab.utils.run_identity import start

if TYPE_CHECKING:
    from pytorch_lightning import Trainer

log = logging.getLogger(__name__)


def train(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed training config; return the metrics, also written to ``metrics.json`` of the run directory."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)  # before torch and transformers are imported
    from hydra.utils import instantiate
    from pytorch_lightning import seed_everything

    from transferlab import building
    from transferlab.reporting.curves import plot_curves
    from transferlab.reporting.run_scores import print_scores
    from transferlab.utils.instantiate import instantiate_callbacks, instantiate_loggers
    from transferlab.utils.logging import log_resolved_config
    from transferlab.utils.run_record import write_json, write_run_record
    from transferlab.utils.source_selection import select_sources

    select_sources(cfg)
    building.check(cfg)
    output_dir = Path(cfg.paths.output_dir)
    write_run_record(cfg, output_dir)
    log.info("results, checkpoints and the log go to %s", output_dir)

    # a resumed run must not draw the windows and dropout of its first epochs again
    seed_everything(cfg.seed + building.finished_epochs(cfg.ckpt_path), workers=True, verbose=False)
    taskmodule, datamodule = building.corpus(cfg)
    learned = taskmodule.prepare(datamodule.documents("train"))
    model = instantiate(cfg.model, **learned, _convert_="all")
    for line in model.multi_encoder.describe():
        log.info("encoder %s", line)

    loggers = instantiate_loggers(cfg.get("logger"))
    log_resolved_config(cfg, loggers)
    trainer: Trainer = instantiate(
        cfg.trainer, callbacks=instantiate_callbacks(cfg.get("callbacks")), logger=loggers, _convert_="all"
    )
    if cfg.train:
        trainer.fit(model, datamodule, ckpt_path=cfg.ckpt_path, weights_only=True)

    best = building.best_checkpoint(trainer) if cfg.train else cfg.ckpt_path
    metrics: dict[str, float] = {}
    for stage in ("validate", "test"):  # both results are kept: neither overwrites the other's
        if cfg[stage]:
            getattr(trainer, stage)(model, datamodule=datamodule, ckpt_path=best, weights_only=True, verbose=False)
            metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    if trainer.is_global_zero and not cfg.trainer.get("fast_dev_run"):
        write_json(output_dir / "metrics.json", metrics)
        log.info("model saved to %s", building.save(model, taskmodule, cfg, metrics, best))
        if list(output_dir.glob("csv/*/metrics.csv")):
            curve, _ = plot_curves({cfg.task_name: output_dir}, output_dir / "curve.png", metric=cfg.monitor)
            log.info("training curve: %s", curve)
    stages = {"val": "validation", "test": "test"}
    stages = {stage: split for stage, split in stages.items() if any(name.startswith(f"{stage}/") for name in metrics)}
    if trainer.is_global_zero:
        baselines = {stage: taskmodule.baselines(datamodule.documents(split)) for stage, split in stages.items()}
        write_json(output_dir / "baselines.json", baselines)
        for stage, split in stages.items():
            print_scores(metrics, stage, baselines[stage], split)
        if cfg.push_to_hub and not cfg.trainer.get("fast_dev_run"):
            building.push(Path(cfg.model_save_dir), cfg.push_to_hub)
    return metrics


@hydra.main(version_base="1.3", config_path="../configs", config_name="train")
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and train."""
    return train(cfg)


def resume_or_start() -> None:
    """Rewrite the command when it resumes a run, and hand it to Hydra."""
    sys.argv = resumed_command(sys.argv)
    main()


if __name__ == "__main__":
    start()
    run_entrypoint(resume_or_start)
