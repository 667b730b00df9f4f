"""Relations read in both directions: prediction asks what is scored, and documents score as training does."""

import random
from types import SimpleNamespace

import pytest

from transferlab.documents import Annotations, Document, Entity, Relation
from transferlab.metrics.classification import make_score
from transferlab.reporting.relation_scores import relation_report
from transferlab.taskmodules.relation_candidates import Directions
from transferlab.utils.errors import UserError

from .test_relation_extraction import decode, make_document, make_taskmodule

LABELS = ["sym", "r", "s"]
NAMES = {"tacred": ("precision", "recall", "f1"), "multi_label": ("micro_f1", "macro_f1")}


def random_document(rng: random.Random, metric: str, one_way: bool, name: str) -> Document:
    """Three entities, of whose six pairs some have relations, or one label for none; or at most one way each."""
    spans = [(0, 0), (2, 2), (3, 3)]
    relations = []
    for head in spans:
        for tail in spans:
            answered = one_way and any(relation.head == tail and relation.tail == head for relation in relations)
            if head != tail and not answered and rng.random() < 0.4:
                chosen = rng.sample(LABELS, rng.choice([1, 2])) if metric == "multi_label" else [rng.choice(LABELS)]
                labels = chosen if rng.random() < 0.8 else ["no_relation"]
                relations += [Relation(head, tail, label) for label in labels]
    return make_document("a b c d", [(*span, "P") for span in spans], relations, name)


@pytest.mark.parametrize("metric", NAMES)
@pytest.mark.parametrize("symmetric", [[], ["sym"]])
@pytest.mark.parametrize("add_reversed", [False, True])
@pytest.mark.parametrize("all_pairs", [False, True])
def test_documents_score_as_training_does(metric, symmetric, add_reversed, all_pairs):
    rng = random.Random(f"{metric} {symmetric} {add_reversed} {all_pairs}")
    one_way = metric == "multi_label" and add_reversed
    documents = [random_document(rng, metric, one_way, f"d{number}") for number in range(25)]
    taskmodule = make_taskmodule(
        documents, metric=metric, symmetric_relations=symmetric, add_reversed_relations=add_reversed,
        add_candidate_relations=all_pairs,
    )  # fmt: skip
    score = make_score(
        metric, taskmodule.problem, taskmodule.labels, taskmodule.model_arguments().get("metric_options")
    )
    score.expect(LABELS)
    for document in documents:
        scored, examples = taskmodule.encode(document, annotated=True), taskmodule.encode(document)
        assert [e.candidate.spans for e in scored] == [e.candidate.spans for e in examples]
        gold = taskmodule.collate(scored, training=False).gold if scored else []
        answers = []
        for truth in gold:
            right = rng.random() < 0.4
            if metric == "multi_label":
                answers.append(truth if right else rng.sample(taskmodule.labels, rng.choice([0, 1, 2])))
            else:
                answers.append(truth if right else rng.choice(taskmodule.labels))
        score.update(gold, answers)
        probabilities = [[rng.random() for _ in a] if metric == "multi_label" else rng.random() for a in answers]
        predictions = [SimpleNamespace(label=a, score=p) for a, p in zip(answers, probabilities, strict=True)]
        taskmodule.decode(document, examples, predictions)
    training, of_documents = score.compute(), relation_report(documents, convention=metric).scores
    assert 0 < training[NAMES[metric][-1]] < 1, "a mistake would show"
    for name in NAMES[metric]:
        assert of_documents[name] == pytest.approx(training[name]), name


def test_pairs_without_a_relation_are_asked_once_and_read_in_both_directions_in_training():
    document = make_document("a b c", [(0, 0, "P"), (2, 2, "P"), (1, 1, "P")], [Relation((1, 1), (0, 0), "r")])
    taskmodule = make_taskmodule([document], add_reversed_relations=True, add_candidate_relations=True)
    examples = taskmodule.encode(document, annotated=True)
    assert [e.candidate.spans for e in examples] == [((1, 1), (0, 0)), ((0, 0), (2, 2)), ((1, 1), (2, 2))]
    gold = taskmodule.collate(examples, training=True).gold
    assert gold == ["r", "no_relation", "no_relation", "r_reversed", "no_relation", "no_relation"]


def test_a_reversed_answer_is_turned_back_where_the_pair_is_not_asked_itself():
    document = make_document("a b c", [], [Relation((0, 0), (1, 1), "r"), Relation((1, 1), (2, 2), "r")])
    taskmodule = make_taskmodule([document], add_reversed_relations=True)
    assert decode(taskmodule, document, {((0, 0), (1, 1)): ("r_reversed", 0.7)}) == [Relation((1, 1), (0, 0), "r", 0.7)]


@pytest.mark.parametrize("gold", [(0, 1), (1, 0)])
def test_symmetric_relations_of_predicted_entities_are_right_in_either_direction(gold):
    spans = [(0, 0), (1, 1)]
    head, tail = (spans[number] for number in gold)
    document = make_document("a b", [], [Relation(head, tail, "sym")])
    document.predicted = Annotations(entities=[Entity(*span, "P") for span in spans])
    taskmodule = make_taskmodule([document], symmetric_relations=["sym"])
    decode(taskmodule, document, {(spans[0], spans[1]): ("sym", 0.8), (spans[1], spans[0]): ("sym", 0.9)})
    assert document.predicted.relations == [Relation(head, tail, "sym", 0.9)]
    assert relation_report([document]).scores["f1"] == 1.0


def test_symmetric_relations_annotated_in_both_directions_are_both_kept():
    both = [Relation((0, 0), (1, 1), "sym", 0.8), Relation((1, 1), (0, 0), "sym", 0.9)]
    directions = Directions("no_relation", frozenset(["sym"]), None)
    assert directions.merged(both, both) == both
    assert directions.merged(both) == [Relation((0, 0), (1, 1), "sym", 0.9)]


def test_two_answers_that_may_say_the_same_are_refused_where_each_counts():
    document = make_document("a b", [], [Relation((0, 0), (1, 1), "r"), Relation((1, 1), (0, 0), "s")], "twice")
    taskmodule = make_taskmodule([document], metric="multi_label", add_reversed_relations=True)
    with pytest.raises(UserError, match=r"twice: .*'a' and 'b'.*add_reversed_relations=true .*multi_label"):
        taskmodule.encode(document, annotated=True)
    assert len(taskmodule.encode(document)) == 2, "it can be predicted"
    assert len(make_taskmodule([document], metric="multi_label").encode(document, annotated=True)) == 2
