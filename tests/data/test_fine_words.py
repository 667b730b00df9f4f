import pytest

from transferlab.data.fine_words import covering_words, fine_words

TEXT = " Don't  pay £3.50, naïve_one!"


def test_every_character_but_white_space_belongs_to_a_word():
    words, offsets = fine_words(TEXT)
    assert words == ["Don", "'", "t", "pay", "£", "3", ".", "50", ",", "naïve_one", "!"]
    assert [TEXT[start:end] for start, end in offsets] == words


def test_a_border_divides_a_word_and_adds_none():
    assert fine_words("dovesmoles", borders=[5]) == (["doves", "moles"], [(0, 5), (5, 10)])
    assert fine_words("a b", borders=[0, 1, 2, 3, 3])[0] == ["a", "b"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_words(text):
    assert fine_words(text) == ([], [])


@pytest.mark.parametrize("border", range(len(TEXT) + 1))
def test_words_on_both_sides_of_a_border_are_those_of_the_two_texts(border):
    assert fine_words(TEXT, [border])[0] == fine_words(TEXT[:border])[0] + fine_words(TEXT[border:])[0]


def test_covering_words_are_those_that_share_a_character_with_the_stretch():
    _, offsets = fine_words(TEXT)
    for start in range(len(TEXT) + 1):
        for end in range(start, len(TEXT) + 1):
            shared = [i for i, (a, b) in enumerate(offsets) if any(a <= c < b for c in range(start, end))]
            assert covering_words(offsets, start, end) == ((shared[0], shared[-1]) if shared else None)
    assert covering_words([], 0, 3) is None
    assert covering_words(offsets, 9, 3) is None
