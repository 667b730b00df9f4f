"""Tables of batches and their scores against scikit-learn, scipy and torchmetrics, and cases worked by hand."""

import logging
import math
import random

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as sklearn_metrics
from sklearn.preprocessing import MultiLabelBinarizer
from torchmetrics.functional import classification, pearson_corrcoef, spearman_corrcoef

from transferlab.metrics.class_counts import Counts
from transferlab.metrics.glue_tables import class_counts, class_scores, value_scores, value_table

CLASSES = ["0", "1", "2", "3", "4"]


def scores_of(gold, predicted, positive="0"):
    """Of items with one class each."""
    by_class, right = class_counts([[label] for label in gold], [[label] for label in predicted])
    return class_scores(by_class, right, len(gold), positive)


def set_scores_of(gold, predicted):
    return class_scores(*class_counts(gold, predicted), len(gold), "0")


def draw_classes(seed):
    """Gold and predictions, either of which may lack classes of the other."""
    rng = random.Random(seed)
    gold = rng.choices(rng.sample(CLASSES, rng.randint(1, 5)), k=40)
    of_predicted = rng.sample(CLASSES, rng.randint(1, 5))
    return gold, [label if rng.random() < 0.5 else rng.choice(of_predicted) for label in gold]


# --- Classes ---


def test_counts_by_class():
    by_class, right = class_counts([["a"], ["a"], ["b"], ["new"]], [["a"], ["b"], ["b"], ["a"]])
    assert by_class == {"a": (1, 2, 2), "b": (1, 2, 1), "new": (0, 0, 1)}
    assert right == 2


@pytest.mark.parametrize("seed", range(20))
def test_class_scores_equal_scikit_learn(seed):
    gold, predicted = draw_classes(seed)
    scores = scores_of(gold, predicted)
    assert scores["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(gold, predicted))
    assert scores["macro_f1"] == pytest.approx(
        sklearn_metrics.f1_score(gold, predicted, labels=sorted(set(gold)), average="macro", zero_division=0)
    )
    assert scores["f1"] == pytest.approx(
        sklearn_metrics.f1_score(gold, predicted, labels=["0"], average="macro", zero_division=0)
    )
    assert scores["accuracy_f1"] == pytest.approx((scores["accuracy"] + scores["f1"]) / 2)
    assert scores["matthews_correlation"] == pytest.approx(sklearn_metrics.matthews_corrcoef(gold, predicted))


@pytest.mark.parametrize("seed", range(5))
def test_class_scores_equal_torchmetrics(seed):
    gold, predicted = draw_classes(seed)
    scores = scores_of(gold, predicted)
    target, preds = torch.tensor(list(map(int, gold))), torch.tensor(list(map(int, predicted)))
    assert scores["matthews_correlation"] == pytest.approx(
        classification.multiclass_matthews_corrcoef(preds, target, 5).item(), abs=1e-6
    )
    assert scores["accuracy"] == pytest.approx(
        classification.multiclass_accuracy(preds, target, 5, average="micro").item(), abs=1e-6
    )


def test_class_scores_by_hand():
    # of class 1 two are right, of three in gold and four predicted
    scores = scores_of("11100", "11011", positive="1")
    assert scores == pytest.approx(
        {
            "accuracy": 2 / 5,
            "exact_match": 2 / 5,
            "f1": 4 / 7,
            "accuracy_f1": (2 / 5 + 4 / 7) / 2,
            "micro_f1": 2 / 5,
            "macro_f1": (4 / 7 + 0) / 2,
            "matthews_correlation": (2 * 0 - 2 * 1) / math.sqrt(4 * 3 * 2 * 1),
        }
    )


@pytest.mark.parametrize(("gold", "predicted"), [("0011", "1111"), ("1111", "0011"), ("1111", "1111"), ("", "")])
def test_matthews_correlation_of_one_class_is_0(gold, predicted):
    assert scores_of(gold, predicted)["matthews_correlation"] == 0


def test_no_items_give_0():
    assert set(scores_of([], []).values()) == {0}


def test_macro_f1_is_over_the_classes_of_the_gold():
    # a: 2 * 1 / 3; b never predicted: 0; c is predicted only, and costs no more than what it was taken for
    assert scores_of(["a", "b", "a"], ["a", "c", "c"])["macro_f1"] == pytest.approx((2 / 3 + 0) / 2)


def test_three_predictions_of_a_class_that_the_gold_lacks_cost_what_other_mistakes_cost():
    gold = ["a"] * 40 + ["b"] * 40 + ["c"] * 40
    right = dict.fromkeys(range(120), None)
    beside = [label if place not in (0, 40, 80) else "d" for place, label in zip(right, gold, strict=True)]
    nothing_new = [label if place not in (0, 40, 80) else {"a": "b", "b": "c", "c": "a"}[label]
                   for place, label in zip(right, gold, strict=True)]  # fmt: skip
    assert scores_of(gold, beside)["macro_f1"] == pytest.approx(2 * 39 / 79)
    assert scores_of(gold, beside)["macro_f1"] > scores_of(gold, nothing_new)["macro_f1"]


def test_large_counts_do_not_overflow():
    by_class, right = class_counts(list("0011"), list("0010"))
    large = {name: Counts(*(10**9 * count for count in counts)) for name, counts in by_class.items()}
    assert class_scores(large, right * 10**9, 4 * 10**9, "0")["matthews_correlation"] == pytest.approx(
        sklearn_metrics.matthews_corrcoef(list("0011"), list("0010"))
    )


# --- Sets of classes ---


@pytest.mark.parametrize("seed", range(20))
def test_label_set_scores_equal_scikit_learn(seed):
    rng = random.Random(seed)
    gold = [rng.sample(CLASSES[:4], k=rng.randint(0, 3)) for _ in range(30)]
    predicted = [item if rng.random() < 0.4 else rng.sample(CLASSES[1:], k=rng.randint(0, 3)) for item in gold]
    scores = set_scores_of(gold, predicted)
    binary = MultiLabelBinarizer(classes=CLASSES).fit(gold)
    truth, guess = binary.transform(gold), binary.transform(predicted)
    in_gold = [place for place in range(5) if truth[:, place].any()]
    assert scores["micro_f1"] == pytest.approx(sklearn_metrics.f1_score(truth, guess, average="micro", zero_division=0))
    assert scores["macro_f1"] == pytest.approx(
        sklearn_metrics.f1_score(truth, guess, labels=in_gold, average="macro", zero_division=0)
    )
    assert scores["exact_match"] == pytest.approx(sklearn_metrics.accuracy_score(truth, guess))


def test_label_set_scores_by_hand():
    gold = [["a", "b"], [], ["a", "new"], ["b", "b"]]
    predicted = [["b", "a", "a"], [], ["a"], ["c"]]
    by_class, right = class_counts(gold, predicted)
    assert by_class == {"a": (2, 2, 2), "b": (1, 1, 2), "c": (0, 1, 0), "new": (0, 0, 1)} and right == 2
    scores = class_scores(by_class, right, 4, "a")
    expected = {"micro_f1": 2 * 3 / 9, "macro_f1": (1 + 2 / 3 + 0) / 3, "exact_match": 2 / 4}
    assert {name: scores[name] for name in expected} == pytest.approx(expected)


def test_no_label_at_all():
    scores = set_scores_of([[], []], [[], []])
    assert (scores["micro_f1"], scores["macro_f1"], scores["exact_match"]) == (0, 0, 1)
    assert set(set_scores_of([], []).values()) == {0}


# --- Values ---


@pytest.mark.parametrize("seed", range(10))
def test_value_scores_equal_torchmetrics_and_scipy(seed):
    rng = random.Random(seed)
    gold = [round(rng.uniform(0, 5), 1) for _ in range(60)]  # rounded: with ties
    predicted = [round(value + rng.gauss(0, 2), 1) for value in gold]
    scores = value_scores(value_table(gold, predicted))
    target, preds = torch.tensor(gold, dtype=torch.float64), torch.tensor(predicted, dtype=torch.float64)
    assert scores["pearson"] == pytest.approx(pearson_corrcoef(preds, target).item(), abs=1e-9)
    assert scores["spearman"] == pytest.approx(spearman_corrcoef(preds, target).item(), abs=1e-6)
    ranks = stats.rankdata(gold), stats.rankdata(predicted)
    assert scores["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert scores["pearson_spearman"] == pytest.approx((scores["pearson"] + scores["spearman"]) / 2)
    assert scores["mse"] == pytest.approx(sklearn_metrics.mean_squared_error(gold, predicted))
    assert scores["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(gold, predicted))


def test_value_scores_by_hand():
    scores = value_scores(value_table([1, 2, 3], [1, 4, 9]))
    assert scores["spearman"] == pytest.approx(1)
    assert scores["pearson"] == pytest.approx(8 / math.sqrt(2 * (98 - 14**2 / 3)))
    assert (scores["mse"], scores["mae"]) == (pytest.approx(40 / 3), pytest.approx(8 / 3))


@pytest.mark.parametrize(
    ("gold", "predicted", "message"),
    [
        ([1, 2, 3], [2.5, 2.5, 2.5], "every predicted value is 2.5: the correlations are undefined (nan)"),
        ([3, 3], [1, 2], "every gold value is 3: the correlations are undefined (nan)"),
        ([3], [1], "every gold value is 3 and every predicted value is 1: the correlations are undefined (nan)"),
    ],
)
def test_correlations_of_constant_values_are_undefined(gold, predicted, message, caplog):
    with caplog.at_level(logging.WARNING):
        scores = value_scores(value_table(gold, predicted))
    assert [record.getMessage() for record in caplog.records] == [message]
    assert all(math.isnan(scores[name]) for name in ("pearson", "spearman", "pearson_spearman"))
    assert scores["mae"] > 0


def test_no_values_give_0(caplog):
    assert set(value_scores(value_table([], [])).values()) == {0}
    assert not caplog.records
