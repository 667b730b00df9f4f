"""Scores of several systems side by side, for the terminal and as Markdown; of any task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from transferlab.utils.escaping import markdown

# a score's name -> {precision, recall, f1}, or one number
Scores = Mapping[str, Any]

NAMES = {
    "b_cubed": "B³",
    "muc": "MUC",
    "ceaf_m": "CEAFm",
    "ceaf_e": "CEAFe",
    "blanc": "BLANC",
    "lea": "LEA",
    "conll_f1": "CoNLL F1",
    "f1": "F1",
    "best_f1": "best F1",
    "macro_f1": "macro F1",
}
PART_NAMES = {"precision": "P", "recall": "R", "f1": "F1"}
NOT_SHOWN = ("loss", "total", "thresh", "missing", "support")  # no scores: they stay in metrics.json
NOT_IN_PERCENT = ("mse", "mae")
SYSTEMS_IN_FULL = 3  # with precision, recall and F1, as many fit into 80 columns


def score_table(systems: Mapping[str, Scores], title: str | None = None) -> Table:
    """A table to print with rich: a row per score, a column of P, R and F1 per system, in percent.

    Single numbers stand below, in the last column. From four systems on only F1 and single numbers are shown.

    Args:
        systems: name of the system -> its scores, fractions between 0 and 1; a score that a system lacks is a dash.
        title: printed above the table.
    """
    parts = _parts(systems)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("F1" if len(systems) > SYSTEMS_IN_FULL else "score", no_wrap=True, vertical="bottom")
    width = 7 * len(parts) - 1
    for name in systems:
        heads = " ".join(f"{PART_NAMES[part]:>6}" for part in parts)
        header = Text(name if len(parts) == 1 else f"{name}\n{heads}")
        table.add_column(
            header,
            justify="right",
            vertical="bottom",
            overflow="fold",
            min_width=width,
            max_width=max(width, 10),
        )
    for score in _names(systems, single=False):
        cells = [_cell([_part(s.get(score), part) for part in parts]) for s in systems.values()]
        table.add_row(_shown(score), *cells)
    table.add_section()
    for score in _names(systems, single=True):
        numbers = [_number(score, s.get(score)) for s in systems.values()]
        table.add_row(
            Text(_shown(score), style="bold"), *(_cell([""] * (len(parts) - 1) + [number]) for number in numbers)
        )
    return table


def score_markdown(systems: Mapping[str, Scores]) -> str:
    """The same as :func:`score_table` in Markdown, with a column per system and number."""
    parts = _parts(systems)
    heads = [markdown(f"{name} {PART_NAMES[part]}" if len(parts) > 1 else name) for name in systems for part in parts]
    lines = ["| score | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for score in _names(systems, single=False):
        cells = [_part(scores.get(score), part) for scores in systems.values() for part in parts]
        lines.append(f"| {markdown(_shown(score))} | " + " | ".join(cells) + " |")
    padding = " |" * (len(parts) - 1)
    for score in _names(systems, single=True):
        numbers = [f"{padding} **{_number(score, scores.get(score))}**" for scores in systems.values()]
        lines.append(f"| **{markdown(_shown(score))}** |" + " |".join(numbers) + " |")
    return "\n".join(lines) + "\n"


def _parts(systems: Mapping[str, Scores]) -> tuple[str, ...]:
    if not systems:
        raise ValueError("no system to show; give at least one name with its scores")
    in_full = len(systems) <= SYSTEMS_IN_FULL and _names(systems, single=False)
    return tuple(PART_NAMES) if in_full else ("f1",)


def _names(systems: Mapping[str, Scores], single: bool) -> list[str]:
    """The scores to show that are single numbers, or that have parts, in the order in which they come."""
    names = {name: value for scores in systems.values() for name, value in scores.items()}
    return [
        name
        for name, value in names.items()
        if isinstance(value, Mapping) != single and not name.endswith(NOT_SHOWN) and (single or "f1" in value)
    ]


def _shown(score: str) -> str:
    return NAMES.get(score, score.replace("_", " "))


def _part(score: Mapping[str, float] | None, part: str) -> str:
    return "–" if score is None else f"{100 * float(score[part]):.2f}"


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{float(value):.4f}" if name.endswith(NOT_IN_PERCENT) else f"{100 * float(value):.2f}"


def _cell(numbers: list[str]) -> Text:
    """Numbers in columns of six characters; the last, F1, is what the eye should find."""
    text = Text(" ".join(f"{number:>6}" for number in numbers[:-1]))
    return text.append(" " if len(numbers) > 1 else "").append(f"{numbers[-1]:>6}", style="bold")
