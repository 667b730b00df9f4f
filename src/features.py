"""List, fill, verify and prune the feature store: python src/features.py action=fill experiment=... sources=..."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig, OmegaConf

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


def features(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return the numbers of what was done."""
    from transferlab.root_options import check_config
    from transferlab.utils.errors import ConfigError
    from transferlab.utils.logging import apply_extras, show_config

    apply_extras(cfg)  # before torch and transformers are imported
    from transferlab.encoders import feature_upkeep as upkeep
    from transferlab.encoders.feature_store import FeatureStore
    from transferlab.utils.terminal import VisibleConsole, size_of

    check_config(cfg, "features")
    if cfg.features is None:
        raise ConfigError(f"features=off leaves no store to {cfg.action}; leave it out")
    show_config(cfg)
    store = FeatureStore.of(**OmegaConf.to_container(cfg.features, resolve=True))  # type: ignore[arg-type]
    if cfg.action == "fill":
        fill(cfg)
    entries = store.entries()
    if cfg.action == "verify":
        files, damaged = upkeep.verify(entries)
        log.info("%s: %d files verified, %d of them damaged and deleted", store.directory, files, damaged)
        return {"files": files, "damaged": damaged}
    if cfg.action == "prune":
        chosen = upkeep.prune(entries, **{name: cfg[name] for name in upkeep.CRITERIA})
        freed, held = (sum(entry.size for entry in some) for some in (chosen, entries))
        sizes = size_of(freed), size_of(held - freed)
        log.info("%d layers deleted, %s; %s are left in %s", len(chosen), *sizes, store.directory)
        return {"layers": len(chosen), "bytes": freed}
    VisibleConsole().print(upkeep.listing(store, entries) if entries else f"nothing is stored in {store.directory}")
    return {"layers": len(entries), "bytes": sum(entry.size for entry in entries)}


def fill(cfg: DictConfig) -> None:
    """Encode what a training of the same config would read."""
    from transferlab import building
    from transferlab.callbacks import fill_features
    from transferlab.probes import probes_of
    from transferlab.utils.errors import ConfigError
    from transferlab.utils.instantiate import build
    from transferlab.utils.source_selection import select_sources

    read = {"train": cfg.train, "validation": cfg.train or cfg.validate, "test": cfg.test}
    splits = cfg.splits or [split for split, wanted in read.items() if wanted]
    own = set(OmegaConf.load(Path(cfg.paths.root_dir, "configs", "features.yaml"))) - {"task_name", "extras"}
    training = OmegaConf.masked_copy(cfg, [str(name) for name in cfg if name not in own])
    probes = probes_of(training)
    if not probes:  # else each of them has chosen its own
        select_sources(training)
    for config in [probe.cfg for probe in probes] or [training]:
        building.check(config)
    taskmodule, datamodule = building.corpus(training, probes)
    if unknown := set(splits) - set(datamodule.reader.splits):
        raise ConfigError(f"splits={sorted(unknown)}: the corpus has {', '.join(datamodule.reader.splits)}")
    taskmodule.prepare(datamodule.documents("train"))
    model = building.build_model(training, probes, taskmodule)
    passes = fill_features.passes(model, every_layer=cfg.layers == "all")
    if not passes:
        raise ConfigError("action=fill: no encoder is frozen (model.freeze_models) and without tokens that it learns")
    trainer = build(training.trainer, devices=1, strategy="auto", logger=False)
    model = trainer.precision_plugin.convert_module(model).to(trainer.strategy.root_device)
    loaders = [datamodule.dataloader(split) for split in splits]
    with trainer.precision_plugin.forward_context():
        for one in passes:
            fill_features.fill(one, loaders, trainer.strategy.root_device)


@hydra.main(version_base="1.3", config_path="../configs", config_name="features")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and act."""
    return features(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
