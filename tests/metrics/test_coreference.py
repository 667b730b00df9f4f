"""Scores of corpora against values computed by hand, and the metric object over the same counts.

The documents are written as in the literature: one letter per mention, one word per cluster.
"""

import json

import pytest
import torch
from torch import distributed, multiprocessing

from transferlab.metrics.coreference import METRICS, CoreferenceScore, corpus_scores, corpus_scores_by_name
from transferlab.metrics.head_match import HeadMatchScore


def clusters(text):
    return [[(ord(letter), ord(letter)) for letter in word] for word in text.split()]


def scores(key, response):
    return corpus_scores([clusters(key)], [clusters(response)])


# Of each metric the recall and the precision.
WORKED_EXAMPLES = {
    "the example of Pradhan et al. 2014": (
        "abc defg",
        "ab cd fghi",
        {
            "muc": (2 / 5, 2 / 5),  # links ab, fg of 2 + 3; of 1 + 1 + 3
            "b_cubed": ((4 / 3 + 1 / 3 + 1 / 4 + 4 / 4) / 7, (4 / 2 + 1 / 2 + 1 / 2 + 4 / 4) / 8),
            "ceaf_m": (4 / 7, 4 / 8),  # abc-ab 2, defg-fghi 2
            "ceaf_e": (1.3 / 2, 1.3 / 3),  # 4/5 + 4/8
            # Coreference: {ab, fg} of 3 + 6, of 1 + 1 + 6 links.
            # Non-coreference: {a, b, c} x {d, f, g} less cd; of 3 * 4, of 28 - 8 links.
            "blanc": ((2 / 9 + 8 / 12) / 2, (2 / 8 + 8 / 20) / 2),
            "lea": ((3 * 1 / 3 + 4 * 1 / 6) / 7, (2 * 1 + 0 + 4 * 1 / 6) / 8),
            "mentions": (6 / 7, 6 / 8),
        },
    ),
    "missing mentions and entities": (
        "a bc def",
        "a de",
        {
            "muc": (1 / 3, 1 / 1),
            "b_cubed": ((1 + 4 / 3) / 6, 3 / 3),
            "ceaf_m": (3 / 6, 3 / 3),
            "ceaf_e": (1.8 / 3, 1.8 / 2),  # 1 + 4/5
            "blanc": ((1 / 4 + 2 / 11) / 2, (1 / 1 + 2 / 2) / 2),
            "lea": ((1 + 0 + 3 * 1 / 3) / 6, (1 + 2) / 3),
            "mentions": (3 / 6, 3 / 3),
        },
    ),
    "invented mentions and entities": (
        "a bc def",
        "a bcx defy z",
        {
            "muc": (3 / 3, 3 / 5),
            "b_cubed": (6 / 6, (1 + 4 / 3 + 9 / 4) / 9),
            "ceaf_m": (6 / 6, 6 / 9),
            "ceaf_e": ((1 + 4 / 5 + 6 / 7) / 3, (1 + 4 / 5 + 6 / 7) / 4),
            "blanc": ((4 / 4 + 11 / 11) / 2, (4 / 9 + 11 / 27) / 2),
            "lea": (6 / 6, (1 + 3 * 1 / 3 + 4 * 3 / 6 + 0) / 9),
            "mentions": (6 / 6, 6 / 9),
        },
    ),
    "both": (
        "a bc def",
        "a bcx dy z",
        {
            "muc": (1 / 3, 1 / 3),
            "b_cubed": ((1 + 2 + 1 / 3) / 6, (1 + 4 / 3 + 1 / 2) / 7),
            "ceaf_m": (4 / 6, 4 / 7),
            "ceaf_e": (2.2 / 3, 2.2 / 4),  # 1 + 4/5 + 2/5
            "blanc": ((1 / 4 + 5 / 11) / 2, (1 / 4 + 5 / 17) / 2),
            "lea": ((1 + 2 + 0) / 6, (1 + 3 * 1 / 3) / 7),
            "mentions": (4 / 6, 4 / 7),
        },
    ),
    "a split entity": (
        "abcd",
        "ab cd",
        {
            "muc": (2 / 3, 2 / 2),
            "b_cubed": ((4 / 4 + 4 / 4) / 4, 4 / 4),
            "ceaf_m": (2 / 4, 2 / 4),
            "ceaf_e": (2 / 3, 2 / 3 / 2),  # 4/6
            "blanc": (2 / 6, 2 / 2),  # the key has no non-coreference links
            "lea": (4 * 2 / 6 / 4, 4 / 4),
            "mentions": (1, 1),
        },
    ),
    "a small entity merged with a large one (Bagga and Baldwin 1998)": (
        "12345 67 89ABC",
        "12345 6789ABC",
        {"muc": (9 / 9, 9 / 10), "b_cubed": (12 / 12, 16 / 21)},  # 5 + 4/7 + 25/7 of 12
    ),
    "two large entities merged": (
        "12345 67 89ABC",
        "1234589ABC 67",
        {"muc": (9 / 9, 9 / 10), "b_cubed": (12 / 12, 7 / 12)},  # 25/10 + 25/10 + 2 of 12
    ),
    "all in one": (
        "a bc def",
        "abcdef",
        {"blanc": ((4 / 4 + 0 / 11) / 2, (4 / 15 + 0) / 2), "lea": (5 / 6, 6 * 4 / 15 / 6)},
    ),
    "all alone": (
        "a bc def",
        "a b c d e f",
        {"muc": (0, 0), "blanc": ((0 / 4 + 11 / 11) / 2, (0 + 11 / 15) / 2), "lea": (1 / 6, 1 / 6)},
    ),
}


@pytest.mark.parametrize("name", WORKED_EXAMPLES)
def test_worked_example(name):
    key, response, expected = WORKED_EXAMPLES[name]
    result = scores(key, response)
    for metric, (recall, precision) in expected.items():
        assert result[metric]["recall"] == pytest.approx(recall, abs=1e-12), metric
        assert result[metric]["precision"] == pytest.approx(precision, abs=1e-12), metric
        if metric != "blanc":
            f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0
            assert result[metric]["f1"] == pytest.approx(f1, abs=1e-12), metric


def test_conll_f1_is_the_mean_of_three():
    # MUC 2/5; B3 from 5/12 and 1/2; CEAFe 2 * 1.3 / (2 + 3)
    assert scores("abc defg", "ab cd fghi")["conll_f1"] == pytest.approx((2 / 5 + 5 / 11 + 2.6 / 5) / 3)


@pytest.mark.parametrize(
    ("key", "response", "recall", "precision", "f1"),
    [
        # The mean of two F1, not the F1 of the means: links 4/17, others 1/2.
        ("abc defg", "ab cd fghi", 4 / 9, 13 / 40, (4 / 17 + 1 / 2) / 2),
        # Only coreference links in the key: they alone count.
        ("abcdef", "abcdef", 1, 1, 1),
        ("abcdef", "a b c d e f", 0, 0, 0),
        ("abcdef", "ab cde f", 4 / 15, 1, 8 / 19),
        ("abcdef", "ab cxy z", 1 / 15, 1 / 4, 2 / 19),
        # Only non-coreference links in the key: they alone count.
        ("a b c d e f", "a b c d e f", 1, 1, 1),
        ("a b c d e f", "abcdef", 0, 0, 0),
        ("a b c d e f", "ab cde f", 11 / 15, 1, 22 / 26),
        ("a b c d e f", "ab cxy z", 2 / 15, 2 / 11, 4 / 26),
        # No link in the key.
        ("a", "a", 0, 0, 0),
        ("", "ab c", 0, 0, 0),
        # Both in the key, none of one kind in the response: 0/0 is 0 and counts.
        ("ab c", "ab", 1 / 2, 1 / 2, 1 / 2),
    ],
)
def test_blanc(key, response, recall, precision, f1):
    assert scores(key, response)["blanc"] == pytest.approx({"precision": precision, "recall": recall, "f1": f1})


def test_blanc_decides_what_the_key_lacks_over_the_whole_corpus():
    keys, responses = [clusters("abc"), clusters("d e")], [clusters("ab c"), clusters("de")]
    # Coreference 1 of 3, of 2; others 0 of 1, of 2. No link joins the two documents.
    expected = {"recall": (1 / 3 + 0) / 2, "precision": (1 / 2 + 0) / 2, "f1": (2 / 5 + 0) / 2}
    assert corpus_scores(keys, responses)["blanc"] == pytest.approx(expected)


def test_perfect_singletons_score_1_except_in_muc():
    result = scores("a b c", "a b c")
    assert {metric: result[metric]["f1"] for metric in METRICS} == {metric: metric != "muc" for metric in METRICS}
    assert result["conll_f1"] == pytest.approx(2 / 3)


def test_singletons_count_in_b_cubed_and_ceaf():
    result = scores("ab", "ab c d")
    assert result["b_cubed"]["precision"] == pytest.approx(2 / 4)
    assert result["ceaf_e"]["precision"] == pytest.approx(1 / 3)
    assert result["muc"]["f1"] == 1


def test_lea_gives_a_singleton_a_link_to_itself():
    assert scores("a bc", "a bc")["lea"]["f1"] == 1
    assert scores("a bc", "abc")["lea"] == pytest.approx(
        {"recall": 2 / 3, "precision": 1 / 3, "f1": 4 / 9}  # a is not alone; one of three links
    )


def test_counts_are_summed_over_documents_before_dividing():
    keys = [clusters("ab"), clusters("abcdefghi"), []]
    responses = [clusters("ab"), [], clusters("xy z")]
    result = corpus_scores(keys, responses)
    assert result["muc"] == pytest.approx({"recall": 1 / 9, "precision": 1 / 2, "f1": 2 / 11})
    assert result["b_cubed"] == pytest.approx({"recall": 2 / 11, "precision": 2 / 5, "f1": 4 / 16})
    assert result["ceaf_e"] == pytest.approx({"recall": 1 / 2, "precision": 1 / 3, "f1": 2 / 5})


def test_the_same_span_in_two_documents_is_two_mentions():
    two = corpus_scores([clusters("ab"), clusters("a b")], [clusters("a b"), clusters("ab")])
    assert two["muc"]["f1"] == 0
    assert two["mentions"]["recall"] == 1


@pytest.mark.parametrize("response", ["", "ab c"])
def test_an_empty_key_gives_0(response):
    result = scores("", response)
    assert result.pop("conll_f1") == 0
    assert all(part == {"precision": 0, "recall": 0, "f1": 0} for part in result.values())


def test_no_document_at_all_gives_0():
    assert corpus_scores([], [])["conll_f1"] == 0


def test_pairing_by_name():
    keys = {"one": clusters("ab"), "two": clusters("abc d")}
    responses = {"two": clusters("abc"), "three": clusters("ab")}
    expected = corpus_scores(list(keys.values()), [[], clusters("abc")])
    assert corpus_scores_by_name(keys, responses) == expected
    with pytest.raises(ValueError, match=r"document two: response cluster 0: mention \(2, 1\)"):
        corpus_scores_by_name(keys, {"two": [[(2, 1)]]})


def test_unpaired_documents_are_refused():
    with pytest.raises(ValueError, match="2 documents in the key but 1 in the response"):
        corpus_scores([[], []], [[]])


def test_errors_name_the_document():
    with pytest.raises(ValueError, match=r"document 1: key cluster 0: mention \(5, 4\)"):
        corpus_scores([clusters("ab"), [[(5, 4)]]], [[], []])


# --- The metric object ---

KEYS = [clusters("abc defg"), clusters("ab c"), []]
RESPONSES = [clusters("ab cd fghi"), [], clusters("ab c")]


def flat(result):
    parts = {f"{metric}_{what}": value for metric in METRICS for what, value in result[metric].items()}
    return {"conll_f1": result["conll_f1"]} | parts


def test_metric_takes_documents_or_batches():
    by_document, in_batches = CoreferenceScore(), CoreferenceScore()
    for key, response in zip(KEYS, RESPONSES, strict=True):
        by_document.update(key, response)
    in_batches.update(KEYS[:2], RESPONSES[:2])
    in_batches.update(KEYS[2:], RESPONSES[2:])
    expected = flat(corpus_scores(KEYS, RESPONSES))
    assert by_document.compute() == pytest.approx(expected)
    assert in_batches.compute() == pytest.approx(expected)
    assert len(expected) == 1 + 3 * 7


def test_metric_starts_again_after_reset():
    metric = CoreferenceScore()
    metric.update(KEYS, RESPONSES)
    metric.reset()
    assert metric(KEYS[0], KEYS[0])["conll_f1"] == 1
    assert metric.compute()["conll_f1"] == 1


def test_metric_refuses_what_corpus_scores_refuses():
    metric = CoreferenceScore()
    with pytest.raises(ValueError, match="1 documents in the key but 2"):
        metric.update([[[(0, 0)]]], [[], []])
    for malformed in ([(0, 1)], [[(2, 1)]], [[(0, 1.5)]], [3]):
        with pytest.raises(ValueError, match="document 0: response cluster 0"):
            metric.update(KEYS[0], malformed)
    for too_flat in (
        [(0, 1)],
        [3],
    ):  # with an empty key there is nothing else to tell a document from a batch
        with pytest.raises(ValueError, match="0 documents in the key but 1"):
            metric.update([], too_flat)
    assert not metric.counts.any()


def test_metric_counts_in_float64_in_a_module_of_any_precision():
    module = torch.nn.Module()
    module.metric = CoreferenceScore()
    module.to(torch.bfloat16).half()
    for _ in range(700):  # 4,900 key mentions: far beyond where bfloat16 stops to count
        module.metric.update(KEYS[0], RESPONSES[0])
    module.to(torch.bfloat16)
    assert module.metric.counts.dtype == torch.float64
    assert module.metric.compute() == pytest.approx(flat(corpus_scores(KEYS[:1], RESPONSES[:1])))
    module.metric.reset()
    assert module.metric.counts.dtype == torch.float64


# words, gold and predicted clusters: the first alone has a singleton, for which those of both documents stay
MATCHED = [
    (["Ann", "Ann", "Ben", "he"], [[(0, 0), (1, 1)], [(2, 2), (3, 3)]], [[(0, 0), (1, 1), (2, 2)], [(3, 3)]]),
    (["Ann", "met", "Ann"], [[(0, 0), (2, 2)]], [[(0, 0), (2, 2)]]),
]


def score_a_share(rank, folder):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    metric = CoreferenceScore()
    metric.update(KEYS[rank::2], RESPONSES[rank::2])  # two documents and one
    with metric.sync_context():
        counts = metric.counts.tolist()
    head_match = HeadMatchScore()
    head_match.update(*MATCHED[rank])
    (folder / f"{rank}.json").write_text(json.dumps([metric.compute(), counts, head_match.compute()]))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_metric_is_the_same_in_two_processes(tmp_path):
    multiprocessing.start_processes(score_a_share, args=(tmp_path,), nprocs=2, start_method="fork")
    alone = CoreferenceScore()
    alone.update(KEYS, RESPONSES)
    both = HeadMatchScore()
    for document in MATCHED:
        both.update(*document)
    for rank in range(2):
        result, counts, matched = json.loads((tmp_path / f"{rank}.json").read_text())
        assert result == pytest.approx(alone.compute())
        assert torch.tensor(counts, dtype=torch.float64).equal(alone.counts)
        assert matched == pytest.approx(both.compute()) and matched["b_cubed_recall"] == (1 + 1 + 0.5 + 0.5 + 2) / 6
