import random

import pytest

from transferlab.data.ontonotes.skeletons import aligned, filled
from transferlab.data.readers.base import DataError

SKELETON = """\
#begin document (tc/ch/00/ch_0001); part 000
tc/ch/00/ch_0001   0   0   [WORD]   NNP   (TOP(S(NP*   -   -   -   A   (PERSON)   (0
tc/ch/00/ch_0001   0   1   [WORD]   -RRB-   *))   -   -   -   A   *   0)

#end document
#begin document (tc/ch/00/ch_0001); part 001
tc/ch/00/ch_0001   1   0   [WORD]   XX   (TOP*)   -   -   -   -   *   -

#end document
"""
FILLED = """\
#begin document (tc/ch/00/ch_0001); part 000
tc/ch/00/ch_0001   0   0      Zoë      NNP   (TOP(S(NP*    -    -    -   A   (PERSON)   (0
tc/ch/00/ch_0001   0   1    -RRB-   -RRB-           *))   -    -    -    A          *    0)

#end document
#begin document (tc/ch/00/ch_0001); part 001
tc/ch/00/ch_0001   1   0    nullp   XX   (TOP*)   -    -    -    -    *    -

#end document
"""


def fill(skeleton: str, *sentences: str) -> str:
    return "".join(filled(skeleton.split("\n"), "a.gold_skel", [words.split(" ") for words in sentences], "a.parse"))


def cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_words_of_trees_go_to_the_sentences_of_all_parts() -> None:
    found = fill(SKELETON, "Zoë -RRB-", "nullp")
    assert cells(found) == cells(FILLED)
    assert found.endswith("#end document\n") and found.count("[WORD]") == 0


def test_columns_are_as_wide_as_those_of_published_files() -> None:
    """A blank stands behind what ends in a digit, a star or a dash, as far as the column has room."""
    rows = [
        ["a/b_1", "7", "0", "the", "(NP*", "-"],
        ["a/b_1", "7", "1", "cat3", "*)", "(5)"],
        ["a/b_1", "10", "2", "-", "*", "(12"],
    ]
    assert "".join(aligned(rows)) == (
        "a/b_1    7   0     the  (NP*     -\na/b_1    7   1   cat3      *)   (5)\na/b_1   10   2      -      *   (12\n"
    )


def test_any_layout_of_a_skeleton_gives_the_same() -> None:
    rng = random.Random(0)
    for _ in range(20):
        lines = [
            line if line.startswith("#") else "".join(cell + rng.choice(["\t", " ", "     "]) for cell in line.split())
            for line in SKELETON.split("\n")
        ]
        assert fill("\n".join(lines), "Zoë -RRB-", "nullp") == fill(SKELETON, "Zoë -RRB-", "nullp")


@pytest.mark.parametrize(
    ("sentences", "named"),
    [
        (["Zoë", "nullp"], r"line 4: sentence 1 has 2 words and its tree in a\.parse 1 \(Zoë\)"),
        (["Zoë -RRB- x", "nullp"], r"line 4: sentence 1 has 2 words .* 3 \(Zoë -RRB- x\)"),
        (["Zoë -RRB-"], r"line 8: sentence 2 has 1 words .* 0 \(\)"),
    ],
)
def test_sentences_that_differ_from_their_trees_are_refused(sentences: list[str], named: str) -> None:
    with pytest.raises(DataError, match=rf"a\.gold_skel, {named}"):
        fill(SKELETON, *sentences)


def test_trees_that_are_left_over_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    fill(SKELETON, "Zoë -RRB-", "nullp", "more", "and more")
    assert "a.gold_skel: 2 trees of a.parse belong to no sentence" in caplog.text


@pytest.mark.parametrize(
    ("skeleton", "line"),
    [(SKELETON.replace("A   *   0)", "A   *"), 3), (SKELETON.partition("\n\n")[0], 3), ("a b\n", 1)],
)
def test_a_skeleton_that_is_cut_is_refused(skeleton: str, line: int) -> None:
    with pytest.raises(DataError, match=rf"a\.gold_skel, line {line}: "):
        fill(skeleton, "Zoë -RRB-", "nullp")
