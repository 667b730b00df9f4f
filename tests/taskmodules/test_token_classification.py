"""The token classification taskmodule: tags, sentences, windows and rows of several tokenizers, and back."""

import json
from dataclasses import dataclass

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from transferlab.documents import Annotations, Document, Entity
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.taskmodules.token_classification import LabelledText, TokenClassificationTaskModule


def letters() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer without merges: a word of n letters has n subtokens and one for the space before it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", *alphabet])}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", cls_token="<s>"
    )


@dataclass
class Tagged:
    tags: list[str]
    probabilities: list[float]


def make(**options) -> TokenClassificationTaskModule:
    tokenizers = {"words": load_tokenizers({"words": "minilm"})[0]["words"], "letters": letters()}
    return TokenClassificationTaskModule(tokenizers, **options)


def document(*sentences: str, entities=None, tags=None, name: str = "d") -> Document:
    words: list[str] = []
    spans = []
    for sentence in sentences:
        spans.append((len(words), len(words) + len(sentence.split()) - 1))
        words += sentence.split()
    entities = None if entities is None else [Entity(*entity) for entity in entities]
    return Document(name, words, spans, gold=Annotations(entities=entities, tags=tags)).validate()


@pytest.fixture
def news() -> Document:
    return document(
        "Anna Keller left Oslo .", "She waited .", "Rain", entities=[(0, 1, "PER"), (3, 3, "LOC")], name="news"
    )


def test_the_tags_of_a_type_are_complete(news):
    """Oslo alone would give B-LOC, and a longer place could never be predicted."""
    assert make().prepare([news]) == {
        "labels": ["O", "B-LOC", "B-PER", "I-LOC", "I-PER"], "metric": "span_f1", "scheme": "IOB2",
    }  # fmt: skip
    assert make(scheme="BILOU").prepare([news])["labels"] == [
        "O", "B-LOC", "B-PER", "I-LOC", "I-PER", "L-LOC", "L-PER", "U-LOC", "U-PER",
    ]  # fmt: skip
    tagged = document("a b", tags=["B-X", "O"])
    assert make(layer="tags", scheme="IOB2").prepare([tagged])["labels"] == ["O", "B-X", "I-X"]


def test_tags_without_a_scheme_are_those_of_the_corpus():
    documents = [document("a b", tags=["VERB", "NOUN"]), document("c", tags=["ADJ"])]
    taskmodule = make(layer="tags", scheme=None)
    assert taskmodule.prepare(documents) == {"labels": ["ADJ", "NOUN", "VERB"], "metric": "accuracy", "scheme": None}


def test_given_labels_are_kept(news):
    assert make(labels=["O", "B-PER", "I-PER"]).prepare([news])["labels"] == ["O", "B-PER", "I-PER"]


def test_nothing_to_learn_is_refused():
    with pytest.raises(ValueError, match=r"gold.entities of the 1 training documents .* choose another dataset"):
        make().prepare([document("a", entities=[])])


def test_entities_that_tags_cannot_express_are_counted_in_one_line(caplog):
    nested = [document("a b c", entities=[(0, 2, "A"), (1, 1, "B")], name=f"{n}") for n in range(3)]
    make().prepare(nested)
    assert [record.getMessage()[:29] for record in caplog.records] == ["3 of 6 entities overlap longe"]


def test_one_example_per_sentence_with_labels_on_words(news):
    taskmodule = make()
    taskmodule.prepare([news])
    examples = taskmodule.encode(news, annotated=True)
    assert [(example.name, example.length) for example in examples] == [("news", 5), ("news", 3), ("news", 1)]
    batch = taskmodule.collate(examples, training=True)
    assert batch.units == 5 and batch.lengths.tolist() == [5, 3, 1]
    assert batch.tag_ids.tolist() == [[2, 4, 0, 1, 0], [0, 0, 0, -100, -100], [0, -100, -100, -100, -100]]
    assert batch.gold == [["B-PER", "I-PER", "O", "B-LOC", "O"], ["O", "O", "O"], ["O"]]
    for inputs in batch.inputs.values():
        assert inputs.sequence_ids.tolist() == [0, 1, 2]
        pointed_at = sorted(set(inputs.unit_ids.flatten().tolist()))
        assert pointed_at == [-1, 0, 1, 2, 3, 4, 5, 6, 7, 10]
    # "Anna" is 4 letters and a space
    assert batch.inputs["letters"].unit_ids[0].tolist()[:8] == [-1, 0, 0, 0, 0, 0, 1, 1]


def test_sentences_are_packed_but_stay_sentences(news):
    taskmodule = make(pack_sentences=True)
    taskmodule.prepare([news])
    (example,) = taskmodule.encode(news, annotated=True)
    batch = taskmodule.collate([example], training=True)
    assert (example.length, batch.lengths.tolist(), batch.units) == (9, [9], 9)
    assert batch.gold == [["B-PER", "I-PER", "O", "B-LOC", "O"], ["O", "O", "O"], ["O"]]
    assert batch.tag_ids.tolist() == [[2, 4, 0, 1, 0, 0, 0, 0, 0]]


def test_packs_fit_every_tokenizer(news):
    # letters and spaces: 25 of the first sentence, 13 of the second, 5 of the third
    fits = [(25 + 2, [5, 4]), (17 + 2, [5, 3, 1]), (25 + 13 + 2, [8, 1]), (25 + 13 + 5 + 2, [9])]
    for max_segment_len, expected in fits:
        taskmodule = make(pack_sentences=True, max_segment_len=max_segment_len, overlap=4)
        assert [example.length for example in taskmodule.encode(news)] == expected, max_segment_len


def test_a_long_sentence_is_read_in_windows_of_each_tokenizer_and_every_word_once():
    taskmodule = make(max_segment_len=14, overlap=6)
    (example,) = taskmodule.encode(document("aa bb cc dd ee ff gg"))
    read = [len(line.subtokens) for line in example.lines["letters"]]
    assert [count // 3 for count in read] == [4, 4, 3], "words, of two letters and a space each"
    represented = [sorted(set(line.units) - {-1}) for line in example.lines["letters"]]
    assert represented == [[0, 1, 2], [3, 4], [5, 6]]
    assert len(example.lines["words"]) == 1
    inputs = taskmodule.collate([example], training=False).inputs["letters"]
    assert inputs.sequence_ids.tolist() == [0, 0, 0]
    rows_of_word = [{r for r, row in enumerate(inputs.unit_ids.tolist()) if word in row} for word in range(7)]
    assert rows_of_word == [{0}, {0}, {0}, {1}, {1}, {2}, {2}]
    assert inputs.attention_mask.sum(1).tolist() == [14, 14, 11], "context is read though it is not represented"


def test_unknown_gold_tags_are_kept_from_the_loss_and_not_from_the_score(news):
    taskmodule = make(labels=["O", "B-PER", "I-PER"])
    batch = taskmodule.collate(taskmodule.encode(news, annotated=True)[:1], training=True)
    assert batch.tag_ids.tolist() == [[1, 2, 0, -100, 0]]
    assert batch.gold == [["B-PER", "I-PER", "O", "B-LOC", "O"]]


def test_documents_without_annotation_can_be_predicted_only():
    plain = document("a b", "c")
    taskmodule = make(labels=["O", "B-A", "I-A"])
    batch = taskmodule.collate(taskmodule.encode(plain), training=False)
    assert batch.gold == [None, None] and batch.tag_ids.tolist() == [[-100, -100], [-100, -100]]
    with pytest.raises(ValueError, match=r"d has no gold.entities"):
        taskmodule.encode(plain, annotated=True)


def test_an_empty_document_has_no_example_and_gets_empty_layers():
    taskmodule = make(labels=["O", "B-A", "I-A"])
    empty = document(entities=[])
    assert taskmodule.encode(empty, annotated=True) == []
    decoded = taskmodule.decode(empty, [], [])
    assert decoded.predicted is not None and (decoded.predicted.tags, decoded.predicted.entities) == ([], [])


@pytest.mark.parametrize("pack_sentences", [False, True])
def test_decoding_sentences_of_a_document(news, pack_sentences):
    taskmodule = make(pack_sentences=pack_sentences, labels=["O", "B-PER", "I-PER"])
    news.predicted = Annotations(clusters=[[(0, 1)]])
    examples = taskmodule.encode(news)
    tags = ["B-PER", "I-PER", "O", "I-PER", "I-PER", "I-PER", "O", "O", "B-PER"]
    probabilities = [0.5, 0.75, 1.0, 0.25, 0.75, 0.5, 1.0, 1.0, 0.125]
    predictions, start = [], 0
    for example in examples:
        stop = start + example.length
        predictions.append(Tagged(tags[start:stop], probabilities[start:stop]))
        start = stop
    decoded = taskmodule.decode(news, examples, predictions).validate()
    assert decoded.predicted is not None and decoded.predicted.tags == tags
    assert decoded.predicted.clusters == [[(0, 1)]]
    assert decoded.predicted.entities == [
        Entity(0, 1, "PER", 0.625),
        Entity(3, 4, "PER", 0.5),  # a stray I begins an entity, and the end of the sentence ends it
        Entity(5, 5, "PER", 0.5),
        Entity(8, 8, "PER", 0.125),
    ]


def test_answers_are_cut_from_the_raw_text():
    taskmodule = make(labels=["O", "B-PER", "I-PER"])
    text = "Hello!  Anna\nKeller left."
    raw = taskmodule.document("t", text)
    tags = {"Anna": "B-PER", "Keller": "I-PER"}
    examples = taskmodule.encode(raw)
    predictions, words = [], iter(raw.words)
    for example in examples:
        own = [tags.get(next(words), "O") for _ in range(example.length)]
        predictions.append(Tagged(own, [0.5] * len(own)))
    taskmodule.decode(raw, examples, predictions)
    assert taskmodule.answer(raw) == [LabelledText("Anna\nKeller", 8, 19, "PER", 0.5)]
    assert text[8:19] == "Anna\nKeller"


def test_answers_of_tags_without_a_scheme_are_words():
    taskmodule = make(layer="tags", scheme=None, labels=["NOUN", "VERB"])
    raw = taskmodule.document("t", "Rain falls")
    taskmodule.decode(raw, taskmodule.encode(raw), [Tagged(["NOUN", "VERB"], [0.5, 0.5])])
    assert raw.predicted is not None and raw.predicted.entities is None
    assert taskmodule.answer(raw) == [
        LabelledText("Rain", 0, 4, "NOUN", None),
        LabelledText("falls", 5, 10, "VERB", None),
    ]


def test_options_make_an_equal_taskmodule(news):
    taskmodule = make(scheme="BIOES", max_segment_len=30, overlap=5, pack_sentences=True)
    taskmodule.prepare([news])
    options = json.loads(json.dumps(taskmodule.options()))
    copy = make(**options)
    assert copy.options() == taskmodule.options() and copy.model_arguments() == taskmodule.model_arguments()
    assert copy.encode(news) == taskmodule.encode(news)


def test_baselines_have_the_names_of_the_scores(news):
    taskmodule = make()
    taskmodule.prepare([news])
    ((name, scores),) = taskmodule.baselines([news]).items()
    assert name == "every word O" and scores["f1"] == 0.0 and scores["PER_recall"] == 0.0
    nouns = document("a b c", tags=["NOUN", "VERB", "NOUN"])
    assert make(layer="tags", scheme=None).baselines([nouns]) == {"every word NOUN": {"accuracy": pytest.approx(2 / 3)}}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "spans"}, "taskmodule.layer=spans: choose one of"),
        ({"scheme": "IOB3"}, "taskmodule.scheme=IOB3: "),
        ({"scheme": None}, "taskmodule.scheme=null, but taskmodule.layer=entities"),
        ({"max_segment_len": 2}, "taskmodule.overlap=64 must be .* taskmodule.max_segment_len=2, 0 subtokens"),
        ({"max_segment_len": 20, "overlap": 18}, "taskmodule.overlap=18 must be"),
    ],
)
def test_options_that_cannot_work_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make(**options)
