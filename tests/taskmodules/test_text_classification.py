"""The text classification taskmodule: rows of texts and pairs, truncation, labels, decoding, baselines."""

import json
import logging
import math
from types import SimpleNamespace

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from transferlab.data.readers.text_rows import text_document
from transferlab.documents import Annotations, Document
from transferlab.taskmodules.text_classification import TextClassificationTaskModule
from transferlab.utils.errors import UserError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def make_tokenizer(letters_per_piece: int) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of the letters a and b that cuts words into pieces of so many letters."""
    pieces = [
        *SPECIAL,
        *(prefix + letter * n for letter in "ab" for n in range(1, letters_per_piece + 1) for prefix in ("", "##")),
    ]
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


def make_taskmodule(**options) -> TextClassificationTaskModule:
    tokenizers = {"coarse": make_tokenizer(4), "fine": make_tokenizer(1)}
    return TextClassificationTaskModule(tokenizers, **{"max_length": 12, **options})


def encoded(taskmodule, *documents, annotated=False):
    return [example for document in documents for example in taskmodule.encode(document, annotated)]


def test_rows_equal_those_of_the_tokenizer_itself():
    """Single texts, pairs, empty ones and too long ones, with the types of their tokens."""
    tokenizer = make_tokenizer(2)
    texts = [("aaa  b", None), ("a", "bbb aa"), ("", None), ("", "b"), ("a " * 20, None)]
    texts += [("a " * 20, "b b"), ("a a", "b " * 20), ("a " * 9, "b " * 9)]
    taskmodule = TextClassificationTaskModule({"t": tokenizer}, max_length=11)
    for text, pair in texts:
        examples = encoded(taskmodule, text_document("d", text, pair))
        inputs = taskmodule.collate(examples, training=False).inputs["t"]
        expected = tokenizer(text, pair, max_length=11, truncation="longest_first", return_tensors="pt")
        assert torch.equal(inputs.input_ids, expected["input_ids"]), (text, pair)
        assert torch.equal(inputs.attention_mask, expected["attention_mask"])
        if pair is None:
            assert inputs.token_type_ids is None
        else:
            assert torch.equal(inputs.token_type_ids, expected["token_type_ids"]), (text, pair)


def test_the_token_that_sums_up_a_row_stands_for_its_text():
    taskmodule = make_taskmodule()
    batch = taskmodule.collate(encoded(taskmodule, text_document("one", "aaaa b", "b")), training=False)
    assert batch.inputs["coarse"].unit_ids.tolist() == [[0, -1, -1, -1, -1, -1]]


def test_every_token_belongs_to_the_one_unit_of_its_text():
    taskmodule = make_taskmodule(alignment="mean")
    examples = encoded(taskmodule, text_document("one", "aaaa b", "b"), text_document("two", "a"))
    batch = taskmodule.collate(examples, training=False)
    assert (batch.units, batch.names) == (1, ["one", "two"])
    coarse, fine = batch.inputs["coarse"], batch.inputs["fine"]
    assert coarse.unit_ids.tolist() == [[0] * 6, [1, 1, 1, -1, -1, -1]]
    assert fine.unit_ids.tolist() == [[0] * 9, [1, 1, 1] + [-1] * 6]
    assert fine.sequence_ids.tolist() == [0, 1]
    assert [example.length for example in examples] == [6, 1]


def test_a_document_without_raw_text_is_read_by_its_words():
    taskmodule = make_taskmodule()
    plain = Document("d", ["a", "bb"], [(0, 1)])
    (example,) = taskmodule.encode(plain)
    assert example.texts == taskmodule.encode(text_document("d", "a bb"))[0].texts


def test_truncation_is_reported_once_with_the_number_of_texts(caplog):
    taskmodule = make_taskmodule()
    documents = [text_document(f"d{n}", "a " * length) for n, length in enumerate([3, 30, 10, 11, 40])]
    with caplog.at_level(logging.WARNING):
        examples = encoded(taskmodule, *documents)
        for example in examples:
            taskmodule.collate([example], training=True)
    (record,) = caplog.records
    assert "3 of 5 texts" in record.getMessage() and "taskmodule.max_length=12" in record.getMessage()
    assert [len(example.texts["fine"][0]) for example in examples] == [3, 10, 10, 10, 10]


def test_a_single_word_that_fills_the_row_counts_as_truncated(caplog):
    taskmodule = make_taskmodule()
    (example,) = encoded(taskmodule, text_document("d", "a" * 11))
    taskmodule.collate([example], training=False)
    assert [len(texts[0]) for texts in example.texts.values()] == [3, 10]
    assert "1 of 1 texts" in caplog.text


def labelled(label, name="d", text="a", pair=None):
    return text_document(name, text, pair, label)


def test_classes_are_learnt_sorted_and_unknown_ones_kept_for_the_score():
    taskmodule = make_taskmodule()
    learnt = taskmodule.prepare([labelled("no"), labelled("yes"), labelled("maybe"), labelled("no"), labelled(None)])
    assert learnt == {"problem": "multi_class", "labels": ["maybe", "no", "yes"]} == taskmodule.model_arguments()
    examples = encoded(taskmodule, labelled("yes"), labelled("never"), annotated=True) + encoded(
        taskmodule, labelled(None), labelled(["yes"])
    )
    batch = taskmodule.collate(examples, training=False)
    assert batch.labels.tolist() == [2, -100, -100, -100]
    assert batch.gold == ["yes", "never", None, None]


def test_given_classes_keep_their_order_and_others_are_reported(caplog):
    taskmodule = make_taskmodule(labels=["yes", "no"])
    assert taskmodule.prepare([labelled("no"), labelled("odd"), labelled("odd")])["labels"] == ["yes", "no"]
    assert "2 labels of the training documents" in caplog.text and "odd" in caplog.text


def test_several_classes():
    taskmodule = make_taskmodule(problem="multi_label")
    assert taskmodule.prepare([labelled(["b"]), labelled([]), labelled(["a", "c"])])["labels"] == ["a", "b", "c"]
    examples = encoded(taskmodule, labelled(["c", "a", "z"]), labelled([])) + encoded(taskmodule, labelled(None))
    batch = taskmodule.collate(examples, training=True)
    assert batch.labels[:2].tolist() == [[1, 0, 1], [0, 0, 0]]
    assert batch.labels[2].isnan().all()
    assert batch.gold == [["c", "a", "z"], [], None]


def test_values():
    taskmodule = make_taskmodule(metric="stsb")
    learnt = taskmodule.prepare([labelled(2.0), labelled(5), labelled(2.0)])
    assert learnt == {"problem": "regression", "value_mean": 3.0, "value_std": pytest.approx(math.sqrt(2))}
    batch = taskmodule.collate(encoded(taskmodule, labelled(4.5), labelled(None)), training=True)
    assert batch.labels[0] == 4.5 and batch.labels[1].isnan() and batch.labels.dtype == torch.float32
    assert make_taskmodule(problem="regression").prepare([labelled(2.0)])["value_std"] == 1.0
    given = make_taskmodule(problem="regression", value_mean=0.0, value_std=1.0)
    assert given.prepare([labelled(7.0), labelled(9.0)]) == {
        "problem": "regression",
        "value_mean": 0.0,
        "value_std": 1.0,
    }


@pytest.mark.parametrize(
    ("options", "problem", "metric"),
    [
        ({}, "multi_class", "classification"),
        ({"metric": "stsb"}, "regression", "stsb"),
        ({"problem": "multi_label"}, "multi_label", "multi_label"),
        ({"problem": "regression"}, "regression", "regression"),
        ({"metric": "mrpc", "problem": "multi_class"}, "multi_class", "mrpc"),
    ],
)
def test_problem_and_metric_follow_from_each_other(options, problem, metric):
    taskmodule = make_taskmodule(**options)
    assert (taskmodule.problem, taskmodule.metric) == (problem, metric)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "mprc"}, "model.metric='mprc'.*did you mean mrpc"),
        ({"metric": "mrpc", "problem": "regression"}, "scores a multi_class problem, not a regression one"),
        ({"problem": "ranking"}, "taskmodule.problem='ranking'"),
        ({"max_length": 3}, "taskmodule.max_length=3 leaves no room beside 3 special tokens"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_taskmodule(**options)


@pytest.mark.parametrize(
    ("problem", "label"),
    [("multi_class", 1.0), ("multi_class", ["a"]), ("regression", "1"), ("regression", True), ("multi_label", "a")],
)
def test_labels_of_another_kind_are_refused_where_they_are_needed(problem, label):
    taskmodule = make_taskmodule(problem=problem)
    for refused in (lambda: taskmodule.prepare([labelled(label)]), lambda: taskmodule.encode(labelled(label), True)):
        with pytest.raises(UserError, match=r"d: the label .* is not .*model.metric"):
            refused()
    assert taskmodule.encode(labelled(label))


def test_documents_without_labels_are_refused_where_they_are_needed():
    taskmodule = make_taskmodule()
    assert taskmodule.encode(labelled(None))[0].document.name == "d"
    with pytest.raises(UserError, match="d has no label"):
        taskmodule.encode(labelled(None), annotated=True)
    with pytest.raises(UserError, match="none of the training documents has a label"):
        taskmodule.prepare([labelled(None)])


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({"metric": "paws", "metric_options": {"positive": "yes"}}, ["yes", "no"]),
        ({"problem": "multi_label"}, [["a"], ["b", "c"]]),
        ({"problem": "regression", "max_length": 20}, [0.5, 3]),
    ],
)
def test_options_make_an_equal_taskmodule(options, labels):
    taskmodule = make_taskmodule(**options)
    documents = [labelled(label) for label in labels]
    learnt = taskmodule.prepare(documents)
    copy = TextClassificationTaskModule(
        {"coarse": make_tokenizer(4), "fine": make_tokenizer(1)}, **json.loads(json.dumps(taskmodule.options()))
    )
    assert copy.options() == taskmodule.options()
    assert copy.model_arguments() == learnt
    original, again = (t.collate(encoded(t, *documents), training=False) for t in (taskmodule, copy))
    assert torch.equal(original.labels, again.labels)
    assert torch.equal(original.inputs["fine"].input_ids, again.inputs["fine"].input_ids)


def test_decoding_keeps_other_layers():
    taskmodule = make_taskmodule()
    document = labelled("no")
    document.predicted = Annotations(tags=["X"])
    taskmodule.decode(document, taskmodule.encode(document), [SimpleNamespace(label="yes", score=0.75)])
    assert document.predicted == Annotations(tags=["X"], label="yes", label_score=0.75)
    assert document.gold.label == "no" and taskmodule.answer(document) == "yes"
    assert Document.from_dict(json.loads(json.dumps(document.to_dict()))) == document


def test_raw_texts_and_pairs_become_documents():
    taskmodule = make_taskmodule()
    assert taskmodule.document("t", "a b").text_pair is None
    pair = taskmodule.document("t", ("a b", "b"))
    assert (pair.text, pair.text_pair, pair.words, pair.offsets) == ("a b", "b", ["a", "b"], [(0, 1), (2, 3)])
    pair.validate()


def test_the_commonest_class_is_the_baseline():
    taskmodule = make_taskmodule(metric="mrpc")
    documents = [labelled(label) for label in ["1", "0", "1", "1"]]
    taskmodule.prepare(documents)
    scores = taskmodule.baselines([*documents, labelled(None)])
    assert scores == {"commonest class": {"accuracy_f1": 0.5 * (3 / 4 + 6 / 7), "accuracy": 3 / 4, "f1": 6 / 7}}
    assert taskmodule.baselines([labelled(None)]) == {}


def test_the_baseline_of_several_classes_and_of_unknown_ones():
    taskmodule = make_taskmodule(problem="multi_label")
    taskmodule.prepare([labelled(["a"]), labelled(["b"])])
    (scores,) = taskmodule.baselines([labelled(["c", "a"]), labelled(["c"])]).values()
    assert scores["micro_f1"] == pytest.approx(2 * 2 / 5) and scores["exact_match"] == 0.5
    assert taskmodule.baselines([labelled([])])["commonest class"]["exact_match"] == 1.0


def test_the_mean_is_the_baseline_of_values_and_has_no_correlation():
    taskmodule = make_taskmodule(problem="regression")
    documents = [labelled(value) for value in (1.0, 2.0, 6.0)]
    taskmodule.prepare(documents)
    assert taskmodule.baselines(documents) == {"mean value": {"mse": pytest.approx(14 / 3), "mae": pytest.approx(2.0)}}


def test_one_class_alone_is_told(caplog):
    make_taskmodule(labels=["yes", "no"]).prepare([labelled("no")])
    assert not caplog.text
    assert make_taskmodule().prepare([labelled("no"), labelled("no")])["labels"] == ["no"]
    assert "'no'" in caplog.text
