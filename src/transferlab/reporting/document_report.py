"""What ``evaluate_documents.py`` shows and writes, whatever it measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from transferlab.metrics.item_counts import CountsItems, ItemTable
from transferlab.utils.terminal import VisibleConsole

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def item_table(score: CountsItems, items: Iterable[Iterable[tuple[Any, ...]]]) -> ItemTable:
    """The counts of the items of each document, as a score counts them."""
    counts = {
        (place, number): score.item_counts(*item)
        for place, of_document in enumerate(items)
        for number, item in enumerate(of_document)
    }
    return ItemTable(score.item_columns(), score.description(), counts)


@dataclass
class DocumentReport:
    """Scores or counts of documents, for the terminal, as Markdown, as JSON and as figures.

    Attributes:
        scores: JSON-ready.
        tables: to print with rich, in order.
        text: the same in Markdown.
        figures: by the name of their file, without its ending.
        items: what each item adds to the scores, by the number of its document and its number there; None where
            nothing is scored.
    """

    scores: dict[str, Any]
    tables: list[RenderableType]
    text: str
    figures: dict[str, Figure] = field(default_factory=dict)
    items: ItemTable | None = None

    def show(self) -> None:
        """Print the tables."""
        console = VisibleConsole()
        for table in self.tables:
            console.print(table)

    def markdown(self) -> str:
        """The report as Markdown, with the figures as files beside it."""
        return self.text + "".join(f"\n![{name}]({name}.png)\n" for name in self.figures)

    def write_figures(self, directory: str | Path) -> list[Path]:
        """Write the figures as PNG, each whole or not at all; return their paths."""
        from transferlab.reporting.figures import write_png  # matplotlib is imported only when there is one to write

        return [write_png(figure, Path(directory, f"{name}.png")) for name, figure in self.figures.items()]
