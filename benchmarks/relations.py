"""Pairs of entities of long texts: rows of all pairs over all words against those within the bound, one by one."""

from __future__ import annotations

from itertools import islice, permutations
from typing import TYPE_CHECKING, Any

from measuring import Measuring, Values, measured
from results import Section, table
from texts import document_of

if TYPE_CHECKING:
    from transferlab.taskmodules.relation_markers import Argument

TITLE = "rows for the relations of long texts"

LENGTHS = (250, 500, 1000, 2000)  # words
NOVEL = 50_000
EVERY = 10  # words from one entity to the next
SAMPLE = 300  # pairs that the plain way makes; the others are taken to cost the same
MOST_GROWTH = 1.5  # of the cost of a row, from the shortest text to the longest


def run(measuring: Measuring) -> Section:
    """Every length in both ways, a novel in ours."""
    lengths = (50, 100) if measuring.quick else (*LENGTHS, NOVEL)
    ours = measuring.take_turns("relations.bounded", {f"{words} words": {"words": words} for words in lengths})
    plain = measuring.take_turns("relations.plain", {f"{words} words": {"words": words} for words in lengths[:-1]})
    rows: list[list[str | float]] = []
    for name, values in ours.items():
        before = plain.get(name, {})
        cost = [before[key] for key in ("rows", "ms", "seconds")] if before else ["-", "-", "-"]
        rows.append([name, *cost, *(values[key] for key in ("rows", "ms", "seconds", "growth"))])
    text = (
        f"LitBank's text with an entity at every {EVERY}th word, minilm's tokenizer, rows of at most 256 subtokens. "
        "Plain: the rows of all ordered pairs, each made by looking at every word of the text, as before there were "
        f"bounds (seconds from {SAMPLE} of them). Ours: the pairs of one sentence and those of others with at most 100 "
        "words between them, made one by one; tokenization included.\n\n"
        + table("text | plain rows | ms / row | CPU s | rows | ms / row | CPU s | growth MiB", rows)
    )
    costs = [values["ms"] for values in ours.values()]
    grown = costs[-1] / costs[0]
    broken = [] if grown < MOST_GROWTH else [f"a row of the longest text costs {grown:.1f} times that of the shortest"]
    return Section(text, broken)


def bounded(words: int) -> Values:
    """The rows that prediction reads, made and let go of one by one."""
    taskmodule, document = prepared(words)
    taskmodule.encode(prepared(30)[1])  # what the first use of a tokenizer costs
    count = 0
    with measured() as values:
        for _ in taskmodule.iter_encode(document):
            count += 1
    seconds = values["cpu_seconds"]
    return {"rows": count, "seconds": seconds, "ms": 1000 * seconds / count, "growth": values["growth"]}


def plain(words: int) -> Values:
    """The rows of all pairs, as far as the sample goes."""
    from transferlab.taskmodules.relation_markers import Argument

    taskmodule, document = prepared(words)
    arguments = [Argument((e.start, e.end), e.label) for e in document.predicted.entities]
    pairs = len(arguments) * (len(arguments) - 1)
    (tokenizer,) = taskmodule.tokenizers.values()
    subtokens = tokenizer.subtokens(document.words, 256)
    chosen = list(islice(permutations(arguments, 2), 0, None, max(1, pairs // SAMPLE)))
    with measured() as values:
        for head, tail in chosen:
            plain_row(subtokens, head, tail)
    ms = 1000 * values["cpu_seconds"] / len(chosen)
    return {"rows": pairs, "seconds": ms * pairs / 1000, "ms": ms}


def plain_row(words: list[list[int]], head: Argument, tail: Argument, limit: int = 250) -> list[int]:
    """All words by their distance to the nearer argument, until the first that does not fit."""
    distances = [
        min(max(start - word, word - end, 0) for start, end in (head.span, tail.span)) for word in range(len(words))
    ]
    kept, filled = [], 0
    for word in sorted(range(len(words)), key=distances.__getitem__):
        filled += len(words[word])
        if filled > limit:
            break
        kept.append(word)
    return [subtoken for word in sorted(kept) for subtoken in words[word]]


def prepared(words: int) -> tuple[Any, Any]:
    """A taskmodule, and a document of so many words with predicted entities."""
    from transferlab.documents import Annotations, Entity
    from transferlab.encoders.tokenizers import load_tokenizers
    from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule

    document = document_of(words)
    document.predicted = Annotations(entities=[Entity(word, word, "PER") for word in range(0, words, EVERY)])
    tokenizers, _ = load_tokenizers({"target": "minilm"})
    taskmodule = RelationExtractionTaskModule(tokenizers, labels=["no_relation", "knows"], entity_types=["PER"])
    return taskmodule, document
