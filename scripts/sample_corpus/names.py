"""The name lists of names.txt."""

from __future__ import annotations

from pathlib import Path


def read_names() -> dict[str, list[str]]:
    """{list: names}; a line "organisations:" begins a list, the words below it are its names, in order."""
    lists: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "names.txt").read_text(encoding="utf-8").splitlines():
        if line.endswith(":"):
            current = lists[line[:-1]] = []
        elif line.strip() and not line.startswith("#"):
            current += [line.strip()] if "," in line else line.split()
    return lists
