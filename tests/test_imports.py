"""Who may import whom: the table of the architecture, held by reading every import of the package."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "transferlab"
LOW = {"utils", "documents"}
ALLOWED: dict[str, set[str]] = {
    "utils": set(),
    "documents": {"utils"},
    "statistics": {"utils"},
    "metrics": LOW,
    "data": LOW,
    "encoders": {"utils"},
    "taskmodules": LOW | {"data", "metrics"},
    "models": {"utils", "encoders", "metrics"},
}
ROOMS = set(ALLOWED)
for top in ("transferability", "reporting", "callbacks"):
    ALLOWED[top] = ROOMS  # all above, not each other
ENTRYPOINTS = {
    "__init__",
    "inference",
    "building",
    "finishing",
    "probes",
    "rank_targets",
    "root_options",
}  # of the package; like src/*.py they may import everything

# What answers --help, reads corpora or launches sweeps has no need of torch.
WITHOUT_TORCH = [
    "transferlab",
    "transferlab.documents",
    "transferlab.data.readers.base",
    "transferlab.utils.run_identity",
    "transferlab.utils.run_record",
    "transferlab.utils.logging",
    "transferlab.callbacks.hydra_results",
    "transferlab.callbacks.own_directory",
    "transferlab.statistics.verdicts",
]


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(file: Path, package: Path) -> list[tuple[int, str]]:
    """(line, room) of every import of our own package, wherever in the file it stands."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(file.relative_to(package.parent).parts[: -node.level]) if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{stem}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == package.name and len(parts) > 1:
                found.append((node.lineno, parts[1]))
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


def test_every_file_belongs_to_a_room() -> None:
    assert {room_of(file) for file in FILES} <= set(ALLOWED) | ENTRYPOINTS


IN_ROOMS = [file for file in FILES if room_of(file) not in ENTRYPOINTS]


@pytest.mark.parametrize("file", IN_ROOMS, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_table(file: Path) -> None:
    room = room_of(file)
    wrong = [
        f"line {line}: {room} may not import {other}, only {sorted(ALLOWED[room])}"
        for line, other in imported_rooms(file, PACKAGE)
        if other != room and other not in ALLOWED[room]
    ]
    assert wrong == []


def test_reading_imports_sees_every_form(tmp_path: Path) -> None:
    package = tmp_path / "transferlab"
    (package / "models").mkdir(parents=True)
    file = package / "models" / "base.py"
    file.write_text(
        "import transferlab.data.readers\n"
        "from transferlab import callbacks\n"
        "def late():\n    from ..metrics import coreference\n    from . import saving\n    import torch\n"
    )
    assert imported_rooms(file, package) == [(1, "data"), (2, "callbacks"), (4, "metrics"), (5, "models")]


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_module_does_not_import_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit('torch was imported' if 'torch' in sys.modules else 0)"
    done = subprocess.run([sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
