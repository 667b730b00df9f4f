"""Documents that are read whenever they are asked for, so that any number of them needs no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from transferlab.data.selection import select
from transferlab.documents import Document


class DocumentStream:
    """Documents that are read anew by every loop over them.

    They are read once to begin with, which counts them and shows every mistake in them before hours of work.

    Args:
        read: returns the documents from the first one on.
    """

    def __init__(self, read: Callable[[], Iterable[Document]]) -> None:
        self._read = read
        self._kept: frozenset[int] | None = None
        self._count = sum(1 for _ in read())

    def selected(self, n: int | None, seed: int = 0) -> DocumentStream:
        """This stream cut down to ``n`` random documents, see :func:`~transferlab.data.selection.select`."""
        if n is not None:
            self._kept = frozenset(select(range(self._count), n, seed))
        return self

    def __len__(self) -> int:
        """How many documents there are."""
        return self._count if self._kept is None else len(self._kept)

    def __iter__(self) -> Iterator[Document]:
        """Read the documents, one by one."""
        for position, document in enumerate(self._read()):
            if self._kept is None or position in self._kept:
                yield document
