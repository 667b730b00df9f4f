"""Predict with a saved model: python src/predict.py model_name_or_path=... (dataset=... | input=FILE)"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


def predict(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed prediction config; return the paths of what it wrote."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)
    from hydra.utils import instantiate
    from rich.progress import track

    from transferlab.data.inputs import read_inputs
    from transferlab.data.selection import select
    from transferlab.documents import write_jsonl
    from transferlab.inference import load
    from transferlab.utils.config_checks import check_root_keys, check_targets, root_keys
    from transferlab.utils.run_record import write_run_record

    check_root_keys(cfg, root_keys(Path(cfg.paths.root_dir, "configs", "predict.yaml")))
    check_targets(cfg)
    output_dir = Path(cfg.paths.output_dir)
    write_run_record(cfg, output_dir)
    if cfg.input is not None:
        documents = read_inputs(cfg.input)
    else:
        reader = instantiate(cfg.dataset, _convert_="all")
        documents = select(list(reader.read(cfg.split)), cfg.select_n, cfg.select_seed)
    predictor = load(cfg.model_name_or_path, device=cfg.pipeline.device)
    log.info("%d documents, model %s", len(documents), predictor.directory)
    predicted = list(
        track(
            predictor.predict_documents(documents, cfg.pipeline.batch_size),
            description="predicting",
            total=len(documents),
        )
    )
    written = {"jsonl": write_jsonl(predicted, output_dir / "predictions.jsonl")}
    for name, write in (instantiate(cfg.get("serializer")) or {}).items():
        written[name] = write(predicted)
    for name, path in written.items():
        log.info("%s: %s", name, path)
    return {name: str(path) for name, path in written.items()}


@hydra.main(version_base="1.3", config_path="../configs", config_name="predict")
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and predict."""
    return predict(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
