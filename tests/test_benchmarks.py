"""The benchmarks run, in their smallest sizes, and their sections go to their places; nothing is measured here."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import results

    return results


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


@pytest.mark.slow
def test_every_benchmark_runs():
    before = (BENCHMARKS / "RESULTS.md").read_bytes()
    done = run("--quick")
    assert done.returncode == 0, done.stderr[-3000:]
    names = [line[3:].split(":")[0] for line in done.stdout.splitlines() if line.startswith("## ")]
    assert names and len(names) == len(set(names))
    assert {f"{name}.py" for name in names} < {file.name for file in BENCHMARKS.glob("*.py")}
    assert done.stdout.count("`python benchmarks/run.py ") == len(names)  # each says how it was made
    for name in names:
        table = done.stdout.split(f"\n## {name}: ")[1].split("\n## ")[0]
        rows = [line for line in table.splitlines() if line.startswith("| ")]
        assert len(rows) > 1 and "nan" not in table
    assert (BENCHMARKS / "RESULTS.md").read_bytes() == before, "a quick run measures nothing"


def test_an_unknown_benchmark_is_refused_with_the_known_ones():
    done = run("haed")
    assert done.returncode == 2
    assert "no benchmark 'haed'" in done.stderr and "head" in done.stderr


def test_a_section_replaces_its_own_and_keeps_the_others(results, tmp_path):
    file = tmp_path / "RESULTS.md"
    results.write({"b": "## b: second\n\nold\n"}, ["a", "b"], file)
    results.write({"a": "## a: first\n\n| x |\n"}, ["a", "b"], file)
    results.write({"b": "## b: second\n\nnew\n"}, ["a", "b"], file)
    page = file.read_text()
    assert page.startswith(results.HEAD)
    assert page[len(results.HEAD) :] == "\n## a: first\n\n| x |\n\n## b: second\n\nnew\n"


def test_the_sections_of_the_results_are_those_of_the_benchmarks(results):
    found = results.sections((BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8"))
    assert found and all((BENCHMARKS / f"{name}.py").is_file() for name in found)


def test_a_table_rounds_its_numbers(results):
    assert results.table("what | s", [["a", 1234.5], ["b", 0.012345]]).splitlines() == [
        "| what | s |",
        "|---|---:|",
        "| a | 1234 |",
        "| b | 0.0123 |",
    ]


@pytest.mark.parametrize("name", ["verdicts", "rankings", "ranking_baselines"])
def test_a_simulated_section_is_what_its_record_says_and_keeps_its_promises(results, name):
    """Coverage of intervals, false wins: the record is committed, and the page is made from it."""
    benchmark = importlib.import_module(name)
    rows = benchmark.read_record()
    assert rows and [promise for row in rows for promise in benchmark.broken(row)] == []
    page = results.sections((BENCHMARKS / "RESULTS.md").read_text(encoding="utf-8"))[name]
    assert benchmark.shown(rows) in page
