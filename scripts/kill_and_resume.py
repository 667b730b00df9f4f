"""Kill runs at random moments, resume them, and hold weights and scores against those of a run that was left alone.

    python scripts/kill_and_resume.py --work /tmp/kills --points 20 frozen trained
    python scripts/kill_and_resume.py --work /tmp/terms --points 20 --signal TERM frozen trained

Every run has a feature store of its own. A moment is drawn from the wall time of the run that was left alone, without
its start-up; the process is killed (``--signal KILL``, the default) and the run goes on with ``resume=<directory>``, or
it is sent SIGTERM or SIGINT, must end with their exit codes and say so in its record, and goes on with the command that
it has printed. ``kills.md`` in the work folder has a line for each kill, and the counts. The exit status is 1 if a
tensor or a score differs in one bit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUIET = [
    "extras.print_config=false",
    "extras.ignore_warnings=true",
    "+trainer.enable_progress_bar=false",
    "callbacks.rich_progress_bar=null",
    "callbacks.model_summary=null",
    "trainer=cpu",
]
SMALL = [
    "datamodule.select_n.train=12",
    "datamodule.select_n.validation=4",
    "datamodule.select_n.test=4",
    "taskmodule.max_segment_len=64",
    "taskmodule.max_training_sentences=2",  # a random window of each training document
    "model.ffnn_size=100",
    "monitor=val/loss",
    "monitor_mode=min",
]
KINDS = {
    "frozen": [*SMALL, "model.freeze_models=all", "trainer.max_epochs=6"],
    "trained": [*SMALL, "+model.truncate_models.target=1", "trainer.max_epochs=4"],
}


def start(run: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a training process whose feature store and output lie beside its run directory."""
    environment = {**os.environ, "FEATURES_DIR": f"{run}.features", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with open(f"{run}.txt", "ab") as output:
        command = [sys.executable, str(ROOT / "src" / "train.py"), *arguments]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)


def until_it_reads(process: subprocess.Popen[bytes], run: Path) -> None:
    """Wait until a process has started up and reads its data."""
    while process.poll() is None and not (run / "run.json").is_file():
        time.sleep(0.01)


def command_that_goes_on(run: Path) -> list[str]:
    """The arguments that an interrupted run has printed last; none if its record does not say what has happened."""
    if json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] != "interrupted":
        return []
    printed = shlex.split(Path(f"{run}.txt").read_text(encoding="utf-8").splitlines()[-1])
    script = str(ROOT / "src" / "train.py")
    return printed[printed.index(script) + 1 :] if script in printed else []


def stage(run: Path) -> str:
    """What a killed process was doing, by what it has left."""
    if (run / "metrics.json").is_file():
        return "results were written"
    if list(run.glob(".model.*")):
        return "saving the model"
    if (run / "model").is_dir():
        return "writing results"
    log = next(run.glob("*.log"), None)
    lines = log.read_text(encoding="utf-8").splitlines() if log else []
    epochs = sum(": train/loss" in line or "val/loss" in line for line in lines)
    if list((run / "checkpoints").glob(".*.partial")):
        return f"saving a checkpoint of epoch {epochs}"
    if "checkpoint at" in "".join(lines[-2:]) and epochs:
        return "evaluating the best epoch"
    if epochs or list(run.glob("csv/*/metrics.csv")):
        return f"training or validating, epoch {epochs}"
    if list(Path(f"{run}.features").rglob("*.safetensors")) or "subtokens) once" in "".join(lines[-2:]):
        return "filling the store, or epoch 0"
    return "reading, or building the model"


def differences(whole: Path, cut: Path) -> list[str]:
    """The names of the files of results that are not equal, and of tensors that are not."""
    from safetensors.torch import load_file

    found = []
    if (whole / "metrics.json").read_bytes() != (cut / "metrics.json").read_bytes():
        found.append("metrics.json")
    for file in sorted((whole / "model").rglob("*.safetensors")):
        name = file.relative_to(whole)
        ours, theirs = load_file(file), load_file(cut / name)
        names = ours.keys() | theirs.keys()
        equal = {key for key in ours.keys() & theirs.keys() if ours[key].equal(theirs[key])}
        found += [f"{name}: {key}" for key in sorted(names - equal)]
    return found


def check(
    kind: str, work: Path, points: int, draw: random.Random, number: signal.Signals
) -> list[tuple[float, str, list[str]]]:
    """Send a signal to ``points`` runs of a kind; return for each the second, the stage and what differs."""
    whole = work / f"{kind}-whole"
    process = start(whole, [*KINDS[kind], *QUIET, f"hydra.run.dir={whole}"])
    until_it_reads(process, whole)
    began = time.monotonic()
    if process.wait():
        sys.exit(f"{whole}.txt: the run failed")
    seconds = time.monotonic() - began
    print(f"{kind}: {seconds:.1f} s left alone, start-up not counted", flush=True)
    rows: list[tuple[float, str, list[str]]] = []
    attempt = 0
    while (point := len(rows)) < points:
        run, moment = work / f"{kind}-{attempt:02d}", draw.uniform(0, seconds)
        attempt += 1
        process = start(run, [*KINDS[kind], *QUIET, f"hydra.run.dir={run}"])
        until_it_reads(process, run)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, number)
            process.wait()
        if (
            process.returncode == 0
            or json.loads((run / "run.json").read_text(encoding="utf-8"))["status"] == "finished"
        ):
            print(f"{kind}: over before {moment:.1f} s; another moment is drawn", flush=True)
            continue
        hit = stage(run)
        killed = number == signal.SIGKILL
        if process.returncode != (-number if killed else 128 + number):
            wrong = [f"{run}.txt: it ended with {process.returncode}"]
        elif not (resume := [f"resume={run}"] if killed else command_that_goes_on(run)):
            wrong = [f"{run}.txt: neither record nor command"]
        else:
            wrong = [f"{run}.txt: it failed"] if start(run, resume).wait() else differences(whole, run)
        rows.append((moment, hit, wrong))
        print(f"{kind} {point + 1}/{points}: {moment:5.1f} s, {hit}: {wrong or 'equal'}", flush=True)
        if not wrong:
            shutil.rmtree(run)
        shutil.rmtree(f"{run}.features", ignore_errors=True)
    return rows


def main() -> None:
    """Check the kinds that the command names, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--work", type=Path, required=True, help="an empty folder")
    parser.add_argument("--points", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--signal", choices=["KILL", "TERM", "INT"], default="KILL")
    options = parser.parse_args()
    work, draw = options.work.absolute(), random.Random(options.seed)
    work.mkdir(parents=True)
    lines = ["| kind | second | killed while | result |", "|---|---|---|---|"]
    equal = total = 0
    for kind in options.kinds:
        rows = check(kind, work, options.points, draw, signal.Signals[f"SIG{options.signal}"])
        lines += [f"| {kind} | {at:.1f} | {hit} | {'; '.join(wrong) or 'equal'} |" for at, hit, wrong in rows]
        equal, total = equal + sum(not wrong for *_, wrong in rows), total + len(rows)
        lines.append(f"| {kind} | | all | {sum(not wrong for *_, wrong in rows)} of {len(rows)} equal |")
        (work / "kills.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    sys.exit(equal != total)


if __name__ == "__main__":
    main()
