"""Predict with a saved model, or several: python src/predict.py model_name_or_path=... (dataset=... | input=FILE)"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from omegaconf import DictConfig

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_directory import in_its_own_directory
from transferlab.utils.run_identity import is_main_process, start

if TYPE_CHECKING:
    from transferlab.documents import Document

log = logging.getLogger(__name__)


@in_its_own_directory
def predict(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed prediction config; return the paths of what it wrote."""
    from transferlab.utils.logging import apply_extras

    apply_extras(cfg)
    from dataclasses import fields

    from transferlab.data.document_stream import DocumentStream
    from transferlab.data.inputs import read_inputs
    from transferlab.documents import Annotations, write_jsonl
    from transferlab.inference import Pipeline, corpus, load
    from transferlab.models.saving import find_model
    from transferlab.root_options import check_config
    from transferlab.utils.errors import ConfigError
    from transferlab.utils.instantiate import build
    from transferlab.utils.logging import show_config
    from transferlab.utils.new_folder import check_writable
    from transferlab.utils.run_record import write_run_record

    check_config(cfg, "predict")
    names = list(cfg.pipeline.models)
    if not names or None in names:
        raise ConfigError(
            f"pipeline.models={names} lacks a model; give model_name_or_path=..., or for pipeline=ner_re both "
            "pipeline.ner_model=... and pipeline.re_model=..."
        )
    serializers = build(cfg.get("serializer")) or {}
    layers = [layer.name for layer in fields(Annotations)]
    for layer in serializers:
        if layer not in layers:
            raise ConfigError(f"serializer.{layer}: there is no such layer of predictions; choose one of {layers}")
        for name, writer in (cfg.serializer[layer] or {}).items():
            if writer is not None and writer.get("path") is not None:
                check_writable(Path(writer.path).parent, f"serializer.{layer}.{name}.path")
    output_dir = Path(cfg.paths.output_dir)
    write_run_record(cfg, output_dir)
    models = [find_model(model) for model in names]
    if cfg.input is not None and cfg.get("dataset") is not None:
        raise ConfigError(f"input={cfg.input} and dataset=... name two things to predict; give one of them")
    if cfg.input is not None:
        documents = read_inputs(cfg.input)
    else:
        reader = corpus(cfg.get("dataset"), models[0], cfg.trust)
        documents = DocumentStream(partial(reader.read, cfg.split)).selected(cfg.select_n, cfg.select_seed)
    check_tasks(models, cfg.pipeline.get("tasks"))
    show_config(cfg)
    pipeline = Pipeline([load(model, device=cfg.pipeline.device, trust=cfg.trust) for model in models])
    pipeline.check(documents)
    log.info("%d documents, models: %s", len(documents), ", ".join(map(str, models)))
    predicted = shown(pipeline.predict_documents(documents, cfg.pipeline.batch_size), len(documents))
    written = {"jsonl": write_jsonl(predicted, output_dir / "predictions.jsonl")}
    for layer, writers in serializers.items():
        written |= serialize(written["jsonl"], layer, writers)
    for name, path in written.items():
        log.info("%s: %s", name, path)
    return {name: str(path) for name, path in written.items()}


def check_tasks(models: list[Path], tasks: Sequence[str] | None) -> None:
    """Refuse a model of another task than a pipeline has in its place; None: models of any tasks."""
    from transferlab.models.descriptions import read_description
    from transferlab.utils.errors import ConfigError

    for model, task in zip(models, tasks or (), strict=tasks is not None):
        found = read_description(model)["taskmodule"]["name"]
        if task != found:
            raise ConfigError(
                f"pipeline.models: {model} is a model of {found}, and this pipeline has {task} in its place"
            )


def shown(documents: Iterator[Document], total: int) -> Iterator[Document]:
    """Documents as they are predicted, with a line on the terminal that counts them."""
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn()) as progress:
        yield from progress.track(documents, total=total, description="predicting")


def serialize(predictions: Path, layer: str, writers: dict[str, Any]) -> dict[str, Path]:
    """Write the documents that have a predicted layer with every writer of that layer; return the paths by writer.

    Each writer reads the predictions anew: any number of documents needs no memory.
    """
    from transferlab.documents import read_jsonl

    def carrying() -> Iterator[Document]:
        return (document for document in read_jsonl(predictions) if getattr(document.predicted, layer) is not None)

    if next(carrying(), None) is None:
        log.info("not written, as no document has predicted %s: %s", layer, ", ".join(writers))
        return {}
    return {name: write(carrying()) for name, write in writers.items()}


@hydra.main(version_base="1.3", config_path="../configs", config_name="predict")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and predict; of several processes that a scheduler starts the first one does it."""
    return predict(cfg) if is_main_process() else {}


if __name__ == "__main__":
    start()
    run_entrypoint(main)
