"""Documents as CoNLL-2012 files, which the official scorers and our own reader take."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

from transferlab.data.coreference_column import coreference_cells, without_crossings
from transferlab.data.percent_encoding import MARK, encode, needs_encoding
from transferlab.data.readers.base import DataError
from transferlab.documents import Document, write_atomically

_PART = re.compile(r"(.*)_part_(-[0-9]+|[0-9]{3,})", re.DOTALL)

log = logging.getLogger(__name__)


def write_conll2012(
    documents: Iterable[Document], path: str | Path, layer: Literal["gold", "predicted"] = "predicted"
) -> Path:
    """Write coreference clusters as one CoNLL-2012 file, atomically, in 12 columns separated by tabs.

    ``Conll2012Reader`` reads back the same names, words (``/.`` as ``.``, ``/?`` as ``?``), sentences, speakers and
    clusters, and the genre where the name begins with it (``nw/...``), and the official scorer reads the same mentions.
    A name ``<id>_part_<000>`` becomes id and part; another becomes ``part 0``, as in LitBank. A document with a tab or
    line break in a word, or with what looks like the begin or end of a document, is written percent-encoded (see
    :mod:`transferlab.data.percent_encoding`). Limits of the format: clusters are reordered by their first mentions; an
    empty speaker becomes ``-``; of two mentions of one entity that cross, or of which one begins at the last word of
    the other, the later one is left out, and a warning counts these.

    Args:
        documents: written in this order, one after the other.
        path: the file; directories are made.
        layer: which clusters, the annotators' or the model's.

    Raises:
        DataError: a document without this layer.
    """
    path = Path(path)
    write_atomically(path, (line for document in documents for line in _lines(document, layer)))
    return path


def _lines(document: Document, layer: str) -> Iterator[str]:
    annotations = document.gold if layer == "gold" else document.predicted
    if annotations is None or annotations.clusters is None:
        other = "predicted" if layer == "gold" else "gold"
        raise DataError(f"{document.name} has no {layer} clusters; predict them first, or write layer={other!r}")
    kept, crossing = [], []
    for cluster in annotations.clusters:
        mentions, left_out = without_crossings(cluster)
        kept.append(mentions)
        crossing += left_out
    if crossing:
        log.warning(
            "%s: left out %d of %d mentions, which cross another one of their entity or begin at its last word; CoNLL "
            "files cannot say that: %s",
            document.name,
            len(crossing),
            sum(map(len, [crossing, *kept])),
            ", ".join(f"{span} {document.span_text(span)!r}" for span in crossing[:5]),
        )
    match = _PART.fullmatch(document.name)
    name, part = (match[1], match[2]) if match else (document.name, "0")
    speakers = document.speakers or ["-"] * len(document.words)
    write: Callable[[str], str] = str
    if needs_encoding([name, *document.words, *speakers]):
        write = encode
        yield f"{MARK}\n"
    cells = coreference_cells(sorted(sorted(cluster) for cluster in kept if cluster), len(document.words))
    yield f"#begin document ({write(name)}); part {part}\n"
    for start, end in document.sentences:
        for i in range(start, end + 1):
            unknown = "-", "*", "-", "-", "-"  # part of speech, parse, lemma, frameset, sense
            # named entities are not written: "-", as "*" would say that there are none
            row = (
                *(write(name), str(int(part)), str(i - start), write(document.words[i]), *unknown),
                *(write(speakers[i]) or "-", "-", cells[i]),
            )
            yield "\t".join(row) + "\n"
        yield "\n"
    yield "#end document\n"
