"""The column of named entities of CoNLL-2012 files: brackets to entities.

A cell holds ``(PERSON`` where a name begins, ``)`` where it ends and ``*`` for the word itself: ``(PERSON*``, ``*``,
``*)``, and ``(GPE)`` for a name of one word. A document in which all cells are ``*`` has no names; one in which they
are ``-``, ``_`` or empty was not annotated.
"""

from __future__ import annotations

import re

from transferlab.data.coreference_column import ABSENT
from transferlab.documents import Entity

_PIECE = re.compile(r"\(([^()*|\s]+)|\)|\*")


class NameBrackets:
    """Collects the cells of one document, word by word.

    Most who read these files want their coreference, and relatives of the format put other things into this column. So
    a cell that makes no sense is no error: it is kept in ``unreadable``, and the document has no entities.

    Attributes:
        unreadable: what is wrong with the first such cell, with its line; None: nothing.
    """

    def __init__(self) -> None:
        """Start with no name, open or closed."""
        self.unreadable: str | None = None
        self._annotated = False
        self._open: list[tuple[int, str, int]] = []  # first word, label and line of each name still open
        self._entities: list[Entity] = []

    def add(self, cell: str, word: int, line: int) -> None:
        """Take the cell of one word."""
        if cell in ABSENT or self.unreadable:
            return
        self._annotated = True
        pieces = list(_PIECE.finditer(cell))
        if "".join(piece[0] for piece in pieces) != cell:
            self.unreadable = f"line {line}: {cell!r} is no bracket of a name such as (PERSON*, *) or (GPE)"
            return
        for piece in pieces:
            if piece[1]:
                self._open.append((word, piece[1], line))
            elif piece[0] == ")":
                if not self._open:
                    self.unreadable = f"line {line}: {cell!r} closes a name that was never opened"
                    return
                start, label, _ = self._open.pop()
                self._entities.append(Entity(start, word, label))

    def entities(self) -> list[Entity] | None:
        """Names in text order, the longer first; None where they were not annotated, or cannot be read."""
        if self._open and not self.unreadable:
            _, label, line = self._open[-1]
            self.unreadable = f"line {line}: the name ({label} is not closed before the document ends"
        if self.unreadable or not self._annotated:
            return None
        return sorted(self._entities, key=lambda entity: (entity.start, -entity.end))
