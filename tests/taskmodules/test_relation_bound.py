"""Relations beyond the bound of pairs: counted, said, trained on, and missed by scores where all pairs are asked."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.taskmodules.test_relation_extraction import asked, make_taskmodule

from transferlab.documents import Annotations, Document, Entity, Relation
from transferlab.metrics.relation import tacred_scores
from transferlab.models.classification_model import ClassificationModel

SPANS = [(0, 0), (2, 2), (20, 20)]
NEAR, FAR = Relation((0, 0), (2, 2), "x"), Relation((0, 0), (20, 20), "x")
BOUND = {"max_distance_across_sentences": 10, "max_window": 64}


def document() -> Document:
    """Two sentences of eleven words; two entities in the first, one in the second."""
    gold = Annotations(entities=[Entity(*span, "P") for span in SPANS], relations=[NEAR, FAR])
    return Document("d", ["ann"] * 22, [(0, 10), (11, 21)], gold=gold).validate()


def test_pairs_that_the_corpus_gives_are_asked_about_at_any_distance(caplog):
    taskmodule = make_taskmodule([document()], **BOUND)
    assert "1 of 2 gold relations of the training documents" in caplog.text
    for told in (True, False):
        examples = taskmodule.encode(document(), annotated=told)
        assert [example.candidate.spans for example in examples] == [(NEAR.head, NEAR.tail), (FAR.head, FAR.tail)]
    assert not any(taskmodule.collate(taskmodule.encode(document(), annotated=True), training=False).answers)


@pytest.mark.parametrize("metric", ["tacred", "multi_label"])
def test_among_all_pairs_a_relation_beyond_the_bound_is_trained_on_and_missed(metric, caplog):
    taskmodule = make_taskmodule([document()], add_candidate_relations=True, metric=metric, **BOUND)
    examples = taskmodule.encode(document(), annotated=True)
    assert {example.candidate.spans for example in examples} == {
        (NEAR.head, NEAR.tail),
        (FAR.head, FAR.tail),
        ((2, 2), (0, 0)),
    }
    assert taskmodule.collate(examples, training=True).labels[1].tolist() == ([1.0] if metric == "multi_label" else 1)
    predicted = taskmodule.encode(document())
    assert {example.candidate.spans for example in predicted} == {(NEAR.head, NEAR.tail), ((2, 2), (0, 0))}

    batch = taskmodule.collate(examples, training=False)
    right = [SimpleNamespace(label=gold) for gold in batch.gold]  # a model that knows everything
    items = [item for of_example in ClassificationModel.scored(None, batch, right) for item in of_example]  # type: ignore[arg-type]
    gold, found = map(list, zip(*items, strict=True))
    none = [] if metric == "multi_label" else "no_relation"
    assert gold == batch.gold and found == [gold[0], none, gold[2]]
    if metric == "tacred":
        assert tacred_scores(gold, found)["recall"] == 0.5
        assert taskmodule.baselines([document()])["most frequent relation"]["recall"] == 0.5
    assert "count them as missed" in caplog.text


def test_without_a_bound_all_pairs_are_asked_and_scored(caplog):
    options = BOUND | {"max_distance_across_sentences": None}
    taskmodule = make_taskmodule([document()], add_candidate_relations=True, **options)
    assert len(asked(taskmodule.encode(document(), annotated=True))) == 6 == len(taskmodule.encode(document()))
    assert taskmodule.baselines([document()])["most frequent relation"]["recall"] == 1.0
    assert "gold relations" not in caplog.text


def test_pairs_of_found_entities_are_made_one_by_one():
    found = Document("novel", ["ann"] * 5000, [(start, start + 9) for start in range(0, 5000, 10)])
    found.predicted = Annotations(entities=[Entity(start, start, "P") for start in range(0, 5000, 2)])
    taskmodule = make_taskmodule([document()], max_window=64)
    examples = taskmodule.iter_encode(found)
    first = next(examples)
    assert first.candidate.spans == ((0, 0), (2, 2))
    assert taskmodule.for_decoding(first).candidate is first.candidate and not taskmodule.for_decoding(first).lines
    assert next(examples).candidate.spans == ((0, 0), (4, 4))
