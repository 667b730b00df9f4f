"""The question answering taskmodule: rows of pairs, windows, gold spans, and predictions back to documents."""

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
import regex
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from transferlab.data.readers.squad import SquadReader
from transferlab.documents import Annotations, Answer, Document, Question, read_jsonl, write_jsonl
from transferlab.metrics.question_answering import squad_scores
from transferlab.taskmodules.question_answering import AnswerInText, QuestionAnsweringTaskModule
from transferlab.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def make_tokenizer(letters_per_piece: int, *others: str) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer that cuts words of the letter a into pieces of so many letters; but for others all else is
    unknown."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *others]
    pieces += [prefix + "a" * n for n in range(1, letters_per_piece + 1) for prefix in ("", "##")]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def make_document(text: str, *questions: Question, **fields) -> Document:
    return Document("d", [], [], text=text, gold=Annotations(questions=list(questions)), **fields)


@dataclass(frozen=True)
class Predicted:
    """What a model would say."""

    text: str
    start: int
    score: float = 0.75
    no_answer_probability: float | None = 0.25
    answered: bool = True


@pytest.fixture
def taskmodule() -> QuestionAnsweringTaskModule:
    tokenizers = {"coarse": make_tokenizer(4), "fine": make_tokenizer(1)}
    return QuestionAnsweringTaskModule(tokenizers, max_segment_len=16, doc_stride=4, max_question_length=4)


# --- rows ---


def test_a_row_is_the_question_and_the_text_and_points_to_the_words_behind_unit_0(taskmodule):
    one = make_document("aaaaa a.", Question("q1", "aa a"), Question("q2", ""))
    two = make_document("a", Question("q3", "a"))
    batch = taskmodule.collate([*taskmodule.encode(one), *taskmodule.encode(two)], training=False)
    assert batch.units == 4 and batch.names == ["q1", "q2", "q3"] and batch.lengths.tolist() == [3, 3, 1]
    fine = batch.inputs["fine"]
    assert fine.sequence_ids.tolist() == [0, 1, 2]
    assert fine.unit_ids.tolist() == [
        [0, -1, -1, -1, -1, 1, 1, 1, 1, 1, 2, 3, -1],
        [4, -1, 5, 5, 5, 5, 5, 6, 7, -1, -1, -1, -1],
        [8, -1, -1, 9, -1, -1, -1, -1, -1, -1, -1, -1, -1],
    ]
    assert fine.attention_mask.sum(1).tolist() == [13, 10, 5]
    assert fine.token_type_ids[0].tolist() == [0] * 5 + [1] * 8
    assert batch.inputs["coarse"].unit_ids.tolist()[0] == [0, -1, -1, -1, 1, 1, 2, 3, -1]
    expected = make_tokenizer(1)(["aa", "a"], ["aaaaa", "a", "."], is_split_into_words=True)
    assert fine.input_ids[0].tolist() == expected["input_ids"]


def test_a_long_text_is_read_in_windows_that_give_every_word_one_place(taskmodule):
    text = " ".join(["a", "aaa", "aa", "aaaaa", "a", "aaaa"] * 5)
    (example,) = taskmodule.encode(make_document(text, Question("q", "aa")))
    batch = taskmodule.collate([example], training=True)
    assert len(batch.inputs["fine"].input_ids) > len(batch.inputs["coarse"].input_ids) > 1
    for key, inputs in batch.inputs.items():
        assert inputs.input_ids.shape[1] <= 16
        assert inputs.sequence_ids.tolist() == [0] * len(inputs.input_ids)
        rows_of_unit: dict[int, set[int]] = {}
        subtokens_of_unit: dict[int, int] = {}
        for row, units in enumerate(inputs.unit_ids.tolist()):
            for unit in units:
                rows_of_unit.setdefault(unit, set()).add(row)
                subtokens_of_unit[unit] = subtokens_of_unit.get(unit, 0) + 1
        assert set(rows_of_unit) == {-1, *range(31)}
        assert all(len(rows_of_unit[unit]) == 1 for unit in range(1, 31))
        assert [subtokens_of_unit[unit] for unit in range(1, 31)] == [len(word) for word in example.subtokens[key]]
        # "no answer" is the first token of every row
        assert inputs.unit_ids[:, 0].tolist() == [0] * len(inputs.unit_ids)


@pytest.mark.parametrize("words", [9, 10, 11, 30, 47])
def test_windows_share_as_many_subtokens_as_those_of_hugging_face(taskmodule, words):
    text, question = ["a"] * words, "a a"
    (example,) = taskmodule.encode(make_document(" ".join(text), Question("q", question)))
    expected = make_tokenizer(1)(
        question.split(), text, is_split_into_words=True, truncation="only_second", max_length=16, stride=4,
        return_overflowing_tokens=True,
    )  # fmt: skip
    read = []
    for row in range(len(expected["input_ids"])):
        sequences = expected.sequence_ids(row)
        places = [word for word, text in zip(expected.word_ids(row), sequences, strict=True) if text == 1]
        read.append((places[0], places[-1]))
    assert [(window.start, window.end) for window in example.windows["fine"]] == read


def test_a_long_question_is_cut_and_a_word_that_fits_no_row_too(taskmodule):
    document = make_document("a" * 50 + " a", Question("long", "aaa aaa aaa"), Question("short", "a"))
    long, short = taskmodule.encode(document)
    assert len(long.question_subtokens["fine"]) == 4 and len(long.question_subtokens["coarse"]) == 3
    assert [len(word) for word in long.subtokens["fine"]] == [9, 1]
    assert long.subtokens is short.subtokens
    batch = taskmodule.collate([long, short], training=False)
    assert batch.inputs["fine"].input_ids.shape[1] == 16
    units = batch.inputs["fine"].unit_ids.flatten().tolist()
    assert {1, 2, 4, 5} <= set(units)


def test_a_text_without_words_still_has_its_row(taskmodule):
    empty = make_document(" \n", Question("q", "a", answers=[]))
    batch = taskmodule.collate(taskmodule.encode(empty, annotated=True), training=True)
    assert batch.units == 1 and batch.lengths.tolist() == [0] and batch.answer_spans.tolist() == [[[0, 0]]]
    assert batch.inputs["fine"].unit_ids.tolist() == [[0, -1, -1, -1]]


# --- gold answers ---


def test_gold_answers_become_the_words_that_hold_them(taskmodule):
    text = "In the 1990s, rock-'n'-roll."
    document = make_document(
        text,
        # twice the same, one inside a word, one that ends in the middle of a word with a blank before it
        Question("some", "?", [Answer(7, "1990s"), Answer(7, "1990"), Answer(6, " 1990s, ro")]),
        Question("none", "?", []),
        Question("unknown", "?", None),
    )
    examples = taskmodule.encode(document)
    batch = taskmodule.collate(examples, training=False)
    assert document.words[2:5] == ["1990s", ",", "rock"]
    assert batch.answer_spans.tolist() == [[[3, 3], [3, 5]], [[0, 0], [-1, -1]], [[-1, -1], [-1, -1]]]
    assert batch.gold == [["1990s", "1990", " 1990s, ro"], [], None]
    assert batch.texts == [text] * 3


def test_what_cannot_be_trained_on_is_refused(taskmodule):
    unknown = make_document("a", Question("q7", "a"))
    assert len(taskmodule.encode(unknown)) == 1
    with pytest.raises(UserError, match=r"d, question 'q7': its answers are unknown"):
        taskmodule.encode(unknown, annotated=True)
    nothing_asked = Document("d", [], [], text="a")
    assert taskmodule.encode(nothing_asked) == []
    with pytest.raises(UserError, match="d has no questions"):
        taskmodule.encode(nothing_asked, annotated=True)
    with pytest.raises(UserError, match="d has no text"):
        taskmodule.encode(Document("d", ["a"], [(0, 0)], gold=Annotations(questions=[Question("q", "a")])))


@pytest.mark.parametrize("answer", [Answer(1, "bb"), Answer(5, "bb"), Answer(40, "bb"), Answer(2, " "), Answer(0, "")])
def test_answers_that_do_not_stand_where_they_say_are_refused(taskmodule, answer):
    document = make_document("aa bb  ", Question("q", "a", [answer]))
    with pytest.raises(UserError, match=rf"question 'q': the answer '{answer.text}' does not stand at character"):
        taskmodule.encode(document)


def test_words_are_made_where_a_line_has_none(taskmodule, tmp_path):
    question = {"id": "q", "text": "a", "answers": [{"start": 3, "text": "aa."}]}
    (tmp_path / "one.jsonl").write_text(
        f'{{"name": "d", "words": [], "text": "a, aa.", "gold": {{"questions": [{question}]}}}}\n'.replace("'", '"')
    )
    (document,) = read_jsonl(tmp_path / "one.jsonl")
    (example,) = taskmodule.encode(document, annotated=True)
    assert example.answer_spans == [(3, 4)] and example.length == 4
    assert document.words == ["a", ",", "aa", "."] and document.validate().sentences == [(0, 3)]


def test_words_of_the_corpus_are_kept(taskmodule):
    own = make_document("a, aa.", Question("q", "a", [Answer(3, "aa")]))
    own.words, own.offsets, own.sentences = ["a,", "aa."], [(0, 2), (3, 6)], [(0, 1)]
    assert taskmodule.encode(own)[0].answer_spans == [(2, 2)]
    own.offsets = None  # nobody knows where they stand, so others are read, without touching these
    assert taskmodule.encode(own)[0].answer_spans == [(3, 3)]
    assert own.words == ["a,", "aa."] and own.offsets is None


# --- predictions ---


def test_predictions_stand_beside_the_gold_answers_and_other_layers_stay(taskmodule, tmp_path):
    document = make_document("a, aa.", Question("q1", "a", [Answer(0, "a")]), Question("q2", "aa"))
    document.predicted = Annotations(label="kept")
    examples = taskmodule.encode(document)
    document = taskmodule.decode(document, examples, [Predicted("aa", 3), Predicted("a", 0, answered=False)])
    assert document.predicted.label == "kept"
    assert document.predicted.questions == [
        Question("q1", "a", [Answer(3, "aa", 0.75)], 0.25),
        Question("q2", "aa", [], 0.25),
    ]
    assert document.gold.questions[0].answers == [Answer(0, "a")]
    (again,) = read_jsonl(write_jsonl([document], tmp_path / "predicted.jsonl"))
    assert again == document


def test_a_question_and_a_text_give_an_answer_or_none(taskmodule):
    document = taskmodule.document("text 1", ("aa?", "a, aa."))
    examples = taskmodule.encode(document.validate())
    assert taskmodule.answer(taskmodule.decode(document, examples, [Predicted("aa", 3)])) == AnswerInText(
        "aa", 3, 5, 0.75
    )
    assert taskmodule.answer(taskmodule.decode(document, examples, [Predicted("aa", 3, answered=False)])) is None
    for given in ("a text alone", ("a", "b", "c"), ("a", None)):
        with pytest.raises(UserError, match="a pair"):
            taskmodule.document("text 1", given)
    with pytest.raises(UserError, match="text 1") as refusal:
        taskmodule.document("text 1", document)  # of which a message does not repeat every word
    assert len(str(refusal.value)) < 150 < len(repr(document))


def test_the_baseline_is_to_know_nothing(taskmodule):
    document = make_document(
        "aa", Question("q1", "a", [Answer(0, "aa")]), Question("q2", "a", []), Question("q3", "a", [])
    )
    (scores,) = taskmodule.baselines([document, make_document("a", Question("q4", "a"))]).values()
    assert scores["f1"] == scores["exact"] == scores["best_f1"] == pytest.approx(2 / 3)
    assert (scores["HasAns_f1"], scores["NoAns_f1"], scores["total"]) == (0, 1, 3)


# --- options ---


def test_options_make_an_equal_taskmodule(taskmodule):
    again = QuestionAnsweringTaskModule({"fine": make_tokenizer(1)}, **taskmodule.options())
    assert again.options() == taskmodule.options()
    assert (again.max_segment_len, again.doc_stride, again.max_question_length) == (16, 4, 4)
    assert taskmodule.prepare([]) == taskmodule.model_arguments() == {}


def test_a_row_without_room_for_the_text_is_refused():
    with pytest.raises(UserError, match=r"max_segment_len=200 leaves 133 .*more than taskmodule.doc_stride=133"):
        QuestionAnsweringTaskModule({"fine": make_tokenizer(1)}, max_segment_len=200, doc_stride=133)
    QuestionAnsweringTaskModule({"fine": make_tokenizer(1)}, max_segment_len=200, doc_stride=132)


# --- a real corpus ---


@pytest.mark.corpus
def test_gold_spans_of_squad_in_words_lose_next_to_nothing(taskmodule):
    """The best that a model could reach: each first gold answer, widened to whole words."""
    directory = Path(os.environ.get("SQUAD_DIR", ROOT.parent / "shared" / "data" / "qa" / "squad_v2.0_subset"))
    if not directory.is_dir():
        pytest.skip(f"SQuAD is not at {directory}; set SQUAD_DIR")
    golds, widened = {}, {}
    for document in SquadReader(directory).read("validation"):
        for example in taskmodule.encode(document, annotated=True):
            (first, last), *_ = example.answer_spans
            question = example.question
            golds[question.id] = [answer.text for answer in question.answers]
            start, end = (example.offsets[first - 1][0], example.offsets[last - 1][1]) if first else (0, 0)
            widened[question.id] = example.text[start:end]
    scores = squad_scores(golds, widened)
    assert scores["total"] > 100 and scores["f1"] > 0.99 and scores["exact"] > 0.98


# --- scripts without blanks ---

TEXTS = {
    "Chinese": "张伟于1963年4月5日被任命为北京大学校长，“同年”八月就任Python公司。",
    "Japanese": "彼女は東京都で「カフェ」の船を売った。",
    "Korean": "한국의 수도는 서울이다. 2019년",
    "Thai": "เขาขายเรือให้แอนนาที่กรุงเทพ",
    "Lao": "ນະຄອນຫຼວງວຽງຈັນ",
    "Khmer": "ភ្នំពេញជារាជធានី។",
    "Myanmar": "ရန်ကုန်မြို့။",
}


@pytest.mark.parametrize("script", TEXTS)
def test_every_stretch_of_characters_can_be_answered_exactly(script):
    text = TEXTS[script]
    borders = [0]
    for cluster in regex.findall(r"[A-Za-z]+|\d+|\X", text):  # words of Latin letters and numbers stay whole
        borders.append(borders[-1] + len(cluster))
    answers = [text[a:b] for a, b in combinations(borders, 2) if text[a:b].strip() == text[a:b] != ""]
    starts = [a for a, b in combinations(borders, 2) if text[a:b].strip() == text[a:b] != ""]
    questions = [
        Question(str(i), "?", [Answer(start, answer)])
        for i, (start, answer) in enumerate(zip(starts, answers, strict=True))
    ]
    taskmodule = QuestionAnsweringTaskModule({"fine": make_tokenizer(1)}, 64, 8, 8)
    best = {}
    for example in taskmodule.encode(make_document(text, *questions), annotated=True):
        ((first, last),) = example.answer_spans
        best[example.question.id] = text[example.offsets[first - 1][0] : example.offsets[last - 1][1]]
    assert best == {question.id: question.answers[0].text for question in questions}
    assert squad_scores({key: [wording] for key, wording in best.items()}, best)["exact"] == 1
    assert len(best) > 20


def test_characters_that_no_blank_divides_are_read_as_continuations():
    tokenizer = make_tokenizer(1, "中")
    taskmodule = QuestionAnsweringTaskModule({"fine": tokenizer}, 64, 8, 8)
    (example,) = taskmodule.encode(make_document("a 中a a-a", Question("1", "?")))
    read = [tokenizer.convert_ids_to_tokens(subtokens) for subtokens in example.subtokens["fine"]]
    assert read == [["a"], ["中"], ["##a"], ["a"], ["[UNK]"], ["a"]]
