"""Coreference scores of several systems side by side, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

Scores = Mapping[str, Any]  # what transferlab.metrics.coreference.corpus_scores returns

METRIC_NAMES = {
    "mentions": "mentions",
    "muc": "MUC",
    "b_cubed": "B³",
    "ceaf_m": "CEAFm",
    "ceaf_e": "CEAFe",
    "blanc": "BLANC",
    "lea": "LEA",
}
PART_NAMES = {"precision": "P", "recall": "R", "f1": "F1"}
SYSTEMS_IN_FULL = 3  # with precision, recall and F1, as many fit into 80 columns


def score_table(systems: Mapping[str, Scores], title: str | None = None) -> Table:
    """A table to print with rich: a row per metric, a column of P, R and F1 per system, in percent.

    Args:
        systems: name of the system -> its corpus scores, fractions between 0 and 1; metrics that no system
            has are left out. From four systems on only F1 is shown.
        title: printed above the table.
    """
    parts = _parts(systems)
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("metric" if len(parts) > 1 else "F1", no_wrap=True, vertical="bottom")
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
    for metric in _metrics(systems):
        cells = [_cell([_percent(s.get(metric, {}).get(part)) for part in parts]) for s in systems.values()]
        table.add_row(METRIC_NAMES[metric], *cells)
    table.add_section()
    table.add_row(
        Text("CoNLL F1", style="bold"),
        *(_cell([""] * (len(parts) - 1) + [_percent(s["conll_f1"])]) for s in systems.values()),
    )
    return table


def score_markdown(systems: Mapping[str, Scores]) -> str:
    """The same as :func:`score_table` in Markdown, with a column per system and number."""
    parts = _parts(systems)
    heads = [f"{name} {PART_NAMES[part]}".replace("|", "\\|") for name in systems for part in parts]
    lines = ["| metric | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for metric in _metrics(systems):
        cells = [_percent(scores.get(metric, {}).get(part)) for scores in systems.values() for part in parts]
        lines.append(f"| {METRIC_NAMES[metric]} | " + " | ".join(cells) + " |")
    padding = " |" * (len(parts) - 1)
    conll = [f"{padding} **{_percent(scores['conll_f1'])}**" for scores in systems.values()]
    lines.append("| **CoNLL F1** |" + " |".join(conll) + " |")
    return "\n".join(lines) + "\n"


def _parts(systems: Mapping[str, Scores]) -> tuple[str, ...]:
    if not systems:
        raise ValueError("no system to show; give at least one name with its corpus scores")
    for name, scores in systems.items():
        if "conll_f1" not in scores:
            raise ValueError(f"the scores of {name!r} lack 'conll_f1'; they have {sorted(scores)}")
    return tuple(PART_NAMES) if len(systems) <= SYSTEMS_IN_FULL else ("f1",)


def _metrics(systems: Mapping[str, Scores]) -> list[str]:
    return [metric for metric in METRIC_NAMES if any(metric in scores for scores in systems.values())]


def _percent(fraction: float | None) -> str:
    return "–" if fraction is None else f"{100 * float(fraction):.2f}"


def _cell(numbers: list[str]) -> Text:
    """Numbers in columns of six characters; the last, F1, is what the eye should find."""
    text = Text(" ".join(f"{number:>6}" for number in numbers[:-1]))
    return text.append(" " if len(numbers) > 1 else "").append(f"{numbers[-1]:>6}", style="bold")
