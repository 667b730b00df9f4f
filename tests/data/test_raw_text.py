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


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("他1963年来了，他走了。我用Python3.5写！", ["他 1963 年 来 了 ， 他 走 了 。", "我 用 Python3.5 写 ！"]),
        ("他说：“我走了。”然后呢？！好", ["他 说 ： “ 我 走 了 。 ”", "然 后 呢 ？ ！", "好"]),
        (
            "「行く！」私は（船を売った。）東京…京都",
            ["「 行 く ！ 」", "私 は （ 船 を 売 っ た 。 ）", "東 京 …", "京 都"],
        ),
        # what says that a quotation was one goes on with its sentence
        ("「行く。」と言った。『嘘！』って？", ["「 行 く 。 」 と 言 っ た 。", "『 嘘 ！ 』 っ て ？"]),
        ("「行く。」ところが雨だ。", ["「 行 く 。 」", "と こ ろ が 雨 だ 。"]),
        ("“가자!”라고 했다. '와?'하고", ["“ 가자 ! ” 라고 했다 .", "' 와 ? ' 하고"]),
        # a comma goes on; straight quotation marks open and close in turn
        ("“好！”，他说。", ["“ 好 ！ ” ， 他 说 。"]),
        ('说:"走了。"好。"来。"他', ['说 : " 走 了 。 "', "好 。", '" 来 。 "', "他"]),
        # our own full stops without a blank; no decimal points
        ("好吗?走了!再见.明天3.5米", ["好 吗 ?", "走 了 !", "再 见 .", "明 天 3.5 米"]),
        ('说:"走了."好."来."', ['说 : " 走 了 . "', "好 .", '" 来 . "']),
        ("增长3.5%.他(昨天).走了", ["增 长 3.5 % .", "他 ( 昨 天 ) .", "走 了"]),
        ("３．５は数．終わり", ["３ ． ５ は 数 ．", "終 わ り"]),
        ("3。5元。2019年。20人", ["3 。 5 元 。", "2019 年 。", "20 人"]),
        ("한국의 수도는 서울이다. 그는 갔다.나는 왔다。", ["한국의 수도는 서울이다 .", "그는 갔다 .", "나는 왔다 。"]),
        ("เขาขาย เรือ", ["เ ข า ข า ย เ รื อ"]),
        ("राम घर गया। सीता आई॥", ["राम घर गया ।", "सीता आई ॥"]),
        ("هل أنت هنا؟ نعم، أنا هنا.", ["هل أنت هنا ؟", "نعم ، أنا هنا ."]),
        ("کیا آپ ہیں؟ ہاں۔", ["کیا آپ ہیں ؟", "ہاں ۔"]),
        ("Բարեւ։ Ինչպես ես", ["Բարեւ ։", "Ինչպես ես"]),
        ("ሰላም ነው። ደህና ነህ፧", ["ሰላም ነው ።", "ደህና ነህ ፧"]),
        ("ဟုတ်။ မာ", ["ဟု တ် ။", "မ ာ"]),
        ("សួស្តី។ លា", ["សួ ស្តី ។", "លា"]),
        ("ཡིན། །ང་འགྲོ༎ ཁྱོད་", ["ཡི ན ། །", "ང ་ འ གྲོ ༎", "ཁྱོ ད ་"]),
        # the ornament that begins a text; a blank stands for the sign behind some letters
        ("༄༅། །བོད་ཡོག །ང་།", ["༄༅ ། ། བོ ད ་ ཡོ ག །", "ང ་ །"]),
        ("ꦗꦮ꧉ꦱꦶꦗꦶ", ["ꦗ ꦮ ꧉", "ꦱꦶ ꦗꦶ"]),
        ("ᬩᬮᬶ᭟ᬩᬲ", ["ᬩ ᬮᬶ ᭟", "ᬩ ᬲ"]),
    ],
)
def test_other_scripts_have_words_and_full_stops_of_their_own(text, sentences):
    assert [" ".join(words) for words in sentences_of(text)] == sentences


def test_signs_that_scripts_share_leave_english_words_alone():
    assert sentences_of("5 kJ·mol cost a naïve l’Avenir 3½…then ‘no’.") == [
        ["5", "kJ·mol", "cost", "a", "naïve", "l’Avenir", "3½", "…", "then", "‘", "no", "’", "."]
    ]


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
        "。",
        "」",
        "ที่",
        "서울",
        "\u0301",
        "؟",
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
