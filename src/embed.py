"""Embed a task: python src/embed.py embedding=textemb|taskemb experiment=... [model_name_or_path=...]"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils import run_identity
from transferlab.utils.errors import run_entrypoint

log = logging.getLogger(__name__)


def embed(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return what was embedded and where it is."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)  # before torch and transformers are imported
    from hydra.core.hydra_config import HydraConfig

    from transferlab.root_options import check_config
    from transferlab.transferability import task_models
    from transferlab.transferability.embedding_pass import batches_of
    from transferlab.transferability.embedding_pass import embed as run_pass
    from transferlab.transferability.library import TaskLibrary, TaskVectors
    from transferlab.utils.contradictions import check_typed_together, is_job_of_sweep
    from transferlab.utils.errors import ConfigError
    from transferlab.utils.logging import show_config
    from transferlab.utils.new_folder import check_writable
    from transferlab.utils.run_record import package_versions, write_run_record

    check_config(cfg, "embed")
    if HydraConfig.initialized():
        check_typed_together(cfg, HydraConfig.get().overrides.task, of_sweep=is_job_of_sweep())
    if cfg.task == "train":
        raise ConfigError("task: name what is embedded, with experiment=... or, under a name of your own, task=...")
    for key in ("sources", "probes"):
        if cfg[key] is not None:
            raise ConfigError(f"{key}={cfg[key]}: an embedding is of one encoder; name it with encoder=...")
    library = TaskLibrary(cfg.library)
    check_writable(cfg.library, "library")
    output_dir = Path(cfg.paths.output_dir)
    write_run_record(cfg, output_dir)
    ready = task_models.ready(cfg)
    show_config(cfg)
    file = library.path(cfg.task, ready.kind)
    size = cfg.batch_size or cfg.datamodule.batch_size
    space = ready.space | ({"batch_size": size} if ready.embedder.shuffled else {})
    made_from = {
        "model": ready.model,
        "embedding": OmegaConf.to_container(cfg.embedding, resolve=True),
        "split": cfg.split,
        "epochs": cfg.epochs,
        "dataset": OmegaConf.to_container(cfg.dataset, resolve=True),
        "taskmodule": ready.taskmodule.options(),
        "train_examples": cfg.datamodule.train_examples,
        "select_n": OmegaConf.to_container(cfg.datamodule.select_n),
        "select_seed": cfg.datamodule.select_seed,
        **({"select_by": cfg.datamodule.select_by} if cfg.datamodule.select_by != "random" else {}),
    }
    if file.is_file() and not cfg.overwrite:
        there = library.read(cfg.task, ready.kind)
        if (there.space, there.about.get("made_from")) == (space, made_from):
            log.info("%s is there already, made with the same settings", file)
            return {"embedding": str(file)}
        raise ConfigError(
            f"{file} was made with other settings; overwrite=true makes it anew, task=... gives this one another name"
        )
    examples = ready.examples(cfg.split)
    batches = batches_of([e.length for e in examples], size, ready.embedder.shuffled, cfg.seed, cfg.epochs)
    log.info("%s of %s: %d examples in %d batches; to %s", ready.kind, cfg.task, len(examples), len(batches), file)
    unfinished = file.with_name(f".{ready.kind}.unfinished")
    run_pass(ready.embedder, ready.taskmodule, examples, batches, unfinished, made_from | space, ready.device)
    vectors = ready.embedder.result()
    about = {
        "made_from": made_from,
        "encoder": ready.encoder,
        "examples": len(examples),
        "trained_on": [ready.datamodule.training_texts(cfg.split).to_dict()],
        "seed": cfg.seed,
        "command": os.environ.get(run_identity.COMMAND),
        "packages": package_versions(),
    }
    written = library.write(TaskVectors(cfg.task, ready.kind, vectors, space, about))
    unfinished.unlink(missing_ok=True)
    ready.finish()
    log.info("%d components: %s", len(vectors), ", ".join(list(vectors)[:4]) + (", ..." if len(vectors) > 4 else ""))
    log.info("embedding in %s, as .npy files in %s", written, written.with_suffix(""))
    return {"embedding": str(written), "examples": len(examples), "components": len(vectors)}


@hydra.main(version_base="1.3", config_path="../configs", config_name="embed")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and embed."""
    return embed(cfg)


if __name__ == "__main__":
    run_identity.start()
    run_entrypoint(main)
