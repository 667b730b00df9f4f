"""Span and tag scores: worked examples, seqeval as the oracle, the metric objects over the same counts."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
import torch
from seqeval.metrics import accuracy_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.metrics.sequence_labeling import precision_recall_fscore_support as lenient_oracle
from seqeval.metrics.v1 import precision_recall_fscore_support as strict_oracle
from seqeval.scheme import BILOU, IOB1, IOB2, IOBES, IOE1, IOE2, Entities

from transferlab.metrics.span_f1 import (
    PARTS,
    SpanScore,
    TagAccuracy,
    sequence_scores,
    span_scores,
    tag_accuracy,
)
from transferlab.utils.errors import UserError
from transferlab.utils.tagging import SCHEMES, spans_of_tags, tags_of_spans

PREFIXES = {"IOB1": "BI", "IOB2": "BI", "IOE1": "IE", "IOE2": "IE", "BIOES": "BIES", "BILOU": "BILU"}
SEQEVAL = {"IOB1": IOB1, "IOB2": IOB2, "IOE1": IOE1, "IOE2": IOE2, "BIOES": IOBES, "BILOU": BILOU}
# seqeval's strict IOB1 and IOE1 deviate, see test_where_seqeval_deviates
STRICT_AGREES = ["IOB2", "IOE2", "BIOES", "BILOU"]

Sequences = list[list[str]]


def as_lenient_oracle_reads(sequences: Sequences) -> Sequences:
    """Lenient seqeval knows no L and U and takes them for I; they are E and S by other names."""
    letters = str.maketrans("LU", "ES")
    return [[tag[0].translate(letters) + tag[1:] for tag in tags] for tags in sequences]


def random_tags(rng: random.Random, scheme: str) -> tuple[Sequences, Sequences]:
    """Gold and predicted tags, mostly malformed, that agree in half of the words."""
    types = ["PER", "LOC", "creative-work"][: rng.randint(1, 3)]
    choices = ["O", *(f"{prefix}-{kind}" for prefix in PREFIXES[scheme] for kind in types)]
    gold = [[rng.choice(choices) for _ in range(rng.randrange(1, 8))] for _ in range(rng.randrange(1, 6))]
    predicted = [[tag if rng.random() < 0.8 else rng.choice(choices) for tag in tags] for tags in gold]
    return gold, predicted


def assert_equals_oracle(scores: dict[str, Any], oracle: Any, gold: Sequences, predicted: Sequences, **kw: Any) -> None:
    kw["zero_division"] = 0
    *micro, support = oracle(gold, predicted, average="micro", **kw)
    assert [scores[part] for part in PARTS] == pytest.approx(micro)
    assert scores["support"] == support
    if scores["types"]:  # else seqeval divides by the number of types
        macro = oracle(gold, predicted, average="macro", **kw)[:3]
        assert [scores[f"macro_{part}"] for part in PARTS] == pytest.approx(macro)
        by_type = oracle(gold, predicted, average=None, **kw)
        for index, kind in enumerate(sorted(scores["types"])):
            expected = [column[index] for column in by_type]
            assert [scores["types"][kind][part] for part in (*PARTS, "support")] == pytest.approx(expected)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lenient_scores_are_those_of_seqeval(scheme: str) -> None:
    rng = random.Random(0)
    for _ in range(100):
        gold, predicted = random_tags(rng, scheme)
        scores = sequence_scores(gold, predicted, scheme)
        gold, predicted = as_lenient_oracle_reads(gold), as_lenient_oracle_reads(predicted)
        assert_equals_oracle(scores, lenient_oracle, gold, predicted)


@pytest.mark.parametrize("scheme", STRICT_AGREES)
def test_strict_scores_are_those_of_seqeval(scheme: str) -> None:
    rng = random.Random(1)
    for _ in range(100):
        gold, predicted = random_tags(rng, scheme)
        scores = sequence_scores(gold, predicted, scheme, strict=True)
        assert_equals_oracle(scores, strict_oracle, gold, predicted, scheme=SEQEVAL[scheme])


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_short_sequence_is_read_as_by_seqeval(scheme: str) -> None:
    choices = ["O", *(f"{prefix}-{kind}" for prefix in PREFIXES[scheme] for kind in "xy")]
    for length in range(1, 5 if len(choices) < 6 else 4):
        for tags in map(list, itertools.product(choices, repeat=length)):
            spans = spans_of_tags(tags, scheme)
            lenient = [(start, end, kind) for kind, start, end in get_entities(*as_lenient_oracle_reads([tags]))]
            assert spans == lenient, tags
            # strict IOB1 agrees on what the scheme itself writes
            if scheme in STRICT_AGREES or (scheme == "IOB1" and tags_of_spans(spans, length, scheme) == tags):
                (entities,) = Entities([tags], SEQEVAL[scheme]).entities
                strict = [(entity.start, entity.end - 1, entity.tag) for entity in entities]
                assert spans_of_tags(tags, scheme, strict=True) == strict, tags


@pytest.mark.parametrize(
    ("scheme", "tags", "right", "seqeval"),
    [
        # B is malformed where no span of the same type precedes, yet seqeval makes a span of its tail
        ("IOB1", "O B-x I-x", [], [(2, 2, "x")]),
        # the second span is well-formed, but seqeval lacks the pattern that ends a B before one of another type
        ("IOB1", "I-x B-x B-y", [(0, 0, "x"), (1, 1, "x")], [(0, 0, "x")]),
        # well-formed; seqeval has no pattern for a span of one word marked E ("hasn't yet been able to handle")
        ("IOE1", "E-x I-x", [(0, 0, "x"), (1, 1, "x")], [(1, 1, "x")]),
        # the first E is needed to tell the spans apart, the second tells nothing apart
        ("IOE1", "E-x E-x", [(0, 0, "x")], []),
    ],
)
def test_where_seqeval_deviates(scheme: str, tags: str, right: list[Any], seqeval: list[Any]) -> None:
    assert spans_of_tags(tags.split(), scheme, strict=True) == right
    (entities,) = Entities([tags.split()], SEQEVAL[scheme]).entities
    assert [(entity.start, entity.end - 1, entity.tag) for entity in entities] == seqeval


GOLD = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-PER", "O"]]
# right; cut short; LOC taken for ORG; one invented on O
PREDICTED = [["B-PER", "I-PER", "O", "B-ORG"], ["B-LOC", "I-PER", "O"]]


def test_scores_by_hand() -> None:
    scores = sequence_scores(GOLD, PREDICTED)
    # PER (0, 1) and the lenient PER (1, 1) of 3 gold and 4 predicted spans
    assert [scores[part] for part in PARTS] == pytest.approx([2 / 4, 2 / 3, 4 / 7])
    assert scores["support"] == 3
    # ORG is only predicted and still the third type of the mean
    assert [scores[f"macro_{part}"] for part in PARTS] == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    nothing = {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert scores["types"] == {
        "LOC": nothing | {"support": 1},
        "ORG": nothing | {"support": 0},
        "PER": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 2},
    }
    strict = sequence_scores(GOLD, PREDICTED, strict=True)
    assert [strict[part] for part in PARTS] == pytest.approx([1 / 3, 1 / 3, 1 / 3])


def test_defect_6_f1_counts_entities_and_false_positives_on_o() -> None:
    """The former F1 was that of tokens and ignored label 0, so entities invented on O cost nothing."""
    gold = [["B-PER", "I-PER", "I-PER", "I-PER", "O", "O", "O", "O"]]
    cut_short = [["B-PER", "I-PER", "I-PER", "O", "O", "O", "O", "O"]]
    assert sequence_scores(gold, cut_short)["f1"] == 0.0, "three of four tokens are no entity"
    invented = [[*gold[0][:5], "B-PER", "B-LOC", "B-LOC"]]
    scores = sequence_scores(gold, invented)
    assert [scores[part] for part in PARTS] == pytest.approx([1 / 4, 1.0, 2 / 5])
    metric = SpanScore(["PER", "LOC"])
    metric.update(gold, invented)
    assert metric.compute()["precision"] == pytest.approx(1 / 4)
    assert sequence_scores([["O", "O"]], [["B-PER", "O"]])["macro_f1"] == 0.0


def test_no_spans_at_all_is_zero() -> None:
    zero = dict.fromkeys((*PARTS, *(f"macro_{part}" for part in PARTS)), 0.0) | {"support": 0, "types": {}}
    assert sequence_scores([["O"], []], [["O"], []]) == sequence_scores([], []) == span_scores([[]], [[]]) == zero
    assert SpanScore(["PER"]).compute() == {
        "precision": 0.0, "recall": 0.0, "f1": 0.0, "macro_f1": 0.0,
        "PER_precision": 0.0, "PER_recall": 0.0, "PER_f1": 0.0,
    }  # fmt: skip


def test_nested_spans_and_repeated_ones() -> None:
    gold = [[(0, 4, "ORG"), (2, 3, "LOC"), (2, 3, "ORG")], [(0, 0, "LOC")]]
    predicted = [[(2, 3, "LOC"), (2, 3, "LOC"), (0, 4, "LOC")], [(0, 0, "ORG"), (2, 3, "ORG")]]
    scores = span_scores(gold, predicted)
    # one of 4 predicted and of 4 gold; (2, 3, ORG) is gold in another document
    assert [scores[part] for part in PARTS] == [1 / 4, 1 / 4, 1 / 4]
    assert scores["types"]["LOC"] == {"precision": 1 / 2, "recall": 1 / 2, "f1": 1 / 2, "support": 2}
    with pytest.raises(UserError, match="2 gold but 1 predicted documents"):
        span_scores(gold, predicted[:1])


def test_span_scores_equal_sequence_scores() -> None:
    gold, predicted = random_tags(random.Random(2), "BIOES")
    spans = [[spans_of_tags(tags, "BIOES") for tags in side] for side in (gold, predicted)]
    assert span_scores(*spans) == sequence_scores(gold, predicted, "BIOES")


def test_lengths_that_differ_name_the_sequence() -> None:
    for call in (sequence_scores, tag_accuracy, SpanScore(["PER"]).update, TagAccuracy().update):
        with pytest.raises(UserError, match="2 gold but 1 predicted sequences"):
            call([["O"], ["O"]], [["O"]])
        with pytest.raises(UserError, match="sequence 1: 2 gold but 3 predicted tags"):
            call([["O"], ["O", "O"]], [["O"], ["O", "O", "O"]])


def test_tags_of_another_scheme_name_the_sequence() -> None:
    metric = SpanScore(["PER"])
    for call in (sequence_scores, metric.update):
        with pytest.raises(UserError, match=r"predicted sequence 1: tag 'S-PER' at position 0 is none of .* IOB2"):
            call([["O"], ["B-PER"]], [["O"], ["S-PER"]])
    assert metric.counts.sum() == 0, "nothing was added"
    with pytest.raises(UserError, match="no tagging scheme"):
        SpanScore(["PER"], scheme="IOB")


@pytest.mark.parametrize("strict", [False, True])
def test_metric_equals_the_function_and_reduces_by_summing(strict: bool) -> None:
    rng = random.Random(3)
    types = ["PER", "LOC", "creative-work"]
    whole, shares = SpanScore(types, "BIOES", strict), [SpanScore(types, "BIOES", strict) for _ in range(2)]
    all_gold: Sequences = []
    all_predicted: Sequences = []
    for batch in range(8):
        gold, predicted = random_tags(rng, "BIOES")
        whole.update(gold, predicted)
        shares[batch % 2].update(gold, predicted)
        all_gold += gold
        all_predicted += predicted
    scores = sequence_scores(all_gold, all_predicted, "BIOES", strict)
    expected = {name: scores[name] for name in (*PARTS, "macro_f1")}
    expected |= {f"{kind}_{part}": scores["types"][kind][part] for kind in types for part in PARTS}
    assert whole.compute() == expected

    reduced = SpanScore(types, "BIOES", strict)
    reduced.update([], [])
    reduced.counts = whole._reductions["counts"](torch.stack([share.counts for share in shares]))
    assert reduced.compute() == expected
    whole.reset()
    assert whole.counts.tolist() == [[0, 0, 0]] * 3 and whole.counts.dtype == torch.int64


def test_types_that_training_never_saw_are_types_of_their_own() -> None:
    metric = SpanScore(["PER", "ORG", "MISC", ""])  # MISC does not occur, nor do bare tags
    with pytest.raises(UserError, match="'LOC'"):
        metric.update(GOLD, PREDICTED)
    metric.expect(["LOC", "PER"])
    with pytest.raises(UserError, match="'X'"):
        metric.update([["O"]], [["B-X"]])
    assert metric.counts.tolist() == [[0, 0, 0]] * 5, "nothing was added"
    metric.expect(["LOC", "PER"])
    predicted = [tags.copy() for tags in PREDICTED]
    predicted[1][0] = "B-ORG"  # a model cannot predict LOC
    metric.update(GOLD, predicted)
    scores, function = metric.compute(), sequence_scores(GOLD, predicted)
    assert {name: scores[name] for name in (*PARTS, "macro_f1")} == {
        name: function[name] for name in (*PARTS, "macro_f1")
    }
    assert scores["LOC_recall"] == 0.0 and scores["MISC_f1"] == 0.0 and "_f1" not in scores
    assert metric.beside_gold() == ["ORG"]


def test_counts_stay_whole_numbers_in_half_precision() -> None:
    owner = torch.nn.Module()
    owner.metric = SpanScore(["PER"])
    owner.to(torch.bfloat16)
    owner.metric.update([["B-PER"] * 1001], [["B-PER"] * 1001])
    assert owner.metric.counts.tolist()[0] == [1001, 1001, 1001]


def test_tag_accuracy() -> None:
    gold, predicted = [["DT", "NN"], ["VB"], []], [["DT", "VB"], ["VB"], []]
    assert tag_accuracy(gold, predicted) == pytest.approx(2 / 3) == accuracy_score(gold, predicted)
    assert tag_accuracy([], []) == 0.0
    one, other = TagAccuracy(), TagAccuracy()
    one.update(gold[:1], predicted[:1])
    other.update(gold[1:], predicted[1:])
    assert one.compute() == {"accuracy": 0.5}
    other.counts = other._reductions["counts"](torch.stack([one.counts, other.counts]))
    other._computed = None
    assert other.compute() == {"accuracy": pytest.approx(2 / 3)}
    assert TagAccuracy().compute() == {"accuracy": 0.0}
