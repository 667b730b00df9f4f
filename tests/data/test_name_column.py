import re

import pytest

from transferlab.data.name_column import NameBrackets
from transferlab.documents import Entity


def brackets(*cells: str) -> NameBrackets:
    names = NameBrackets()
    for word, cell in enumerate(cells):
        names.add(cell, word, line=word + 2)
    return names


@pytest.mark.parametrize(
    ("cells", "entities"),
    [
        (["(PERSON*", "*", "*)", "*"], [Entity(0, 2, "PERSON")]),
        (["(GPE)", "(GPE*)", "*"], [Entity(0, 0, "GPE"), Entity(1, 1, "GPE")]),
        (["(WORK_OF_ART*", "(GPE)", "*)"], [Entity(0, 2, "WORK_OF_ART"), Entity(1, 1, "GPE")]),
        (["(ORG(GPE)", "*)"], [Entity(0, 1, "ORG"), Entity(0, 0, "GPE")]),
        (["-", "(DATE)", "_", ""], [Entity(1, 1, "DATE")]),
        (["*", "*"], []),
        (["-", "*"], []),
        (["-", "_", ""], None),
        ([], None),
    ],
)
def test_brackets_become_entities_and_only_absent_cells_are_no_annotation(cells, entities):
    names = brackets(*cells)
    assert names.entities() == entities
    assert names.unreadable is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["*", "ARG0", "(GPE)"], "line 3: 'ARG0' is no bracket"),
        (["(PERSON *"], r"line 2: '\(PERSON \*' is no bracket"),
        (["(*"], r"line 2: '\(\*' is no bracket"),
        (["(GPE)", "*)"], r"line 3: '\*\)' closes a name that was never opened"),
        (["*", "(PERSON*", "*"], r"line 3: the name \(PERSON is not closed"),
    ],
)
def test_columns_that_make_no_sense_hold_no_entities(cells, message):
    names = brackets(*cells)
    assert names.entities() is None
    assert re.match(message, names.unreadable)
