import pytest

from transferlab.data.ontonotes.published import DOCUMENTS, WITHOUT_COREFERENCE, check_counts
from transferlab.data.readers.base import DataError


def test_the_counts_are_those_of_the_papers() -> None:
    assert {split: sum(genres.values()) for split, genres in DOCUMENTS.items()} == {
        "train": 2802,
        "validation": 343,
        "test": 348,
    }
    assert len(WITHOUT_COREFERENCE) == 28


def test_exactly_these_are_accepted() -> None:
    genres = {
        split: [genre for genre, n in of_split.items() for _ in range(n)] for split, of_split in DOCUMENTS.items()
    }
    check_counts(genres)
    genres["train"][genres["train"].index("mz")] = "tc"  # as many, but others
    with pytest.raises(DataError) as error:
        check_counts(genres)
    assert "train 2,802 of 2,802 (mz 408 of 409, tc 111 of 110)" in str(error.value)
    assert "validation" not in str(error.value) and "--partial" in str(error.value)
