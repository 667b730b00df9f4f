"""Tables and pictures of sweeps: python src/report.py sweeps=logs/<task>/multiruns/<id>"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import hydra
from omegaconf import DictConfig

from transferlab.callbacks.hydra_results import interruptible
from transferlab.utils.errors import run_entrypoint
from transferlab.utils.run_identity import start

log = logging.getLogger(__name__)


def report(cfg: DictConfig) -> dict[str, Any]:
    """Run a composed config; return the paths of what it wrote."""
    from transferlab.documents import write_atomically
    from transferlab.reporting.sweep_plot import plot_depths, plot_sweep
    from transferlab.reporting.sweep_report import report_sweeps
    from transferlab.root_options import check_config
    from transferlab.utils.logging import apply_extras, show_config
    from transferlab.utils.new_folder import check_writable
    from transferlab.utils.run_record import write_json
    from transferlab.utils.terminal import VisibleConsole

    apply_extras(cfg)
    check_config(cfg, "report")
    output_dir = Path(cfg.paths.output_dir)
    check_writable(output_dir, "paths.output_dir")
    sweeps = [cfg.sweeps] if isinstance(cfg.sweeps, str) else list(cfg.sweeps)
    result = report_sweeps(sweeps, cfg.score, cfg.baseline)
    show_config(cfg)
    console = VisibleConsole()
    console.print(result.table())
    for remark in result.remarks():
        console.print(remark)
    write_atomically(output_dir / "report.md", [result.markdown()])
    write_json(output_dir / "report.json", result.to_dict())
    written = {"table": output_dir / "report.md", "numbers": output_dir / "report.json"}
    written |= {"picture": plot_sweep(result, output_dir / "report")[0]}
    depths = plot_depths(result, output_dir / "depths")
    if depths is not None:
        written["depths"] = depths[0]
    for name, path in written.items():
        log.info("%s: %s", name, path)
    return {name: str(path) for name, path in written.items()}


@hydra.main(version_base="1.3", config_path="../configs", config_name="report")
@interruptible
def main(cfg: DictConfig) -> dict[str, Any]:
    """Compose the config and report."""
    return report(cfg)


if __name__ == "__main__":
    start()
    run_entrypoint(main)
