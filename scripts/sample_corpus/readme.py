"""The README of the corpus, with its counts."""

from __future__ import annotations

from .statistics import markdown

TEXT = """\
# The embedded sample

A small English corpus for five tasks, made by `python scripts/make_sample_corpus.py` (seed {seed}; standard library
only; the same seed gives the same bytes). It is there to run and to test this project without any download. It is too
small and too regular to say anything about language: never report a result on it as if it were OntoNotes.

**One world.** {circles} circles of people, organisations, places, works and prizes know each other; every text tells
something about one of them. All people, organisations and works are invented; a likeness of a name is an accident. The
cities are real, what is said about them is not. Training, development and test texts draw first names, surnames, names
of organisations and nine in ten cities from disjoint lists, and the last wording of each step of a story is kept
for development and test.

**Not solvable by string match.** The circles are mirrored: two organisations of the same kind, two professionals of the
same trade and mostly of the same gender, relatives with the same surname. "The company", "the engineer", "she" and
"Weber" fit several entities of a document, and names, acronyms, descriptions and pronouns of one entity share no word.

| folder | format | notes |
|---|---|---|
| `conll2012/` | CoNLL-2012, `*.v4_gold_conll` | as in the OntoNotes release; 12 to 14 columns |
| `conll2003/` | CoNLL-2003, `eng.*` | word, part of speech, chunk, entity; IOB1 |
| `tacred/` | TACRED JSON | inclusive spans; twelve relations and `no_relation` |
| `squad/` | SQuAD 2.0 JSON | about a third of the questions has no answer |
| `mrpc/` | GLUE MRPC tables | test has labels and the columns of train |

In `conll2012/`, files hold one to three parts, whose numbers may have gaps; singletons are left out; bc, bn, tc and wb
have speakers. Tags in `conll2003/` are IOB1 as in the original: B- only where an entity follows another of its type.
Answers in dev and test of `squad/` are given three times, as if by three annotators. `mrpc/` has a byte order mark in
train and dev, and quotation marks that quote nothing: read it without quoting.

Parts of speech, lemmas, chunks, parse bits, predicate arguments and dependency heads are filled in by rules, so that
the columns exist; do not learn from them. Names, clusters, relations and answers are exact.

Licence: CC0 1.0 (public domain dedication). The texts are the project's own.

## Counts

{tables}"""


def readme(seed: int, circles: int, tables: dict[str, dict[str, dict[str, str]]]) -> str:
    """The whole file; ``tables`` are {title: {split: {row: value}}}."""
    shown = "\n".join(markdown(title, columns) for title, columns in tables.items())
    return TEXT.format(seed=seed, circles=circles, tables=shown)
