"""Which documents of one corpus are texts of another, whatever the files, the format and the units of either.

A document is cut into pieces: at the ends of its sentences and wherever a full stop, question or exclamation mark
stands. A piece is its letters and digits alone, in lower case, so that tokenisation and punctuation do not matter, and
is known by a 32-bit hash. A document is *shared* where more than half of its letters lie in pieces of the other corpus.

Saved models carry the hashes of their training pieces, at most ``LIMIT`` of them: those with the smallest values, which
are a random sample of all. No text can be read from them.
"""

from __future__ import annotations

import base64
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b, sha256
from typing import Any

import numpy as np

from transferlab.documents import Document
from transferlab.utils.errors import UserError

LIMIT = 20_000  # hashes in a saved model, about 107 kB there
_ENDS = re.compile(r"[\n.!?。؟۔।॥]+")  # full-width forms become these first
_BRACKETS = re.compile(r"-[lr][crs]b-")  # how treebanks write brackets
_LETTERS = re.compile(r"[^\W_]+")
_UNUSUAL = re.compile(r"[^\w ./:@+-]")

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Texts:
    """The pieces of documents.

    Attributes:
        documents: how many there are.
        ids: hash of each piece, [pieces] uint32.
        letters: its letters and digits, [pieces].
        owners: the document that it is in, [pieces], from 0.
    """

    documents: int
    ids: Array
    letters: Array
    owners: Array

    @cached_property
    def content(self) -> str:
        """A hash of the texts, the same in any order and format."""
        return sha256(np.unique(self.ids).tobytes()).hexdigest()[:16]


def texts_of(documents: Iterable[Document]) -> Texts:
    """The pieces of documents, in one pass."""
    count, hashes = 0, bytearray()
    letters, owners = array("I"), array("I")
    for document in documents:
        for piece in _pieces(document):
            hashes += blake2b(piece.encode(), digest_size=4).digest()
            letters.append(len(piece))
            owners.append(count)
        count += 1
    return Texts(count, np.frombuffer(hashes, "<u4"), np.array(letters, np.int64), np.array(owners, np.int64))


def _pieces(document: Document) -> Iterator[str]:
    """What stands between the ends of sentences; of a document without a letter, all its characters."""
    if document.words:
        text = "\n".join(" ".join(document.words[start : end + 1]) for start, end in document.sentences)
    else:
        text = document.text or ""
    if document.text_pair is not None:
        text = f"{text}\n{document.text_pair}"
    text = _folded(text)
    pieces = [piece for part in _ENDS.split(text) if (piece := "".join(_LETTERS.findall(part)))]
    yield from pieces or filter(None, ["".join(text.split())])


def _folded(text: str) -> str:
    """In lower case and compatible characters, without the brackets of treebanks."""
    text = (text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold()
    return _BRACKETS.sub(" ", text) if "b-" in text else text


def letters_of(text: str) -> str:
    """The letters and digits of a text, in lower case."""
    return "".join(_LETTERS.findall(_folded(text)))


@dataclass(frozen=True)
class TrainingTexts:
    """What a saved model says of the documents that it was trained on.

    Attributes:
        corpus: the corpus as its reader names it.
        content: a hash of these texts.
        documents: how many there were.
        pieces: how many different pieces.
        ids: the hashes of the pieces, sorted, [at most LIMIT] uint32; of more, the smallest.
        spans: likewise of annotated spans, see :mod:`transferlab.data.span_overlap`.
        source: the saved model whose training it was, from which another started; None: the model's own.
    """

    corpus: str
    content: str
    documents: int
    pieces: int
    ids: Array
    spans: Array
    source: str | None = None

    @classmethod
    def of(cls, texts: Texts, corpus: str, spans: Array | None = None) -> TrainingTexts:
        """Keep what a saved model has room for."""
        ids = np.unique(texts.ids)
        spans = np.zeros(0, "<u4") if spans is None else spans
        return cls(corpus, texts.content, texts.documents, len(ids), ids[:LIMIT], spans[:LIMIT])

    @property
    def complete(self) -> bool:
        """Whether all pieces are kept."""
        return len(self.ids) == self.pieces

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict."""
        counts = {"documents": self.documents, "pieces": self.pieces}
        hashes = {"ids": _written(self.ids), "spans": _written(self.spans)}
        return {"corpus": self.corpus, "content": self.content, **counts, **hashes}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], place: str) -> TrainingTexts:
        """The inverse of :meth:`to_dict`; raises UserError, naming the file at ``place``, for anything else."""
        try:
            names = _plain(content["corpus"]), _plain(content["content"])
            source = _plain(content["from"]) if "from" in content else None
            counts = content["documents"], content["pieces"]
            ids, spans = _hashes(content["ids"]), _hashes(content.get("spans", ""))
            right = all(isinstance(count, int) and count >= 0 for count in counts)
            right = right and len(ids) <= counts[1]
        except (KeyError, TypeError, ValueError):  # binascii's error is a ValueError
            right = False
        if not right:
            raise UserError(
                f"{place}: 'trained_on' is damaged: its hashes of texts cannot be read; save the model again"
            )
        return cls(*names, *counts, ids, spans, source)


def _written(hashes: Array) -> str:
    return base64.b64encode(hashes.astype("<u4").tobytes()).decode("ascii")


def _hashes(written: Any) -> Array:
    """The inverse of :func:`_written`; raises TypeError or ValueError for what it did not write."""
    hashes = np.frombuffer(base64.b64decode(written, validate=True), "<u4")
    if not (hashes[1:] > hashes[:-1]).all():
        raise ValueError("not sorted")
    return hashes


def _plain(name: Any) -> str:
    """A name from a file as it may be shown anywhere; raises TypeError for what is none."""
    if not isinstance(name, str):
        raise TypeError(f"a name is expected, not {name!r}")
    return _UNUSUAL.sub("_", name)[-200:]


@dataclass(frozen=True)
class Overlap:
    """How many documents of a split are shared with a model's training documents.

    Attributes:
        shared: of the documents judged.
        judged: the documents of which a hash was kept; all of them where all hashes were.
        documents: of the split.
        share: of the text of the documents judged, that of shared ones, from 0 to 1, counted in letters: sentences of
            a word or two occur everywhere, and weigh little. 0 where none was judged.
    """

    shared: int
    judged: int
    documents: int
    share: float = field(compare=False)

    def __str__(self) -> str:
        """In numbers: ``8 of 10 documents``."""
        if self.judged == self.documents:
            return f"{self.shared} of {self.documents} documents"
        return f"{self.shared} of the {self.judged} documents, out of {self.documents}, that a sample of texts tells of"


def overlap(texts: Texts, seen: TrainingTexts | Texts) -> Overlap:
    """Count the documents of which more than half of the letters were seen."""
    ids, letters, owners = texts.ids, texts.letters, texts.owners
    if isinstance(seen, TrainingTexts) and not seen.complete:  # of other pieces it is not known whether they were seen
        sampled = ids <= (seen.ids[-1] if len(seen.ids) else 0)
        ids, letters, owners = ids[sampled], letters[sampled], owners[sampled]
    known = np.isin(ids, seen.ids)
    total = np.bincount(owners, weights=letters, minlength=texts.documents)
    of_seen = np.bincount(owners, weights=letters * known, minlength=texts.documents)
    shared = 2 * of_seen > total
    complete = isinstance(seen, Texts) or seen.complete
    judged = texts.documents if complete else int((total > 0).sum())
    share = float(total[shared].sum() / total.sum()) if len(total) and total.any() else 0.0
    return Overlap(int(shared.sum()), judged, texts.documents, share)
