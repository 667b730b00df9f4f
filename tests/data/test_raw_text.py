import random

import pytest

from transferlab.data import raw_text
from transferlab.data.raw_text import document_from_text, read_raw_text
from transferlab.data.readers.base import DataError


def sentences_of(text: str) -> list[list[str]]:
    document = document_from_text("d", text).validate()
    assert document.text == text
    assert [text[start:end] for start, end in document.offsets] == document.words
    assert "".join(document.words) == "".join(text.split())
    return [document.words[start : end + 1] for start, end in document.sentences]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("She didn't go.", [["She", "did", "n't", "go", "."]]),
        ("She didn’t; it’s Ann’s.", [["She", "did", "n’t", ";", "it", "’s", "Ann", "’s", "."]]),
        ('"Go," he said. "Now."', [['"', "Go", ",", '"', "he", "said", "."], ['"', "Now", ".", '"']]),
        ("``Go'' \"now\" ''", [["``", "Go", "''", '"', "now", '"', "''"]]),
        ("“Go,” he (Bo) said.", [["“", "Go", ",", "”", "he", "(", "Bo", ")", "said", "."]]),
        ("He left—alone…then returned.", [["He", "left", "—", "alone", "…", "then", "returned", "."]]),
        ("It cost $3.50 (5%).", [["It", "cost", "$", "3.50", "(", "5", "%", ")", "."]]),
        ("  \n \n \t x  ", [["x"]]),
        ("Word", [["Word"]]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_words(text, sentences):
    assert sentences_of(text) == sentences


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("Mr. J. R. Smith met Dr. Li. He left.", [8, 3]),
        ("He lives in the U.S. capital, e.g. in Washington. It is big.", [11, 4]),
        ("What?! Yes. No!", [3, 2, 2]),
        # an empty line ends a sentence, the end of a line does not
        ("A headline\n\nThe text goes on\nover lines. Then ends", [2, 7, 2]),
        ("One.\r\n\r\nTwo\r\nlines", [2, 2]),
    ],
)
def test_sentences(text, lengths):
    assert [len(sentence) for sentence in sentences_of(text)] == lengths


def test_random_texts_keep_every_character():
    generator = random.Random(1)
    pieces = [
        '"',
        "''",
        "``",
        "'",
        " ",
        "\n",
        "\n\n",
        "a",
        "Mr.",
        "b.",
        "--",
        "...",
        "“",
        "”",
        "(",
        "cannot",
        "é",
        "中",
    ]
    for _ in range(300):
        sentences_of("".join(generator.choices(pieces, k=generator.randint(1, 12))))


@pytest.mark.parametrize("error", [ValueError, RuntimeError, IndexError])
def test_where_the_tokenizer_loses_its_place_words_are_letters_or_single_signs(monkeypatch, error):
    class Lost:
        def span_tokenize(self, text):
            yield (0, 1)
            raise error

    sentences = raw_text._tokenizers()[1]
    monkeypatch.setattr(raw_text, "_tokenizers", lambda: (Lost(), sentences))
    assert sentences_of("It's 'so'.") == [["It", "'", "s", "'", "so", "'", "."]]


def test_where_the_tokenizer_drops_characters_words_are_letters_or_single_signs(monkeypatch):
    class Lossy:
        def span_tokenize(self, text):
            return [(0, 2)]

    sentences = raw_text._tokenizers()[1]
    monkeypatch.setattr(raw_text, "_tokenizers", lambda: (Lossy(), sentences))
    assert sentences_of("Go on.") == [["Go", "on", "."]]


def test_files_are_named_after_their_place(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.y.txt").write_text("Two", encoding="utf-8-sig")
    (tmp_path / "a.txt").write_bytes("Zoë\r\nleft.".encode())
    (tmp_path / "notes.md").write_text("no")
    documents = list(read_raw_text(tmp_path))
    assert [(document.name, document.words) for document in documents] == [
        ("a", ["Zoë", "left", "."]),
        ("b/x.y", ["Two"]),
    ]
    assert documents[0].text == "Zoë\r\nleft."
    assert [document.name for document in read_raw_text(tmp_path / "b" / "x.y.txt")] == ["x.y"]


def test_nothing_there_and_other_encodings_are_refused_by_name(tmp_path):
    with pytest.raises(DataError, match=r"holds no \.txt file"):
        list(read_raw_text(tmp_path))
    with pytest.raises(DataError, match=r"none\.txt does not exist"):
        list(read_raw_text(tmp_path / "none.txt"))
    (tmp_path / "l.txt").write_bytes("Zoë".encode("latin-1"))
    with pytest.raises(DataError, match=r"l\.txt is not UTF-8"):
        list(read_raw_text(tmp_path))
