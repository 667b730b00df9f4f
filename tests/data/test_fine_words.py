import random
import re

import pytest

from transferlab.data.fine_words import covering_words, fine_words, joined_words

TEXT = " Don't  pay £3.50, naïve_one!"
# characters as readers count them, by script without blanks (and Korean)
CHARACTERS = {
    "Chinese": "张 伟 被 任 命 为 北 京 大 学 校 长 ， 。 “ ” （ ） 、 〇 𠮷",
    "Japanese": "彼 女 は 東 京 都 で 船 を 売 っ た ー 々 ・ 「 」 カ ガ ｶﾞ カ\u3099 ヽ 。",
    "Korean": "한 국 의 수 도 는 서 울 이 다 \u1112\u1161\u11ab ㄱ",
    "Thai": "เ ข า ย รื อ ใ ห้ แ น ที่ ก รุ ง ท พ น้ำ ฯ",
    "Lao": "ພ າ ສ ລ ວ ຂ້ ນີ້ ເ ປັ ນ",
    "Khmer": "ខ កា ស ភ្ នំ ពេ ញ".replace("ភ្ ", ""),
    "Tibetan": "བོ ད ་ ཡི ག གྲོ ༌",
    "Javanese": "ꦗ ꦮ ꦱꦶ ꦭꦺꦴ",
    "Balinese": "ᬩ ᬮᬶ ᬲ",
    "Batak": "ᯅ ᯖ ᯂᯪ",
    "Tai Tham": "ᨠ ᨾᩮ",
    "Yi": "ꆈ ꌠ",
    "Myanmar": "မြ န် မ ာ နို င် ငံ က ျ".replace(" ျ", ""),
}


def is_word(text: str, sign: str) -> bool:
    return fine_words(text)[0] == [sign]


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


def test_in_scripts_with_blanks_words_are_runs_of_letters_and_digits_and_single_signs():
    generator = random.Random(2)
    for _ in range(300):
        text = "".join(generator.choices("ab9é_ßжяعب½² \t\n\x1c.,;'’“…€\u00ad\x00·-", k=30))
        assert fine_words(text)[0] == re.findall(r"\w+|[^\w\s]", text)


@pytest.mark.parametrize(
    "sign", ["cafe\u0301", "नमस्ते", "می\u200cخواهم", "👩🏽\u200d🚀", "🇩🇪", "1\ufe0f\u20e3", "kJ", "é"]
)
def test_marks_stay_with_what_they_belong_to(sign):
    assert is_word(sign, sign)
    assert is_word(f" {sign}\n", sign)


@pytest.mark.parametrize("script", CHARACTERS)
def test_without_blanks_every_character_is_a_word_of_its_own_and_latin_words_stay_whole(script):
    characters = CHARACTERS[script].split()
    generator = random.Random(4)
    for _ in range(30):
        words = generator.choices(characters, k=12)
        for place in (9, 6, 3):
            words.insert(place, generator.choice(["Python", "1963"]))
        found, offsets = fine_words("".join(words))
        assert found == words
        unspaced = [not word.isascii() and word not in "“”" for word in words]
        assert joined_words(found, offsets) == [i for i in range(1, len(words)) if unspaced[i - 1] or unspaced[i]]


def test_korean_words_may_stay_whole():
    assert fine_words("한국의 수도는 서울이다. 金씨", syllables=False)[0] == [
        "한국의",
        "수도는",
        "서울이다",
        ".",
        "金",
        "씨",
    ]


def test_only_what_stands_next_to_a_character_without_blanks_is_joined():
    words, offsets = fine_words("don't 我 用Python3.5 (好)")
    assert [words[i] for i in joined_words(words, offsets)] == ["Python3", "好", ")"]
    assert words[:4] == ["don", "'", "t", "我"]
