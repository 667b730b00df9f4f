"""What docs/reliability.md says of the tables of faults is held against them: rows may be added, none may go."""

from __future__ import annotations

import importlib
import re
from math import prod
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
ROW = re.compile(r"^\| \**(?P<kind>[^|*]+?)\** \| \**(?P<count>\d+)\** \| *(?P<file>[^|]*?) *\|$", re.MULTILINE)


def count_of(file: str) -> int:
    """The number of tests in a module, each with its parameters."""
    module = vars(importlib.import_module(f"{__package__}.{file.removesuffix('.py')}"))
    functions = [value for name, value in module.items() if name.startswith("test_") and callable(value)]
    tables = [
        [mark.args[1] for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"] for test in functions
    ]
    return sum(prod(map(len, table)) for table in tables)


def test_the_page_says_no_more_than_there_is() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Mistakes")[2].partition("\n## ")[0]
    rows = {row["file"].strip("`"): int(row["count"]) for row in ROW.finditer(section)}
    total = rows.pop("")
    assert set(rows) == {file.name for file in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}
    for file, count in rows.items():
        assert 0 < count <= count_of(file), file
    assert total == sum(rows.values()) >= 150
