"""Train a model, validate and test its best checkpoint, save it: python src/train.py experiment=..."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.distributed_jobs import job
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.resume import finished_metrics, last_checkpoint, resumed_command
from transferlab.utils.run_directory import in_its_own_directory
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


@in_its_own_directory
def train(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed training config; return the metrics, also written to ``metrics.json`` of the run directory."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)  # before torch and transformers are imported
    from pytorch_lightning import seed_everything

    from transferlab import building
    from transferlab.callbacks.best_epoch import BestEpoch
    from transferlab.callbacks.checkpoints import WholeFiles
    from transferlab.callbacks.divergence import Divergence
    from transferlab.callbacks.known_scores import KnownScores, check_directions
    from transferlab.callbacks.resumption import Resumption
    from transferlab.finishing import finish
    from transferlab.probes import probes_of
    from transferlab.root_options import check_config
    from transferlab.utils.contradictions import check_typed_together, is_job_of_sweep
    from transferlab.utils.distributed_launcher import build_trainer
    from transferlab.utils.instantiate import instantiate_callbacks, instantiate_loggers
    from transferlab.utils.interruption import leave_to_us
    from transferlab.utils.logging import log_resolved_config, show_config
    from transferlab.utils.run_record import record_of, write_run_record
    from transferlab.utils.same_run import refuse_another_run
    from transferlab.utils.source_selection import select_sources

    output_dir = Path(cfg.paths.output_dir)
    overrides = list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []
    goes_on = cfg.resume
    if cfg.resume is None and record_of(output_dir):  # whose it is has been checked
        log.info("the scheduler has started this run again, in %s", output_dir)
        goes_on = str(output_dir)
    if (metrics := finished_metrics(goes_on, output_dir, overrides)) is not None:
        log.info("%s was finished before", output_dir)
        return metrics
    check_config(cfg, "train")
    check_directions(cfg)
    if goes_on is None:
        check_typed_together(cfg, overrides, of_sweep=is_job_of_sweep())
    building.check_checkpoints(cfg)
    checkpoint = last_checkpoint(goes_on, output_dir)
    if goes_on is not None and checkpoint is None:
        log.info("%s has no checkpoint yet: this run starts anew, in its directory", output_dir)
    if checkpoint is not None:
        refuse_another_run(cfg, output_dir)
    if checkpoint is not None and (cfg.resume is None or Path(cfg.resume) != output_dir):  # else the command names it
        cfg.ckpt_path = checkpoint
    probes = probes_of(cfg)
    if not probes:  # else each of them has chosen its own
        select_sources(cfg)
    for config in [probe.cfg for probe in probes] or [cfg]:
        building.check(config)

    def begin() -> None:
        write_run_record(cfg, output_dir)
        for probe in probes:
            write_run_record(probe.cfg, probe.cfg.paths.output_dir, probe.overrides)
        if checkpoint is not None:
            log_resolved_config(cfg, loggers)

    best_epoch, resumption = BestEpoch(output_dir), Resumption(begin)
    loggers = instantiate_loggers(cfg.get("logger"))
    callbacks = [best_epoch, resumption, KnownScores(cfg), Divergence(), *instantiate_callbacks(cfg.get("callbacks"))]
    trainer = build_trainer(cfg.trainer, callbacks=callbacks, logger=loggers)
    trainer.strategy.checkpoint_io = WholeFiles()
    leave_to_us(trainer)
    show_config(cfg)
    if checkpoint is None:
        resumption.begin()
    log.info("results, checkpoints and the log go to %s", output_dir)

    seed_everything(cfg.seed, workers=True, verbose=False)
    taskmodule, datamodule = building.corpus(cfg, probes)
    evaluated = building.evaluated_splits(cfg)
    datamodule.note_training_texts(evaluated)
    taskmodule.prepare(datamodule.documents("train"))
    building.check_evaluated(datamodule, evaluated)
    model = building.build_model(cfg, probes, taskmodule)
    building.balance_classes(model, datamodule)
    building.check_row_vectors(model, taskmodule)
    for line in building.describe(model):
        log.info("encoder %s", line)

    if checkpoint is None:
        log_resolved_config(cfg, loggers)
    if cfg.train:
        trainer.fit(model, datamodule, ckpt_path=cfg.ckpt_path, weights_only=True)
    resumption.begin()

    best = best_epoch.checkpoint(trainer) if cfg.train else cfg.ckpt_path
    metrics = {}
    for stage in ("validate", "test"):  # both results are kept: neither overwrites the other's
        if cfg[stage]:
            getattr(trainer, stage)(model, datamodule=datamodule, ckpt_path=best, weights_only=True, verbose=False)
            metrics |= {name: float(value) for name, value in trainer.callback_metrics.items()}
    finish(cfg, probes, trainer, taskmodule, datamodule, metrics, best)
    return metrics


@hydra.main(version_base="1.3", config_path="../configs", config_name="train")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and train."""
    with job(cfg):
        return train(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main, resumed_command)
