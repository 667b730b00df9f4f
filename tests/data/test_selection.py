import pytest

from transferlab.data.readers.base import DataError
from transferlab.data.selection import select
from transferlab.documents import Document

DOCUMENTS = [Document(str(i), [], []) for i in range(50)]


def numbers(n, seed=0):
    return [int(document.name) for document in select(DOCUMENTS, n, seed)]


def test_a_selection_is_random_ordered_and_without_repetition():
    chosen = numbers(10)
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen != list(range(10))


def test_the_first_ones_where_they_are_asked_for():
    assert [document.name for document in select(DOCUMENTS, 3, seed=5, draw="first")] == ["0", "1", "2"]
    assert len(select(DOCUMENTS, 80, draw="first")) == len(select(DOCUMENTS, None, draw="first")) == 50


def test_the_seed_decides():
    assert numbers(10, seed=1) == numbers(10, seed=1)
    assert numbers(10, seed=1) != numbers(10, seed=2)
    assert numbers(10, seed=0) != numbers(10, seed=1)


def test_smaller_selections_are_parts_of_larger_ones():
    assert set(numbers(5)) < set(numbers(20)) < set(numbers(40))


@pytest.mark.parametrize("n", [None, 50, 1000])
def test_none_or_more_than_there_are_selects_all(n):
    assert numbers(n) == list(range(50))


@pytest.mark.parametrize("n", [0, -3])
def test_an_empty_selection_is_refused(n):
    with pytest.raises(DataError, match=f"a selection of {n} is empty"):
        numbers(n)
