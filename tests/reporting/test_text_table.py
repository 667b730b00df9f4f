"""Tables on the terminal and as Markdown."""

import io

from rich.console import Console

from transferlab.reporting.text_table import TextTable

TABLE = TextTable(["label", "count"], [["a|b", "1"], ["[red]", "20"]], "both")


def test_markdown():
    assert TABLE.markdown().splitlines() == [
        "**both**",
        "",
        "| label | count |",
        "|---|---:|",
        "| a\\|b | 1 |",
        "| [red] | 20 |",
    ]


def test_terminal():
    console = Console(record=True, width=60, file=io.StringIO())
    console.print(TABLE.rich())
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[0] == ["both"]
    assert ["[red]", "20"] in lines, "no cell is markup"
