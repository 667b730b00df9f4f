"""Make the tables of ``results/`` from the records in ``results/data``: ``python scripts/make_results_tables.py``.

A page has a table between two comments, ``<!-- table: NAME -->`` and ``<!-- end of table -->``; what stands there is
replaced, the rest is left alone. ``--check`` writes nothing, names the pages and tables that differ, and ends with exit
status 1 if there are any.

A table without a record stands below ``<!-- no records: WHY -->``, and the page says so in plain words. Where that
comment is between the other two, the table is made as soon as the record is there.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from results_tables import agreement, layer_study, reliability, sources, transfer
from results_tables.records import NoRecordError
from transferlab.documents import write_atomically
from transferlab.reporting.text_table import TextTable
from transferlab.utils.errors import UserError, near

ROOT = Path(__file__).resolve().parents[1]
END = "<!-- end of table -->"
BLOCK = re.compile(rf"<!-- table: (?P<name>\S+) -->\n(?P<content>.*?)(?P<end>{END}|(?=<!-- table: )|\Z)", re.DOTALL)
NO_RECORDS = re.compile(r"<!-- no records: \S.* -->\n")

TABLES: dict[str, Callable[[Path], TextTable]] = {
    "sources": sources.sources,
    "litbank_transfer": transfer.litbank_transfer,
    "litbank_methods": agreement.litbank_methods,
    "litbank_reliability": agreement.litbank_reliability,
    "wnut17_transfer": transfer.wnut17_transfer,
    "semeval2010_transfer": transfer.semeval2010_transfer,
    "other_targets_methods": agreement.other_targets_methods,
    "three_targets": agreement.three_targets,
    "three_targets_independent": agreement.three_targets_independent,
    "three_targets_static": agreement.three_targets_static,
    "layer_study": layer_study.layer_study,
    "layer_study_chosen_depth": layer_study.chosen_depth,
    "layer_study_whole": layer_study.whole_encoder,
    "litbank_probes": layer_study.probes_and_transfer,
    "views": layer_study.views,
    "kill_points": reliability.kill_points,
}


def pages(root: Path) -> list[Path]:
    """The pages that have tables made from records."""
    return [*sorted((root / "results").glob("*.md")), root / "docs" / "reliability.md"]


def with_tables(page: str, records: Path) -> str:
    """The text of a page with its tables as the records have them.

    Raises:
        UserError: an unknown table, one without an end, or one without its record that does not say so.
    """

    def made(block: re.Match[str]) -> str:
        name, content = block["name"], block["content"]
        if name not in TABLES:
            raise UserError(f"there is no table {name!r}; there are {', '.join(TABLES)} {near(name, TABLES)}".rstrip())
        if not block["end"]:
            raise UserError(f"the table {name} has no end; write {END} behind it")
        try:
            content = TABLES[name](records).markdown()
        except NoRecordError as error:
            if not NO_RECORDS.match(content):
                raise UserError(f"the table {name}: {error}") from error
        return f"<!-- table: {name} -->\n{content}{END}"

    return BLOCK.sub(made, page)


def differences(old: str, new: str) -> list[str]:
    """The names of the tables that differ."""
    before, after = ({block["name"]: block["content"] for block in BLOCK.finditer(page)} for page in (old, new))
    return [name for name in after if before[name] != after[name]]


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    """Write the tables, or check them; return the exit status."""
    parser = argparse.ArgumentParser(description="Make the tables of results/ from the records in results/data.")
    parser.add_argument("--check", action="store_true", help="write nothing; say which tables differ")
    check = parser.parse_args(arguments).check
    differ, made = [], {}
    for file in pages(root):
        old = file.read_text(encoding="utf-8")
        try:
            new = with_tables(old, root / "results" / "data")
        except UserError as error:
            sys.exit(f"{file.relative_to(root)}: {error}")
        if new != old:
            differ += [f"{file.relative_to(root)}: {name}" for name in differences(old, new)]
            made[file] = new
    if not check:
        for file, page in made.items():
            write_atomically(file, [page])
    print("\n".join(differ) if differ else "every table is what its record says")
    return int(check and bool(differ))


if __name__ == "__main__":
    sys.exit(main())
