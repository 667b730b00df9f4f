"""What ``make bench`` runs: every benchmark, its results with machine and versions into ``benchmarks/RESULTS.md``.

    python benchmarks/run.py [--quick] [--runs N] [--mode training] [--precision fp32]

Ends with an error when a promise does not hold; ``--quick`` only shows that it runs, and writes nothing.
"""

from __future__ import annotations

import os
import platform
import shlex
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

from coreference_head import QUICK, Comparison, Sizes, compare, parse_arguments

RESULTS = Path(__file__).with_name("RESULTS.md")


def machine() -> str:
    """The processor, its cores and the threads torch uses by default."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def markdown(comparisons: list[Comparison], sizes: Sizes, runs: int) -> str:
    """The results as a page."""
    lines = [
        "# Benchmarks",
        "",
        "## The coreference head against the plain formulation",
        "",
        f"`{shlex.join(['python', *sys.argv])}`, {date.today()}; {machine()}; torch {version('torch')}.",
        f"One step on a document of {sizes.words} words: hidden size {sizes.hidden_size}, spans of up to "
        f"{sizes.max_span_width} words, ffnn {sizes.ffnn_size}, {sizes.max_num_extracted_spans} kept spans, "
        f"{sizes.max_top_antecedents} antecedents; training with dropout {sizes.dropout} and AdamW.",
        f"Medians of {runs} alternating runs, each in a process of its own; MiB are the peak of the whole process, "
        "growth is the part above parameters and inputs.",
        "",
        "| step | precision | plain s | ours s | ratio | plain MiB | ours MiB | share | plain growth | ours growth |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for c in comparisons:
        lines.append(
            f"| {c.mode} | {c.precision} | {c.plain.seconds:.1f} | {c.ours.seconds:.1f} | {c.speedup:.2f} | "
            f"{c.plain.peak:.0f} | {c.ours.peak:.0f} | {c.peak_share:.0%} | {c.plain.growth:.0f} | "
            f"{c.ours.growth:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run, write, and hold the promises."""
    arguments = parse_arguments()
    sizes = QUICK if arguments.quick else Sizes()
    comparisons = [
        compare(mode, precision, sizes, arguments.runs) for precision in arguments.precision for mode in arguments.mode
    ]
    page = markdown(comparisons, sizes, arguments.runs)
    print(page)
    if arguments.quick:
        return
    RESULTS.write_text(page, encoding="utf-8")
    failures = [failure for comparison in comparisons for failure in comparison.failures()]
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
