"""Predictions of transfer as tables: the order of the sources by each method, and what the sources were trained on."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from transferlab.reporting.text_table import TextTable


def ranking_table(
    target: str, ranks: pd.DataFrame, measured: pd.DataFrame | None = None, gains: pd.DataFrame | None = None
) -> TextTable:
    """The predicted ranks, a row for each method and a column for each source, in the order of the last method.

    Where there are many more sources than methods, rows and columns change places.

    Args:
        target: for the title.
        ranks: sources x methods, 1 is best; NaN is shown as a dash.
        measured: sources x seeds, fractions; in percent, as mean and standard deviation over seeds.
        gains: sources x seeds, in percent of the score without transfer.
    """
    order = list(ranks.sort_values(str(ranks.columns[-1]), kind="stable").index)
    rows = [[str(method), *map(_rank, column.loc[order])] for method, column in ranks.items()]
    if measured is not None:
        measured = measured.reindex(order)
        places = measured.mean(axis=1).rank(ascending=False)
        rows.append(["measured", *(_rank(places[source]) for source in order)])
        rows.append(["score %", *(_spread(100 * measured.loc[source]) for source in order)])
    if gains is not None:
        gains = gains.reindex(order)
        rows.append(["gain %", *(_spread(gains.loc[source]) for source in order)])
    title = f"{target}: rank of each source, predicted" + (" and measured" if measured is not None else "")
    if len(order) <= len(rows) + 3:
        return TextTable(["method", *map(str, order)], rows, title)
    columns = zip(*(cells for _, *cells in rows), strict=True)
    turned = [[str(source), *cells] for source, cells in zip(order, columns, strict=True)]
    return TextTable(["source", *(method for method, *_ in rows)], turned, title)


def training_table(trainings: pd.DataFrame) -> TextTable:
    """What the sources were trained on, and how many documents of each split of the target are among it.

    Args:
        trainings: source, corpus, start (the saved model that was trained on it), split, shared, judged, documents,
            own, spans and gold_spans (annotated spans, and how many are the target's gold), and unknown (why nothing
            was measured).
    """
    splits = [str(split) for split in trainings["split"].dropna().unique()]
    rows: dict[tuple[str, str], list[str]] = {}
    for row in trainings.astype(object).where(trainings.notna(), None).to_dict("records"):
        name = row["source"] if row["start"] is None else f"{row['source']}, started from {row['start']}"
        corpus = row["corpus"] or "not recorded"
        own = ": ".join(filter(None, ["yes" if row["own"] else "" if row["unknown"] else "no", row["unknown"]]))
        if row["spans"] is not None:
            own += f"; {row['gold_spans']:.0f} of {row['spans']:.0f} annotated spans are gold spans of the target"
        cells = rows.setdefault((name, corpus), [name, corpus, *["-"] * len(splits), own])
        if row["split"] is not None:
            cells[2 + splits.index(row["split"])] = _shared(row["shared"], row["judged"], row["documents"])
    title = "Documents of the target that sources were trained on"
    return TextTable(["source", "trained on", *splits, "the target's own corpus"], list(rows.values()), title)


def reasons_list(reasons: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Why methods have no score for sources, equal reasons once."""
    lines = []
    for method, by_source in reasons.items():
        for reason in dict.fromkeys(by_source.values()):
            sources = ", ".join(source for source, own in by_source.items() if own == reason)
            lines.append(f"{method}, {sources}: {reason}")
    return lines


def _shared(shared: float, judged: float, documents: float) -> str:
    """``8 of 10``; of a sample, ``8 of 10 (of 500)``."""
    return f"{shared:.0f} of {judged:.0f}" + f" (of {documents:.0f})" * (judged != documents)


def _rank(value: float) -> str:
    return _number(value, 1).removesuffix(".0")


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _spread(values: pd.Series) -> str:
    """Mean and standard deviation over the seeds that there are."""
    values = values.dropna()
    mean = _number(float(values.mean()), 2)
    return mean if len(values) < 2 else f"{mean} ± {values.std():.2f}"
