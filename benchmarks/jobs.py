"""Many jobs in one process: whether memory, open files, threads or log handlers grow from job to job of a sweep."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import ROOT, Measuring
from results import Section, table
from tiny_encoder import save_tiny_encoder

TITLE = "60 jobs of a sweep in one process"

FAMILIES = ("ner", "mrpc", "squad", "re", "coref")
AFTER = (10, 30, 60)  # jobs
MOST_GROWTH = 1.10  # of the memory between the first and the last of these
SETTINGS = (
    "trainer=cpu",
    "trainer.max_epochs=1",
    "datamodule.select_n.train=6",
    "datamodule.select_n.validation=4",
    "datamodule.select_n.test=4",
    "extras.print_config=false",
    "extras.ignore_warnings=true",
    "callbacks.rich_progress_bar=null",
    "callbacks.model_summary=null",
    "+trainer.enable_progress_bar=false",
)


def run(measuring: Measuring) -> Section:
    """One sweep over all families, with trained and frozen encoders and the feature store on."""
    seeds = 1 if measuring.quick else 6
    families = FAMILIES[:1] if measuring.quick else FAMILIES
    started = time.perf_counter()
    counts = sweep(families, seeds)
    seconds = time.perf_counter() - started
    after = [number for number in AFTER if number <= len(counts)] or [len(counts)]
    rows: list[list[str | float]] = [[name, *(counts[number - 1][name] for number in after)] for name in counts[0]]
    text = (
        f"`python src/train.py --multirun` over {','.join(families)}, with trained and frozen encoders, over seeds: "
        f"{len(counts)} jobs of one epoch on a few documents of the sample, an encoder of width 16, the feature store "
        f"on; {seconds:.0f} s. What the process holds when a job has ended, after a garbage collection: memory, open "
        "files, threads, child processes, handlers and filters of all loggers, filters of warnings, figures, objects "
        "and tensors.\n\n" + table(" | ".join(["after jobs", *map(str, after)]), rows)
    )
    first, last = counts[after[0] - 1], counts[after[-1] - 1]
    broken = [
        f"{name} must not grow from job {after[0]} to job {after[-1]}: {first[name]:.0f}, {last[name]:.0f}"
        for name in first
        if last[name] > first[name] * (MOST_GROWTH if name in ("MiB", "objects") else 1)
    ]
    return Section(text, broken)


def sweep(families: tuple[str, ...], seeds: int) -> list[dict[str, float]]:
    """What the process held after each job."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        save_tiny_encoder(place / "encoder")
        file = place / "census.jsonl"
        here = str(Path(__file__).resolve().parent)
        done = subprocess.run(
            [
                sys.executable, str(ROOT / "src" / "train.py"), "--multirun", *SETTINGS, f"encoder={place / 'encoder'}",
                # the last one changes first: the first jobs have loaded what every family needs
                f"seed={','.join(map(str, range(1, seeds + 1)))}", f"experiment={','.join(families)}",
                "model.freeze_models=all,null", f"paths.log_dir={place / 'logs'}",
                f"+hydra.callbacks.census={{_target_: census.Census, file: '{file}'}}",
            ],
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))}
            | {"FEATURES_DIR": str(place / "features")},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.exit(f"the sweep failed:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
