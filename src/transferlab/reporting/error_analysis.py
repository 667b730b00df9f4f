"""What a coreference model gets wrong: mentions missed and invented, links not made and links made wrongly.

Mentions are compared as exact spans. Links are judged where a reader makes them: at each *anaphor*, a mention
whose gold entity was mentioned before. Its outcomes exclude each other:

* resolved: an earlier mention in its predicted cluster belongs to its gold entity;
* wrong: there are earlier mentions in its predicted cluster, but none of its gold entity;
* unlinked: it was predicted, but nothing earlier is in its cluster;
* missed: it was not predicted.

The first mention of a gold entity should open a cluster; if something earlier is in its cluster, the link is
*false*.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table

from transferlab.documents import Cluster, Document, Span
from transferlab.reporting.entities import required_clusters
from transferlab.reporting.mention_types import MENTION_TYPES, mention_types
from transferlab.utils.escaping import markdown_row

# Lower bound of sentences between an anaphor and the nearest earlier mention of its entity -> name.
DISTANCES = {0: "same sentence", 1: "1 sentence", 2: "2-3 sentences", 4: "4-7 sentences", 8: "8 or more"}
TYPES = (*MENTION_TYPES, "all")
SIZES = ("singletons", "larger entities")

Analysis = dict[str, dict[str, dict[str, Any]]]


def analyse_errors(documents: Iterable[Document]) -> Analysis:
    """Counts over ``documents``, each with gold and predicted clusters (else DocumentError).

    Returns four tables, as row -> column -> number:

    * ``mentions``, by mention type: gold, predicted, found, missed, spurious, precision, recall;
    * ``links``, by mention type: anaphors, resolved, wrong, unlinked, missed, recall (resolved of anaphors),
      first (mentions), false;
    * ``distance``, by sentences to the nearest earlier mention of the entity: anaphors, resolved, recall;
    * ``entity size``, singletons or larger entities: gold, predicted, found (predicted, in an entity of any
      size), same (predicted, in one of the same kind), recall (found of gold).

    Ratios are fractions, or None where the denominator is 0. A span in several clusters counts for the first.
    """
    counts: dict[str, dict[str, Counter[str]]] = {
        "mentions": {row: Counter() for row in TYPES},
        "links": {row: Counter() for row in TYPES},
        "distance": {row: Counter() for row in DISTANCES.values()},
        "entity size": {row: Counter() for row in SIZES},
    }
    for document in documents:
        gold, predicted = required_clusters(document)
        _count(document, _owners(gold), _owners(predicted), counts)
    return {
        "mentions": {
            row: {
                "gold": n["gold"],
                "predicted": n["predicted"],
                "found": n["found"],
                "missed": n["gold"] - n["found"],
                "spurious": n["predicted"] - n["found"],
                "precision": _ratio(n["found"], n["predicted"]),
                "recall": _ratio(n["found"], n["gold"]),
            }
            for row, n in counts["mentions"].items()
        },
        "links": {
            row: {name: n[name] for name in ("anaphors", "resolved", "wrong", "unlinked", "missed")}
            | {"recall": _ratio(n["resolved"], n["anaphors"]), "first": n["first"], "false": n["false"]}
            for row, n in counts["links"].items()
        },
        "distance": {
            row: {name: n[name] for name in ("anaphors", "resolved")} | {"recall": _ratio(n["resolved"], n["anaphors"])}
            for row, n in counts["distance"].items()
        },
        "entity size": {
            row: {name: n[name] for name in ("gold", "predicted", "found", "same")}
            | {"recall": _ratio(n["found"], n["gold"])}
            for row, n in counts["entity size"].items()
        },
    }


def error_tables(analysis: Analysis) -> Group:
    """The tables of :func:`analyse_errors` to print with rich; fits 80 columns."""
    tables = []
    for title, rows in analysis.items():
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("", no_wrap=True)
        for column in next(iter(rows.values())):
            table.add_column(column, justify="right", no_wrap=True)
        for row, columns in rows.items():
            table.add_row(row, *map(_shown, columns.values()))
        tables.append(table)
    return Group(*tables)


def error_markdown(analysis: Analysis) -> str:
    """The tables of :func:`analyse_errors` as Markdown."""
    lines: list[str] = []
    for title, rows in analysis.items():
        columns = list(next(iter(rows.values())))
        lines += [markdown_row([title, *columns]), "|---|" + "---:|" * len(columns)]
        lines += [markdown_row([row, *map(_shown, cells.values())]) for row, cells in rows.items()]
        lines.append("")
    return "\n".join(lines)


def _count(
    document: Document,
    gold: dict[Span, int],
    predicted: dict[Span, int],
    counts: dict[str, dict[str, Counter[str]]],
) -> None:
    """Add one document, given the number of the entity that each span is in."""
    spans = sorted(gold.keys() | predicted.keys())
    types = mention_types(document, spans)
    sentence_starts = [start for start, _ in document.sentences]
    gold_sizes, predicted_sizes = Counter(gold.values()), Counter(predicted.values())
    last_mention: dict[int, Span] = {}  # gold entity -> its latest mention so far
    cluster_so_far: dict[int, list[int | None]] = defaultdict(list)  # predicted cluster -> its gold entities

    for span in spans:
        key, response = gold.get(span), predicted.get(span)
        found = key is not None and response is not None
        for row in (types[span], "all"):
            counts["mentions"][row].update(gold=key is not None, predicted=response is not None, found=found)
        if response is not None:
            counts["entity size"][_size(predicted_sizes[response])]["predicted"] += 1
        if key is not None:
            size = _size(gold_sizes[key])
            same = response is not None and _size(predicted_sizes[response]) == size
            counts["entity size"][size].update(gold=1, found=found, same=same)

            earlier = cluster_so_far[response] if response is not None else []
            if key not in last_mention:
                link = Counter(first=1, false=bool(earlier))
            else:
                if response is None:
                    outcome = "missed"
                elif not earlier:
                    outcome = "unlinked"
                else:
                    outcome = "resolved" if key in earlier else "wrong"
                link = Counter({"anaphors": 1, outcome: 1})
                here, there = (bisect_right(sentence_starts, s[0]) for s in (span, last_mention[key]))
                bucket = DISTANCES[max(bound for bound in DISTANCES if bound <= here - there)]
                counts["distance"][bucket].update(anaphors=1, resolved=outcome == "resolved")
            for row in (types[span], "all"):
                counts["links"][row].update(link)
            last_mention[key] = span
        if response is not None:
            cluster_so_far[response].append(key)


def _owners(clusters: list[Cluster]) -> dict[Span, int]:
    owners: dict[Span, int] = {}
    for number, cluster in enumerate(clusters):
        for span in cluster:
            owners.setdefault(span, number)
    return owners


def _size(mentions: int) -> str:
    return SIZES[0] if mentions == 1 else SIZES[1]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{100 * value:.2f}"
