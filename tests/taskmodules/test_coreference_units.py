"""``unit: subtoken`` against the published conventions, written plainly in ``published_units``."""

from __future__ import annotations

import random
from itertools import islice

import pytest
import torch

from transferlab.data.readers.litbank import LitBankReader
from transferlab.documents import Document, Span
from transferlab.encoders.tokenizers import load_tokenizers
from transferlab.models.coreference.head import CoreferenceHead
from transferlab.models.coreference.loss import cluster_grid
from transferlab.models.coreference.mentions import span_widths
from transferlab.models.coreference_model import gold_clusters, in_words
from transferlab.taskmodules.coreference import CoreferenceTaskModule
from transferlab.utils.batches import CoreferenceDocument
from transferlab.utils.errors import UserError

from .published_units import Token, candidates_of, labels_of, mentions_of, tokens_of, window_of
from .test_coreference import make_document, make_tokenizer

MAX_SEGMENT_LEN, WINDOW, WIDEST = 9, 3, 5


def generated(seed: int, words: int = 60) -> Document:
    """Sentences of 1 to 9 words of 1 to 4 subtokens, some longer than a segment; speakers, nested and wide mentions."""
    draw = random.Random(seed)
    sentences: list[list[str]] = []
    while sum(map(len, sentences)) < words:
        sentences.append(["a" * draw.randint(1, 4) for _ in range(draw.choice((1, 2, 3, 9)))])
    count = sum(map(len, sentences))
    spans = {(start, min(start + draw.randint(0, 3), count - 1)) for start in draw.sample(range(count), count // 2)}
    clusters: list[list[Span]] = [[] for _ in range(5)]
    for span in sorted(spans):
        draw.choice(clusters).append(span)
    speakers = [draw.choice("ABC") for _ in range(count)]
    fields = {"speakers": speakers if seed % 2 else None, "genre": "nw"}
    return make_document(sentences, [cluster for cluster in clusters if cluster], **fields)


def taskmodule(unit: str = "subtoken", **options) -> CoreferenceTaskModule:
    sizes = {"max_segment_len": MAX_SEGMENT_LEN, "max_training_sentences": WINDOW}
    return CoreferenceTaskModule({"one": make_tokenizer(1)}, unit=unit, **sizes | options)


def held_against(document: CoreferenceDocument, tokens: list[Token], mentions: list[tuple[int, int, int]]) -> None:
    """What the head reads, and the candidates and labels that it makes of it."""
    assert len(document.word_ids) == len(tokens)
    assert (document.segment_ids + tokens[0].segment).tolist() == [token.segment for token in tokens]
    assert (document.sentence_ids - document.sentence_ids[0]).tolist() == [
        token.sentence - tokens[0].sentence for token in tokens
    ]
    speakers = [token.speaker for token in tokens]
    same = document.speaker_ids[:, None] == document.speaker_ids
    assert same.tolist() == [[one == other for other in speakers] for one in speakers]

    widths = span_widths(document.sentence_ids, WIDEST).tolist()
    ours = [(start, start + width) for start, count in enumerate(widths) for width in range(count)]
    expected = candidates_of(tokens, WIDEST)
    assert ours == expected
    grid = cluster_grid(document.gold_mentions, document.gold_cluster_ids, len(tokens), WIDEST)
    assert [int(grid[start, end - start]) for start, end in ours] == labels_of(expected, mentions)


@pytest.mark.parametrize("seed", range(6))
def test_whole_documents_are_those_of_the_published_code(seed):
    document, ours = generated(seed), taskmodule()
    (example,) = ours.encode(document, annotated=True)
    tokens = tokens_of(document, example.subtokens["one"], MAX_SEGMENT_LEN - 2)
    batch = ours.collate([example], training=False)
    held_against(batch.documents[0], tokens, mentions_of(document, tokens))
    assert batch.documents[0].word_ids.tolist() == [token.word for token in tokens]
    assert sorted(gold_clusters(batch.documents[0])) == sorted(document.gold.clusters)

    rows, (tokenizer,) = batch.inputs["one"], ours.tokenizers.values()
    real = rows.unit_ids >= 0
    assert torch.equal(real, rows.attention_mask.bool()), "every token is a unit"
    assert rows.unit_ids[real].tolist() == list(range(batch.units))
    before, after = tokenizer.prefix[0], tokenizer.suffix[0]
    segments = [None, *(token.segment for token in tokens)]
    expected = [
        (before if token.segment != previous else after) if token.piece is None else token.piece
        for token, previous in zip(tokens, segments, strict=False)
    ]
    assert rows.input_ids[real].tolist() == expected


@pytest.mark.parametrize("seed", range(6))
def test_training_windows_are_those_of_the_published_code(seed, monkeypatch):
    """There, mentions that cross the edge are kept; they match no candidate, so that the labels are the same."""
    document, ours = generated(seed), taskmodule()
    (example,) = ours.encode(document, annotated=True)
    tokens = tokens_of(document, example.subtokens["one"], MAX_SEGMENT_LEN - 2)
    mentions = mentions_of(document, tokens)
    (window,) = ours.collate([example], training=True).documents
    crossing = 0
    for first in range(tokens[-1].segment - WINDOW + 2):
        found, inside = window_of(tokens, mentions, first, WINDOW)
        crossing += any(start < 0 or end >= len(found) for start, end, _ in inside)
        monkeypatch.setattr(ours.units, "first_segment", lambda document, choices, first=first: first)
        held_against(ours.collate([example], training=True).documents[0], found, inside)
    assert crossing
    assert len(window.word_ids) < len(tokens)


def test_a_document_is_cut_once_for_all_epochs_and_runs():
    examples = []
    for name in ("one", "two", "three", "four"):
        document = generated(1)
        document.name = name
        examples += taskmodule().encode(document)
    windows = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        batch = taskmodule().collate(examples, training=True)
        windows.append([(d.word_ids.tolist(), d.sentence_ids.tolist()) for d in batch.documents])
    assert windows[0] == windows[1]
    assert len({str(window) for window in windows[0]}) > 1, "documents are cut at different places"
    torch.manual_seed(0)
    by_word = taskmodule(unit="word")
    example = by_word.encode(generated(1))
    assert len({tuple(by_word.collate(example, True).documents[0].sentence_ids.tolist()) for _ in range(20)}) > 1


def test_an_unknown_genre_counts_as_the_first_known_one():
    document = make_document([["a"]], [], genre="zz")
    for unit, genres, expected in (("subtoken", ["bc", "nw"], 1), ("subtoken", [], 0), ("word", ["bc", "nw"], 0)):
        ours = taskmodule(unit=unit, genres=genres)
        assert ours.collate(ours.encode(document), False).documents[0].genre_id == expected
    ours = taskmodule(genres=["bc", "nw"])
    assert ours.collate(ours.encode(make_document([["a"]], [], genre="nw")), False).documents[0].genre_id == 2


def test_marks_of_spoken_sentences_are_read_without_their_slash():
    tokenizer = make_tokenizer(1)
    tokenizer.add_tokens([".", "/.", "?", "/?", "/"])
    document = make_document([["a", "/."], ["/?", "/"]], [])
    read = {}
    for unit in ("word", "subtoken"):
        (example,) = CoreferenceTaskModule({"one": tokenizer}, unit=unit).encode(document)
        read[unit] = [tokenizer.decode(pieces) for pieces in example.subtokens["one"]]
    assert read == {"word": ["a", "/.", "/?", "/"], "subtoken": ["a", ".", "?", "/"]}
    assert document.words == ["a", "/.", "/?", "/"]


def test_predicted_spans_cover_the_words_of_their_edges():
    """[CLS] a ##a a [SEP] [CLS] a ##a ##a [SEP]: a special token counts as the word before it, the first as word 0."""
    ours = taskmodule(max_segment_len=6)
    (document,) = ours.collate(ours.encode(make_document([["aa", "a"], ["aaa"]], [])), training=False).documents
    assert document.word_ids.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    clusters = [[(0, 1), (2, 3), (4, 6)], [(7, 8), (8, 9)], [(5, 9)]]
    assert in_words(clusters, document) == [[(0, 0), (0, 1), (1, 2)], [(2, 2), (2, 2)], [(1, 2)]]


@pytest.mark.corpus
def test_counts_of_a_real_corpus(litbank_dir):
    """As counted with the published preprocessing over the same tokenizer: candidates of up to 30 units, spans kept."""
    documents = list(islice(LitBankReader(litbank_dir).read("validation"), 5))
    tokenizers, _ = load_tokenizers({"target": "minilm"})
    expected = {("word", 384): (155_385, 4113), ("subtoken", 384): (183_007, 4560), ("subtoken", 128): (187_077, 4620)}
    for (unit, length), counts in expected.items():
        ours = CoreferenceTaskModule(tokenizers, max_segment_len=length, unit=unit)
        head = CoreferenceHead(1, ffnn_size=1, max_span_width=30)
        candidates = kept = 0
        for document in documents:
            (read,) = ours.collate(ours.encode(document), training=False).documents
            candidates += int(span_widths(read.sentence_ids, 30).sum())
            kept += head.spans_to_keep(len(read.word_ids))
        assert (candidates, kept) == counts


def test_tokenizers_that_cut_words_differently_are_refused():
    message = r"taskmodule\.unit=subtoken.*'coarse' and 'fine' of model\.pretrained_models.*taskmodule\.unit=word"
    with pytest.raises(UserError, match=message):
        CoreferenceTaskModule({"coarse": make_tokenizer(4), "fine": make_tokenizer(1)}, unit="subtoken")
    with pytest.raises(UserError, match=r"taskmodule\.unit=letter.*word, subtoken"):
        taskmodule(unit="letter")


def test_tokens_that_one_of_several_tokenizers_has_beside_are_no_hindrance():
    """Such as markers of arguments, which an encoder trained on relations brings along."""
    marked = make_tokenizer(1)
    marked.add_tokens(["<marker>"], special_tokens=True)
    tokenizers = {"plain": make_tokenizer(1), "marked": marked}
    ours = CoreferenceTaskModule(tokenizers, max_segment_len=MAX_SEGMENT_LEN, unit="subtoken")
    document = generated(2)
    batch = ours.collate(ours.encode(document), training=False)
    plain, other = (batch.inputs[key] for key in tokenizers)
    assert torch.equal(plain.input_ids, other.input_ids) and torch.equal(plain.unit_ids, other.unit_ids)
    assert batch.units == len(tokens_of(document, ours.encode(document)[0].subtokens["plain"], MAX_SEGMENT_LEN - 2))
    with pytest.raises(UserError, match=r"d: taskmodule\.unit=subtoken.*'<marker>'.*'plain'.*'marked'"):
        ours.encode(make_document([["a", "<marker>"]], []))


def test_documents_without_words_and_with_one():
    ours = taskmodule()
    empty, one = make_document([], []), make_document([["aa"]], [[(0, 0)]])
    batch = ours.collate([*ours.encode(empty), *ours.encode(one)], training=True)
    assert [len(document.word_ids) for document in batch.documents] == [0, 4]
    assert batch.documents[1].gold_mentions.tolist() == [[1, 2]]
    assert ours.options()["unit"] == "subtoken"
