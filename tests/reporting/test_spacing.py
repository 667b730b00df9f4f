import pytest

from transferlab.documents import Document
from transferlab.reporting.spacing import displayed_text, displayed_words


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("Anna , who did n't come , left .", "Anna, who didn't come, left."),
        ("the king 's ( old ) house ; all of it !", "the king's (old) house; all of it!"),
        ('He said : " I am here " and left .', 'He said: "I am here" and left.'),
        ("`` Yes , '' it cost $ 3 , or 5 % .", "``Yes,'' it cost $3, or 5%."),
        ("“ No , ” I ’ll say", "“No,” I’ll say"),
        ("-LRB- so -RRB- .", "-LRB-so-RRB-."),
        ("张伟 ， 学生 。 用 Python ！", "张伟，学生。用 Python！"),
        ("เขา ที่ ขาย", "เขาที่ขาย"),
        ("한국의 수도", "한국의 수도"),
    ],
)
def test_guessed_spacing(tokens, text):
    words = tokens.split()
    shown = displayed_words(Document("d", words, [(0, len(words) - 1)]))
    assert displayed_text(shown, 0, len(words) - 1) == text


def test_a_quotation_mark_at_the_end_of_a_sentence_closes_even_if_it_opened_elsewhere():
    words = ["He", "left", ".", '"', '"', "Yes", '"', "I", "said"]
    shown = displayed_words(Document("d", words, [(0, 3), (4, 8)]))
    assert displayed_text(shown, 0, 8) == 'He left." "Yes" I said'


def test_raw_text_is_shown_as_it_is():
    document = Document(
        "d",
        ["do", "n't", "``", "x"],
        [(0, 3)],
        text=" don't\n\n“x",
        offsets=[(1, 3), (3, 6), (8, 9), (9, 10)],
    )
    assert displayed_words(document) == [(" ", "do"), ("", "n't"), ("\n\n", "“"), ("", "x")]
    assert displayed_text(displayed_words(document), 1, 3) == "n't “x"


def test_no_words():
    assert displayed_words(Document("d", [], [])) == []
