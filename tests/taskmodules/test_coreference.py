"""The coreference taskmodule: segments, windows, labels and rows of several tokenizers."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from transferlab.documents import Annotations, Document
from transferlab.taskmodules.coreference import CoreferenceTaskModule


def make_tokenizer(letters_per_piece: int) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer that cuts words of the letter a into pieces of so many letters."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    pieces += [prefix + "a" * n for n in range(1, letters_per_piece + 1) for prefix in ("", "##")]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def make_document(sentences: list[list[str]], clusters=None, **fields) -> Document:
    words, spans = [], []
    for sentence in sentences:
        spans.append((len(words), len(words) + len(sentence) - 1))
        words += sentence
    return Document("d", words, spans, gold=Annotations(clusters=clusters), **fields).validate()


@pytest.fixture
def taskmodule() -> CoreferenceTaskModule:
    tokenizers = {"coarse": make_tokenizer(4), "fine": make_tokenizer(1)}
    return CoreferenceTaskModule(tokenizers, max_segment_len=8, max_training_sentences=2)


def test_segments_are_whole_sentences_that_fit_every_tokenizer(taskmodule):
    document = make_document([["aa", "a"], ["a"], ["aaa"], ["a", "a"]])
    # letters are the subtokens of the finer tokenizer, which decides: at most 8 - 2 of them
    assert taskmodule.encode(document)[0].segments == [(0, 2), (3, 5)]


def test_a_sentence_that_fits_no_segment_is_split_between_words_and_reported(taskmodule, caplog):
    document = make_document([["a"], ["aaaa", "aaaa", "a", "a"], ["a"]])
    assert taskmodule.encode(document)[0].segments == [(0, 0), (1, 1), (2, 4), (5, 5)]
    assert "words 1-4" in caplog.text and "max_segment_len" in caplog.text


def test_a_word_longer_than_a_segment_is_cut_not_lost(taskmodule):
    (example,) = taskmodule.encode(make_document([["a" * 50, "a"]]))
    assert [len(word) for word in example.subtokens["fine"]] == [6, 1]
    assert example.segments == [(0, 0), (1, 1)]


def test_every_word_has_a_subtoken(taskmodule):
    (example,) = taskmodule.encode(make_document([["a", "\u200b", "zzz"]]))
    assert all(len(word) >= 1 for words in example.subtokens.values() for word in words)


def test_rows_point_to_the_words_of_their_documents(taskmodule):
    one = make_document([["aa", "a"], ["aaaaa"]])
    two = make_document([["a"]])
    batch = taskmodule.collate([*taskmodule.encode(one), *taskmodule.encode(two)], training=False)
    assert batch.units == 3
    fine = batch.inputs["fine"]
    assert fine.sequence_ids.tolist() == [0, 0, 1]
    assert fine.unit_ids.tolist() == [
        [-1, 0, 0, 1, -1, -1, -1],
        [-1, 2, 2, 2, 2, 2, -1],
        [-1, 3, -1, -1, -1, -1, -1],
    ]
    assert fine.attention_mask.sum(1).tolist() == [5, 7, 3]
    assert batch.inputs["coarse"].unit_ids.tolist() == [[-1, 0, 1, -1], [-1, 2, 2, -1], [-1, 3, -1, -1]]


CLUSTERS = [[(0, 0), (3, 4)], [(1, 2), (2, 2), (6, 6)], [(7, 7)]]


def window_document() -> Document:
    return make_document([["aaa", "aaa"], ["aaa", "aaa"], ["aaa", "aaa"], ["aaa", "aaa"]], CLUSTERS)


def test_training_windows_are_redrawn_and_keep_the_gold_mentions_inside(taskmodule):
    (example,) = taskmodule.encode(window_document(), annotated=True)
    assert example.segments == [(0, 1), (2, 3), (4, 5), (6, 7)]
    seen = set()
    torch.manual_seed(0)
    for _ in range(60):
        (document,) = taskmodule.collate([example], training=True).documents
        assert len(document.sentence_ids) == 4
        mentions = [
            (*m, c) for m, c in zip(document.gold_mentions.tolist(), document.gold_cluster_ids.tolist(), strict=True)
        ]
        first = {
            ((0, 0, 1), (1, 2, 2), (2, 2, 2)): 0,  # (3, 4) leaves the window, so does (6, 6)
            ((1, 2, 1), (0, 0, 2)): 2,  # (1, 2) begins before the window
            ((2, 2, 2), (3, 3, 3)): 4,  # (3, 4) begins before the window
        }[tuple(mentions)]
        seen.add(first)
        assert document.segment_ids.tolist() == [0, 0, 1, 1]
    assert seen == {0, 2, 4}


def test_evaluation_sees_whole_documents_uncut_and_unchanged(taskmodule):
    """Windows once cut validation and test documents too, and sliced mentions by segment numbers."""
    document = window_document()
    before = document.to_dict()
    (example,) = taskmodule.encode(document, annotated=True)
    taskmodule.collate([example], training=True)
    (tensors,) = taskmodule.collate([example], training=False).documents
    assert len(tensors.sentence_ids) == 8
    pairs = sorted(zip(map(tuple, tensors.gold_mentions.tolist()), tensors.gold_cluster_ids.tolist(), strict=True))
    assert pairs == sorted((mention, c) for c, cluster in enumerate(CLUSTERS, 1) for mention in cluster)
    assert document.to_dict() == before


def test_genres_and_speakers(taskmodule):
    known = make_document([["a", "a", "a"]], [], genre="nw", speakers=["Ann", "Bob", "Ann"])
    unknown = make_document([["a"]], [], genre="zz")
    assert taskmodule.prepare([known])["num_genres"] == 1
    first, second = taskmodule.collate([*taskmodule.encode(known), *taskmodule.encode(unknown)], False).documents
    assert (first.genre_id.item(), second.genre_id.item()) == (1, 0)
    assert first.speaker_ids.tolist() == [0, 1, 0] and second.speaker_ids.tolist() == [0]


def test_an_empty_document_is_a_document(taskmodule):
    batch = taskmodule.collate(taskmodule.encode(make_document([], [])), training=True)
    assert batch.units == 0 and batch.inputs["fine"].input_ids.shape[0] == 0
    assert len(batch.documents[0].sentence_ids) == 0


def test_documents_without_annotation_are_refused_where_it_is_needed(taskmodule):
    document = make_document([["a"]])
    assert taskmodule.encode(document)[0].document is document
    with pytest.raises(ValueError, match="d has no coreference annotation"):
        taskmodule.encode(document, annotated=True)


def test_options_make_an_equal_taskmodule(taskmodule):
    taskmodule.prepare([make_document([["a"]], [], genre="nw")])
    copy = CoreferenceTaskModule({"fine": make_tokenizer(1)}, **taskmodule.options())
    assert copy.options() == taskmodule.options() and copy.genres == ["nw"]


def test_head_match_baseline_scores_gold_mentions(taskmodule):
    document = make_document([["Ann", "met", "Ann", "and", "her"]], [[(0, 0), (2, 2), (4, 4)]])
    (scores,) = taskmodule.baselines([document]).values()
    assert scores["muc_recall"] == pytest.approx(1 / 2)
    assert scores["muc_precision"] == 1.0


def test_an_answer_has_every_mention_once(taskmodule):
    """Documents keep copies of a mention, made of spans of subtokens, which scores count."""
    document = make_document([["a", "aa", "a", "a"]])
    document.text, document.offsets = "a aa a a", [(0, 1), (2, 4), (5, 6), (7, 8)]
    clusters = [[(0, 0), (1, 1), (0, 0), (1, 2)], [(3, 3), (3, 3)], [(0, 0), (2, 3)], [(2, 2)]]
    decoded = taskmodule.decode(document, taskmodule.encode(document), [clusters])
    assert decoded.predicted.clusters == clusters
    answer = [[(mention.text, mention.start) for mention in cluster] for cluster in taskmodule.answer(decoded)]
    assert answer == [[("a", 0), ("aa", 2), ("aa a", 2)], [("a", 5)]]
