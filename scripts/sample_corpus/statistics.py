"""Counts of the generated corpus, for its README and for the summary on the screen."""

from __future__ import annotations

from collections import Counter

from .coreference import CoreferenceDocument

COREFERENCE_ROWS = ("documents", "sentences", "words", "words per document", "mentions", "entities",
                    "mentions per entity", "nested mentions", "mentions that start with another", "names",
                    "descriptions", "pronouns", "speakers per dialogue")  # fmt: skip


def coreference_counts(documents: list[CoreferenceDocument]) -> dict[str, str]:
    """Rows of the table for one split."""
    words = sum(d.words for d in documents)
    mentions = [[span for chain in d.clusters for span in chain] for d in documents]
    count = sum(map(len, mentions))
    entities = sum(len(d.clusters) for d in documents)
    forms = Counter(d.forms[span] for d, spans in zip(documents, mentions, strict=True) for span in spans)
    dialogues = [len({s.speaker for s in d.sentences}) for d in documents if d.genre in ("bc", "tc")]
    values = (
        len(documents), sum(len(d.sentences) for d in documents), words, f"{words / len(documents):.0f}", count,
        entities, f"{count / entities:.1f}", sum(_nested(spans) for spans in mentions),
        sum(_same_start(spans) for spans in mentions),
        *(f"{forms[form] / count:.0%}" for form in ("name", "nominal", "pronoun")),
        f"{sum(dialogues) / len(dialogues):.1f}",
    )  # fmt: skip
    return {row: str(value) for row, value in zip(COREFERENCE_ROWS, values, strict=True)}


def _nested(spans: list[tuple[int, int, int]]) -> int:
    return sum(any(n == m and a <= s and e <= b and (s, e) != (a, b) for n, a, b in spans) for m, s, e in spans)


def _same_start(spans: list[tuple[int, int, int]]) -> int:
    return sum(any(n == m and s == a and e < b for n, a, b in spans) for m, s, e in spans)


def genres(documents: list[CoreferenceDocument]) -> str:
    """ "nw 30, mz 20, ..." in the order of frequency."""
    return ", ".join(f"{genre} {count}" for genre, count in sorted(Counter(d.genre for d in documents).items(),
                                                                   key=lambda item: (-item[1], item[0])))  # fmt: skip


def markdown(title: str, columns: dict[str, dict[str, str]]) -> str:
    """A table with one column per split."""
    lines = [f"| {title} | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    for row in next(iter(columns.values())):
        lines.append(f"| {row} | {' | '.join(column[row] for column in columns.values())} |")
    return "\n".join(lines) + "\n"


def label_counts(labels: list[str]) -> dict[str, str]:
    return {label: str(count) for label, count in sorted(Counter(labels).items())}
