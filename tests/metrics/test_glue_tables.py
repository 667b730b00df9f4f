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

from transferlab.metrics.glue_tables import (
    class_scores,
    class_table,
    label_set_scores,
    label_set_table,
    value_scores,
    value_table,
)
from transferlab.utils.errors import UserError

CLASSES = ["0", "1", "2", "3", "4"]


def draw_classes(seed):
    rng = random.Random(seed)
    present = CLASSES[: rng.randint(2, 5)]
    gold = rng.choices(present, k=40)
    return gold, [label if rng.random() < 0.5 else rng.choice(present[: rng.randint(1, 5)]) for label in gold]


# --- Classes ---


def test_class_table_is_gold_by_predicted():
    table = class_table(["a", "a", "b", "new"], ["a", "b", "b", "a"], ["a", "b"])
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert table.dtype == np.int64


def test_int_and_str_labels_are_the_same():
    assert class_table([0, 1, np.int64(1)], ["0", "1", 0], ["0", "1"]).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("seed", range(20))
def test_class_scores_equal_scikit_learn(seed):
    gold, predicted = draw_classes(seed)
    scores = class_scores(class_table(gold, predicted, CLASSES))
    assert scores["accuracy"] == pytest.approx(sklearn_metrics.accuracy_score(gold, predicted))
    assert scores["macro_f1"] == pytest.approx(
        sklearn_metrics.f1_score(gold, predicted, average="macro", zero_division=0)
    )
    assert scores["f1"] == pytest.approx(
        sklearn_metrics.f1_score(gold, predicted, labels=["0"], average="macro", zero_division=0)
    )
    assert scores["accuracy_f1"] == pytest.approx((scores["accuracy"] + scores["f1"]) / 2)
    assert scores["matthews_correlation"] == pytest.approx(sklearn_metrics.matthews_corrcoef(gold, predicted))


@pytest.mark.parametrize("seed", range(5))
def test_class_scores_equal_torchmetrics(seed):
    gold, predicted = draw_classes(seed)
    scores = class_scores(class_table(gold, predicted, CLASSES))
    target, preds = torch.tensor(list(map(int, gold))), torch.tensor(list(map(int, predicted)))
    assert scores["matthews_correlation"] == pytest.approx(
        classification.multiclass_matthews_corrcoef(preds, target, 5).item(), abs=1e-6
    )
    assert scores["accuracy"] == pytest.approx(
        classification.multiclass_accuracy(preds, target, 5, average="micro").item(), abs=1e-6
    )


def test_class_scores_by_hand():
    # 1 is the first label: two right of three in gold and four predicted
    scores = class_scores(class_table([1, 1, 1, 0, 0], [1, 1, 0, 1, 1], ["1", "0"]))
    assert scores == pytest.approx(
        {
            "accuracy": 2 / 5,
            "f1": 4 / 7,
            "accuracy_f1": (2 / 5 + 4 / 7) / 2,
            "macro_f1": (4 / 7 + 0) / 2,
            "matthews_correlation": (2 * 0 - 2 * 1) / math.sqrt(4 * 3 * 2 * 1),
        }
    )


@pytest.mark.parametrize(("gold", "predicted"), [("0011", "1111"), ("1111", "0011"), ("1111", "1111"), ("", "")])
def test_matthews_correlation_of_one_class_is_0(gold, predicted):
    scores = class_scores(class_table(gold, predicted, ["0", "1"]))
    assert scores["matthews_correlation"] == 0


def test_no_items_give_0():
    assert set(class_scores(class_table([], [], CLASSES)).values()) == {0}
    assert set(class_scores(class_table([], [], [])).values()) == {0}


def test_macro_f1_is_over_the_classes_that_occur():
    # a: 2 * 1 / 3; b never predicted: 0; c predicted but in no gold: 0; d nowhere
    scores = class_scores(class_table(["a", "b", "a"], ["a", "c", "c"], ["a", "b", "c", "d"]))
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0 + 0) / 3)


def test_a_gold_class_unknown_at_training_is_missed():
    scores = class_scores(class_table(["a", "b", "new"], ["a", "b", "b"], ["a", "b"]))
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_large_counts_do_not_overflow():
    table = class_table("0011", "0010", ["0", "1"]) * 10**9
    assert class_scores(table)["matthews_correlation"] == pytest.approx(
        sklearn_metrics.matthews_corrcoef(list("0011"), list("0010"))
    )


@pytest.mark.parametrize("make", [class_table, label_set_table])
def test_a_predicted_label_that_no_model_knows_is_refused(make):
    with pytest.raises(UserError, match=r"predicted label 'x' is none of the labels \['a', 'b'\]"):
        make(["a"], ["x"], ["a", "b"])


# --- Sets of classes ---


@pytest.mark.parametrize("seed", range(20))
def test_label_set_scores_equal_scikit_learn(seed):
    rng = random.Random(seed)
    gold = [rng.sample(CLASSES[:4], k=rng.randint(0, 3)) for _ in range(30)]
    predicted = [item if rng.random() < 0.4 else rng.sample(CLASSES[1:], k=rng.randint(0, 3)) for item in gold]
    scores = label_set_scores(label_set_table(gold, predicted, CLASSES))
    occurring = sorted({label for item in gold + predicted for label in item})
    binary = MultiLabelBinarizer(classes=occurring).fit(gold)
    truth, guess = binary.transform(gold), binary.transform(predicted)
    for average in ("micro", "macro"):
        expected = sklearn_metrics.f1_score(truth, guess, average=average, zero_division=0)
        assert scores[f"{average}_f1"] == pytest.approx(expected)
    assert scores["exact_match"] == pytest.approx(sklearn_metrics.accuracy_score(truth, guess))


def test_label_set_scores_by_hand():
    gold = [["a", "b"], [], ["a", "new"], ["b", "b"]]
    predicted = [["b", "a", "a"], [], ["a"], ["c"]]
    table = label_set_table(gold, predicted, ["a", "b", "c", "d"])
    assert table.tolist() == [[2, 2, 2], [1, 2, 1], [0, 0, 1], [0, 0, 0], [0, 1, 0], [2, 4, 4]]
    assert label_set_scores(table) == pytest.approx(
        {"micro_f1": 2 * 3 / 9, "macro_f1": (1 + 2 / 3 + 0 + 0) / 4, "exact_match": 2 / 4}
    )


def test_no_label_at_all():
    scores = label_set_scores(label_set_table([[], []], [[], []], ["a"]))
    assert scores == {"micro_f1": 0, "macro_f1": 0, "exact_match": 1}
    assert set(label_set_scores(label_set_table([], [], ["a"])).values()) == {0}


# --- Values ---


@pytest.mark.parametrize("seed", range(10))
def test_value_scores_equal_torchmetrics_and_scipy(seed):
    rng = random.Random(seed)
    gold = [round(rng.uniform(0, 5), 1) for _ in range(60)]  # rounded: with ties
    predicted = [round(value + rng.gauss(0, 2), 1) for value in gold]
    scores = value_scores(value_table(gold, predicted, []))
    target, preds = torch.tensor(gold, dtype=torch.float64), torch.tensor(predicted, dtype=torch.float64)
    assert scores["pearson"] == pytest.approx(pearson_corrcoef(preds, target).item(), abs=1e-9)
    assert scores["spearman"] == pytest.approx(spearman_corrcoef(preds, target).item(), abs=1e-6)
    ranks = stats.rankdata(gold), stats.rankdata(predicted)
    assert scores["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert scores["pearson_spearman"] == pytest.approx((scores["pearson"] + scores["spearman"]) / 2)
    assert scores["mse"] == pytest.approx(sklearn_metrics.mean_squared_error(gold, predicted))
    assert scores["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(gold, predicted))


def test_value_scores_by_hand():
    scores = value_scores(value_table([1, 2, 3], [1, 4, 9], []))
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
        scores = value_scores(value_table(gold, predicted, []))
    assert [record.getMessage() for record in caplog.records] == [message]
    assert all(math.isnan(scores[name]) for name in ("pearson", "spearman", "pearson_spearman"))
    assert scores["mae"] > 0


def test_no_values_give_0(caplog):
    assert set(value_scores(value_table([], [], [])).values()) == {0}
    assert not caplog.records
