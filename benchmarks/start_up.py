"""How long one waits: for help, for a composed config, and for the first step of training.

Measured against the bare import of what computes in a new interpreter, which no training can avoid.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import ROOT, Measuring, Values, medians
from results import Section, table

TITLE = "from the command to help, config and the first step of training"

BARE = "import torch, transformers, pytorch_lightning"
TRAIN = str(ROOT / "src" / "train.py")
COMMANDS = {
    "bare import": ["-c", BARE],
    "--help": [TRAIN, "--help"],
    "--cfg job": [TRAIN, "--cfg", "job"],
    "first step": [TRAIN, "experiment=coref", "+trainer.fast_dev_run=true", "validate=false", "test=false"],
}
AT_MOST = {"--help": 0.5, "--cfg job": 0.5, "first step": 2.5}  # of the bare import


def run(measuring: Measuring) -> Section:
    """All commands in turn."""
    measured: dict[str, list[Values]] = {name: [] for name in COMMANDS}
    for turn in range(measuring.runs):
        for name in COMMANDS:
            values = first_step() if name == "first step" else {"seconds": elapsed(COMMANDS[name])}
            measured[name].append(values)
            progress = ", ".join(f"{key} {value:.2f}" for key, value in values.items())
            print(f"start_up {name} {turn + 1}/{measuring.runs}: {progress}", flush=True)
    found = {name: medians(rows) for name, rows in measured.items()}
    bare = found["bare import"]["seconds"]
    ratios = {name: values["seconds"] / bare for name, values in found.items()}
    rows: list[list[str | float]] = [
        [f"`{shown(name)}`", values["seconds"], f"{ratios[name]:.2f}"] for name, values in found.items()
    ]
    step, whole = found["first step"]["step"], found["first step"]["whole"]
    text = (
        "Seconds in a new interpreter, on the clock. The last line is timed until the first training step begins; the "
        f"step takes {step:.2f} s, the whole command {whole:.1f} s.\n\n"
        + table("command | s | of the bare import", rows)
    )
    broken = [
        f"{name} may take {most} of a bare import, not {ratios[name]:.2f}"
        for name, most in AT_MOST.items()
        if ratios[name] > most
    ]
    return Section(text, broken)


def shown(name: str) -> str:
    """A command as one types it."""
    arguments = [argument.replace(TRAIN, "src/train.py") for argument in COMMANDS[name]]
    return " ".join(["python", *(f'"{argument}"' if " " in argument else argument for argument in arguments)])


def elapsed(arguments: list[str], environment: dict[str, str] | None = None) -> float:
    """Seconds of ``python`` with these arguments, from an empty directory."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return seconds


def first_step() -> Values:
    """Seconds until the first training step begins, of this step, and of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "first_step.json"
        callback = f"{{_target_: first_step.FirstStep, file: '{file}'}}"
        here = str(Path(__file__).resolve().parent)
        places = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        started = time.time()
        whole = elapsed(
            [*COMMANDS["first step"], f"+callbacks.first_step={callback}", f"paths.log_dir={folder}/logs"],
            os.environ | {"PYTHONPATH": places},
        )
        times = json.loads(file.read_text(encoding="utf-8"))
    return {"seconds": times["begins"] - started, "step": times["ends"] - times["begins"], "whole": whole}
