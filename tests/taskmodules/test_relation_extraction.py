"""The relation extraction taskmodule: markers, windows, candidates, directions, and the way back."""

import json
import os
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from transferlab.data.readers.semeval import SemEval2010Task8Reader
from transferlab.documents import Annotations, Document, Entity, Relation
from transferlab.taskmodules.relation_extraction import RelationExtractionTaskModule, RelationMention
from transferlab.taskmodules.relation_markers import markers
from transferlab.utils.errors import UserError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LETTERS = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyzT[]" for prefix in ("", "##")]


def make_tokenizer(pieces: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer that cuts words into letters, but for the given pieces."""
    vocabulary = [*SPECIAL, *LETTERS, *pieces]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def make_taskmodule(documents=(), **options) -> RelationExtractionTaskModule:
    tokenizers = {"letters": make_tokenizer(), "pairs": make_tokenizer(("ann", "##nn", "lives", "##ves", "here"))}
    taskmodule = RelationExtractionTaskModule(tokenizers, **{"max_window": 64, **options})
    if documents:
        taskmodule.prepare(list(documents))
    return taskmodule


def make_document(text: str, entities=(), relations=None, name: str = "d") -> Document:
    words = text.split()
    gold = Annotations(entities=[Entity(*e) for e in entities], relations=relations)
    return Document(name, words, [(0, len(words) - 1)], gold=gold).validate()


ANN = make_document(
    "ann lives in rome now", [(0, 0, "PERSON"), (3, 3, "CITY")], [Relation((0, 0), (3, 3), "lives_in")], "ann"
)
BOB = make_document(
    "rome saw bob wed eve",
    [(0, 0, "CITY"), (2, 2, "PERSON"), (4, 4, "PERSON")],
    [Relation((2, 2), (4, 4), "spouse"), Relation((0, 0), (2, 2), "no_relation")],
    "bob",
)


def reading(taskmodule, example, key: str = "letters") -> str:
    """What an encoder reads, special tokens of a row included; the units in braces."""
    batch = taskmodule.collate([example], training=False)
    inputs = batch.inputs[key]
    tokenizer = taskmodule.tokenizers[key].tokenizer
    text = ""
    for subtoken, unit in zip(inputs.input_ids[0].tolist(), inputs.unit_ids[0].tolist(), strict=True):
        token = tokenizer.convert_ids_to_tokens(subtoken)
        token = token if unit < 0 else f"{{{unit} {token}}}"
        text += token[2:] if token.startswith("##") else f" {token}"
    return text[1:]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (
            "argument_starts",
            "[CLS] {0 [H:PERSON]} ann [/H:PERSON] lives in {1 [T:CITY]} rome [/T:CITY] now [SEP]",
        ),
        ("first_token", "{0 [CLS]} [H:PERSON] ann [/H:PERSON] lives in [T:CITY] rome [/T:CITY] now [SEP]"),
        ("appended", "[CLS] ann lives in rome now [SEP] {0 [H:PERSON]} ann {1 [T:CITY]} rome [SEP]"),
    ],
)
def test_what_encoders_read(strategy, expected):
    taskmodule = make_taskmodule([ANN, BOB], marker_strategy=strategy)
    (example,) = taskmodule.encode(ANN, annotated=True)
    assert [reading(taskmodule, example, key) for key in ("letters", "pairs")] == [expected, expected]
    assert taskmodule.model_arguments()["num_units"] == (1 if strategy == "first_token" else 2)
    types = taskmodule.collate([example], training=False).inputs["letters"].token_type_ids
    assert (types is not None) == (strategy == "appended")


def test_plain_markers_and_a_head_behind_its_tail():
    taskmodule = make_taskmodule([ANN, BOB], typed_markers=False)
    document = make_document("rome saw bob", [], [Relation((2, 2), (0, 0), "spouse")])
    (example,) = taskmodule.encode(document, annotated=True)
    assert reading(taskmodule, example) == "[CLS] {1 [T]} rome [/T] saw {0 [H]} bob [/H] [SEP]"


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        ((0, 2), (1, 1), "{0 [H]} a {1 [T]} b [/T] c [/H] d"),  # nested
        ((1, 1), (0, 2), "{1 [T]} a {0 [H]} b [/H] c [/T] d"),
        ((0, 2), (0, 0), "{0 [H]} {1 [T]} a [/T] b c [/H] d"),  # beginning together: the longer opens first
        ((0, 0), (0, 2), "{1 [T]} {0 [H]} a [/H] b c [/T] d"),
        ((2, 2), (0, 2), "{1 [T]} a b {0 [H]} c [/H] [/T] d"),  # ending together: the longer closes last
        ((0, 1), (1, 2), "{0 [H]} a {1 [T]} b [/H] c [/T] d"),  # crossing
        ((1, 2), (1, 2), "a {0 [H]} {1 [T]} b c [/T] [/H] d"),  # equal: the head is the outer one
        ((0, 0), (1, 1), "{0 [H]} a [/H] {1 [T]} b [/T] c d"),  # side by side
    ],
)
def test_nested_and_overlapping_arguments(head, tail, expected):
    taskmodule = make_taskmodule(labels=["x"])
    (example,) = taskmodule.encode(make_document("a b c d", [], [Relation(head, tail, "x")]), annotated=True)
    assert reading(taskmodule, example) == f"[CLS] {expected} [SEP]"


def test_markers_are_described_by_words():
    words = markers(["PERSON", "Job_Title"])
    assert list(words)[:5] == ["[H]", "[/H]", "[T]", "[/T]", "[H:PERSON]"]
    assert words["[H]"] == "head start" and words["[/T:PERSON]"] == "tail person end"
    assert words["[T:Job_Title]"] == "tail job title start"
    assert len(words) == 12


def test_the_model_is_told_of_the_markers_in_the_order_of_their_ids():
    taskmodule = make_taskmodule()
    arguments = taskmodule.prepare([ANN, BOB])
    for tokenizer in taskmodule.tokenizers.values():
        ids = [tokenizer.token_id(token) for token in arguments["added_tokens"]]
        first = len(tokenizer.tokenizer) - len(ids)
        assert ids == list(range(first, first + len(ids)))
    assert arguments["labels"] == ["no_relation", "lives_in", "spouse"]
    assert arguments["metric_options"] == {"no_relation": "no_relation"}


def test_types_unseen_in_training_get_plain_markers_and_one_line_in_the_log(caplog):
    taskmodule = make_taskmodule([ANN, BOB])
    document = make_document("ann saw oslo", [(0, 0, "PERSON"), (2, 2, "PORT")], [Relation((0, 0), (2, 2), "x")])
    for _ in range(2):
        (example,) = taskmodule.encode(document, annotated=True)
    assert reading(taskmodule, example) == "[CLS] {0 [H:PERSON]} ann [/H:PERSON] saw {1 [T]} oslo [/T] [SEP]"
    assert len([record for record in caplog.records if "PORT" in record.message]) == 1
    batch = taskmodule.collate([example], training=False)
    assert (batch.labels.tolist(), batch.gold) == ([-100], ["x"])


def test_words_of_the_text_are_never_markers():
    taskmodule = make_taskmodule(labels=["x"])
    document = make_document("[T]he [H] ann eve", [], [Relation((2, 2), (3, 3), "x")])
    (example,) = taskmodule.encode(document, annotated=True)
    own = {taskmodule.tokenizers["letters"].token_id(token) for token in markers([])}
    line = example.lines["letters"]
    assert sum(subtoken in own for subtoken in line.subtokens) == 4
    assert reading(taskmodule, example).startswith("[CLS] [ T ] he [ [UNK] ]")


@pytest.mark.parametrize("strategy", ["argument_starts", "first_token", "appended"])
@pytest.mark.parametrize(
    ("head", "tail"), [((10, 11), (14, 14)), ((14, 14), (10, 11)), ((0, 0), (39, 39)), ((2, 3), (30, 32))]
)
def test_windows_keep_the_words_nearest_to_the_arguments(strategy, head, tail):
    words = [chr(97 + w // 10) * 2 + chr(97 + w % 10) for w in range(40)]
    taskmodule = make_taskmodule(labels=["x"], marker_strategy=strategy, max_window=40)
    document = make_document(" ".join(words), [], [Relation(head, tail, "x")])
    (example,) = taskmodule.encode(document, annotated=True)
    distance = {w: min(max(s - i, i - e, 0) for s, e in (head, tail)) for i, w in enumerate(words)}
    for key in ("letters", "pairs"):
        batch = taskmodule.collate([example], training=False)
        row = batch.inputs[key].input_ids[0]
        assert 34 < len(row) <= 40  # full: one more word of 3 letters would not fit
        text = reading(taskmodule, example, key).replace("{0 ", "").replace("{1 ", "").replace("}", "")
        first = text.split(" [SEP]")[0].split()
        kept = [word for word in first if word in distance]
        assert kept == [word for word in words if word in kept], "in the order of the text, each once"
        assert all(word in kept for start, end in (head, tail) for word in words[start : end + 1])
        lost = [distance[word] for word in words if word not in kept]
        assert max(distance[word] for word in kept) <= min(lost), "what is read is nearer than what is not"
        units = batch.inputs[key].unit_ids[0]
        assert sorted(units[units >= 0].tolist()) == ([0] if strategy == "first_token" else [0, 1])


def test_arguments_longer_than_a_row_lose_words_not_markers():
    taskmodule = make_taskmodule(labels=["x"], max_window=20)
    document = make_document("abc " * 12, [], [Relation((0, 7), (9, 11), "x")])
    (example,) = taskmodule.encode(document, annotated=True)
    text = reading(taskmodule, example)
    assert all(token in text for token in ("{0 [H]}", "[/H]", "{1 [T]}", "[/T]"))
    assert len(example.lines["letters"].subtokens) <= 18


def test_a_row_without_room_is_refused():
    with pytest.raises(UserError, match=r"max_window=12 .* at least 19"):
        make_taskmodule(max_window=12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"marker_strategy": "middle"}, "argument_starts, first_token, appended"),
        ({"add_candidate_relations": True, "no_relation": None}, "set taskmodule.no_relation"),
        ({"add_reversed_relations": True, "reversed_suffix": ""}, "reversed_suffix is empty"),
        ({"add_reversed_relations": True, "metric": "semeval"}, "add_reversed_relations=true .* model.metric=semeval"),
        ({"metric": "rouge"}, "taskmodule.metric=rouge: "),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_taskmodule(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"symmetric_relations": ["sibling"]}, r"names sibling; .* lives_in, no_relation, spouse"),
        ({"add_reversed_relations": True, "reversed_suffix": "_in"}, "the label lives_in ends like that"),
    ],
)
def test_labels_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        make_taskmodule([ANN, BOB], **options)


def test_training_needs_relations():
    with pytest.raises(UserError, match="none of the training documents has a relation"):
        make_taskmodule([make_document("a b", [])])
    with pytest.raises(UserError, match=r"bare has no annotation of relations.*texts with entities to relate"):
        make_taskmodule(labels=["x"]).encode(make_document("a b", name="bare"), annotated=True)


def asked(examples) -> list[tuple]:
    return [(*example.candidate.spans, example.candidate.label) for example in examples]


def test_gold_relations_are_the_examples_of_training_and_evaluation():
    taskmodule = make_taskmodule([ANN, BOB])
    assert asked(taskmodule.encode(BOB, annotated=True)) == [
        ((2, 2), (4, 4), "spouse"),
        ((0, 0), (2, 2), "no_relation"),
    ]
    batch = taskmodule.collate(taskmodule.encode(BOB, annotated=True), training=True)
    assert batch.labels.tolist() == [2, 0] and batch.names == ["bob", "bob"]


def test_candidates_are_all_other_pairs():
    taskmodule = make_taskmodule([ANN, BOB], add_candidate_relations=True)
    found = asked(taskmodule.encode(BOB, annotated=True))
    assert {pair[:2] for pair in found} == set(permutations([(0, 0), (2, 2), (4, 4)], 2))
    assert len(found) == 6 and {pair[2] for pair in found[1:]} == {"no_relation"}
    near = make_taskmodule([ANN, BOB], add_candidate_relations=True, max_argument_distance=1)
    assert ((0, 0), (4, 4)) not in {pair[:2] for pair in asked(near.encode(BOB, annotated=True))}
    # a gold relation is asked for at any distance
    assert len(make_taskmodule([ANN], max_argument_distance=0).encode(ANN, annotated=True)) == 1


def test_prediction_asks_for_the_pairs_of_evaluation_and_is_told_nothing():
    """Asking only for annotated pairs would give away which pairs have no relation."""
    taskmodule = make_taskmodule([ANN, BOB], add_candidate_relations=True)
    evaluated = {pair[:2] for pair in asked(taskmodule.encode(BOB, annotated=True))}
    predicted = asked(taskmodule.encode(BOB))
    assert {pair[:2] for pair in predicted} == evaluated and len(evaluated) == 6
    assert {pair[2] for pair in predicted} == {None}


@pytest.mark.parametrize("options", [{"symmetric_relations": ["spouse"]}, {"add_reversed_relations": True}])
def test_the_reverse_of_a_relation_is_no_pair_without_one(options):
    taskmodule = make_taskmodule([ANN, BOB], add_candidate_relations=True, **options)
    assert ((4, 4), (2, 2)) not in {pair[:2] for pair in asked(taskmodule.encode(BOB, annotated=True))}


def test_reversed_relations_are_read_in_training_only():
    taskmodule = make_taskmodule([ANN, BOB], add_reversed_relations=True, symmetric_relations=["spouse"])
    assert taskmodule.labels == ["no_relation", "lives_in", "spouse", "lives_in_reversed"]
    examples = [*taskmodule.encode(ANN, annotated=True), *taskmodule.encode(BOB, annotated=True)]
    batch = taskmodule.collate(examples, training=True)
    assert batch.gold == ["lives_in", "spouse", "no_relation", "lives_in_reversed", "spouse"]
    assert batch.names == ["ann", "bob", "bob", "ann", "bob"]
    assert batch.labels.tolist() == [1, 2, 0, 3, 2]
    assert taskmodule.collate(examples, training=False).gold == ["lives_in", "spouse", "no_relation"]
    turned = reading(taskmodule, examples[0].reverse)
    assert turned == "[CLS] {1 [T:PERSON]} ann [/T:PERSON] lives in {0 [H:CITY]} rome [/H:CITY] now [SEP]"


def test_a_pair_annotated_in_both_directions_is_not_reversed():
    document = make_document("a b", [], [Relation((0, 0), (1, 1), "x"), Relation((1, 1), (0, 0), "y")])
    taskmodule = make_taskmodule([document], add_reversed_relations=True)
    assert taskmodule.collate(taskmodule.encode(document, annotated=True), training=True).gold == ["x", "y"]


EVE = make_document(
    "eve met bob ann",
    [(0, 0, "PERSON"), (2, 2, "PERSON"), (3, 3, "PERSON")],
    [
        Relation((0, 0), (2, 2), "spouse"),
        Relation((2, 2), (3, 3), "knows"),
        Relation((0, 0), (2, 2), "knows"),
        Relation((3, 3), (0, 0), "no_relation"),
        Relation((0, 0), (2, 2), "spouse"),
    ],
    "eve",
)


def test_several_labels_of_a_pair_are_one_example():
    taskmodule = make_taskmodule([EVE], metric="multi_label")
    assert taskmodule.labels == ["knows", "spouse"], "no_relation is no label among several"
    assert taskmodule.model_arguments()["problem"] == "multi_label"
    examples = taskmodule.encode(EVE, annotated=True)
    assert [example.candidate.spans for example in examples] == [((0, 0), (2, 2)), ((2, 2), (3, 3)), ((3, 3), (0, 0))]
    batch = taskmodule.collate(examples, training=True)
    assert batch.gold == [["spouse", "knows"], ["knows"], []]
    assert batch.labels.tolist() == [[1, 1], [1, 0], [0, 0]]
    assert list(map(taskmodule.gold_labels, examples)) == batch.gold
    everything = make_taskmodule([EVE], metric="multi_label", add_candidate_relations=True)
    gold = everything.collate(everything.encode(EVE, annotated=True), training=True).gold
    assert len(gold) == 6 and gold[3:] == [[], [], []]


def test_several_labels_are_reversed_together():
    options = {"add_reversed_relations": True, "symmetric_relations": ["spouse"]}
    taskmodule = make_taskmodule([EVE], metric="multi_label", **options)
    batch = taskmodule.collate(taskmodule.encode(EVE, annotated=True), training=True)
    assert taskmodule.labels == ["knows", "spouse", "knows_reversed"]
    assert batch.gold == [["spouse", "knows"], ["knows"], [], ["spouse", "knows_reversed"], ["knows_reversed"]]


def test_predicted_labels_of_a_pair_are_relations():
    taskmodule = make_taskmodule([EVE], metric="multi_label")
    examples = taskmodule.encode(EVE)
    answers = [(["knows", "spouse"], [0.9, 0.6]), ([], []), (["knows"], [0.7])]
    predictions = [SimpleNamespace(label=labels, score=scores) for labels, scores in answers]
    found = taskmodule.decode(EVE, examples, predictions).predicted.relations
    assert found == [
        Relation((0, 0), (2, 2), "knows", 0.9),
        Relation((0, 0), (2, 2), "spouse", 0.6),
        Relation((3, 3), (0, 0), "knows", 0.7),
    ]


def test_where_one_label_is_asked_several_are_refused_with_counts_an_example_and_the_remedy():
    with pytest.raises(UserError) as error:
        make_taskmodule([ANN, EVE, BOB])
    for part in ("1 of 6 pairs", "'eve'", "'bob'", "spouse, knows", "model.metric=multi_label", "val/micro_f1"):
        assert part in str(error.value)
    with pytest.raises(UserError, match="1 of 3 pairs"):
        make_taskmodule([ANN, BOB]).encode(EVE, annotated=True)
    assert len(make_taskmodule([ANN, BOB]).encode(EVE)) == 3, "it can be predicted"


def test_the_same_relation_twice_is_one_example():
    twice = make_document("a b", [], [Relation((0, 0), (1, 1), "x"), Relation((0, 0), (1, 1), "x")])
    assert len(make_taskmodule([twice]).encode(twice, annotated=True)) == 1


def test_the_baseline_of_several_labels_gives_every_pair_the_most_frequent_one():
    taskmodule = make_taskmodule([EVE], metric="multi_label")
    scores = taskmodule.baselines([EVE])
    assert list(scores) == ["most frequent relation"]
    assert scores["most frequent relation"]["micro_f1"] == pytest.approx(2 * (2 / 3) * (2 / 3) / (4 / 3))


def decode(taskmodule, document: Document, labels: dict[tuple, tuple[str, float]]) -> list[Relation]:
    """The relations of a document, of whose pairs some are predicted to have a label."""
    examples = taskmodule.encode(document)
    predictions = [
        SimpleNamespace(label=label, score=score)
        for label, score in (labels.get(example.candidate.spans, ("no_relation", 0.5)) for example in examples)
    ]
    assert set(labels) <= {example.candidate.spans for example in examples}
    return taskmodule.decode(document, examples, predictions).predicted.relations


def test_reversed_predictions_are_turned_back_and_merged():
    taskmodule = make_taskmodule([ANN, BOB], add_reversed_relations=True, symmetric_relations=["spouse"])
    document = make_document("eve rome bob", [(0, 0, "PERSON"), (1, 1, "CITY"), (2, 2, "PERSON")])
    predicted = {
        ((0, 0), (1, 1)): ("lives_in", 0.6),
        ((1, 1), (0, 0)): ("lives_in_reversed", 0.8),  # the same
        ((1, 1), (2, 2)): ("lives_in_reversed", 0.7),
        ((0, 0), (2, 2)): ("spouse", 0.9),
        ((2, 2), (0, 0)): ("spouse", 0.4),  # the same
    }
    assert decode(taskmodule, document, predicted) == [
        Relation((0, 0), (1, 1), "lives_in", 0.8),
        Relation((0, 0), (2, 2), "spouse", 0.9),
        Relation((2, 2), (1, 1), "lives_in", 0.7),
    ]


def test_predictions_are_about_the_arguments_of_gold_relations():
    taskmodule = make_taskmodule([ANN, BOB])
    assert asked(taskmodule.encode(BOB)) == [((2, 2), (4, 4), None), ((0, 0), (2, 2), None)]
    document = Document.from_dict(BOB.to_dict())
    assert decode(taskmodule, document, {((0, 0), (2, 2)): ("lives_in", 0.7)}) == [
        Relation((0, 0), (2, 2), "lives_in", 0.7)
    ]
    assert document.gold == BOB.gold


def test_predicted_entities_come_first_and_stay():
    taskmodule = make_taskmodule([ANN, BOB])
    document = Document.from_dict(ANN.to_dict())
    entities = [Entity(0, 0, "PERSON", 0.9), Entity(4, 4, "CITY", 0.8)]
    document.predicted = Annotations(entities=list(entities), tags=["O"] * 5)
    examples = taskmodule.encode(document)
    assert asked(examples) == [((0, 0), (4, 4), None), ((4, 4), (0, 0), None)]
    assert "{1 [T:CITY]} now" in reading(taskmodule, examples[0])
    decode(taskmodule, document, {((0, 0), (4, 4)): ("lives_in", 0.7)})
    assert document.predicted.entities == entities and document.predicted.tags == ["O"] * 5
    assert document.predicted.relations == [Relation((0, 0), (4, 4), "lives_in", 0.7)]
    document.predicted = Annotations(entities=[])
    assert taskmodule.encode(document) == []
    assert taskmodule.decode(document, [], []).predicted.relations == []
    # what is trained on and scored is the gold
    assert asked(taskmodule.encode(document, annotated=True)) == [((0, 0), (3, 3), "lives_in")]


def test_gold_entities_are_paired_where_nothing_else_is_known():
    taskmodule = make_taskmodule([ANN, BOB], max_argument_distance=1)
    document = make_document("a b c d", [(0, 0, "PERSON"), (2, 2, "CITY"), (3, 3, "CITY"), (2, 2, "PERSON")])
    assert {pair[:2] for pair in asked(taskmodule.encode(document))} == {
        *permutations([(0, 0), (2, 2)], 2),
        *permutations([(2, 2), (3, 3)], 2),
    }
    assert taskmodule.encode(make_document("a b")) == []


def test_raw_text_comes_with_its_entities():
    taskmodule = make_taskmodule([ANN, BOB])
    text = "Ann Lee lives in Rome."
    document = taskmodule.document("text 1", (text, [(0, 7, "PERSON"), (17, 21, "CITY")]))
    assert document.gold.entities == [Entity(0, 1, "PERSON"), Entity(4, 4, "CITY")]
    decode(taskmodule, document, {((0, 1), (4, 4)): ("lives_in", 0.7)})
    assert taskmodule.answer(document) == [RelationMention("Ann Lee", "Rome", "lives_in", 0.7)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("Ann lives in Rome", r"give \(text, \[\(start, end, type\), ...\]\)"),
        (("Ann", "lives in Rome"), "relations hold between entities"),
        (("Ann", [(0, 3)]), "relations hold between entities"),
        (("Ann ", [(3, 4, "")]), "3 to 4.* no word"),
    ],
)
def test_raw_text_without_entities_is_refused(given, message):
    with pytest.raises(UserError, match=message):
        make_taskmodule(labels=["x"]).document("text 1", given)


def test_options_make_an_equal_taskmodule():
    one = make_taskmodule(
        [ANN, BOB], marker_strategy="appended", add_reversed_relations=True, symmetric_relations=["spouse"]
    )
    options = json.loads(json.dumps(one.options()))
    tokenizers = {"letters": make_tokenizer(), "pairs": make_tokenizer(("ann", "##nn", "lives", "##ves", "here"))}
    # the tokenizer of a saved, trained encoder has the markers already
    tokenizers["letters"].add_tokens(list(one.model_arguments()["added_tokens"]), special_tokens=True)
    other = RelationExtractionTaskModule(tokenizers, **options)
    assert other.options() == one.options() and other.model_arguments() == one.model_arguments()
    for ours, theirs in zip(one.encode(ANN, annotated=True), other.encode(ANN, annotated=True), strict=True):
        assert ours == theirs


def test_baselines_are_constant():
    without = make_document("a b", [], [Relation((0, 0), (1, 1), "no_relation")])
    scores = make_taskmodule([ANN, BOB]).baselines([ANN, BOB, without])
    assert scores["most frequent label"] == {"precision": 1.0, "recall": 0.0, "f1": 0.0}  # no guess is never wrong
    assert scores["most frequent relation"] == pytest.approx({"precision": 1 / 4, "recall": 1 / 2, "f1": 1 / 3})
    semeval = make_document("a b", [], [Relation((0, 0), (1, 1), "Cause-Effect(e1,e2)")])
    taskmodule = make_taskmodule([semeval], metric="semeval", no_relation="Other")
    assert taskmodule.baselines([semeval])["most frequent label"]["macro_f1"] == 1.0
    assert taskmodule.baselines([make_document("a b")]) == {}


@pytest.mark.corpus
def test_semeval_2010_task_8(project_root):
    place = Path(
        os.environ.get("SEMEVAL2010_TASK8_DIR", project_root.parent / "shared" / "data" / "re" / "semeval2010_task8")
    )
    if not place.is_dir():
        pytest.skip(f"SemEval-2010 Task 8 is not at {place}; set SEMEVAL2010_TASK8_DIR")
    documents = list(SemEval2010Task8Reader(place).read("test"))[:300]
    taskmodule = make_taskmodule(documents, no_relation="Other", metric="semeval", max_window=128)
    assert list(taskmodule.model_arguments()["added_tokens"]) == ["[H]", "[/H]", "[T]", "[/T]"]  # no types
    for document in documents:
        (example,) = taskmodule.encode(document, annotated=True)
        assert sorted(example.lines["letters"].units)[-2:] == [0, 1] and len(example.lines["letters"].subtokens) <= 126


def test_a_document_whose_annotators_found_no_relation_is_asked_nothing_in_prediction_as_in_evaluation():
    entities = [(0, 0, "PERSON"), (2, 2, "PERSON")]
    nothing, unknown = make_document("ann saw bob", entities, []), make_document("ann saw bob", entities)
    for options, pairs in (({}, 0), ({"add_candidate_relations": True}, 2)):
        taskmodule = make_taskmodule([ANN, BOB], **options)
        assert [len(taskmodule.encode(nothing, annotated=told)) for told in (True, False)] == [pairs, pairs]
        assert len(taskmodule.encode(unknown)) == 2
