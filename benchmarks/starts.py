"""Many runs that are started within a second: whether each has a directory of its own, and all end well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jobs import SETTINGS
from measuring import ROOT, Measuring
from results import Section, table
from tiny_encoder import save_tiny_encoder

TITLE = "20 runs started within a second"


def run(measuring: Measuring) -> Section:
    """Equal commands, as a shell's loop starts them; they share a feature store."""
    count = 1 if measuring.quick else 20
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        save_tiny_encoder(place / "encoder")
        command = [
            sys.executable, str(ROOT / "src" / "train.py"), "experiment=mrpc", *SETTINGS,
            "model.freeze_models=all", f"encoder={place / 'encoder'}", f"paths.log_dir={place / 'logs'}",
        ]  # fmt: skip
        environment = os.environ | {"FEATURES_DIR": str(place / "features")}
        environment.pop("TRANSFERLAB_RUN_ID", None)  # of a run that has started this process
        began = time.perf_counter()
        outputs = [(place / f"{number}.txt").open("w") for number in range(count)]
        processes = [subprocess.Popen(command, env=environment, stdout=file, stderr=file) for file in outputs]
        started = time.perf_counter() - began
        codes = [process.wait() for process in processes]
        seconds = time.perf_counter() - began
        for file in outputs:
            file.close()
        runs = sorted((place / "logs").glob("*/runs/*"))
        scores = [file.read_text(encoding="utf-8") for one in runs if (file := one / "metrics.json").is_file()]
        records = [json.loads((one / "run.json").read_text(encoding="utf-8"))["status"] for one in runs]
        said = [Path(file.name).read_text(encoding="utf-8") for file in outputs]
    finished = records.count("finished")
    rows: list[list[str | float]] = [
        ["exit status 0", codes.count(0)],
        ["directories", len(runs)],
        ["recorded as finished", finished],
        ["different results", len(set(scores))],
        ["started within, s", started],
        ["all over after, s", seconds],
    ]
    text = (
        f"{count} equal commands, `python src/train.py experiment=mrpc` with an encoder of width 16, frozen, one "
        "epoch on a few documents of the sample, started one right after another; they share a feature store.\n\n"
        + table("of the runs | found", rows)
    )
    wrong = {"exit status 0": codes.count(0), "directories": len(runs), "finished": finished, "results": len(scores)}
    broken = [f"{name}: {found} of {count}" for name, found in wrong.items() if found != count]
    if len(set(scores)) != 1:
        broken.append(f"equal commands must give equal results, not {len(set(scores))}")
    if broken:
        print("\n".join(text[-2000:] for text, code in zip(said, codes, strict=True) if code), file=sys.stderr)
    return Section(text, broken)
