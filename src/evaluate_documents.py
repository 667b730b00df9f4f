"""Score or describe documents, with no model: python src/evaluate_documents.py metric=coref dataset.data_dir=FILE"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_directory import in_its_own_directory
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


@in_its_own_directory
def evaluate_documents(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return the scores, also written as JSON and Markdown into the run directory."""
    from transferlab.documents import write_atomically
    from transferlab.root_options import check_config
    from transferlab.statistics.item_files import item_file, stage_of, write_items
    from transferlab.statistics.items import counts_by_name
    from transferlab.utils.errors import UserError
    from transferlab.utils.instantiate import build
    from transferlab.utils.logging import apply_extras, show_config
    from transferlab.utils.run_record import write_json, write_run_record

    apply_extras(cfg)
    check_config(cfg, "evaluate_documents")
    output_dir = Path(cfg.paths.output_dir)
    write_run_record(cfg, output_dir)
    documents = list(build(cfg.dataset).read(cfg.split))
    if not documents:
        raise UserError(
            f"split={cfg.split}: the corpus has no document there; choose another split, or another dataset"
        )
    show_config(cfg)
    log.info("%d documents of the %s split", len(documents), cfg.split)
    report = build(cfg.metric)(documents)
    report.show()
    write_json(output_dir / "scores.json", report.scores)
    write_atomically(output_dir / "scores.md", [report.markdown()])
    if report.items is not None:
        names, stage = [document.name for document in documents], stage_of(cfg.split)
        items = counts_by_name(stage, report.items.columns, report.items.counts, names)
        write_items(item_file(output_dir, stage), items, report.items.description)
    for path in report.write_figures(output_dir):
        log.info("figure: %s", path)
    log.info("scores are in %s", output_dir)
    return report.scores


@hydra.main(version_base="1.3", config_path="../configs", config_name="evaluate_documents")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and evaluate documents."""
    return evaluate_documents(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
