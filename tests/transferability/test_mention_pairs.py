"""Pairs of mentions: right labels, earlier mentions, equal distances."""

from __future__ import annotations

import random
from statistics import fmean

import pytest
import torch

from transferlab.documents import Cluster
from transferlab.transferability.mention_pairs import NEAREST, mention_pairs
from transferlab.utils.batches import CoreferenceDocument


def document(clusters: list[Cluster]) -> CoreferenceDocument:
    nothing = torch.zeros(0, dtype=torch.long)
    spans = [span for cluster in clusters for span in cluster]
    entities = [entity for entity, cluster in enumerate(clusters, start=1) for _ in cluster]
    return CoreferenceDocument(
        nothing, nothing, nothing, torch.tensor(0), torch.tensor(spans).view(-1, 2), torch.tensor(entities), nothing
    )


def test_every_mention_with_both_has_one_coreferent_and_one_other_antecedent():
    # in text order: A(0) B(2) A(4) C(6) A(8) B(9)
    clusters = [[(0, 1), (4, 4), (8, 8)], [(2, 3), (9, 9)], [(6, 7)]]
    pairs = mention_pairs(document(clusters), random.Random(0))
    entity = {span: number for number, cluster in enumerate(clusters) for span in cluster}
    assert [label for _, _, label in pairs] == [1, 0] * 3
    assert [mention for mention, _, label in pairs if label] == [(4, 4), (8, 8), (9, 9)], "in the order of the text"
    for mention, earlier, label in pairs:
        assert earlier < mention and (entity[mention] == entity[earlier]) == bool(label)
    assert pairs[1][1] == (2, 3), "the only mention of another entity before the second A"


def test_nothing_is_asked_where_nothing_can_be_told_apart():
    assert mention_pairs(document([]), random.Random(0)) == []
    assert mention_pairs(document([[(0, 0)], [(1, 1)]]), random.Random(0)) == []
    assert mention_pairs(document([[(0, 0), (1, 1), (2, 2)]]), random.Random(0)) == []


def test_the_antecedent_is_one_of_the_nearest():
    many = [(word, word) for word in range(0, 40, 2)]
    found = {
        earlier
        for seed in range(40)
        for mention, earlier, label in mention_pairs(document([many, [(1, 1)]]), random.Random(seed))
        if label and mention == many[-1]
    }
    assert found == set(many[-1 - NEAREST : -1])


def test_both_are_about_as_far_away():
    draw = random.Random(1)
    clusters: list[Cluster] = [[] for _ in range(20)]
    for word in range(400):
        draw.choice(clusters).append((word, word))
    pairs = mention_pairs(document([cluster for cluster in clusters if cluster]), draw)
    distances = {wanted: [m[0] - e[0] for m, e, label in pairs if label == wanted] for wanted in (0, 1)}
    assert len(distances[0]) == len(distances[1]) > 300
    assert fmean(distances[0]) == pytest.approx(fmean(distances[1]), rel=0.02)


@pytest.mark.corpus
def test_distance_tells_little_on_a_real_corpus(litbank_dir):
    from sklearn.metrics import roc_auc_score

    from transferlab.data.readers.litbank import LitBankReader

    labels, distances = [], []
    for one in list(LitBankReader(litbank_dir).read("train"))[:20]:
        clusters = one.gold.clusters or []
        place = {span: number for number, span in enumerate(sorted(span for cluster in clusters for span in cluster))}
        for mention, earlier, label in mention_pairs(document(clusters), random.Random(0)):
            labels.append(label)
            distances.append(place[mention] - place[earlier])
    assert len(labels) > 5000
    assert roc_auc_score(labels, distances) == pytest.approx(0.5, abs=0.06)
