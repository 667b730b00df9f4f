"""From a trained model to the files of its run, or of each probe of it: scores, curve, baselines, saved model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import Trainer

from transferlab.building import is_taken
from transferlab.callbacks.checkpoints import ALL, LAST, NONE, WholeFiles, kept
from transferlab.callbacks.sweep_results import integrate, write_job
from transferlab.data.datamodule import TransferDataModule
from transferlab.models.base import TransferModel
from transferlab.models.probe_group import ProbeGroup
from transferlab.models.saving import save_trained
from transferlab.probes import Probe
from transferlab.reporting.curves import plot_curves
from transferlab.reporting.run_scores import print_probes, print_scores
from transferlab.statistics.item_files import item_file, stage_of, write_items
from transferlab.statistics.items import counts_by_name
from transferlab.utils.errors import UserError
from transferlab.utils.resume import CHECKPOINT
from transferlab.utils.run_contents import remove_states
from transferlab.utils.run_record import RUNNING, record_of, set_status, write_json
from transferlab.utils.saved_models import identity, place_of_model

log = logging.getLogger(__name__)

SPLITS = {"val": "validation", "test": "test"}  # by stage


def finish(
    cfg: DictConfig,
    probes: Sequence[Probe],
    trainer: Trainer,
    taskmodule: Any,
    datamodule: TransferDataModule,
    metrics: dict[str, float],
    best: str | None,
) -> None:
    """Write what a run has found and print it; of probes, each into its own directory, as if it had been a run.

    Args:
        cfg: of the run.
        probes: of it; none where it trained one model.
        trainer: that trained.
        taskmodule, datamodule: for baselines.
        metrics: what was logged.
        best: the checkpoint that the model to be saved comes from; None for its weights at hand.
    """
    if not trainer.is_global_zero:
        return
    lasting = not cfg.trainer.get("fast_dev_run")
    output_dir = Path(cfg.paths.output_dir)
    model = trainer.lightning_module
    if isinstance(model, ProbeGroup):
        if lasting:
            _finish_probes(model, probes, taskmodule, datamodule)
            integrate(output_dir)  # as the jobs of a sweep, for report.py
        print_probes(model.results, cfg.monitor)
        if lasting:
            drop_checkpoints(cfg)
        return
    assert isinstance(model, TransferModel)
    if lasting:
        log.info("model saved to %s", save(model, datamodule, cfg, metrics, best))
        if list(output_dir.glob("csv/*/metrics.csv")):
            try:
                curve, _ = plot_curves({cfg.task_name: output_dir}, output_dir / "curve.png", metric=cfg.monitor)
                log.info("training curve: %s", curve)
            except ValueError as error:  # no epoch was validated, or none gave a number
                log.warning("there is no training curve: %s", error)
        write_item_counts(output_dir, model, datamodule)
    for stage, scores in write_baselines(output_dir, metrics, model, taskmodule, datamodule).items():
        print_scores(metrics, stage, scores, SPLITS[stage])
    if lasting:
        write_json(output_dir / "metrics.json", metrics)  # last: it says that everything else is there
        drop_checkpoints(cfg)
    if cfg.push_to_hub and lasting:
        push(Path(cfg.model_save_dir), cfg.push_to_hub)


def drop_checkpoints(cfg: DictConfig) -> None:
    """Delete the checkpoints of a run whose results and model are saved, but for those that are to be kept."""
    keep, last = kept(cfg.get("keep_checkpoints", ALL)), Path(cfg.paths.output_dir, CHECKPOINT)
    if keep == NONE:
        last.unlink(missing_ok=True)  # first: it names the others
        remove_states(last.parents[1])
    elif keep == LAST and last.is_file():
        remove_states(last.parents[1], kept=last)
    for file in last.parent.glob(".*.partial"):  # of a process that was killed while it saved an epoch
        file.unlink(missing_ok=True)


def _finish_probes(group: ProbeGroup, probes: Sequence[Probe], taskmodule: Any, datamodule: TransferDataModule) -> None:
    group.take_best()
    for (name, model), probe in zip(group.members(), probes, strict=True):
        output_dir, metrics = Path(probe.cfg.paths.output_dir), group.results[name]
        save(model, datamodule, probe.cfg, metrics, None)
        write_baselines(output_dir, metrics, model, taskmodule, datamodule)
        write_item_counts(output_dir, model, datamodule)
        overrides = OmegaConf.to_container(OmegaConf.load(output_dir / ".hydra" / "overrides.yaml"))
        write_job(output_dir, {"overrides": overrides, "seed": probe.cfg.seed, "metrics": metrics})
        write_json(output_dir / "metrics.json", metrics)
    log.info("results and models of the probes are in %s", Path(probes[0].cfg.paths.output_dir).parent)


def write_baselines(
    output_dir: Path, metrics: dict[str, float], model: TransferModel, taskmodule: Any, datamodule: TransferDataModule
) -> dict[str, dict[str, dict[str, float]]]:
    """Write the baselines of the splits that were evaluated; return them by stage."""
    stages = [stage for stage in SPLITS if any(name.startswith(f"{stage}/") for name in metrics)]
    baselines = {
        stage: {**taskmodule.baselines(datamodule.documents(SPLITS[stage])), **model.baseline_scores.get(stage, {})}
        for stage in stages
    }
    write_json(output_dir / "baselines.json", baselines)
    return baselines


def write_item_counts(
    output_dir: Path, model: TransferModel, datamodule: TransferDataModule, split: str | None = None
) -> None:
    """Write what each item of the splits that were evaluated has added to its scores, a file for each split.

    Args:
        output_dir: of the run.
        model: that was evaluated.
        datamodule: that served the splits.
        split: that the test stage has evaluated, where it is not that of a training run.
    """
    for stage, table in model.item_tables.items():
        names = datamodule.document_names(split or SPLITS[stage])
        file = item_file(output_dir, stage if split is None else stage_of(split))
        file.unlink(missing_ok=True)  # of a run that has been extended
        try:
            items = counts_by_name(file.stem, table.columns, table.counts, names)
        except UserError as error:  # a model that has diverged predicts no numbers; its run ends all the same
            log.warning("the counts of single items are not kept: %s", error)
            continue
        write_items(file, items, table.description)


def save(
    model: TransferModel, datamodule: TransferDataModule, cfg: DictConfig, metrics: dict[str, float], best: str | None
) -> Path:
    """Save the model, as of its best checkpoint, to ``cfg.model_save_dir``."""
    if best is not None and not (cfg.validate or cfg.test):  # else they have loaded it
        checkpoint = WholeFiles().load_checkpoint(best, map_location="cpu", weights_only=True)
        model.on_load_checkpoint(checkpoint)
        model.load_state_dict(checkpoint["state_dict"])
    place = Path(cfg.model_save_dir)
    if is_taken(cfg):  # by a run that ended while this one was going on
        place = Path(cfg.paths.output_dir, "model")
        log.warning("model_save_dir=%s has been filled meanwhile; the model goes to %s", cfg.model_save_dir, place)
    saved = save_trained(
        model,
        place,
        datamodule.taskmodule,
        facts={
            "scores": metrics,
            "data": OmegaConf.to_container(cfg.dataset, resolve=True),
            **datamodule.facts(),
            "command": record_of(cfg.paths.output_dir).get("command"),
            **identity(cfg.paths.output_dir, best),
            "seed": cfg.seed,
        },
        copy_frozen_encoders=cfg.copy_frozen_encoders,
    )
    set_status(cfg.paths.output_dir, RUNNING, model=place_of_model(saved, cfg.paths.output_dir))
    return saved


def push(directory: Path, repository: str) -> None:
    """Upload a saved model to a repository on the hub, made if need be.

    What the hub refuses is said and fails nothing: the run is finished, and its model stays where it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    hub = HfApi()
    try:
        address = hub.create_repo(repository, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=directory)
    except (HfHubHTTPError, LocalTokenNotFoundError, OSError, ValueError) as error:
        log.error(
            "push_to_hub=%s: %s. The model is in %s; set HF_TOKEN or run `hf auth login`, then `hf upload %s %s`",
            repository, error, directory, repository, directory,
        )  # fmt: skip
    else:
        log.info("model uploaded to %s", address)
