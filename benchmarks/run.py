"""What ``make bench`` runs: the benchmarks, each into its section of ``benchmarks/RESULTS.md``.

    python benchmarks/run.py [name ...] [--quick] [--runs N]

Ends with an error when a promise does not hold; ``--quick`` only shows that they run, and writes nothing.

A benchmark is a file of this directory with a ``TITLE`` and ``run(measuring) -> Section``, named below.
"""

from __future__ import annotations

import argparse
import importlib
import sys

import results
from measuring import Measuring

BENCHMARKS = (
    "head",
    "published",
    "probing",
    "depths",
    "tokens",
    "inference",
    "relations",
    "streaming",
    "jobs",
    "starts",
    "reading",
    "estimators",
    "start_up",
    "task_embedding",
    "gpu",
    "verdicts",
    "rankings",
    "ranking_baselines",
)


def parse_arguments() -> argparse.Namespace:
    """Which benchmarks, and how often they measure."""
    parser = argparse.ArgumentParser(description="Speed and memory, measured into benchmarks/RESULTS.md.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"{', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that the benchmarks run")
    parser.add_argument("--runs", type=int, default=3, help="measurements of each thing that is compared (default: 3)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; choose of {', '.join(BENCHMARKS)}")
    return arguments


def main() -> None:
    """Measure, write, and hold the promises."""
    arguments = parse_arguments()
    measuring = Measuring(arguments.quick, arguments.runs)
    broken = []
    for name in arguments.names or BENCHMARKS:
        benchmark = importlib.import_module(name)
        section = benchmark.run(measuring)
        page = results.with_circumstances(name, benchmark.TITLE, section, measuring.runs)
        print(f"\n{page}", flush=True)
        if not arguments.quick:
            results.write({name: page}, BENCHMARKS)  # at once: the next one may take long, or fail
            broken += [f"{name}: {promise}" for promise in section.broken]
    measuring.close()
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
