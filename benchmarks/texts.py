"""Documents to measure with: LitBank where there is a copy, and the embedded sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import ROOT

if TYPE_CHECKING:
    from transferlab.documents import Document

SAMPLE = ROOT / "data" / "sample"
SHARED = ROOT.parent / "shared" / "data"


def corpus_directory(variable: str, place: str) -> Path | None:
    """Where a corpus lies: at the environment variable, else at a place below ``../shared/data``; None: nowhere."""
    path = Path(os.environ.get(variable, SHARED / place))
    return path if path.is_dir() else None


def litbank_directory() -> Path | None:
    """LitBank, if it is there."""
    return corpus_directory("LITBANK_DIR", "coref/litbank")


def coreference_documents(corpus: str) -> Iterator[Document]:
    """Read all documents of ``litbank`` or ``sample``; of the sample also where LitBank is missing."""
    from transferlab.data.readers.base import SPLITS, Reader
    from transferlab.data.readers.conll2012 import Conll2012Reader
    from transferlab.data.readers.litbank import LitBankReader

    place = litbank_directory()
    litbank = corpus == "litbank" and place is not None
    reader: Reader = LitBankReader(place) if litbank else Conll2012Reader(SAMPLE / "conll2012")
    return (document for split in SPLITS for document in reader.read(split))


def document_of(words: int) -> Document:
    """LitBank, or else the sample, as one document of so many words, repeated if need be."""
    from transferlab.documents import Annotations, Document

    one = Document(f"{words} words", [], [], gold=Annotations(clusters=[]))
    assert one.gold.clusters is not None
    while len(one.words) < words:
        for document in coreference_documents("litbank"):
            first = len(one.words)
            if first >= words:
                break
            one.words += document.words
            one.sentences += [(first + start, first + end) for start, end in document.sentences]
            clusters = document.gold.clusters or []
            one.gold.clusters += [[(first + start, first + end) for start, end in cluster] for cluster in clusters]
    one.words = one.words[:words]
    one.sentences = [(start, min(end, words - 1)) for start, end in one.sentences if start < words]
    inside = ([span for span in cluster if span[1] < words] for cluster in one.gold.clusters)
    one.gold.clusters = [cluster for cluster in inside if cluster]
    return one.validate()
