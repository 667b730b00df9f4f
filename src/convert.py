"""Turn a published coreference checkpoint into a saved model: python src/convert.py checkpoint=... encoder=..."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_directory import in_its_own_directory
from transferlab.utils.run_identity import is_main_process, start

log = logging.getLogger(__name__)


@in_its_own_directory
def convert(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return where the model is."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)  # before torch and transformers are imported
    from transferlab.building import check_row_lengths
    from transferlab.encoders.sources import load_config, resolve
    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.models.conversion import ENCODER, Checkpoint
    from transferlab.models.coreference import published
    from transferlab.models.registry import TASKMODULES
    from transferlab.models.saving import save_model
    from transferlab.root_options import check_config
    from transferlab.utils.errors import ConfigError
    from transferlab.utils.instantiate import build
    from transferlab.utils.logging import show_config
    from transferlab.utils.new_folder import check_writable
    from transferlab.utils.run_record import RUNNING, record_of, set_status, write_run_record
    from transferlab.utils.saved_models import identity, place_of_model

    check_config(cfg, "convert")
    place, output_dir = Path(cfg.model_save_dir), Path(cfg.paths.output_dir)
    check_writable(place, "model_save_dir")
    if place.exists() and any(place.iterdir()):
        raise ConfigError(f"model_save_dir={place} is not empty; move its content away or choose another directory")
    write_run_record(cfg, output_dir)
    checkpoint = Checkpoint(cfg.checkpoint)
    show_config(cfg)
    source = cfg.encoder or str(checkpoint.file.parent)
    check_row_lengths(cfg.taskmodule, {ENCODER: load_config(ENCODER, resolve(source))})
    tokenizers, keys = load_tokenizers({ENCODER: source})
    encoder = checkpoint.encoder_of(source, len(tokenizers[keys[ENCODER]]))
    segments = published.segment_distances(checkpoint.head)
    is_told = segments is not None and "max_training_sentences" not in cfg.taskmodule
    windows = {"max_training_sentences": segments} if is_told else {}
    taskmodule = build(cfg.taskmodule, tokenizers=tokenizers, **windows)
    told = published.options_of(checkpoint.head)
    told = {name: value for name, value in told.items() if cfg.model.get(name) is None}
    log.info("read from the weights: %s", ", ".join(f"{name}={value}" for name, value in told.items()))
    model = build(
        cfg.model, pretrained_models={ENCODER: source}, load_weights=False, **taskmodule.model_arguments(), **told
    )
    checkpoint.place(model, encoder)
    del model.hparams["load_weights"]  # that of its own folder will
    saved = save_model(
        model.eval(),
        place,
        tokenizers={ENCODER: tokenizers[keys[ENCODER]]},
        taskmodule={"name": TASKMODULES.name_of(type(taskmodule)), "options": taskmodule.options()},
        facts={
            "converted_from": {"checkpoint": str(checkpoint.file.resolve()), "sha256": checkpoint.sha256()},
            "command": record_of(output_dir).get("command"),
            **identity(output_dir),
        },
    )
    set_status(output_dir, RUNNING, model=place_of_model(saved, output_dir))
    log.info("model saved to %s", saved)
    return {"model": str(saved)}


@hydra.main(version_base="1.3", config_path="../configs", config_name="convert")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and convert; of several processes that a scheduler starts the first one does it."""
    return convert(cfg) if is_main_process() else {}


if __name__ == "__main__":
    start()
    run_entrypoint(main)
