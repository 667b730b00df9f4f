"""Score a saved model, on its own data or any: python src/evaluate.py model_name_or_path=... [dataset=...]"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.distributed_jobs import job
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_directory import in_its_own_directory
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


@in_its_own_directory
def evaluate(cfg: DictConfig) -> dict[str, float]:
    """Run a composed evaluation config; return the scores, also written to ``metrics.json`` of the run directory."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)
    from pytorch_lightning import seed_everything

    from transferlab.encoders.lineage import records_of
    from transferlab.finishing import write_item_counts
    from transferlab.inference import corpus, load
    from transferlab.reporting.run_scores import print_scores
    from transferlab.root_options import check_config
    from transferlab.statistics.item_files import stage_of
    from transferlab.utils.devices import check_devices, check_workers
    from transferlab.utils.distributed_launcher import build_trainer
    from transferlab.utils.instantiate import build, instantiate_loggers
    from transferlab.utils.interruption import leave_to_us
    from transferlab.utils.logging import show_config
    from transferlab.utils.run_record import write_json, write_run_record

    check_config(cfg, "evaluate")
    check_devices(cfg.trainer)
    check_workers(cfg.datamodule.get("num_workers"))
    trainer = build_trainer(cfg.trainer, logger=instantiate_loggers(cfg.get("logger")))
    leave_to_us(trainer)
    output_dir = Path(cfg.paths.output_dir)
    write_run_record(cfg, output_dir)
    seed_everything(cfg.seed, workers=True, verbose=False)
    reader = corpus(cfg.get("dataset"), cfg.model_name_or_path, cfg.trust)
    predictor = load(cfg.model_name_or_path, device="cpu", trust=cfg.trust)  # the trainer moves it
    show_config(cfg)
    log.info("model %s", predictor.directory)
    size = cfg.datamodule.eval_batch_size or predictor.batch_size
    datamodule = build(
        cfg.datamodule,
        reader=reader,
        taskmodule=predictor.taskmodule,
        eval_batch_size=size,
    )
    datamodule.warn_of_documents_seen(cfg.split, records_of(predictor.description), str(predictor.directory))
    predictor.taskmodule.check_annotated(datamodule.documents(cfg.split))
    datamodule.check_labels([cfg.split])
    datamodule.trainer = trainer  # whose processes divide the split
    trainer.test(predictor.model, datamodule.dataloader(cfg.split), verbose=False)
    stage = stage_of(cfg.split)
    metrics = {name.replace("test/", f"{stage}/", 1): float(value) for name, value in trainer.callback_metrics.items()}
    if trainer.is_global_zero:
        write_json(output_dir / "metrics.json", metrics)
        write_item_counts(output_dir, predictor.model, datamodule, cfg.split)
        baselines = predictor.taskmodule.baselines(datamodule.documents(cfg.split))
        print_scores(metrics, stage, {**baselines, **predictor.model.baseline_scores.get("test", {})}, cfg.split)
        log.info("scores are in %s", output_dir / "metrics.json")
    return metrics


@hydra.main(version_base="1.3", config_path="../configs", config_name="evaluate")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and evaluate."""
    with job(cfg):
        return evaluate(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
