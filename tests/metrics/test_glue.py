"""What each task is scored by, and the metric object over the same tables."""

import math
import os
import random
from pathlib import Path

import pytest
import torch
from sklearn import metrics as sklearn_metrics

from transferlab.metrics.glue import TASKS, GlueScore, scores
from transferlab.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

# Gold and predicted of each kind of task, with the labels known at training.
BINARY = (["1", "1", "0", "0", "1"], ["1", "0", "0", "1", "1"], ["0", "1"])
CLASSES = (["a", "b", "c", "b", "new"], ["a", "b", "b", "c", "a"], ["c", "b", "a", "unused"])
SETS = ([["a"], ["a", "b"], [], ["new"]], [["a"], ["b"], [], ["c"]], ["a", "b", "c"])
VALUES = ([0.5, 2.0, 3.5, 5.0, 2.0], [1.0, 1.5, 4.0, 4.5, 3.0], [])
EXAMPLES = dict.fromkeys(TASKS, BINARY) | {
    "classification": CLASSES,
    "mnli": CLASSES,
    "multi_label": SETS,
    "stsb": VALUES,
    "regression": VALUES,
}


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("cola", {"matthews_correlation": (2 * 1 - 1 * 1) / 6}),
        ("sst2", {"accuracy": 3 / 5}),
        ("mrpc", {"accuracy": 3 / 5, "f1": 4 / 6, "accuracy_f1": (3 / 5 + 4 / 6) / 2}),
        ("qqp", {"accuracy": 3 / 5, "f1": 4 / 6, "accuracy_f1": (3 / 5 + 4 / 6) / 2}),
        ("paws", {"accuracy": 3 / 5, "f1": 4 / 6}),
        ("rte", {"accuracy": 3 / 5}),
        ("mnli", {"accuracy": 2 / 5}),
        ("classification", {"accuracy": 2 / 5, "macro_f1": (2 / 3 + 2 / 4 + 0 + 0) / 4}),
        # c is predicted only, new is in gold only
        ("multi_label", {"micro_f1": 4 / 7, "macro_f1": (2 / 3 + 1 + 0) / 3, "exact_match": 2 / 4}),
    ],
)
def test_scores_of_a_task(task, expected):
    gold, predicted, _ = EXAMPLES[task]
    assert scores(task, gold, predicted) == pytest.approx(expected)


def test_scores_of_values():
    gold, predicted, _ = VALUES
    correlations = {"pearson", "spearman", "pearson_spearman"}
    assert set(scores("stsb", gold, predicted)) == correlations
    assert set(scores("regression", gold, predicted)) == correlations | {"mse", "mae"}


@pytest.mark.parametrize("task", TASKS)
def test_the_score_to_monitor_is_one_of_the_task(task):
    gold, predicted, _ = EXAMPLES[task]
    assert TASKS[task] in scores(task, gold, predicted)
    right, wrong = (scores(task, gold, answers)[TASKS[task]] for answers in (gold, gold[1:] + gold[:1]))
    assert right == pytest.approx(1)
    assert right > wrong  # higher is better


def test_positive_class():
    gold, predicted = [1, 1, 0, 0, 1], [1, 0, 0, 1, 1]
    assert scores("mrpc", gold, predicted) == scores("mrpc", *BINARY[:2])
    assert scores("mrpc", gold, predicted, positive=0)["f1"] == pytest.approx(2 / 4)
    named = [["no", "yes"][label] for label in gold], [["no", "yes"][label] for label in predicted]
    assert scores("mrpc", *named, positive="yes") == scores("mrpc", gold, predicted)


def test_a_positive_class_that_is_not_there():
    assert scores("mrpc", ["0", "0"], ["0", "0"]) == {"accuracy_f1": 0.5, "accuracy": 1, "f1": 0}
    message = r"mrpc: the positive class '1' is none of the labels \['no', 'yes'\]: set positive"
    with pytest.raises(UserError, match=message):
        scores("mrpc", ["no", "yes"], ["no", "no"])
    with pytest.raises(UserError, match=message):
        GlueScore("mrpc", ["no", "yes"])


def test_unknown_tasks_are_refused():
    for refused in (lambda: scores("mprc", [], []), lambda: GlueScore("mprc")):
        with pytest.raises(UserError, match=r"unknown task 'mprc': choose one of cola, sst2, .* did you mean mrpc\?"):
            refused()


def test_lists_of_different_lengths_are_refused():
    metric = GlueScore("sst2", ["0", "1"])
    for refused in (lambda: scores("sst2", ["0"], []), lambda: metric.update(["0"], [])):
        with pytest.raises(ValueError, match="1 gold items but 0 predictions"):
            refused()


# --- The metric object ---


def in_batches(task, *slices):
    gold, predicted, labels = EXAMPLES[task]
    metric = GlueScore(task, labels)
    metric.expect(["new"])
    for batch in slices:
        metric.update(gold[batch], predicted[batch])
    return metric


@pytest.mark.parametrize("task", TASKS)
def test_metric_equals_the_function_whatever_the_batches(task):
    gold, predicted, _ = EXAMPLES[task]
    expected = scores(task, gold, predicted)
    for slices in ([slice(None)], [slice(0, 1), slice(1, None)], [slice(3, None), slice(0, 0), slice(0, 3)]):
        result = in_batches(task, *slices).compute()
        assert result == pytest.approx(expected)
        assert all(type(value) is float for value in result.values())


@pytest.mark.parametrize("task", ["mrpc", "multi_label", "regression"])
def test_metric_starts_again_after_reset(task):
    metric = in_batches(task, slice(None))
    metric.reset()
    gold, predicted, _ = EXAMPLES[task]
    batch = metric(gold[:3], predicted[:3])  # forward scores the batch alone, and adds it
    metric.update(gold[3:], predicted[3:])
    assert batch == pytest.approx(scores(task, gold[:3], predicted[:3]))
    assert metric.compute() == pytest.approx(scores(task, gold, predicted))


@pytest.mark.parametrize("task", TASKS)
def test_metric_without_items_gives_0(task):
    assert set(in_batches(task, slice(0, 0)).compute().values()) == {0}


@pytest.mark.parametrize(("gold", "predicted", "name"), [("ab", "ac", "'c'"), ("ad", "aa", "'d'.*expect")])
def test_a_class_that_is_not_listed_is_refused_and_adds_nothing(gold, predicted, name):
    metric = GlueScore("classification", ["a", "b"])
    with pytest.raises(UserError, match=name):
        metric.update(list(gold), list(predicted))
    assert not metric.counts.any() and not metric.items.any()


def test_states_add_up_or_join_to_that_of_the_whole():
    for task in ("mrpc", "classification", "multi_label"):
        one, other = in_batches(task, slice(0, 2)), in_batches(task, slice(2, None))
        whole = in_batches(task, slice(None))
        assert torch.equal(one.counts + other.counts, whole.counts)
        assert torch.equal(one.items + other.items, whole.items)
        assert not one.counts.is_floating_point()
    one, other = in_batches("stsb", slice(0, 2)), in_batches("stsb", slice(2, None))
    assert torch.equal(torch.cat([*one.rows, *other.rows]), torch.cat(in_batches("stsb", slice(None)).rows))


def test_metric_in_a_module_of_low_precision():
    module = torch.nn.Module()
    rng = random.Random(0)
    gold = [rng.random() for _ in range(3000)]  # far beyond where bfloat16 stops to count
    predicted = [value + rng.gauss(0, 0.1) for value in gold]
    module.values, module.classes = GlueScore("stsb"), GlueScore("sst2", ["0", "1"])
    module.to(torch.bfloat16).half()
    module.values.update(gold, predicted)
    module.classes.update([1] * 3000, [1] * 2999 + [0])
    module.to(torch.bfloat16)
    assert module.values.compute() == scores("stsb", gold, predicted)
    assert module.classes.compute() == {"accuracy": 2999 / 3000}


# --- A real corpus ---


@pytest.mark.corpus
def test_paws_and_its_majority():
    folder = Path(os.environ.get("PAWS_DIR", ROOT.parent / "shared" / "data" / "paraphrase" / "paws_wiki"))
    if not folder.is_dir():
        pytest.skip(f"PAWS is not at {folder}; set PAWS_DIR")
    lines = (folder / "dev.tsv").read_text(encoding="utf-8").splitlines()[1:]
    gold = [line.split("\t")[3] for line in lines]
    assert scores("paws", gold, gold) == {"accuracy": 1, "f1": 1}
    assert scores("paws", gold, ["0"] * len(gold)) == {"accuracy": gold.count("0") / len(gold), "f1": 0}
    always = scores("paws", gold, [1] * len(gold))
    assert always["f1"] == pytest.approx(sklearn_metrics.f1_score(gold, ["1"] * len(gold), pos_label="1"))
    assert math.isclose(always["accuracy"], gold.count("1") / len(gold))
