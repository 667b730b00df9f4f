"""Tagging schemes: what each writes, what lenient and strict reading make of malformed tags, round trips."""

from __future__ import annotations

import itertools
import random

import pytest

from transferlab.utils.errors import UserError
from transferlab.utils.tagging import SCHEMES, TypedSpan, convert_tags, spans_of_tags, tags_of_spans, types_of

TYPES = ("PER", "LOC", "creative-work", "")


def random_spans(rng: random.Random, length: int, types: tuple[str, ...] = TYPES) -> list[TypedSpan]:
    """Spans that do not overlap; half of the neighbours touch, many of these with the same type."""
    spans, position = [], rng.randrange(2)
    while position < length:
        end = min(length - 1, position + rng.choice([0, 0, 1, 2, 3]))
        spans.append((position, end, rng.choice(types)))
        position = end + 1 + rng.choice([0, 0, 1, 3])
    return spans


# two adjacent persons (of two words and of one), a touching place of three words, another place further on
SPANS = [(0, 1, "PER"), (2, 2, "PER"), (3, 5, "LOC"), (7, 7, "LOC")]
WRITTEN = {
    "IOB1": "I-PER I-PER B-PER I-LOC I-LOC I-LOC O I-LOC",
    "IOB2": "B-PER I-PER B-PER B-LOC I-LOC I-LOC O B-LOC",
    "IOE1": "I-PER E-PER I-PER I-LOC I-LOC I-LOC O I-LOC",
    "IOE2": "I-PER E-PER E-PER I-LOC I-LOC E-LOC O E-LOC",
    "BIOES": "B-PER E-PER S-PER B-LOC I-LOC E-LOC O S-LOC",
    "BILOU": "B-PER L-PER U-PER B-LOC I-LOC L-LOC O U-LOC",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_writes_its_own_marks(scheme: str) -> None:
    tags = WRITTEN[scheme].split()
    assert tags_of_spans(SPANS, 8, scheme) == tags
    assert tags_of_spans(reversed(SPANS), 8, scheme) == tags, "any order of spans"
    assert spans_of_tags(tags, scheme) == spans_of_tags(tags, scheme, strict=True) == SPANS


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_spans_survive_the_round_trip(scheme: str, strict: bool) -> None:
    rng = random.Random(0)
    touching = 0
    for _ in range(500):
        length = rng.randrange(15)
        spans = random_spans(rng, length)
        touching += any(a[1] + 1 == b[0] and a[2] == b[2] for a, b in itertools.pairwise(spans))
        tags = tags_of_spans(spans, length, scheme)
        assert len(tags) == length
        assert spans_of_tags(tags, scheme, strict) == spans, tags
    assert touching > 50


@pytest.mark.parametrize(("source", "target"), itertools.product(SCHEMES, SCHEMES))
def test_conversion_between_every_pair(source: str, target: str) -> None:
    assert convert_tags(WRITTEN[source].split(), source, target) == WRITTEN[target].split()
    rng = random.Random(1)
    for _ in range(50):
        spans = random_spans(rng, 12)
        tags = tags_of_spans(spans, 12, source)
        converted = convert_tags(tags, source, target)
        assert converted == tags_of_spans(spans, 12, target)
        assert convert_tags(converted, target, source) == tags


@pytest.mark.parametrize("scheme", SCHEMES)
def test_empty_sequences(scheme: str) -> None:
    assert spans_of_tags([], scheme) == [] and tags_of_spans([], 0, scheme) == []
    assert spans_of_tags(["O", "O"], scheme, strict=True) == [] and tags_of_spans([], 2, scheme) == ["O", "O"]


@pytest.mark.parametrize(
    ("scheme", "tags", "lenient", "strict"),
    [
        ("IOB2", "I-A I-A O", [(0, 1, "A")], []),
        ("IOB2", "B-A I-B", [(0, 0, "A"), (1, 1, "B")], [(0, 0, "A")]),
        ("IOB2", "B-A O I-A", [(0, 0, "A"), (2, 2, "A")], [(0, 0, "A")]),
        # B where nothing has to be told apart
        ("IOB1", "B-A I-A O", [(0, 1, "A")], []),
        ("IOB1", "I-A B-A B-B", [(0, 0, "A"), (1, 1, "A"), (2, 2, "B")], [(0, 0, "A"), (1, 1, "A")]),
        ("IOE2", "I-A O E-A", [(0, 0, "A"), (2, 2, "A")], [(2, 2, "A")]),
        ("IOE2", "I-A E-B", [(0, 0, "A"), (1, 1, "B")], [(1, 1, "B")]),
        ("IOE1", "E-A O", [(0, 0, "A")], []),
        ("IOE1", "E-A E-A I-B", [(0, 0, "A"), (1, 1, "A"), (2, 2, "B")], [(0, 0, "A"), (2, 2, "B")]),
        ("BIOES", "B-A O S-A", [(0, 0, "A"), (2, 2, "A")], [(2, 2, "A")]),
        ("BIOES", "B-A E-A E-A", [(0, 1, "A"), (2, 2, "A")], [(0, 1, "A")]),
        ("BIOES", "B-A B-A E-A", [(0, 0, "A"), (1, 2, "A")], [(1, 2, "A")]),
        ("BIOES", "S-A I-A E-A", [(0, 0, "A"), (1, 2, "A")], [(0, 0, "A")]),
        ("BIOES", "B-A I-A S-A", [(0, 1, "A"), (2, 2, "A")], [(2, 2, "A")]),
        ("BIOES", "B-A I-B E-B", [(0, 0, "A"), (1, 2, "B")], []),
        ("BILOU", "I-A L-A U-A I-A", [(0, 1, "A"), (2, 2, "A"), (3, 3, "A")], [(2, 2, "A")]),
        ("BILOU", "B-A U-A L-A", [(0, 0, "A"), (1, 1, "A"), (2, 2, "A")], [(1, 1, "A")]),
    ],
)
def test_malformed_tags(scheme: str, tags: str, lenient: list[TypedSpan], strict: list[TypedSpan]) -> None:
    assert spans_of_tags(tags.split(), scheme) == lenient
    assert spans_of_tags(tags.split(), scheme, strict=True) == strict


def test_types_may_hold_hyphens_or_be_absent() -> None:
    assert spans_of_tags(["B-creative-work", "I-creative-work"]) == [(0, 1, "creative-work")]
    assert spans_of_tags(["B", "I", "O", "B"], strict=True) == [(0, 1, ""), (3, 3, "")]
    assert tags_of_spans([(0, 1, "")], 2) == ["B", "I"]


@pytest.mark.parametrize(
    ("scheme", "tag"),
    [("IOB2", "FOO"), ("IOB2", "S-X"), ("BILOU", "E-X"), ("BIOES", "U-X"), ("IOE1", "B-X"), ("IOB1", "E-X"),
     ("IOB2", "O-X"), ("IOB2", "B-"), ("IOB2", "b-X"), ("IOB2", "BI-X"), ("IOB2", ""), ("IOB2", "-X")],
)  # fmt: skip
def test_a_tag_of_another_scheme_is_named(scheme: str, tag: str) -> None:
    with pytest.raises(UserError, match=rf"tag '{tag}' at position 1 is none of the scheme {scheme}, .*mend the tag"):
        spans_of_tags(["O", tag], scheme)
    with pytest.raises(UserError, match=f"tag '{tag}'"):
        convert_tags([tag], scheme, "IOB2")


def test_an_unknown_scheme_is_named() -> None:
    for call in (lambda: spans_of_tags([], "IOBES"), lambda: tags_of_spans([], 0, "IOBES")):
        with pytest.raises(UserError, match=r"'IOBES' is no tagging scheme; .*did you mean BIOES"):
            call()


def test_spans_that_tags_cannot_express_are_refused() -> None:
    with pytest.raises(UserError, match=r"\(0, 2, 'A'\) and \(2, 3, 'B'\) overlap"):
        tags_of_spans([(2, 3, "B"), (0, 2, "A")], 4)
    with pytest.raises(UserError, match="overlap"):
        tags_of_spans([(0, 0, "A"), (0, 0, "A")], 1)
    for span in [(0, 4, "A"), (-1, 0, "A"), (2, 1, "A")]:
        with pytest.raises(UserError, match="0 <= start <= end < 4"):
            tags_of_spans([span], 4)


def test_types_of_tags() -> None:
    assert types_of(["O", "I-b-c", "B-a", "I-a"]) == ["a", "b-c"]
    assert types_of(["B", "O"]) == [""]
