"""``RESULTS.md``: one section for each benchmark, which says by what command, when and where it was measured."""

from __future__ import annotations

import csv
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Benchmarks

`make bench` measures all, `python benchmarks/run.py NAME ...` some of them, whose sections it replaces. What is
compared takes turns, each in a process of its own, and medians are compared: machines are shared, so only ratios mean
something. MiB are the most that a process had in memory, growth is the part above its state before.
"""
PACKAGES = ("torch", "transformers", "pytorch-lightning")


@dataclass
class Section:
    """What a benchmark found.

    Attributes:
        text: Markdown without a heading: what was measured, and the tables.
        broken: promises that do not hold, each a sentence.
    """

    text: str
    broken: list[str] = field(default_factory=list)


def table(columns: str, rows: Iterable[Sequence[str | float]]) -> str:
    """A Markdown table; columns but the first are aligned to the right.

    Args:
        columns: headings, separated by ``|``.
        rows: texts, and numbers, which are rounded to three digits.
    """
    headings = [heading.strip() for heading in columns.split("|")]
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "---:|" * (len(headings) - 1)]
    lines += ["| " + " | ".join(cell if isinstance(cell, str) else digits(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def digits(value: float) -> str:
    """Three significant digits, whole numbers in full."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine() -> str:
    """The processor, its cores, and the threads that measured processes may use."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    threads = os.environ.get("OMP_NUM_THREADS", os.cpu_count())
    return f"{model}, {os.cpu_count()} cores, {threads} threads, {platform.system()}"


def versions() -> str:
    """Of Python and of what computes."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)])


def with_circumstances(name: str, title: str, section: Section, runs: int) -> str:
    """A section as it stands in the file: heading, command, date, machine, versions, text."""
    return (
        f"## {name}: {title}\n\n`python benchmarks/run.py {name} --runs {runs}`, {date.today()}; {machine()}; "
        f"{versions()}.\n\n{section.text.strip()}\n"
    )


def sections(page: str) -> dict[str, str]:
    """The sections of a page by the name of their benchmark."""
    parts = re.split(r"^(?=## )", page, flags=re.MULTILINE)[1:]
    return {part[3:].split(":", 1)[0]: part.strip() + "\n" for part in parts}


def write_record(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what a section is made from, as CSV; None is an empty cell."""
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_record(file: Path) -> list[dict[str, Any]]:
    """What ``write_record`` kept: texts, whole numbers, numbers and None."""
    with file.open(encoding="utf-8", newline="") as opened:
        return [{name: _value(cell) for name, cell in row.items()} for row in csv.DictReader(opened)]


def _value(cell: str) -> Any:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell or None


def write(new: dict[str, str], order: Sequence[str], file: Path = RESULTS) -> None:
    """Replace sections of the file, in the order of the benchmarks; the others stay as they are."""
    known = sections(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known |= new
    file.write_text("\n".join([HEAD, *(known[name] for name in order if name in known)]), encoding="utf-8")
