"""How the benchmarks measure: every measurement in a process of its own, in turns, medians of them.

A process of its own, because peak memory belongs to a process, and so does what is imported on first use. In turns,
because other work on the machine comes and goes: only the ratio of runs that alternate means something.

Started as a script this file is such a process: it reads jobs ``[function, arguments]`` from its input, one in a line,
and answers each with a line of JSON. A function is named ``module.function`` and lives beside this file.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
Values = dict[str, Any]
MOST = {"fill"}  # what happens in one of the runs only: its largest value is of interest, too


class Measuring:
    """Runs the measurements of the benchmarks. This process imports no torch: that is for the measured ones.

    Args:
        quick: the benchmarks take small sizes, and all measurements share one process: this shows that they run, and
            measures nothing.
        runs: measurements of each thing that is compared.
    """

    def __init__(self, quick: bool, runs: int) -> None:
        self.quick = quick
        self.runs = 1 if quick else runs
        self._shared: subprocess.Popen[str] | None = None

    def take_turns(self, function: str, jobs: dict[str, Values]) -> dict[str, Values]:
        """Measure all jobs once, all of them again, and so on; the medians of each.

        Args:
            function: ``module.function`` of this directory, which returns a flat dict.
            jobs: its keyword arguments, by a name for the progress lines.
        """
        measured: dict[str, list[Values]] = {name: [] for name in jobs}
        for run in range(self.runs):
            for name, arguments in jobs.items():
                values = self.once(function, **arguments)
                measured[name].append(values)
                shown = ", ".join(f"{key} {value:.4g}" for key, value in values.items() if isinstance(value, float))
                print(f"{function} {name} {run + 1}/{self.runs}: {shown}", flush=True)
        return {name: medians(rows) for name, rows in measured.items()}

    def once(self, function: str, **arguments: Any) -> Values:
        """One measurement."""
        if self.quick:
            self._shared = self._shared or new_process()
            return answer(self._shared, function, arguments)
        process = new_process()
        try:
            return answer(process, function, arguments)
        finally:
            end(process)

    def close(self) -> None:
        """End the process that quick measurements share."""
        if self._shared is not None:
            end(self._shared)


def new_process() -> subprocess.Popen[str]:
    """A process that waits for jobs."""
    command = [sys.executable, str(Path(__file__).resolve())]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen[str], function: str, arguments: Values) -> Values:
    """What ``function`` returns in that process."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(json.dumps([function, arguments]) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        sys.exit(f"{function}({arguments}) failed with exit status {process.wait()}; its errors are above")
    values: Values = json.loads(line)
    return values


def end(process: subprocess.Popen[str]) -> None:
    """Let a process go, which ends with its input."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    process.wait()
    process.stdout.close()


def medians(rows: list[Values]) -> Values:
    """The median of every number; of anything else, the first; of ``MOST`` also the largest, as ``<name>_most``."""
    numbers = {key for key, value in rows[0].items() if isinstance(value, int | float)}
    found = {key: median(row[key] for row in rows) if key in numbers else value for key, value in rows[0].items()}
    return found | {f"{key}_most": max(row[key] for row in rows) for key in MOST & numbers}


@contextmanager
def measured() -> Iterator[Values]:
    """Clock and memory of what happens inside; the values are there when it has ended.

    seconds: on the clock. cpu_seconds: of all cores together. peak: MiB of the process in memory at most. growth: the
    part of it above the state before.
    """
    values: Values = {}
    forget_peak()
    before, cpu_started, started = resident(), time.process_time(), time.perf_counter()
    yield values
    values["seconds"] = time.perf_counter() - started
    values["cpu_seconds"] = time.process_time() - cpu_started
    values["peak"] = peak_resident()
    values["growth"] = values["peak"] - before


def resident() -> float:
    """MiB of this process in memory now; where the system tells the peak only, the peak so far."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return peak_resident()
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def forget_peak() -> None:
    """Let the peak begin anew, where the system can: that of loading a model is not that of using it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_resident() -> float:
    """MiB of this process in memory at most, so far."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def serve() -> None:
    """Answer jobs until the input ends; whatever else they print goes to the errors."""
    from transferlab.utils.run_identity import KERNEL_CACHE, PROJECT_ROOT

    os.environ.setdefault(*KERNEL_CACHE)  # these as the entrypoints do
    os.environ[PROJECT_ROOT] = str(ROOT)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        function, arguments = json.loads(line)
        module, name = function.rsplit(".", 1)
        values = getattr(importlib.import_module(module), name)(**arguments)
        answers.write(json.dumps(values) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
