"""What people hand to a trained model: raw text, JSON lines, CoNLL files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transferlab.data.document_stream import DocumentStream
from transferlab.data.raw_text import document_from_text, read_raw_text
from transferlab.data.readers.base import DataError, unique_names
from transferlab.data.readers.conll_format import parse_conll
from transferlab.documents import Document, DocumentError, open_text, read_jsonl

ENDINGS = (".txt", ".jsonl", ".conll", "_conll")


def read_inputs(path: str | Path) -> DocumentStream:
    """Documents of one file, or of all files below a directory, told by their endings.

    * ``.txt``: raw text, one document per file;
    * ``.jsonl``: one document per line, as a full Document, or as ``{"words": [...]}`` (one sentence),
      ``{"sentences": [[...], [...]]}`` (words by sentence) or ``{"text": "..."}``. ``"name"`` is the file's
      name and the line number where it is missing; the other fields of Document may be added;
    * ``.conll`` and ``_conll``: CoNLL-2012, with or without gold clusters.

    All is read once, so that a mistake shows before a model is loaded, and again by every loop over the documents, so
    that they need no memory.

    Raises:
        DataError: nothing there, another ending, two documents of one name, or a malformed CoNLL file.
        DocumentError: a malformed line, or an encoding other than UTF-8.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"input={path} does not exist; name a file or directory of {', '.join(ENDINGS)}")
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*")) if file.is_file() and file.name.endswith(ENDINGS)]
    else:
        files = [path] if path.name.endswith(ENDINGS) else []
    if not files:
        raise DataError(f"input={path} is, or holds, no file with a known ending: {', '.join(ENDINGS)}")

    def read() -> Iterator[Document]:
        places = [(str(file), file) for file in files]  # one text for all documents of a file
        documents = ((place, document) for place, file in places for document in _documents(file, path))
        return unique_names(documents, "or give the files one by one as input=FILE")

    return DocumentStream(read)


def _documents(file: Path, root: Path) -> Iterator[Document]:
    if file.suffix == ".txt":
        for document in read_raw_text(file):
            if root.is_dir():
                document.name = file.relative_to(root).with_suffix("").as_posix()
            yield document
    elif file.suffix == ".jsonl":
        yield from read_jsonl(file, lambda line, n: _with_words({"name": f"{file.stem}:{n}"} | line))
    else:
        with open_text(file) as lines:
            yield from parse_conll(lines, str(file))


def _with_words(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a line, with words and sentence spans where it had only text or lists of words."""
    if "words" in content:
        return content
    sentences = content.get("sentences")
    if sentences is not None:
        if not isinstance(sentences, list) or not all(isinstance(words, list) for words in sentences):
            raise DocumentError('"sentences" without "words" must be a list of lists of words')
        words: list[str] = []
        spans = []
        for sentence in filter(None, sentences):
            spans.append((len(words), len(words) + len(sentence) - 1))
            words += sentence
        return content | {"words": words, "sentences": spans}
    if isinstance(content.get("text"), str):
        return document_from_text(content["name"], content["text"]).to_dict() | content
    raise DocumentError("give one of words, sentences (lists of words) and text (a string)")
