"""The counts of one document: parity with enumeration, repeated mentions, bad input."""

import random
import time

import numpy as np
import pytest

from transferlab.metrics.coreference_counts import ROWS, document_counts

from .coreference_reference import reference_counts


def random_clusters(rng, mentions, repeated):
    clusters = [[] for _ in range(rng.randint(1, 5))]
    chosen = rng.sample(mentions, rng.randint(0, len(mentions)))
    for mention in chosen + [rng.choice(chosen) for _ in range(repeated if chosen else 0)]:
        rng.choice(clusters).append(mention)
    return [cluster for cluster in clusters if cluster]


@pytest.mark.parametrize("seed", range(10))
def test_counts_equal_enumeration(seed):
    rng = random.Random(seed)
    for _ in range(40):
        mentions = [(i, i + rng.randint(0, 2)) for i in range(12)]
        key = random_clusters(rng, mentions[:9], repeated=rng.choice([0, 0, 2]))
        response = random_clusters(rng, mentions, repeated=rng.choice([0, 0, 3]))
        expected = reference_counts(key, response)
        counts = document_counts(key, response)  # [metrics, 4]
        for metric, row in zip(ROWS, counts, strict=True):
            assert row == pytest.approx(expected[metric], abs=1e-12), (metric, key, response)


def test_counts_do_not_depend_on_the_order_of_clusters_and_mentions():
    rng = random.Random(1)
    key = [[(i, i + 1) for i in range(start, start + 5)] for start in range(0, 40, 5)]
    response = random_clusters(rng, [mention for cluster in key for mention in cluster], repeated=0)
    expected = document_counts(key, response)
    for clusters in (key, response):
        rng.shuffle(clusters)
        for cluster in clusters:
            rng.shuffle(cluster)
    np.testing.assert_allclose(document_counts(key, response), expected, rtol=1e-12)


def test_precision_of_one_direction_is_recall_of_the_other():
    rng = random.Random(2)
    mentions = [(i, i) for i in range(30)]
    key, response = random_clusters(rng, mentions, 0), random_clusters(rng, mentions, 0)
    swapped = document_counts(response, key)
    np.testing.assert_allclose(document_counts(key, response), swapped[:, [2, 3, 0, 1]], rtol=1e-12)


KEY = [[(0, 0), (1, 1)], [(2, 2), (3, 3)]]


@pytest.mark.parametrize(
    ("repeated", "once"),
    [
        ([[(0, 0), (1, 1), (0, 0)]], [[(0, 0), (1, 1)]]),  # in the same cluster
        (
            [[(0, 0), (1, 1)], [(2, 2), (0, 0)]],
            [[(0, 0), (1, 1)], [(2, 2)]],
        ),  # in another: the later copy goes
        ([[(0, 0), (1, 1)], [(0, 0), (1, 1)]], [[(0, 0), (1, 1)]]),  # with the cluster that it empties
    ],
)
def test_later_copies_of_a_mention_of_the_key_are_dropped(repeated, once):
    np.testing.assert_array_equal(document_counts(KEY, repeated), document_counts(KEY, once))
    np.testing.assert_array_equal(document_counts(repeated, KEY), document_counts(once, KEY))


def test_a_mention_invented_twice_costs_precision_twice():
    counts = dict(zip(ROWS, document_counts(KEY, [[(0, 0), (1, 1), (9, 9)], [(9, 9)]]).tolist(), strict=True))
    assert counts["b_cubed"] == pytest.approx([2, 4, 4 / 3, 4])  # D = 2: 2*2/2 of 4, 2*2/3 of 3 + 1
    assert counts["ceaf_e"] == pytest.approx([4 / 5, 2, 4 / 5, 2])  # 2*2/(2 + 3)
    assert counts["mentions"] == [2, 4, 2, 3]  # but it is one mention
    # Links {01, 09, 19} inside, {09, 19, 99} between: each distinct pair once.
    assert counts["blanc_coreference"] == [1, 2, 1, 3]
    assert counts["blanc_non_coreference"] == [0, 4, 0, 3]


def test_an_empty_cluster_is_no_entity():
    np.testing.assert_array_equal(document_counts([*KEY, []], [[], *KEY]), document_counts(KEY, KEY))


def test_nothing_on_both_sides_counts_nothing():
    assert not document_counts([], []).any()


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        ([[(0, 1)], [(4, 3)]], r"response cluster 1: mention \(4, 3\) must keep 0 <= start <= end"),
        ([[(-1, 3)]], r"response cluster 0: mention \(-1, 3\)"),
        ([[(0, 1.0)]], r"response cluster 0: \(0, 1\.0\) is no mention"),
        ([[("0", "1")]], r"response cluster 0: \('0', '1'\) is no mention"),
        ([[(0, 1, 2)]], r"response cluster 0: \(0, 1, 2\) is no mention"),
        ([(0, 1), (2, 3)], r"response cluster 0: 0 is no mention"),
        ([0, 1], r"response cluster 0: 0 is no cluster"),
    ],
)
def test_malformed_mentions_are_refused(clusters, message):
    with pytest.raises(ValueError, match=message):
        document_counts(KEY, clusters)


def test_numpy_integers_and_lists_are_mentions():
    response = [[list(map(np.int64, mention)) for mention in cluster] for cluster in KEY]
    np.testing.assert_array_equal(document_counts(KEY, response), document_counts(KEY, KEY))


def test_a_large_document_takes_about_a_second():
    rng = random.Random(3)
    mentions = [(i, i + 2) for i in range(2400)]
    key, response = [[[] for _ in range(400)] for _ in range(2)]
    for i in range(2000):
        rng.choice(key).append(mentions[i])
        rng.choice(response).append(mentions[i + 400])
    started = time.perf_counter()
    document_counts(key, response)
    assert time.perf_counter() - started < 1.5
