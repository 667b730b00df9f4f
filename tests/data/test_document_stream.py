"""Documents that are read anew by every loop, and never held."""

from __future__ import annotations

import weakref

import pytest

from transferlab.data.document_stream import DocumentStream
from transferlab.data.readers.base import DataError
from transferlab.data.selection import select
from transferlab.documents import Document


def documents(count: int):
    return (Document(f"d{number}", [], []) for number in range(count))


def test_every_loop_reads_all_of_them_and_none_is_held():
    made: list[weakref.ref[Document]] = []

    def read():
        for document in documents(50):
            made.append(weakref.ref(document))
            yield document
            assert sum(reference() is not None for reference in made) <= 2

    stream = DocumentStream(read)
    assert len(stream) == 50
    for _ in range(2):
        assert [document.name for document in stream] == [f"d{number}" for number in range(50)]


def test_a_selection_is_that_of_a_list():
    stream = DocumentStream(lambda: documents(20)).selected(7, seed=3)
    assert len(stream) == 7
    assert [document.name for document in stream] == [d.name for d in select(list(documents(20)), 7, 3)]
    assert len(DocumentStream(lambda: documents(3)).selected(9)) == 3
    assert len(DocumentStream(lambda: documents(3)).selected(None)) == 3
    with pytest.raises(DataError, match="selection of 0"):
        DocumentStream(lambda: documents(3)).selected(0)


def test_mistakes_show_before_anything_is_done():
    def read():
        yield from documents(2)
        raise DataError("line 3")

    with pytest.raises(DataError, match="line 3"):
        DocumentStream(read)
