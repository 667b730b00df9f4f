"""Small tables that are shown twice: on the terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from transferlab.utils.escaping import markdown, markdown_row


@dataclass(frozen=True)
class TextTable:
    """Rows of text under named columns; the first column is on the left, the others, numbers, on the right.

    Attributes:
        columns: their names.
        rows: as many cells each.
        title: printed above the table.
    """

    columns: list[str]
    rows: list[list[str]]
    title: str | None = None

    def rich(self) -> Table:
        """The table to print with rich; no cell is read as markup."""
        table = Table(title=self.title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for position, column in enumerate(self.columns):
            table.add_column(Text(column), justify="right" if position else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table

    def markdown(self) -> str:
        """The table as Markdown, under its title."""
        lines = [f"**{markdown(self.title)}**", ""] if self.title else []
        lines += [markdown_row(self.columns), "|---|" + "---:|" * (len(self.columns) - 1)]
        return "\n".join([*lines, *map(markdown_row, self.rows)]) + "\n"
