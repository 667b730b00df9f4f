"""Gold labels that a model does not know: counted and named, or refused."""

import logging

import pytest

from transferlab.data.unknown_labels import GoldLabels
from transferlab.utils.errors import UserError


def labels_of(*examples: str) -> GoldLabels:
    """Of examples that have blank-separated labels; the first is in document d0."""
    labels = GoldLabels("validation")
    for number, example in enumerate(examples):
        labels.add(example.split("|"), f"d{number}")
    return labels


def test_known_labels_are_nothing_to_speak_of(caplog):
    with caplog.at_level(logging.WARNING):
        labels_of("a", "b", "a|b").check(["a", "b", "c"])
        GoldLabels("validation").check(["a"])
    assert not caplog.records


def test_unknown_labels_are_counted_and_named_in_one_warning(caplog):
    with caplog.at_level(logging.WARNING):
        labels_of("a", "PERSON", "b|PERSON|LOC").check(["a", "b"])
    (record,) = caplog.records
    message = record.getMessage()
    assert message.startswith("validation: 2 of 4 labels were not seen in training, 3 times in 2 examples: ")
    assert "'PERSON' (2 times, first in d1), 'LOC' (1 time, first in d2)" in message


def test_labels_of_which_none_is_known_are_refused():
    with pytest.raises(UserError, match=r"validation.*'PERSON' \(1 time, first in d0\).*trained on 'LOC', 'PER'"):
        labels_of("PERSON").check(["PER", "LOC"])


@pytest.mark.parametrize(
    ("gold", "known"),
    [
        ("1.0", "1"),
        ("-2.00", "-2"),
        ("1", "1.0"),
        ("+1", "1"),
        ("1", "+1.0"),
        ("a\u00a0b", "a b"),
        (" x", "x"),
        ("x ", "x"),
        ("x\u00a0", "x"),
        ("e\u0301", "\u00e9"),
    ],
)
def test_labels_written_in_another_way_are_refused(gold, known):
    with pytest.raises(UserError) as error:
        labels_of("a", gold).check(["a", known])
    assert repr(gold) in str(error.value) and repr(known) in str(error.value) and "d1" in str(error.value)


@pytest.mark.parametrize(
    ("gold", "known"), [("1.10", "1.1"), ("X", "x"), ("01", "1"), ("1.5", "1"), ("+x", "x"), ("-1", "1")]
)
def test_labels_that_may_well_differ_are_not(gold, known):
    labels_of("a", gold).check(["a", known])


def test_many_unknown_labels_are_not_all_named(caplog):
    with caplog.at_level(logging.WARNING):
        labels_of("a", *(f"label{n}" for n in range(50))).check(["a"])
    message = caplog.records[0].getMessage()
    assert "50 of 51" in message and "'label0'" in message and "'label40'" not in message
