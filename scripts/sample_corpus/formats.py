"""Writers of the original file formats. All return text; nothing here depends on the order of a set or a hash."""

from __future__ import annotations

import json

from .coreference import CoreferenceDocument
from .language import Sentence
from .tagging import chunks, tag

CONLL2003_LABELS = {"PERSON": "PER", "ORG": "ORG", "GPE": "LOC"}


def conll2012(document_id: str, parts: list[tuple[int, CoreferenceDocument]]) -> str:
    """One ``*.v4_gold_conll`` file: columns, brackets and part numbers as in the OntoNotes release."""
    lines = []
    for number, document in parts:
        lines.append(f"#begin document ({document_id}); part {number:03d}")
        ids = _chain_ids(document)
        for index, sentence in enumerate(document.sentences):
            lines += [" ".join([document_id, str(number), *row]) for row in _rows(sentence, ids[index])]
            lines.append("")
        lines.append("#end document")
    return "\n".join(lines) + "\n"


def _chain_ids(document: CoreferenceDocument) -> list[list[tuple[int, int, int]]]:
    """(start, end, chain) of every sentence; the numbers have gaps where singletons were, as in OntoNotes."""
    mentions: list[list[tuple[int, int, int]]] = [[] for _ in document.sentences]
    for number, chain in zip(document.chain_numbers, document.clusters, strict=True):
        for sentence, start, end in chain:
            mentions[sentence].append((start, end, number))
    return mentions


def _rows(sentence: Sentence, mentions: list[tuple[int, int, int]]) -> list[list[str]]:
    tags = tag(sentence)
    phrases = sorted({(m.start, m.end) for m in sentence.mentions})
    verbs = [i for i, (pos, lemma) in enumerate(tags) if pos.startswith("V") and lemma not in ("-", "be", "have")][:2]
    names = sentence.names + sentence.dates()
    rows = []
    for i, word in enumerate(sentence.words):
        pos, lemma = tags[i]
        framed = i in verbs
        rows.append([
            str(i), word, pos, _parse_bit(i, len(sentence.words), phrases), lemma if pos.startswith("V") else "-",
            "01" if framed else "-", "-", sentence.speaker, _brackets(i, names),
            *(_argument(i, verb, phrases) for verb in verbs), _coreference(i, mentions),
        ])  # fmt: skip
    return rows


def _parse_bit(i: int, length: int, phrases: list[tuple[int, int]]) -> str:
    """A flat tree: one sentence with its noun phrases."""
    opening = "(TOP(S" if i == 0 else ""
    closing = "))" if i == length - 1 else ""
    return opening + "(NP" * sum(s == i for s, _ in phrases) + "*" + ")" * sum(e == i for _, e in phrases) + closing


def _brackets(i: int, spans: list[tuple[int, int, str]]) -> str:
    for start, end, label in spans:
        if start <= i <= end:
            return (
                ("(" + label if i == start else "")
                + ("*" if (start, end) != (i, i) else "")
                + (")" if i == end else "")
            )
    return "*"


def _argument(i: int, verb: int, phrases: list[tuple[int, int]]) -> str:
    """The verb, the widest phrase right before it as ARG0 and the widest one right after it as ARG1."""
    before = [p for p in phrases if p[1] < verb]
    after = [p for p in phrases if p[0] == verb + 1]
    spans = [(verb, verb, "V")]
    if before:
        end = max(p[1] for p in before)
        spans.append((min(p[0] for p in before if p[1] == end), end, "ARG0"))
    if after:
        spans.append((verb + 1, max(p[1] for p in after), "ARG1"))
    for start, end, label in spans:
        if start <= i <= end:
            return ("(" + label if i == start else "") + "*" + (")" if i == end else "")
    return "*"


def _coreference(i: int, mentions: list[tuple[int, int, int]]) -> str:
    opening = [f"({c}" for s, e, c in sorted(mentions, key=lambda m: -m[1]) if s == i < e]
    single = [f"({c})" for s, e, c in mentions if s == i == e]
    closing = [f"{c})" for s, e, c in sorted(mentions, key=lambda m: -m[0]) if s < i == e]
    return "|".join(opening + single + closing) or "-"


def conll2003(documents: list[list[Sentence]]) -> str:
    """Four columns (word, part of speech, chunk, entity) with IOB1 tags, as in the original eng.* files."""
    lines = []
    for sentences in documents:
        lines += ["-DOCSTART- -X- O O", ""]
        for sentence in sentences:
            tags = [pos for pos, _ in tag(sentence)]
            entities = _iob1(len(sentence.words), sentence.names)
            shown = [{"``": '"', "''": '"', "-LRB-": "(", "-RRB-": ")"}.get(w, w) for w in sentence.words]
            lines += [" ".join(row) for row in zip(shown, tags, chunks(tags), entities, strict=True)]
            lines.append("")
    return "\n".join(lines)


def _iob1(length: int, names: list[tuple[int, int, str]]) -> list[str]:
    """B- only where an entity follows another of its type without a word in between."""
    tags, last = ["O"] * length, (-2, "")
    for start, end, label in sorted(names):
        kind = CONLL2003_LABELS.get(label, "MISC")
        tags[start : end + 1] = [f"I-{kind}"] * (end - start + 1)
        if last == (start - 1, kind):
            tags[start] = f"B-{kind}"
        last = (end, kind)
    return tags


def json_list(records: list[dict]) -> str:
    """A JSON list with one record per line."""
    return "[" + ",\n".join(json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in records) + "]\n"


def squad(articles: list[dict]) -> str:
    """A SQuAD 2.0 file with one article per line."""
    return '{"version":"v2.0","data":' + json_list(articles).rstrip("\n") + "}\n"


def mrpc(pairs: list[tuple[int, str, str]], first_id: int, mark: bool) -> str:
    """A GLUE MRPC table: tabs, quotation marks that quote nothing, and a byte order mark where the original has one."""
    lines = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
    for i, (label, first, second) in enumerate(pairs):
        lines.append(f"{label}\t{first_id + 2 * i}\t{first_id + 2 * i + 1}\t{first}\t{second}")
    return ("\ufeff" if mark else "") + "\n".join(lines) + "\n"
