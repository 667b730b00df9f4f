from collections import defaultdict
from html.parser import HTMLParser

from transferlab.documents import Document
from transferlab.reporting.coreference_markup import (
    ShownMention,
    colour_class,
    shown_differences,
    shown_mentions,
    stack_levels,
    text_markup,
)
from transferlab.reporting.entities import NumberedEntity


class Reader(HTMLParser):
    """Reads a text back: its sentences, and the words under the marks of each mention."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[tuple[str, str | None]] = []
        self.sentences: list[str] = []
        self.mentions: dict[str, str] = defaultdict(str)
        self.starts: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.open.append((tag, attributes.get("data-m")))
        if tag == "p":
            self.sentences.append("")
        if tag == "mark" and "more" not in attributes["class"].split():
            self.starts.append(attributes["data-n"])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if any(tag == "p" for tag, _ in self.open):
            self.sentences[-1] += data
        for tag, mention in self.open:
            if tag == "mark":
                self.mentions[mention] += data


def document(*sentences: str, speakers=None) -> Document:
    words, spans = [], []
    for sentence in sentences:
        spans.append((len(words), len(words) + len(sentence.split()) - 1))
        words += sentence.split()
    return Document("d", words, spans, speakers=speakers).validate()


def mention(start: int, end: int, label: str = "1") -> ShownMention:
    return ShownMention((start, end), (1,), label, "c0")


def read(text: Document, *mentions: ShownMention) -> Reader:
    return Reader(text_markup(text, list(mentions)))


def test_nested_same_start_same_end_and_crossing_mentions_all_cover_their_words():
    text = document("a b c d e f g")
    spans = [(0, 6), (0, 2), (0, 0), (2, 4), (3, 5), (5, 6), (6, 6), (2, 4)]
    html = read(text, *(mention(*span) for span in spans))
    assert html.sentences == ["a b c d e f g"]
    assert [html.mentions[str(i)] for i in range(len(spans))] == [text.span_text(span) for span in spans]
    assert len(html.starts) == len(spans)  # every mention is labelled once, however often it is continued


def test_a_mention_around_another_starts_before_it():
    html = read(document("a b"), mention(0, 0, "inner"), mention(0, 1, "outer"))
    assert html.starts == ["outer", "inner"]


def test_a_mention_may_run_on_into_the_next_sentence():
    html = read(document("a b .", "c d ."), mention(1, 4), mention(3, 3))
    assert html.sentences == ["a b.", "c d."]
    assert html.mentions["0"] == "b.c d"
    assert len(html.starts) == 2


def test_text_is_escaped():
    html = read(document("<script> alert('x') </script> & <b>"), mention(0, 0))
    assert html.tags == {"p", "mark"}
    assert html.sentences == ["<script> alert('x') </script> & <b>"]


def test_speakers_are_shown_where_they_change():
    text = document("a b", "c d e", "f g", speakers=["<Ann>"] * 3 + ["Bob"] * 2 + ["-"] * 2)
    assert read(text).sentences == ["<Ann>a b", "c Bobd e", "f g"]


def test_empty_document():
    assert text_markup(document(), []) == ""


def test_overlapping_mentions_never_share_a_level():
    spans = [(0, 9), (0, 3), (2, 5), (5, 9), (1, 1), (1, 1), (8, 9)]
    levels = stack_levels([mention(*span) for span in spans], words=10)
    for i, (start, end) in enumerate(spans):
        for j, (other_start, other_end) in enumerate(spans[:i]):
            if start <= other_end and other_start <= end:
                assert levels[i] != levels[j]
    assert levels[0] == max(levels)  # the widest is below all that it contains
    assert levels[4] == 0


def test_colours_repeat_with_another_stroke_and_single_mentions_are_grey():
    def entity(colour: int | None) -> NumberedEntity:
        return NumberedEntity(1, "x", ((0, 0),), colour)

    assert [colour_class(entity(c)) for c in (None, 0, 7, 8, 17)] == ["one", "c0", "c7", "c0 s1", "c1 s2"]
    assert shown_mentions([entity(0)]) == [ShownMention((0, 0), (1,), "1", "c0")]


def test_differences():
    gold = [NumberedEntity(1, "a", ((0, 0), (1, 1), (2, 2)), 0), NumberedEntity(2, "b", ((5, 5),), None)]
    predicted = [NumberedEntity(1, "a", ((0, 0),), 0), NumberedEntity(3, "c", ((1, 1), (7, 7)), 1)]
    shown = {m.span: (m.label, m.style, m.entities) for m in shown_differences(gold, predicted)}
    assert shown == {
        (0, 0): ("1", "same", (1,)),
        (1, 1): ("1→3", "moved", (1, 3)),
        (2, 2): ("−1", "missed", (1,)),
        (5, 5): ("−2", "missed", (2,)),
        (7, 7): ("+3", "spurious", (3,)),
    }
